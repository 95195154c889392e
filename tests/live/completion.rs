//! Tab in real shells, with names out of a real API server.

use crate::SERVER;
use lab::process::run;
use lab::terminal::Terminal;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

/// A folder with the programs under the names that users know.
static PROGRAMS: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("programs");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let leeward = env!("CARGO_BIN_EXE_leeward");
    for name in ["leeward", "kubectl-leeward"] {
        symlink(leeward, folder.join(name)).unwrap();
    }
    symlink(SERVER.kubectl_program(), folder.join("kubectl")).unwrap();
    let shim = run(Command::new(leeward).args(["completion", "kubectl"])).unwrap();
    let path = folder.join("kubectl_complete-leeward");
    std::fs::write(&path, shim).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
});

fn path() -> String {
    format!("{}:{}", PROGRAMS.display(), std::env::var("PATH").unwrap())
}

/// A shell in a terminal, with the script loaded.
fn shell(command: &str, begin: &str) -> Terminal {
    let kubeconfig = SERVER.kubeconfig().display().to_string();
    let environment = [("PATH", path()), ("KUBECONFIG", kubeconfig), ("PS1", "$ ".to_owned())];
    let environment: Vec<(&str, &str)> = environment.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let terminal = Terminal::start(command, 100, 20, &environment).unwrap();
    terminal.type_text(&format!("{begin}; echo load''ed")).unwrap();
    terminal.press(&["Enter"]).unwrap();
    terminal.wait_for("loaded", Duration::from_secs(20)).unwrap();
    terminal
}

/// Types a line, presses Tab, and waits for what is to stand there.
fn tab(terminal: &Terminal, line: &str, wanted: &str) {
    terminal.press(&["C-u", "C-l"]).unwrap();
    terminal.type_text(line).unwrap();
    terminal.press(&["Tab"]).unwrap();
    terminal.wait_for(wanted, Duration::from_secs(20)).unwrap();
}

fn every_kind_of_word(terminal: &Terminal) {
    tab(terminal, "leeward diagnose -n shop sh", "diagnose -n shop shop");
    tab(terminal, "leeward plan sho", "plan shop/shop");
    tab(terminal, "leeward report --namespace shop s", "--namespace shop shop");
    tab(terminal, "leeward ranges cd", "ranges cdn");
    tab(terminal, "leeward ranges --preset Cloudfl", "--preset Cloudflare");
    tab(terminal, "leeward watch -n sho", "watch -n shop");
    tab(terminal, "leeward check --context la", "--context lab");
    tab(terminal, "leeward explain ProxyBl", "explain ProxyBlocked");
    tab(terminal, "leeward diagn", "leeward diagnose");
    tab(terminal, "leeward diagnose --save-ev", "--save-evidence");
}

#[test]
fn bash_completes_names_of_the_cluster() {
    every_kind_of_word(&shell("bash --norc --noprofile", "source <(leeward completion bash)"));
}

#[test]
fn zsh_completes_names_of_the_cluster() {
    let begin = "autoload -Uz compinit && compinit -u -D; source <(leeward completion zsh)";
    every_kind_of_word(&shell("zsh -f", begin));
}

#[test]
fn fish_completes_names_of_the_cluster() {
    every_kind_of_word(&shell("fish --no-config", "leeward completion fish | source"));
}

/// Words as kubectl's own completion gets them.
fn kubectl(words: &[&str]) -> Vec<String> {
    let mut command = Command::new(PROGRAMS.join("kubectl"));
    command.arg("__complete").args(words).env("PATH", path()).env("KUBECONFIG", SERVER.kubeconfig());
    run(&mut command).unwrap().lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn kubectl_asks_the_plugin() {
    assert_eq!(kubectl(&["leeward", "diagnose", "-n", "shop", ""]), ["shop", ":4"]);
    assert_eq!(kubectl(&["leeward", "diagnose", "--namespace=shop", "--roun"]), ["--rounds", ":4"]);
    assert_eq!(kubectl(&["leeward", "diagnose", "sh"]), ["shop/shop", ":4"]);
    assert_eq!(kubectl(&["leeward", "ranges", "c"]), ["cdn", ":4"]);
    assert_eq!(kubectl(&["leeward", "diagn"]), ["diagnose", ":4"]);
    assert_eq!(kubectl(&["leeward", "diagnose", "-n", "sho"]), ["shop", ":4"]);
    assert_eq!(kubectl(&["leeward", "diagnose", "other"]), [":4"]);
}

/// Nothing may be written over the line that somebody is typing.
#[test]
fn a_cluster_that_does_not_answer_is_passed_over_in_silence() {
    let mut command = Command::new(PROGRAMS.join("kubectl_complete-leeward"));
    command.args(["diagnose", "-n", "shop", ""]).env("PATH", path()).env("KUBECONFIG", "/nonexistent");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains("shop") && said.ends_with(":4\n"), "{said}");
}

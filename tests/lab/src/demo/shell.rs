//! `make demo-shell`: the lab stays up behind a shell that has kubectl, leeward and the lab's hosts at hand.

use std::fmt::Write;
use std::io::IsTerminal;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::cluster::programs;
use super::screen::Screen;
use super::stage::Site;
use super::story::Demo;
use crate::{cleanup, tools};

const WELCOME: &str = "\
Everything is up, and goes when this shell ends. Try:
  kubectl get protectedorigins -A
  kubectl get porigin -A -o wide --watch
  visit shop                                                       # as a visitor
  on shop nft add element inet host banned '{ 198.51.100.130 }'    # ProxyBlocked in about ten seconds
  on shop nft delete element inet host banned '{ 198.51.100.130 }' # healthy again after twelve good probes
  kubectl apply -n docs -f deploy/enforce/role-binding.yaml
  kubectl label namespace docs leeward.dev/enforce=allowed
  kubectl patch porigin docs -n docs --type=merge -p '{\"spec\":{\"allowlist\":{\"mode\":\"Enforce\"}}}'
  on operator leeward diagnose shop/shop --resolver 192.0.2.53:53";

/// Sets up, opens the shell, and takes everything down when it ends.
pub fn run() -> Result<()> {
    ensure!(
        std::io::stdin().is_terminal() && std::io::stdout().is_terminal(),
        "the demo's shell needs a terminal; `make demo` does without"
    );
    let mut demo = Demo::set_up(Screen::new()).context("setting the demo up")?;
    demo.found()?;
    let folder = cleanup::folder("shell")?;
    write_commands(&demo, folder.path())?;
    println!("\n{WELCOME}\n");

    let path = std::env::var("PATH").unwrap_or_default();
    let shown = folder.path().display();
    let kubectl = programs(&demo.cluster.plane);
    let rc = format!(
        "[ -r ~/.bashrc ] && . ~/.bashrc\nPATH={shown}:{}:$PATH\nPS1='leeward demo \\w \\$ '\n",
        kubectl.display()
    );
    let rc_file = folder.path().join("bashrc");
    std::fs::write(&rc_file, rc)?;
    // How the last command in it ends is the user's own affair.
    let _ = Command::new("bash")
        .arg("--rcfile")
        .arg(&rc_file)
        .arg("-i")
        .env("KUBECONFIG", demo.cluster.plane.kubeconfig())
        .env("PATH", format!("{shown}:{}:{path}", kubectl.display()))
        .current_dir(tools::checkout())
        .status()
        .context("starting bash")?;
    println!("taking the lab down");
    demo.end()
}

/// `on HOST COMMAND…`, `visit SITE`, `leeward` and the kubectl plugin, as files in a folder for `PATH`.
fn write_commands(demo: &Demo, folder: &Path) -> Result<()> {
    let mut on = String::from("#!/bin/sh\nhost=$1\nshift\ncase $host in\n");
    for host in demo.stage.network.hosts() {
        let _ = writeln!(on, "{}) exec ip netns exec {} \"$@\" ;;", host.name(), host.namespace());
    }
    let names: Vec<&str> = demo.stage.network.hosts().iter().map(crate::network::Host::name).collect();
    let _ = writeln!(on, "*) echo \"no host $host; hosts are {}\" >&2; exit 1 ;;\nesac", names.join(" "));
    executable(&folder.join("on"), &on)?;

    let mut visit = String::from("#!/bin/sh\ncase $1 in\n");
    for site in Site::ALL {
        let _ = writeln!(
            visit,
            "{}) exec {} visitor curl -sS -m 10 -o /dev/null -w '%{{http_code}}\\n' --cacert {} {} {} ;;",
            site.name(),
            folder.join("on").display(),
            demo.stage.authority.file().display(),
            site.resolved().join(" "),
            site.url()
        );
    }
    visit.push_str("*) echo 'visit shop, visit blog or visit docs' >&2; exit 1 ;;\nesac\n");
    executable(&folder.join("visit"), &visit)?;

    let leeward = tools::leeward()?.canonicalize().context("the path of leeward")?;
    for name in ["leeward", "kubectl-leeward"] {
        std::os::unix::fs::symlink(&leeward, folder.join(name))?;
    }
    Ok(())
}

fn executable(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

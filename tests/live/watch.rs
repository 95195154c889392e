//! `leeward watch` on a real terminal, against a real API server that goes away and comes back.

use crate::SERVER;
use lab::terminal::Terminal;
use parking_lot::Mutex;
use std::io::{BufRead, BufReader};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(15);
const LEEWARD: &str = env!("CARGO_BIN_EXE_leeward");

/// An origin whose status this test writes itself: no operator runs.
fn site(namespace: &str) {
    SERVER.kubectl(&["create", "namespace", namespace]).unwrap();
    for name in ["blog", "shop"] {
        SERVER
            .apply(&format!(
                "apiVersion: leeward.dev/v1alpha1\nkind: ProtectedOrigin\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
                 spec: {{proxy: {{url: 'https://{name}.example.com/'}}, origin: {{type: Addresses, addresses: {{ips: [203.0.113.10]}}}}}}\n"
            ))
            .unwrap();
        verdict(namespace, name, "True", "Healthy");
    }
}

fn verdict(namespace: &str, name: &str, status: &str, cause: &str) {
    let condition = |kind: &str, status: &str, reason: &str| {
        format!(
            r#"{{"type":"{kind}","status":"{status}","reason":"{reason}","message":"","lastTransitionTime":"2026-11-30T12:00:00Z"}}"#
        )
    };
    let diagnosis = format!(
        r#"{{"cause":"{cause}","layer":"None","confidence":"High","pattern":"Steady","scope":{{"type":"All"}},"sinceTime":"2026-11-30T12:00:00Z","summary":"Said of {cause}.","remedy":{{"action":"Do what helps.","automatic":false,"reference":"docs/causes/{cause}.md"}}}}"#
    );
    let conditions = [condition("OriginHealthy", status, cause), condition("Ready", "True", "Ready")].join(",");
    let patch = format!(r#"{{"status":{{"conditions":[{conditions}],"diagnosis":{diagnosis}}}}}"#);
    let words =
        ["patch", "protectedorigin", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", &patch];
    SERVER.kubectl(&words).unwrap();
}

/// A wire to the API server that can be cut.
struct Wire {
    address: SocketAddr,
    ends: Arc<Mutex<Vec<TcpStream>>>,
    whole: Arc<Mutex<bool>>,
}

impl Wire {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (ends, whole) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(true)));
        let (kept, is_whole) = (Arc::clone(&ends), Arc::clone(&whole));
        let server = SocketAddr::from(([127, 0, 0, 1], SERVER.port()));
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // A cut wire refuses: the connection is closed at once.
                if !*is_whole.lock() {
                    continue;
                }
                let far = TcpStream::connect(server).unwrap();
                for (mut from, mut to) in [
                    (near.try_clone().unwrap(), far.try_clone().unwrap()),
                    (far.try_clone().unwrap(), near.try_clone().unwrap()),
                ] {
                    thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                kept.lock().extend([near, far]);
            }
        });
        Self { address, ends, whole }
    }

    fn cut(&self) {
        *self.whole.lock() = false;
        for end in self.ends.lock().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    fn mend(&self) {
        *self.whole.lock() = true;
    }

    fn kubeconfig(&self, name: &str) -> PathBuf {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let text =
            SERVER.kubeconfig_text().replace(&format!(":{}", SERVER.port()), &format!(":{}", self.address.port()));
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// The program in a shell that says how it ended and how the terminal is left.
fn terminal(kubeconfig: &Path, arguments: &str) -> Terminal {
    let line = format!(
        "sh -c '{LEEWARD} watch {arguments}; echo ended with $?; stty -a | tr \" \" \"\\n\" | grep -E \"^-?(echo|icanon|isig)\" ; exec sleep 600'"
    );
    let kubeconfig = kubeconfig.display().to_string();
    Terminal::start(&line, 80, 24, &[("KUBECONFIG", &kubeconfig)]).unwrap()
}

/// After the end the terminal is as it was: lines, echo, signals, and the screen of before.
fn is_given_back(terminal: &Terminal) {
    let screen = terminal.wait_for("isig", SOON).unwrap();
    assert!(screen.contains("ended with 0"), "{screen}");
    for mode in ["icanon", "echo", "isig"] {
        assert!(screen.lines().any(|line| line.trim_end_matches(';') == mode), "{mode} is off:\n{screen}");
    }
    assert!(!terminal.is_taken().unwrap(), "the alternate screen is still there");
}

#[test]
fn a_change_is_seen_within_seconds_and_an_absent_api_server_is_said() {
    site("seen");
    let wire = Wire::new();
    let terminal = terminal(&wire.kubeconfig("wire.kubeconfig"), "-n seen");
    let screen = terminal.wait_for("seen/shop", SOON).unwrap();
    assert!(screen.contains("2 origins, 0 unhealthy") && screen.contains("q quit"), "{screen}");
    assert!(terminal.is_taken().unwrap());

    verdict("seen", "shop", "False", "ProxyBlocked");
    let screen = terminal.wait_for("ProxyBlocked", SOON).unwrap();
    assert!(screen.contains("2 origins, 1 unhealthy"), "{screen}");
    terminal.press(&["g", "Enter"]).unwrap();
    let screen = terminal.wait_for("Do what helps.", SOON).unwrap();
    assert!(screen.contains("ProxyBlocked, High confidence, healthy False"), "the change is not remembered:\n{screen}");

    wire.cut();
    terminal.wait_for("API server away", SOON).unwrap();
    verdict("seen", "shop", "False", "OriginTimeout");
    wire.mend();
    let screen = terminal.wait_for("OriginTimeout, High", SOON).unwrap();
    assert!(!screen.contains("API server away"), "{screen}");

    terminal.press(&["q"]).unwrap();
    terminal.type_text("/blog").unwrap();
    terminal.press(&["Enter"]).unwrap();
    terminal.wait_until("only the blog", SOON, |s| s.contains("seen/blog") && !s.contains("seen/shop")).unwrap();
    terminal.press(&["?"]).unwrap();
    terminal.wait_for("PgUp PgDn g G far", SOON).unwrap();
    terminal.resize(40, 10).unwrap();
    terminal.press(&["?"]).unwrap();
    terminal.wait_for("seen/blog", SOON).unwrap();
    terminal.resize(80, 24).unwrap();
    terminal.press(&["q"]).unwrap();
    is_given_back(&terminal);
}

#[test]
fn a_signal_gives_the_terminal_back() {
    site("ended");
    let terminal = terminal(&SERVER.kubeconfig(), "--namespace ended");
    terminal.wait_for("ended/shop", SOON).unwrap();
    let id = lab::process::run(Command::new("pgrep").args(["-f", "watch --namespace ended$"])).unwrap();
    lab::process::run(Command::new("kill").args(["-TERM", id.trim()])).unwrap();
    is_given_back(&terminal);
}

#[test]
fn without_a_terminal_it_prints_a_table_and_then_changes() {
    site("piped");
    let wire = Wire::new();
    let mut command = Command::new(LEEWARD);
    command
        .args(["watch", "-n", "piped"])
        .env("KUBECONFIG", wire.kubeconfig("piped.kubeconfig"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap().split_whitespace().take(4).collect::<Vec<_>>().join(" ");
    assert_eq!(next(), "ORIGIN READY HEALTHY CAUSE");
    assert_eq!(next(), "piped/blog True True Healthy");
    assert_eq!(next(), "piped/shop True True Healthy");
    verdict("piped", "shop", "False", "OriginRefused");
    assert_eq!(next(), "piped/shop True False OriginRefused");
    wire.cut();
    let note = notes.next().unwrap().unwrap();
    assert!(note.starts_with("note: the API server does not answer, trying again: "), "{note}");
    wire.mend();
    assert_eq!(notes.next().unwrap().unwrap(), "note: the API server answers again");
    // Who reads no longer has what he wanted.
    drop(lines);
    verdict("piped", "shop", "True", "Healthy");
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_cannot_work_is_said_before_the_screen_is_taken() {
    // Somebody listens and never speaks.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let text = SERVER.kubeconfig_text().replace(&format!(":{}", SERVER.port()), &format!(":{port}"));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("silent.kubeconfig");
    std::fs::write(&path, text).unwrap();
    let screen = terminal(&path, "-A").wait_for("ended with 1", SOON * 3).unwrap();
    // The line is longer than the terminal is wide.
    let said = "error: cannot list ProtectedOrigins in all namespaces: the API server does not answer";
    assert!(screen.replace('\n', "").contains(said), "{screen}");
    let text = SERVER.service_account_kubeconfig("default", "default").unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("watcher.kubeconfig");
    std::fs::write(&path, text).unwrap();
    let terminal = terminal(&path, "-A");
    let screen = terminal.wait_for("ended with 1", SOON).unwrap();
    assert!(screen.contains("error: cannot list ProtectedOrigins in all namespaces"), "{screen}");
}

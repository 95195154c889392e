//! The command line as pipelines and people meet it: what it prints, what it says of bad input, and
//! how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

const LEEWARD: &str = env!("CARGO_BIN_EXE_leeward");

fn leeward(arguments: &[&str]) -> Output {
    let mut command = Command::new(LEEWARD);
    command.args(arguments).current_dir(fixture("")).env_remove("KUBECONFIG").env("HOME", "/nonexistent");
    command.env_remove("KUBERNETES_SERVICE_HOST").stdin(Stdio::null()).output().unwrap()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli").join(name)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// Arguments as a shell would split them.
fn ask(line: &str) -> Output {
    leeward(&line.split_whitespace().collect::<Vec<_>>())
}

/// A web server that gives every request the same answer, until the test ends.
fn server(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = Vec::new();
            let mut chunk = [0; 1024];
            while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                match stream.read(&mut chunk) {
                    Ok(n) if n > 0 => request.extend_from_slice(&chunk[..n]),
                    _ => break,
                }
            }
            _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
const BROKEN: &str =
    "HTTP/1.1 503 Service Unavailable\r\nx-origin: shop-1\r\ncontent-length: 5\r\nconnection: close\r\n\r\noops!";

#[test]
fn help_says_what_each_command_does() {
    let mut all: Vec<String> = Vec::new();
    for command in ["", "run", "diagnose", "explain", "plan", "ranges", "check", "watch", "crds", "completion"] {
        let line = if command.is_empty() { "--help".to_owned() } else { format!("{command} --help") };
        let output = ask(&line);
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""), "{command}");
        all.push(format!("$ leeward {line}\n{}\n", stdout(&output)));
    }
    insta::assert_snapshot!("help", all.concat());
}

#[test]
fn as_a_plugin_it_speaks_of_kubectl_leeward() {
    let called = |arguments: &[&str]| {
        let output = Command::new(LEEWARD).arg0("/usr/local/bin/kubectl-leeward").args(arguments).output().unwrap();
        stdout(&output) + &stderr(&output)
    };
    assert!(called(&["diagnose", "--help"]).contains("Usage: kubectl leeward diagnose "));
    assert!(called(&["--help"]).contains("Usage: kubectl leeward <COMMAND>"));
    assert!(called(&["plan"]).contains("Usage: kubectl leeward plan "));
    assert!(called(&["completion", "bash"]).contains("kubectl-leeward"));
}

#[test]
fn every_shell_gets_its_completion() {
    for (shell, word) in [
        ("bash", "_clap_complete_leeward leeward"),
        ("zsh", "#compdef leeward"),
        ("fish", "--command leeward"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
        (
            "kubectl",
            "#!/bin/sh\n# Asked by kubectl's own completion for what follows `kubectl leeward`.\nexec kubectl-leeward __complete \"$@\"\n",
        ),
    ] {
        let output = ask(&format!("completion {shell}"));
        assert_eq!(code(&output), 0);
        assert!(stdout(&output).contains(word), "{shell}");
    }
}

#[test]
fn the_definitions_are_printed_as_they_stand_in_the_repository() {
    let files = ["leeward.dev_protectedorigins.yaml", "leeward.dev_proxynetworks.yaml"];
    let crds = fixture("../../crds");
    let texts: Vec<String> = files.iter().map(|f| std::fs::read_to_string(crds.join(f)).unwrap()).collect();
    assert_eq!(stdout(&ask("crds")), texts.join("---\n"));
}

/// Each of these is refused with one clear line; all of them stand in the snapshot.
fn refuse(snapshot: &str, folder: &Path, cases: &[String]) {
    let mut all: Vec<String> = Vec::new();
    for case in cases {
        let output = ask(case);
        let said = stderr(&output);
        assert_eq!((code(&output), stdout(&output).as_str()), (1, ""), "{case}\n{said}");
        assert!(said.starts_with("error: "), "{case}\n{said}");
        all.push(format!("$ leeward {case}\n{said}\n"));
    }
    insta::assert_snapshot!(snapshot, all.concat().replace(&folder.display().to_string(), "DIR"));
}

#[test]
fn bad_input_ends_with_1_and_one_clear_line_and_nothing_on_standard_output() {
    let folder = tempdir("bad");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let good = std::fs::read_to_string(fixture("no-endpoints.yaml")).unwrap();
    let typo = file("typo.yaml", &good.replace("origin: {type: Service, scheme", "origin: {type: Service, schema"));
    let url = file("url.yaml", &good.replace("https://shop.example.com/healthz", "ftp://shop.example.com"));
    let list = file("list.txt", "# ours\n192.0.2.0/24\n192.0.2.1/24\n");
    let wide = file("wide.txt", "0.0.0.0/0\n");
    let other = file("other.json", r#"{"apiVersion": "leeward.dev/v1", "kind": "Evidence"}"#);
    let record = file("record.yaml", "apiVersion: leeward.dev/v1alpha1\nkind: Evidence\nfacts: [{fact: Arrived}]\n");
    let profiles = file("profiles.yaml", "profiles: {kernel: {conntrackRatio: entries / limit}}\n");
    let open = file("open.yaml", "profiles: {kernel: {conntrackRatio: 'x{host=\"$hots\"}'}}\n");
    let counted =
        file("counted.yaml", &good.replace("spec:\n  proxy:", "spec:\n  traffic: {profile: other}\n  proxy:"));
    let own = file(
        "own.yaml",
        &good.replace("spec:\n  proxy:", "spec:\n  traffic: {queries: {probes: up, originRequests: up}}\n  proxy:"),
    );
    let prometheus = "--prometheus-url http://127.0.0.1:9 --traffic-profiles";
    let via = "diagnose --via http://127.0.0.1:9/ --origin 127.0.0.1:9";
    let cases = [
        "diagnose --via ftp://a.example --origin 203.0.113.10".to_owned(),
        "diagnose --via https://u:p@a.example/ --origin 203.0.113.10".to_owned(),
        "diagnose --via https://a.example/ --origin 203.0.113.10:0".to_owned(),
        "diagnose --via https://a.example/ --origin 203.0.113.010".to_owned(),
        "diagnose --via https://a.example/ --origin 203.0.113.10 --origin 203.0.113.11:8443".to_owned(),
        "diagnose --via https://a.example/ --origin origin.example --origin 203.0.113.11".to_owned(),
        "diagnose --via https://a.example/ --origin 203.0.113.10 --host a..b".to_owned(),
        "diagnose --via https://a.example/".to_owned(),
        format!("{via} --marker X-Origin"),
        format!("{via} --control example.com"),
        format!("{via} --resolver 192.0.2.53"),
        format!("{via} --rounds 0"),
        format!("{via} --access Sometimes"),
        format!("{via} --ca-file /nonexistent.pem"),
        format!("{via} --network {list}"),
        format!("{via} --network {wide}"),
        format!("{via} --network /nonexistent"),
        format!("{via} --rounds 1 --merge {other}"),
        format!("{via} --rounds 1 --merge {record}"),
        format!("{via} --rounds 1 --save-evidence /nonexistent/evidence.json"),
        "diagnose".to_owned(),
        "diagnose Shop/shop".to_owned(),
        "diagnose shop/shop/shop".to_owned(),
        "diagnose -f /nonexistent.yaml".to_owned(),
        "diagnose -f no-endpoints.yaml -f no-endpoints.yaml".to_owned(),
        "diagnose -f - -f -".to_owned(),
        format!("diagnose -f {typo}"),
        format!("diagnose -f {url}"),
        format!("diagnose -f {counted} {prometheus} {profiles}"),
        format!("diagnose -f {counted} {prometheus} {open}"),
        format!("diagnose -f {counted} {prometheus} /nonexistent.yaml"),
        format!("diagnose -f {counted} --prometheus-url http://127.0.0.1:9"),
        format!("diagnose -f {own} --prometheus-url http://127.0.0.1:9"),
        format!("diagnose -f {counted} --prometheus-url 127.0.0.1:9 --traffic-profiles {profiles}"),
        format!("{via} --traffic-profiles {profiles} --prometheus-url http://127.0.0.1:9"),
        "diagnose --offline -f proxy-blocked-one-edge.json".to_owned(),
        "plan".to_owned(),
        "plan -f /nonexistent.yaml".to_owned(),
        "explain ProxyBlokced".to_owned(),
        "explain Nothing".to_owned(),
        "explain --evidence no-endpoints.yaml".to_owned(),
        format!("explain --evidence {record}"),
        "ranges --preset Nobody".to_owned(),
        "ranges --preset StackPath".to_owned(),
        "ranges --preset AzureFrontDoor".to_owned(),
        "ranges --preset DDoSGuard".to_owned(),
        "ranges --presets -o nginx".to_owned(),
        format!("ranges -f {list}"),
        "ranges".to_owned(),
        "crds --directory /nonexistent".to_owned(),
        "completion tcsh".to_owned(),
        "nonsense".to_owned(),
    ];
    refuse("bad_input", &folder, &cases);
}

#[test]
fn what_a_flag_or_a_file_lacks_is_named_with_its_place() {
    let folder = tempdir("lacking");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let good = std::fs::read_to_string(fixture("no-endpoints.yaml")).unwrap();
    let trusted = file(
        "trusted.yaml",
        &good.replace(
            "origin: {type: Service,",
            "origin: {caBundle: {configMapRef: {name: ca, key: ca.crt}}, type: Service,",
        ),
    );
    let fetched = file(
        "fetched.yaml",
        "apiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork\nmetadata: {name: edge}\nspec: {source: {type: HTTP, http: {urls: ['https://127.0.0.1:9/list']}}}\n",
    );
    let subject = file("subject.yaml", "apiVersion: leeward.dev/v1alpha1\nkind: Evidence\nfacts: []\n");
    let saved = std::fs::read_to_string(fixture("healthy-origin-exposed.json")).unwrap();
    let mut saved: serde_json::Value = serde_json::from_str(&saved).unwrap();
    saved.as_object_mut().unwrap().remove("at");
    let timeless = file("timeless.json", &saved.to_string());
    let binary = folder.join("binary.yaml");
    std::fs::write(&binary, [0xff, 0xfe]).unwrap();
    let service = file("service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\n");
    let nobody = file("nobody.txt", "# none yet\n");
    let crowd = file("crowd.txt", &"192.0.2.7 2026-11-01T12:00:00Z\n".repeat(10_001));
    let cluster = |name: &str, user: &str, context: &str| {
        file(
            name,
            &format!(
                "{{apiVersion: v1, kind: Config, current-context: {context}, clusters: [{{name: a, cluster: {{server: 'https://127.0.0.1:9'}}}}], users: [{{name: a, user: {{{user}}}}}], contexts: [{{name: a, context: {{cluster: a, user: a}}}}]}}"
            ),
        )
    };
    let contextless = cluster("contextless.yaml", "token: x", "b");
    let keyless = cluster("keyless.yaml", "client-certificate-data: bm9uZQ==, client-key-data: bm9uZQ==", "a");
    let absent = file("absent.yaml", &good.replace("metadata: {name: cdn}\nspec", "metadata: {name: other}\nspec"));
    let via = "diagnose --via http://127.0.0.1:9/ --origin 127.0.0.1:9";
    let cases = [
        format!("{via} --marker (x)=1"),
        format!("{via} --marker X-Origin="),
        "diagnose --via https://a.example/ --origin a.example:x".to_owned(),
        format!("diagnose -f {trusted}"),
        format!("diagnose -f {}", folder.display()),
        format!("diagnose -f {}", binary.display()),
        "diagnose shop --kubeconfig /nonexistent".to_owned(),
        format!("{via} --network {service}"),
        format!("ranges -f {fetched}"),
        format!("explain --evidence {subject}"),
        format!("explain --evidence {timeless}"),
        format!("report --evidence healthy-origin-exposed.json --clients {nobody}"),
        format!("report --evidence healthy-origin-exposed.json --clients {crowd}"),
        "ranges cdn".to_owned(),
        format!("ranges cdn --kubeconfig {contextless}"),
        format!("ranges cdn --kubeconfig {keyless}"),
        format!("plan -f {absent}"),
        "report --evidence healthy-origin-exposed.json --time-zone Mars".to_owned(),
    ];
    refuse("lacking_input", &folder, &cases);
}

/// What is judged all the same says on standard error what it does without.
#[test]
fn what_is_left_out_or_taken_instead_is_noted() {
    let folder = tempdir("notes");
    let good = std::fs::read_to_string(fixture("no-endpoints.yaml")).unwrap();
    let inline = "source: {type: Inline, inline: {cidrs: [192.0.2.0/25, 192.0.2.128/25, '2001:db8::/48']}}";
    let observe = good.replace(", networkRef: {name: cdn}", "").replace("mode: Plan", "mode: Observe");
    let traffic = |what: &str| good.replace("spec:\n  proxy:", &format!("spec:\n  traffic: {what}\n  proxy:"));
    let (head, targets) = good.split_once("    targets:\n").unwrap();
    let (_, tail) = targets.split_once("---\n").unwrap();
    let diagnose = "diagnose --offline";
    let mut all: Vec<String> = Vec::new();
    for (name, text, command) in [
        ("missing", good.replace("metadata: {name: cdn}\nspec", "metadata: {name: other}\nspec"), diagnose),
        (
            "nowhere",
            good.replace("apiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork", "apiVersion: v1\nkind: ConfigMap")
                .replace(&format!("spec:\n  {inline}"), ""),
            diagnose,
        ),
        ("unnamed", observe, diagnose),
        ("preset", good.replace(inline, "source: {type: Preset, preset: {name: Cloudflare}}"), diagnose),
        ("profile", traffic("{profile: kernel}"), diagnose),
        ("queries", traffic("{queries: {originRequests: up, forwardedRequests: up}}"), diagnose),
        ("suspended", good.replace("spec:\n  proxy:", "spec:\n  suspend: true\n  proxy:"), "plan"),
        ("targetless", format!("{head}---\n{tail}"), "plan"),
    ] {
        let path = folder.join(format!("{name}.yaml"));
        std::fs::write(&path, text).unwrap();
        let output = ask(&format!("{command} -f {}", path.display()));
        let (said, shown) = (stderr(&output), stdout(&output));
        let told = if command == "plan" { shown.lines().next().unwrap_or_default().to_owned() } else { said };
        all.push(format!("$ leeward {command} -f {name}.yaml  # {}\n{}\n", code(&output), told.trim_end()));
    }
    insta::assert_snapshot!("notes", all.concat().replace(&folder.display().to_string(), "DIR"));
}

#[test]
fn a_saved_diagnosis_reads_as_a_colleague_tells_it() {
    let mut all: Vec<String> = Vec::new();
    for name in
        ["proxy-blocked-drop-nginx", "healthy-origin-exposed", "cert-expired-verified", "proxy-blocked-one-edge"]
    {
        let output = ask(&format!("explain --evidence {name}.json"));
        let text = stdout(&output);
        // The chain above the table is the rules' own text.
        let told = text.find("  PATH").map_or(text.as_str(), |at| &text[at..]);
        all.push(format!("$ leeward explain --evidence {name}.json  # {}\n{told}\n", code(&output)));
    }
    insta::assert_snapshot!("told", all.concat());
}

#[test]
fn files_alone_are_judged_without_a_packet() {
    let output = ask("diagnose --offline -f no-endpoints.yaml -o json");
    let said: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((code(&output), &said["cause"], &said["healthy"]), (2, &"NoReadyEndpoints".into(), &false.into()));
    assert_eq!((&said["apiVersion"], &said["kind"]), (&"leeward.dev/v1alpha1".into(), &"Diagnosis".into()));
    assert_eq!((&said["origin"], &said["layer"]), (&"shop/shop".into(), &"Workload".into()));
    let keys: Vec<&String> = said.as_object().unwrap().keys().collect();
    let wanted = [
        "alternatives",
        "apiVersion",
        "cause",
        "confidence",
        "contributing",
        "evidence",
        "healthy",
        "kind",
        "layer",
        "nextObservation",
        "origin",
        "pattern",
        "remedy",
        "risks",
        "scope",
        "summary",
    ];
    assert_eq!(keys.into_iter().collect::<std::collections::BTreeSet<_>>(), wanted.map(str::to_owned).iter().collect());
}

#[test]
fn evidence_from_elsewhere_joins_the_files() {
    let offline = "diagnose --offline -f no-endpoints.yaml -o json";
    let alone: serde_json::Value = serde_json::from_str(&stdout(&ask(offline))).unwrap();
    let merged = ask(&format!("{offline} --merge proxy-blocked-drop-nginx.json"));
    let merged: serde_json::Value = serde_json::from_str(&stdout(&merged)).unwrap();
    assert!(merged["evidence"].as_array().unwrap().len() > alone["evidence"].as_array().unwrap().len());
    let observed = |said: &serde_json::Value, what: &str| {
        said["evidence"].as_array().unwrap().iter().any(|item| item["observation"] == what)
    };
    assert!(!observed(&alone, "ViaProxy") && observed(&merged, "ViaProxy"));

    let folder = tempdir("merge");
    let other = folder.join("other.json");
    let text = std::fs::read_to_string(fixture("proxy-blocked-drop-nginx.json")).unwrap();
    std::fs::write(&other, text.replace("shop.example.com", "blog.example.com")).unwrap();
    let output = ask(&format!("{offline} --merge {}", other.display()));
    assert_eq!((code(&output), stdout(&output).as_str()), (1, ""));
    assert!(stderr(&output).contains("subject.host is blog.example.com, and this diagnosis is about shop.example.com"));
}

#[test]
fn a_record_of_packets_dropped_makes_a_block_certain() {
    let folder = tempdir("record");
    let record = folder.join("firewall.yaml");
    std::fs::write(
        &record,
        "apiVersion: leeward.dev/v1alpha1\nkind: Evidence\nfacts:\n- {fact: Arrival, source: nft counter, arrived: Blocked}\n",
    )
    .unwrap();
    let subject = folder.join("origin.yaml");
    std::fs::write(
        &subject,
        "apiVersion: leeward.dev/v1alpha1\nkind: ProtectedOrigin\nmetadata: {name: shop, namespace: shop}\nspec:\n  proxy: {url: 'http://shop.example.com/', provider: Nginx, connectTimeoutSeconds: 2, readTimeoutSeconds: 3}\n  origin: {type: Addresses, scheme: HTTP, addresses: {ips: [203.0.113.10], port: 80}, marker: {header: X-Origin, value: shop-1}}\n",
    )
    .unwrap();
    let line = format!("diagnose --offline -f {} --merge proxy-blocked-drop-nginx.json -o json", subject.display());
    let said = |output: &Output| -> serde_json::Value { serde_json::from_str(&stdout(output)).unwrap() };
    let without = said(&ask(&line));
    assert_eq!((&without["cause"], &without["confidence"]), (&"ProxyBlocked".into(), &"Medium".into()));
    let with = said(&ask(&format!("{line} --merge {}", record.display())));
    assert_eq!((&with["cause"], &with["confidence"]), (&"ProxyBlocked".into(), &"High".into()));
}

#[test]
fn a_healthy_site_ends_with_0_and_a_replay_says_the_same() {
    let site = server(GOOD);
    let saved = tempdir("healthy").join("evidence.json");
    let line = format!("diagnose --via http://{site}/ --origin {site} --rounds 2 --interval 0 -o json");
    let output = ask(&format!("{line} --save-evidence {}", saved.display()));
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    same_in_a_replay(&output, &saved);
}

#[test]
fn an_unhealthy_site_ends_with_2_and_a_replay_says_the_same() {
    let site = server(BROKEN);
    let saved = tempdir("unhealthy").join("evidence.json");
    let line = format!(
        "diagnose --via http://{site}/ --origin {site} --marker X-Origin=shop-1 --rounds 2 --interval 0 -o json"
    );
    let output = ask(&format!("{line} --save-evidence {}", saved.display()));
    let said: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((code(&output), &said["cause"]), (2, &"OriginReturns5xx".into()), "{said:#}");
    same_in_a_replay(&output, &saved);
}

#[test]
fn a_vantage_that_reaches_nothing_ends_with_3() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = format!("diagnose --via http://{closed}/ --origin {closed} --rounds 1 -o json");
    assert_eq!(code(&ask(&line)), 3);
    let output = ask(&format!("{line} --control http://{closed}/"));
    let said: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((code(&output), &said["cause"], &said["healthy"]), (3, &"VantageFault".into(), &().into()));
}

#[test]
fn the_guard_keeps_from_what_the_operator_would_not_dial() {
    let site = server(GOOD);
    let output = ask(&format!("diagnose --via http://{site}/ --origin {site} --rounds 1 --guard -o json"));
    let said: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(code(&output), 3, "{said:#}");
}

#[test]
fn a_metrics_server_without_use_is_noted() {
    let site = server(GOOD);
    let path = tempdir("unused").join("site.yaml");
    let manifest = format!(
        "apiVersion: leeward.dev/v1alpha1\nkind: ProtectedOrigin\nmetadata: {{name: shop}}\nspec:\n  proxy: {{url: 'http://{site}/'}}\n  origin: {{type: Addresses, scheme: HTTP, addresses: {{ips: [127.0.0.1], port: {}}}}}\n",
        site.port()
    );
    std::fs::write(&path, manifest).unwrap();
    let output = ask(&format!("diagnose -f {} --rounds 1 --prometheus-url http://127.0.0.1:9", path.display()));
    assert_eq!(stderr(&output), "note: --prometheus-url was not used: spec.traffic names nothing to measure\n");
}

#[test]
fn a_risk_fails_a_pipeline_only_when_asked() {
    let exposed = "--offline -f exposed.yaml --merge healthy-origin-exposed.json";
    assert_eq!(code(&ask(&format!("diagnose {exposed}"))), 0);
    assert_eq!(code(&ask(&format!("diagnose {exposed} --fail-on-risk"))), 2);
}

fn same_in_a_replay(output: &Output, saved: &Path) {
    let first: serde_json::Value = serde_json::from_str(&stdout(output)).unwrap();
    let replay = ask(&format!("explain -o json --evidence {}", saved.display()));
    let mut second: serde_json::Value = serde_json::from_str(&stdout(&replay)).unwrap();
    let rules = second.as_object_mut().unwrap().remove("rules").unwrap();
    assert!(rules.as_array().unwrap().len() > 10);
    assert_eq!((code(&replay), second), (code(output), first));
}

#[test]
fn a_plan_shows_the_difference_and_ends_with_2() {
    let output = ask("plan -f no-endpoints.yaml");
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    insta::assert_snapshot!("plan_diff", stdout(&output));
    assert_eq!(
        stderr(&output),
        "note: nothing was tried on an API server: plan NAMESPACE/NAME does that (a dry run)\n"
    );
    let output = ask("plan -f no-endpoints.yaml -o yaml");
    assert_eq!(code(&output), 2);
    insta::assert_snapshot!("plan_yaml", stdout(&output));
}

#[test]
fn a_plan_that_was_carried_out_has_nothing_to_do() {
    let folder = tempdir("plan");
    let policy = stdout(&ask("plan -f no-endpoints.yaml -o yaml"));
    // The annotation is applied by its own manager; here it is written into the Ingress by hand.
    let parts: Vec<&str> = policy.split("---\n").filter(|part| part.contains("kind: NetworkPolicy")).collect();
    let annotation = policy.lines().find(|line| line.contains("whitelist-source-range")).unwrap();
    let value = annotation.split_once(": ").unwrap().1;
    let applied = std::fs::read_to_string(fixture("no-endpoints.yaml"))
        .unwrap()
        .replace("whitelist-source-range: 192.0.2.0/24", &format!("whitelist-source-range: '{value}'"));
    let path = folder.join("applied.yaml");
    std::fs::write(&path, format!("{applied}---\n{}", parts.join("---\n"))).unwrap();
    let output = ask(&format!("plan -f {}", path.display()));
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
}

#[test]
fn a_list_of_an_account_is_read_with_a_key_of_the_file_or_of_the_environment() {
    use lab::servers::vendor::{ID, SECRET};
    let folder = tempdir("account");
    let authority = lab::certificates::Authority::new(&folder).unwrap();
    let leaf = authority.leaf("vendor", &["127.0.0.1"], lab::certificates::State::Valid).unwrap();
    let vendor = lab::servers::Vendor::on_loopback(&leaf, &["47.0.0.0/25", "2408:400a::/56"]).unwrap();
    let network = format!(
        "apiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork\nmetadata: {{name: ddos}}\nspec: {{source: {{type: Account, \
         account: {{product: AlibabaAntiDDoS, region: Mainland, endpoint: 'https://127.0.0.1:{}', secretRef: {{name: key}}}}}}}}\n",
        vendor.address().port()
    );
    let secret = |secret: &str| {
        format!(
            "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: key}}\nstringData: {{ALIBABA_CLOUD_ACCESS_KEY_ID: {ID}, \
             ALIBABA_CLOUD_ACCESS_KEY_SECRET: {secret}}}\n"
        )
    };
    let file = folder.join("network.yaml");
    let ask = |text: &str, environment: &[(&str, &str)]| {
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(LEEWARD);
        command.args(["ranges", "--ca-file"]).arg(authority.file()).arg("-f").arg(&file);
        command.env_remove("KUBECONFIG").envs(environment.iter().copied()).output().unwrap()
    };
    let environment = [("ALIBABA_CLOUD_ACCESS_KEY_ID", ID), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)];
    for output in [ask(&format!("{network}{}", secret(SECRET)), &[]), ask(&network, &environment)] {
        assert_eq!(
            (code(&output), stdout(&output).as_str()),
            (0, "47.0.0.0/25\n2408:400a::/56\n"),
            "{}",
            stderr(&output)
        );
    }
    for (output, said) in [
        (ask(&network, &[]), "Secret key does not exist in the file, and the environment does not hold its parts"),
        (ask(&network, &[("ALIBABA_CLOUD_ACCESS_KEY_ID", "a b"), environment[1]]), "as the environment holds it"),
        (ask(&format!("{network}{}", secret("wrong-canary")), &[]), "refuses the key in Secret key"),
    ] {
        assert_eq!((code(&output), stdout(&output)), (1, String::new()));
        assert!(stderr(&output).contains(said) && !stderr(&output).contains("canary"), "{}", stderr(&output));
    }
}

#[test]
fn ranges_are_printed_in_the_form_that_is_asked_for() {
    let folder = tempdir("ranges");
    let list = folder.join("list.txt");
    std::fs::write(&list, "# siblings merge\n192.0.2.0/25\n192.0.2.128/25\n2001:db8::/48 # v6\n").unwrap();
    let mut all: Vec<String> = Vec::new();
    for form in ["lines", "json", "nginx", "haproxy", "comma"] {
        let output = ask(&format!("ranges -f {} -o {form}", list.display()));
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        all.push(format!("$ leeward ranges -f list.txt -o {form}\n{}\n", stdout(&output)));
    }
    insta::assert_snapshot!("ranges", all.concat());
}

#[test]
fn a_list_that_nobody_publishes_says_how_old_it_is() {
    let mut all: Vec<String> = Vec::new();
    for form in ["lines", "json", "haproxy"] {
        let output = ask(&format!("ranges --preset sucuri -o {form}"));
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(stderr(&output).starts_with("note: the list is that of 2026-"), "{}", stderr(&output));
        all.push(format!("$ leeward ranges --preset sucuri -o {form}\n{}{}\n", stderr(&output), stdout(&output)));
    }
    let output = ask("ranges --presets");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    all.push(format!("$ leeward ranges --presets\n{}\n", stdout(&output)));
    insta::assert_snapshot!("presets", all.concat());
    let output = ask("ranges --presets -o json");
    let object: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let table = stdout(&ask("ranges --presets"));
    let rows = table.lines().take_while(|line| !line.is_empty()).count();
    assert_eq!(object["presets"].as_array().unwrap().len(), rows - 1);
}

#[test]
fn colours_are_for_terminals_only_unless_asked_for() {
    let plain = ask("explain --evidence cert-expired-verified.json");
    assert!(!stdout(&plain).contains('\u{1b}'));
    let always = ask("explain --color always --evidence cert-expired-verified.json");
    assert!(stdout(&always).contains("\u{1b}["));
}

#[test]
fn causes_are_found_however_they_are_spelt() {
    assert!(stdout(&ask("explain proxyblocked")).starts_with("# ProxyBlocked\n"));
    assert!(stdout(&ask("explain")).lines().any(|line| line.starts_with("OriginCertExpired ")));
}

/// A folder of this test's own, gone when its process ends by itself or not: it lies in cargo's.
fn tempdir(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

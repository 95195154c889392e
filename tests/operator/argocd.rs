//! The test data of Argo CD's scripts: whole objects as a real operator and a real API server have left them. They are
//! written with INSTA_UPDATE=always; without it they are compared with what is found now.

use crate::stage::{Stage, origin, stage};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const NAMESPACE: &str = "argocd";

/// Objects by the name of their file.
type Dump = BTreeMap<&'static str, Value>;

fn network(name: &str, spec: &str) -> String {
    format!("apiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}

fn inline(cidrs: &str) -> String {
    format!("refreshSeconds: 10, source: {{type: Inline, inline: {{cidrs: [{cidrs}]}}}}")
}

fn get_network(stage: &Stage, name: &str) -> Value {
    stage.server.get("default", "proxynetwork", name).unwrap()
}

/// Waits until a condition of a network has this reason.
fn await_reason(stage: &Stage, name: &str, kind: &str, reason: &str) -> Value {
    let start = Instant::now();
    loop {
        let object = get_network(stage, name);
        if crate::stage::condition(&object, kind).is_some_and(|c| c["reason"] == reason) {
            return object;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{name}:\n{:#}", object["status"]);
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Asks for a deletion that something else holds up.
fn leave(stage: &Stage, kind: &str, namespace: &str, name: &str) -> Value {
    let held = "{\"metadata\":{\"finalizers\":[\"example.com/hold\"]}}";
    stage.server.kubectl(&["patch", kind, "-n", namespace, name, "--type=merge", "-p", held]).unwrap();
    stage.server.kubectl(&["delete", kind, "-n", namespace, name, "--wait=false"]).unwrap();
    let object = stage.server.get(namespace, kind, name).unwrap();
    let free = "{\"metadata\":{\"finalizers\":null}}";
    stage.server.kubectl(&["patch", kind, "-n", namespace, name, "--type=merge", "-p", free]).unwrap();
    object
}

/// A file, the name and manifest of its resource, and the condition that is waited for.
struct Wanted {
    file: &'static str,
    name: &'static str,
    manifest: String,
    condition: &'static str,
    says: &'static str,
}

fn wanted() -> Vec<Wanted> {
    let sick = "  expect: {statuses: ['204']}\n";
    let asked = format!("{sick}  readyWhen: OriginHealthy\n");
    let enforce = "  allowlist: {mode: Enforce, targets: [{name: pods, type: NetworkPolicy, networkPolicy: {podSelector: {matchLabels: {app: shop}}, ports: [80]}}]}\n";
    let url = "url: 'http://shop.example.com/'";
    let of = |network: &str| format!("{url}, networkRef: {{name: {network}}}");
    let plain = |file, name, more: &str, condition, says| Wanted {
        file,
        name,
        manifest: origin(NAMESPACE, name, more),
        condition,
        says,
    };
    let mut all = vec![
        plain("healthy", "healthy", "", "Ready", "True/Ready"),
        plain("healthy_site_down", "site-down", sick, "OriginHealthy", "False/UnexpectedResponse"),
        plain("degraded_site_down", "site-down-asked", &asked, "Ready", "False/UnexpectedResponse"),
        plain("degraded_target_forbidden", "forbidden", "", "Ready", "False/TargetForbidden"),
        // Ready names the reason before there is a verdict; only then nothing is on its way any more.
        plain("degraded_enforce_not_permitted", "not-permitted", enforce, "OriginHealthy", "True/Healthy"),
        plain("progressing_reference_not_found", "not-found", "", "OriginHealthy", "True/Healthy"),
        plain("suspended", "suspended", "  suspend: true\n", "Ready", "True/Suspended"),
    ];
    all[3].manifest = all[3].manifest.replace("203.0.113.10", "169.254.169.254");
    all[4].manifest = all[4].manifest.replace(url, &of("argocd-healthy"));
    all[5].manifest = all[5].manifest.replace(url, &of("argocd-missing"));
    all
}

fn networks(stage: &Stage) -> Dump {
    let mut dump = Dump::new();
    dump.insert("healthy", await_reason(stage, "argocd-healthy", "Ready", "Ready"));
    await_reason(stage, "argocd-loss", "Ready", "Ready");
    stage.apply(&network("argocd-loss", &inline("198.51.100.0/32")));
    dump.insert("healthy_quarantined", await_reason(stage, "argocd-loss", "Plausible", "Loss"));
    dump.insert("progressing_unreachable", await_reason(stage, "argocd-unreachable", "Fetched", "Unreachable"));
    dump.insert("degraded_forbidden", await_reason(stage, "argocd-forbidden", "Fetched", "Forbidden"));
    dump
}

/// Without what no reader looks at.
fn scrubbed(mut object: Value) -> Value {
    object["metadata"].as_object_mut().unwrap().remove("managedFields");
    object
}

/// What of an object is the same each time. A first verdict's words are not: one path may have been looked at before the
/// other.
fn essence(object: &Value) -> Value {
    let said: Vec<Value> = object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| json!([c["type"], c["status"], c["reason"], c["observedGeneration"]]))
        .collect();
    let metadata = &object["metadata"];
    json!([
        metadata["name"],
        metadata["generation"],
        metadata["finalizers"],
        object["spec"],
        object["status"]["observedGeneration"],
        said
    ])
}

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd/resource_customizations/leeward.dev").join(kind)
}

/// Writes the objects and what the script says of each, or compares them with what is there.
fn settle(kind: &str, dump: Dump) {
    let folder = folder(kind);
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        write(&folder, dump);
        return;
    }
    for (file, object) in dump {
        let path = folder.join("testdata").join(file).with_extension("yaml");
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let kept: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(essence(&kept), essence(&object), "{file}: look, and write it anew with INSTA_UPDATE=always");
    }
}

fn write(folder: &Path, dump: Dump) {
    let script = fs::read_to_string(folder.join("health.lua")).unwrap();
    let save = |path: PathBuf, object: &Value| fs::write(path, serde_saphyr::to_string(object).unwrap()).unwrap();
    let actions = folder.join("actions/testdata");
    let mut tests = "tests:\n".to_owned();
    for (file, object) in dump {
        let object = scrubbed(object);
        let said = lab::gitops::argocd(&script, [&object]).unwrap().remove(0);
        let (status, message) = (said["status"].as_str().unwrap(), &said["message"]);
        assert!(file.starts_with(&status.to_lowercase()) || file == "terminating", "{file} is {said}");
        let test = format!("healthStatus:\n    status: {status}\n    message: {message}");
        writeln!(tests, "- {test}\n  inputPath: testdata/{file}.yaml").unwrap();
        save(folder.join("testdata").join(file).with_extension("yaml"), &object);
        // What the actions begin with, and what each makes of it.
        if file == "healthy" && actions.exists() {
            save(actions.join("running.yaml"), &object);
            let mut suspended = object.clone();
            suspended["spec"]["suspend"] = json!(true);
            save(actions.join("suspended.yaml"), &suspended);
            let mut asked = object;
            asked["metadata"]["annotations"]["leeward.dev/requested-at"] = json!("2026-12-01T10:00:00Z");
            save(actions.join("asked.yaml"), &asked);
        }
    }
    fs::write(folder.join("health_test.yaml"), tests).unwrap();
}

#[test]
fn the_test_data_of_the_scripts_is_what_the_operator_writes() {
    let stage = stage();
    stage.namespace(NAMESPACE, "", "");
    let leaving = origin(NAMESPACE, "leaving", "");
    stage.apply(&leaving);
    stage.apply(&network("argocd-healthy", &inline("198.51.100.0/24")));
    let fresh = stage.get(NAMESPACE, "leaving");
    let fresh_network = get_network(&stage, "argocd-healthy");

    let wanted = wanted();
    for one in &wanted {
        stage.apply(&one.manifest);
    }
    stage.apply(&network("argocd-loss", &inline("198.51.100.0/32, 198.51.100.2/32, 198.51.100.4/32")));
    let http = |url: &str| format!("source: {{type: HTTP, http: {{urls: ['{url}']}}}}");
    stage.apply(&network("argocd-unreachable", &http("https://gone.example.com/ranges")));
    stage.apply(&network("argocd-forbidden", &http("https://169.254.169.254/ranges")));
    let mut operator = stage.run(&[]);
    operator.await_leader(30);
    let mut all: Dump =
        wanted.iter().map(|w| (w.file, stage.await_condition(NAMESPACE, w.name, w.condition, w.says, 30))).collect();
    stage.await_condition(NAMESPACE, "leaving", "Ready", "True/Ready", 30);
    let mut lists = networks(&stage);

    // Nobody looks any more: what is changed now is seen by nobody.
    operator.process.stop(Duration::from_secs(10)).unwrap();
    stage.apply(&leaving.replace("periodSeconds: 10", "periodSeconds: 20"));
    all.insert("progressing_edited", stage.get(NAMESPACE, "leaving"));
    all.insert("progressing_fresh", fresh);
    all.insert("terminating", leave(&stage, "protectedorigin", NAMESPACE, "leaving"));
    lists.insert("progressing_fresh", fresh_network);
    lists.insert("terminating", leave(&stage, "proxynetwork", "default", "argocd-loss"));
    settle("ProtectedOrigin", all);
    settle("ProxyNetwork", lists);
}

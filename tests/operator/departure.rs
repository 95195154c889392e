//! Deletion with `deletionPolicy: Delete` gives up what was written, whoever was away meanwhile.

use crate::stage::{Stage, origin, stage};
use lab::process::wait_until;
use serde_json::Value;
use std::time::Duration;

const KEY: &str = "nginx.ingress.kubernetes.io/whitelist-source-range";

fn prepare(stage: &Stage, namespace: &str) {
    stage.namespace(namespace, "leeward.dev/enforce: allowed", "");
    stage.apply(&format!(
        "{{apiVersion: leeward.dev/v1alpha1, kind: ProxyNetwork, metadata: {{name: {namespace}}}, spec: {{source: {{type: Inline, inline: {{cidrs: [198.51.100.0/24]}}}}}}}}"
    ));
    stage.apply(&format!(
        "{{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: web, namespace: {namespace}}}, spec: {{defaultBackend: {{service: {{name: web, port: {{number: 80}}}}}}}}}}"
    ));
}

fn site(namespace: &str, deletion: &str) -> String {
    let targets = format!(
        "  allowlist:\n    mode: Enforce\n    deletionPolicy: {deletion}\n    targets:\n    - {{name: pods, type: NetworkPolicy, networkPolicy: {{podSelector: {{matchLabels: {{app: web}}}}, ports: [80], isolation: Allow}}}}\n    - {{name: web, type: IngressAnnotation, ingressAnnotation: {{name: web, preset: IngressNginx}}}}\n"
    );
    origin(namespace, "shop", &targets).replace(
        "url: 'http://shop.example.com/'",
        &format!("url: 'http://shop.example.com/', networkRef: {{name: {namespace}}}"),
    )
}

fn annotation(stage: &Stage, namespace: &str) -> Value {
    stage.server.get(namespace, "ingress", "web").unwrap()["metadata"]["annotations"][KEY].clone()
}

fn finalizers(stage: &Stage, namespace: &str) -> Value {
    stage.get(namespace, "shop")["metadata"]["finalizers"].clone()
}

fn gone(stage: &Stage, namespace: &str) -> bool {
    stage.server.kubectl(&["get", "porigin", "-n", namespace, "shop"]).is_err()
}

#[test]
fn what_was_written_is_given_up_although_the_operator_was_away() {
    let stage = stage();
    prepare(&stage, "away");
    let mut operator = stage.run(&[]);
    operator.await_leader(30);
    stage.apply(&site("away", "Delete"));
    stage.await_condition("away", "shop", "AllowlistSynced", "True/Synced", 40);
    assert_eq!(annotation(&stage, "away"), "198.51.100.0/24");
    assert_eq!(finalizers(&stage, "away"), serde_json::json!(["leeward.dev/release"]));

    // The spec decides, at any time, whether its end waits.
    stage.apply(&site("away", "Orphan"));
    wait_until("no finalizer", Duration::from_secs(15), || finalizers(&stage, "away").is_null()).unwrap();
    stage.apply(&site("away", "Delete"));
    wait_until("the finalizer", Duration::from_secs(15), || finalizers(&stage, "away").is_array()).unwrap();

    // Another's finalizer is left alone.
    let theirs = r#"[{"op": "add", "path": "/metadata/finalizers/-", "value": "example.com/theirs"}]"#;
    stage.server.kubectl(&["patch", "porigin", "-n", "away", "shop", "--type=json", "-p", theirs]).unwrap();
    assert_eq!(operator.process.stop(Duration::from_secs(15)).unwrap(), 0);
    stage.server.kubectl(&["delete", "porigin", "-n", "away", "shop", "--wait=false"]).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(annotation(&stage, "away"), "198.51.100.0/24");

    let operator = stage.run(&[]);
    operator.await_leader(30);
    wait_until("given up", Duration::from_secs(20), || annotation(&stage, "away").is_null()).unwrap();
    let only_theirs = || finalizers(&stage, "away") == serde_json::json!(["example.com/theirs"]);
    wait_until("let go", Duration::from_secs(15), only_theirs).unwrap();
    let policy = || stage.server.kubectl(&["get", "networkpolicy", "-n", "away", "leeward-shop"]);
    assert!(policy().is_err());
    let none = r#"{"metadata": {"finalizers": null}}"#;
    stage.server.kubectl(&["patch", "porigin", "-n", "away", "shop", "--type=merge", "-p", none]).unwrap();
    wait_until("gone", Duration::from_secs(15), || gone(&stage, "away")).unwrap();
    let written = || {
        let of = |kind: &str| operator.metric("leeward_api_writes_total", &format!("kind=\"{kind}\""));
        ["Ingress", "NetworkPolicy", "ProtectedOrigin"].map(of).iter().sum::<f64>()
    };
    let before = written();
    std::thread::sleep(Duration::from_secs(3));
    assert!((written() - before).abs() < 0.5, "it wrote after the end");
}

/// The events of this reason about the site.
fn events(stage: &Stage, namespace: &str, reason: &str) -> Vec<String> {
    let all = stage.server.kubectl(&["get", "events.v1.events.k8s.io", "-n", namespace, "-o", "json"]).unwrap();
    let all: Value = serde_json::from_str(&all).unwrap();
    let ours = all["items"].as_array().unwrap().iter().filter(|event| event["reason"] == reason);
    ours.map(|event| event["note"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_stays_at_the_end_is_told_by_an_event() {
    let stage = stage();
    let operator = stage.run(&[]);
    operator.await_leader(30);
    prepare(&stage, "last");
    stage.apply(&site("last", "Delete"));
    stage.await_condition("last", "shop", "AllowlistSynced", "True/Synced", 40);
    // The word that the pods may be open is taken back.
    stage.apply(&site("last", "Delete").replace("isolation: Allow", "isolation: Refuse"));
    wait_until("kept", Duration::from_secs(10), || {
        stage.server.get("last", "networkpolicy", "leeward-shop").unwrap()["metadata"].get("ownerReferences").is_none()
    })
    .unwrap();
    stage.server.kubectl(&["delete", "porigin", "-n", "last", "shop", "--timeout=20s"]).unwrap();
    wait_until("told", Duration::from_secs(10), || !events(&stage, "last", "NotReleased").is_empty()).unwrap();
    assert_eq!(
        events(&stage, "last", "NotReleased"),
        [
            "left as it was written: pods: it is the last policy that isolates the pods of its podSelector: without it everybody \
             could connect. It is kept; delete it by hand, or set networkPolicy.isolation to Allow on the target"
        ]
    );
    assert!(stage.server.get("last", "networkpolicy", "leeward-shop").is_ok());
    // What can be given up goes whatever stays.
    assert_eq!(annotation(&stage, "last"), Value::Null);
}

#[test]
fn nothing_that_cannot_be_given_up_holds_a_resource() {
    let stage = stage();
    prepare(&stage, "stuck");
    let operator = stage.run(&[]);
    operator.await_leader(30);
    stage.apply(&site("stuck", "Delete"));
    stage.await_condition("stuck", "shop", "AllowlistSynced", "True/Synced", 40);

    // Writes are permitted no more: what was written stays, and the resource does not wait for anybody.
    stage.server.kubectl(&["label", "namespace", "stuck", "leeward.dev/enforce-"]).unwrap();
    wait_until("no finalizer", Duration::from_secs(15), || finalizers(&stage, "stuck").is_null()).unwrap();
    stage.server.kubectl(&["delete", "porigin", "-n", "stuck", "shop", "--timeout=20s"]).unwrap();
    assert_eq!(annotation(&stage, "stuck"), "198.51.100.0/24");

    // Neither does one that asks for nothing, or is suspended, or whose Ingress is gone.
    stage.server.kubectl(&["label", "namespace", "stuck", "leeward.dev/enforce=allowed"]).unwrap();
    stage.apply(&site("stuck", "Delete"));
    wait_until("the finalizer", Duration::from_secs(30), || finalizers(&stage, "stuck").is_array()).unwrap();
    stage.apply(&site("stuck", "Delete").replace("spec:\n", "spec:\n  suspend: true\n"));
    std::thread::sleep(Duration::from_secs(2));
    stage.server.kubectl(&["delete", "porigin", "-n", "stuck", "shop", "--timeout=20s"]).unwrap();
    assert_eq!(annotation(&stage, "stuck"), "198.51.100.0/24");

    stage.apply(&site("stuck", "Delete"));
    wait_until("the finalizer", Duration::from_secs(30), || finalizers(&stage, "stuck").is_array()).unwrap();
    stage.server.kubectl(&["delete", "ingress", "-n", "stuck", "web"]).unwrap();
    stage.server.kubectl(&["delete", "porigin", "-n", "stuck", "shop", "--timeout=20s"]).unwrap();
    drop(operator);
}

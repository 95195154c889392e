//! Enforce, as users see it: what is written, what happens on the way, and what is left alone.

use crate::stage::{Stage, condition, origin, stage};
use serde_json::Value;
use std::time::Duration;

const KEY: &str = "nginx.ingress.kubernetes.io/whitelist-source-range";

fn network(name: &str, cidrs: &str) -> String {
    format!(
        "apiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork\nmetadata: {{name: {name}}}\nspec:\n  source: {{type: Inline, inline: {{cidrs: [{cidrs}]}}}}\n  refreshSeconds: 10\n"
    )
}

fn ingress(namespace: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: web, namespace: {namespace}}}\nspec:\n  defaultBackend: {{service: {{name: web, port: {{number: 80}}}}}}\n"
    )
}

fn enforced(namespace: &str, network: &str, mode: &str) -> String {
    let targets = format!(
        "  allowlist:\n    mode: {mode}\n    targets:\n    - {{name: pods, type: NetworkPolicy, networkPolicy: {{podSelector: {{matchLabels: {{app: web}}}}, ports: [80], isolation: Allow}}}}\n    - {{name: web, type: IngressAnnotation, ingressAnnotation: {{name: web, preset: IngressNginx}}}}\n"
    );
    origin(namespace, "shop", &targets).replace(
        "url: 'http://shop.example.com/'",
        &format!("url: 'http://shop.example.com/', networkRef: {{name: {network}}}"),
    )
}

fn annotation(stage: &Stage, namespace: &str) -> Value {
    stage.server.get(namespace, "ingress", "web").unwrap()["metadata"]["annotations"][KEY].clone()
}

fn sources(stage: &Stage, namespace: &str) -> Vec<String> {
    let policy = stage.server.get(namespace, "networkpolicy", "leeward-shop").unwrap();
    let mut found: Vec<String> = policy["spec"]["ingress"][0]["from"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["ipBlock"]["cidr"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    found
}

#[test]
fn enforce_writes_follows_the_list_and_says_what_the_write_did() {
    let stage = stage();
    stage.namespace("keep", "leeward.dev/enforce: allowed", "");
    stage.apply(&network("keep", "198.51.100.0/24"));
    stage.apply(&ingress("keep"));
    let operator = stage.run(&[]);
    operator.await_leader(30);
    stage.apply(&enforced("keep", "keep", "Enforce"));
    let object = stage.await_condition("keep", "shop", "AllowlistSynced", "True/Synced", 30);
    assert_eq!(sources(&stage, "keep"), ["198.51.100.0/24"]);
    assert_eq!(annotation(&stage, "keep"), "198.51.100.0/24");
    assert_eq!(object["status"]["allowlist"]["prefixes"], 1);
    let told = |wanted: &str| {
        lab::process::wait_until(wanted, Duration::from_mins(1), || {
            let found = stage.condition("keep", "shop", "AllowlistSynced").unwrap();
            found["message"].as_str().unwrap().contains(wanted)
        })
        .unwrap();
    };
    told("probed after the write: the site works");

    stage.apply(&network("keep", "198.51.100.0/24, 203.0.113.128/25"));
    lab::process::wait_until("following", Duration::from_secs(15), || sources(&stage, "keep").len() == 2).unwrap();
    assert_eq!(sources(&stage, "keep"), ["198.51.100.0/24", "203.0.113.128/25"]);
    stage.await_condition("keep", "shop", "AllowlistSynced", "True/Synced", 15);
    assert_eq!(annotation(&stage, "keep"), "198.51.100.0/24,203.0.113.128/25");

    // Somebody's edit of an owned object is repaired.
    let patch = r#"[{"op": "replace", "path": "/spec/ingress/0/from/0/ipBlock/cidr", "value": "192.0.2.0/24"}]"#;
    stage
        .server
        .kubectl(&["patch", "networkpolicy", "-n", "keep", "leeward-shop", "--type=json", "-p", patch])
        .unwrap();
    lab::process::wait_until("repaired", Duration::from_secs(10), || {
        sources(&stage, "keep") == ["198.51.100.0/24", "203.0.113.128/25"]
    })
    .unwrap();

    // While the effect of a write is not known nothing leaves; and whoever asks for no more writes keeps what stands.
    let plain = enforced("keep", "keep", "Enforce");
    stage.apply(&plain.replace("    targets:", "    extraCIDRs: [{cidr: 192.0.2.0/25, reason: office}]\n    targets:"));
    lab::process::wait_until("widened", Duration::from_secs(15), || sources(&stage, "keep").len() == 3).unwrap();
    stage.apply(&plain);
    told("pods: keeps 1 prefix (192.0.2.0/25) until the last write has been probed");
    stage.apply(&plain.replace("mode: Enforce", "mode: Observe"));
    let object = stage.await_condition("keep", "shop", "AllowlistSynced", "True/Observing", 15);
    for target in object["status"]["allowlist"]["targets"].as_array().unwrap() {
        assert_eq!(target["detail"], "written before and left as it is", "{target}");
    }
    assert_eq!(sources(&stage, "keep").len(), 3);
    stage.apply(&plain);
    lab::process::wait_until("narrowed", Duration::from_mins(2), || sources(&stage, "keep").len() == 2).unwrap();

    // Without the label nothing is written any more, and nothing is taken away.
    stage.server.kubectl(&["label", "namespace", "keep", "leeward.dev/enforce-"]).unwrap();
    stage.await_condition("keep", "shop", "AllowlistSynced", "False/EnforceNotPermitted", 15);
    stage.apply(&network("keep", "198.51.100.0/24, 203.0.113.128/25, 192.0.2.0/24"));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(sources(&stage, "keep").len(), 2);
    assert_eq!(condition(&stage.get("keep", "shop"), "OriginHealthy").unwrap()["reason"], "Healthy");

    // Orphan: the objects outlive the resource.
    stage.server.kubectl(&["delete", "porigin", "-n", "keep", "shop"]).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(sources(&stage, "keep").len(), 2);
    assert!(annotation(&stage, "keep").is_string());
}

#[test]
fn a_value_that_somebody_else_set_is_a_conflict_and_stays() {
    let stage = stage();
    stage.namespace("theirs", "leeward.dev/enforce: allowed", "");
    stage.apply(&network("theirs", "198.51.100.0/24"));
    stage.apply(
        &ingress("theirs")
            .replace("namespace: theirs}", &format!("namespace: theirs, annotations: {{{KEY}: 10.0.0.0/8}}}}")),
    );
    let operator = stage.run(&[]);
    operator.await_leader(30);
    stage.apply(&enforced("theirs", "theirs", "Enforce"));
    let object = stage.await_condition("theirs", "shop", "AllowlistSynced", "False/FieldConflict", 30);
    assert_eq!(annotation(&stage, "theirs"), "10.0.0.0/8");
    assert!(condition(&object, "Stalled").is_some());
    let target = |name: &str| {
        let list = object["status"]["allowlist"]["targets"].as_array().unwrap().clone();
        list.into_iter().find(|t| t["name"] == name).unwrap()
    };
    assert_eq!(target("web")["state"], "Conflict");
}

#[test]
fn plan_writes_nothing_but_status_and_observe_not_even_that() {
    let stage = stage();
    stage.namespace("plan", "leeward.dev/enforce: allowed", "");
    stage.apply(&network("plan", "198.51.100.0/24"));
    stage.apply(&ingress("plan"));
    let operator = stage.run(&[]);
    operator.await_leader(30);
    stage.apply(&enforced("plan", "plan", "Plan"));
    let object = stage.await_condition("plan", "shop", "AllowlistSynced", "True/PlanPending", 30);
    assert_eq!(object["status"]["allowlist"]["targets"][0]["state"], "Planned");
    stage.apply(&enforced("plan", "plan", "Observe"));
    let object = stage.await_condition("plan", "shop", "AllowlistSynced", "True/Observing", 15);
    assert_eq!(object["status"]["allowlist"]["targets"][0]["state"], "Unmanaged");
    assert!(stage.server.kubectl(&["get", "networkpolicy", "-n", "plan", "leeward-shop"]).is_err());
    assert_eq!(annotation(&stage, "plan"), Value::Null);
    assert!(operator.metric("leeward_api_writes_total", "kind=\"NetworkPolicy\"") < 0.5);
}

#[test]
fn a_list_that_shrinks_too_much_is_held_until_somebody_looks() {
    let stage = stage();
    stage.namespace("held", "leeward.dev/enforce: allowed", "");
    stage.apply(&network("held", "198.51.100.0/24, 203.0.113.0/24"));
    stage.apply(&ingress("held"));
    let operator = stage.run(&[]);
    operator.await_leader(30);
    stage.apply(&enforced("held", "held", "Enforce"));
    stage.await_condition("held", "shop", "AllowlistSynced", "True/Synced", 30);
    stage.apply(&network("held", "198.51.100.0/24"));
    stage.await_condition("held", "shop", "AllowlistSynced", "False/Quarantined", 20);
    assert_eq!(sources(&stage, "held").len(), 2);
    assert!(operator.metric("leeward_feed_fetched_timestamp_seconds", "network=\"held\"") > 1.0);
}

#[test]
fn a_network_of_another_installation_is_left_alone_and_a_missing_one_is_named() {
    let stage = stage();
    stage.namespace("names", "", "");
    stage.apply(&network("foreign", "198.51.100.0/24").replace("spec:\n", "spec:\n  controller: somebody-else\n"));
    let operator = stage.run(&[]);
    operator.await_leader(30);
    stage.apply(&enforced("names", "absent", "Observe"));
    let object = stage.await_condition("names", "shop", "Accepted", "False/ReferenceNotFound", 15);
    assert_eq!(
        condition(&object, "Accepted").unwrap()["message"],
        "ProxyNetwork absent does not exist: create it, or correct spec.proxy.networkRef"
    );
    stage.await_condition("names", "shop", "OriginHealthy", "True/Healthy", 20);
    stage.apply(&enforced("names", "absent", "Plan"));
    stage.await_condition("names", "shop", "AllowlistSynced", "False/SourceUnavailable", 15);
    stage.apply(&origin("names", "wide", "  allowlist: {extraCIDRs: [{cidr: 0.0.0.0/1, reason: all}]}\n"));
    let object = stage.await_condition("names", "wide", "Accepted", "False/InvalidTarget", 15);
    let message = condition(&object, "Accepted").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("spec.allowlist.extraCIDRs[0].cidr"), "{message}");
    let synced = condition(&object, "AllowlistSynced").unwrap();
    assert_eq!(synced["message"], "nothing is written while the resource is not accepted");
    // A bundle that is there and lacks the key.
    stage.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: ca, namespace: names}, data: {other: x}}");
    let bundle = "caBundle: {configMapRef: {name: ca, key: ca.crt}}, addresses: {";
    stage.apply(&origin("names", "trust", "").replace("addresses: {", bundle));
    let object = stage.await_condition("names", "trust", "Accepted", "False/ReferenceNotFound", 15);
    assert_eq!(
        condition(&object, "Accepted").unwrap()["message"],
        "ConfigMap ca has no key ca.crt: add it, or correct spec.origin.caBundle.configMapRef.key"
    );
    let foreign: Value =
        serde_json::from_str(&stage.server.kubectl(&["get", "pnet", "foreign", "-o", "json"]).unwrap()).unwrap();
    assert_eq!(foreign["status"]["observedGeneration"], -1, "{:#}", foreign["status"]);
}

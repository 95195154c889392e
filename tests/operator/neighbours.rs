//! Two ProtectedOrigins whose policies hold the same pods. One port is one entrance, and the older keeps it; on ports of their own
//! policies add up, and each lets its proxy in whatever becomes of the other. Where both go at once the pods stay closed.

use crate::stage::{SITE, Stage, condition, origin, stage};
use lab::process::wait_until;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const NAMESPACE: &str = "pair";

fn network(name: &str, cidrs: &str) -> String {
    format!(
        "{{apiVersion: leeward.dev/v1alpha1, kind: ProxyNetwork, metadata: {{name: {name}}}, spec: {{refreshSeconds: 10, removal: {{minMisses: 1}}, source: {{type: Inline, inline: {{cidrs: [{cidrs}]}}}}}}}}"
    )
}

/// Neither gives its word for isolation where `first` is false: the other's policy isolates the pods already.
fn site(name: &str, network: &str, deletion: &str, port: u16, first: bool) -> String {
    let isolation = if first { "Allow" } else { "Refuse" };
    let targets = format!(
        "  allowlist:\n    mode: Enforce\n    deletionPolicy: {deletion}\n    targets:\n    - {{name: pods, type: NetworkPolicy, networkPolicy: {{podSelector: {{matchLabels: {{app: web}}}}, ports: [{port}], isolation: {isolation}}}}}\n"
    );
    origin(NAMESPACE, name, &targets)
        .replace(&format!("url: 'http://{SITE}/'"), &format!("url: 'http://{SITE}/', networkRef: {{name: {network}}}"))
}

fn sources(stage: &Stage, name: &str) -> Option<BTreeSet<String>> {
    let policy = stage.server.get(NAMESPACE, "networkpolicy", &format!("leeward-{name}")).ok()?;
    let from = policy["spec"]["ingress"][0]["from"].as_array()?;
    Some(from.iter().map(|peer| peer["ipBlock"]["cidr"].as_str().unwrap().to_owned()).collect())
}

/// Whether the end of the origin takes the policy without a question.
fn owned(stage: &Stage, name: &str) -> bool {
    let policy = stage.server.get(NAMESPACE, "networkpolicy", &format!("leeward-{name}")).unwrap();
    policy["metadata"].get("ownerReferences").is_some()
}

/// Whether it lets in these and nobody else.
fn lets_in(stage: &Stage, name: &str, cidrs: &[&str]) -> bool {
    sources(stage, name).is_some_and(|found| found == cidrs.iter().map(|&cidr| cidr.to_owned()).collect())
}

fn until(stage: &Stage, name: &str, cidrs: &[&str]) {
    wait_until(&format!("{name} lets in {cidrs:?}"), Duration::from_secs(90), || lets_in(stage, name, cidrs))
        .unwrap_or_else(|e| panic!("{e}: {:?}\n{:#}", sources(stage, name), stage.get(NAMESPACE, name)["status"]));
}

#[test]
fn two_origins_on_the_same_pods_keep_each_others_proxies_in() {
    let stage = stage();
    stage.namespace(NAMESPACE, "leeward.dev/enforce: allowed", "");
    stage.apply("{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: pair, labels: {app: web}}, spec: {automountServiceAccountToken: false, containers: [{name: web, image: example}]}}");
    stage.apply(&network("pair-a", "198.51.100.0/24, 192.0.2.0/27"));
    stage.apply(&network("pair-b", "198.51.100.0/25, 203.0.113.128/25"));
    let operator = stage.run(&[]);
    operator.await_leader(30);

    // Who comes first isolates the pods and keeps the port.
    stage.apply(&site("first", "pair-a", "Orphan", 80, true));
    stage.await_condition(NAMESPACE, "first", "AllowlistSynced", "True/Synced", 60);
    stage.apply(&site("second", "pair-b", "Delete", 80, false));
    let object = stage.await_condition(NAMESPACE, "second", "AllowlistSynced", "False/SharedEntrance", 60);
    let said = condition(&object, "AllowlistSynced").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(said.contains("kept by ProtectedOrigin first") && said.contains("extraCIDRs"), "{said}");
    assert!(sources(&stage, "second").is_none());

    // On a port of its own the second isolates nobody that was not isolated, and need not ask.
    let second = site("second", "pair-b", "Delete", 8080, false);
    stage.apply(&second);
    stage.await_condition(NAMESPACE, "second", "AllowlistSynced", "True/Synced", 60);
    until(&stage, "first", &["198.51.100.0/24", "192.0.2.0/27"]);
    until(&stage, "second", &["198.51.100.0/25", "203.0.113.128/25"]);
    for name in ["first", "second"] {
        let status = stage.get(NAMESPACE, name)["status"].clone();
        assert!(
            !status["allowlist"]["open"].to_string().contains("NetworkPolicy"),
            "opens nothing of {name}: {status:#}"
        );
    }

    // Each follows its own list, in both directions, and the other's stays as it is.
    stage.apply(&network("pair-a", "198.51.100.0/24"));
    until(&stage, "first", &["198.51.100.0/24"]);
    stage.apply(&network("pair-b", "198.51.100.0/25, 203.0.113.128/25, 192.0.2.128/25"));
    until(&stage, "second", &["198.51.100.0/25", "203.0.113.128/25", "192.0.2.128/25"]);
    assert!(lets_in(&stage, "first", &["198.51.100.0/24"]));

    // The end of one with Delete takes its own policy and nothing else: the other still isolates and lets its proxy in.
    stage.server.kubectl(&["delete", "porigin", "-n", NAMESPACE, "second"]).unwrap();
    wait_until("removed", Duration::from_secs(30), || sources(&stage, "second").is_none()).unwrap();
    assert!(lets_in(&stage, "first", &["198.51.100.0/24"]));
    stage.await_condition(NAMESPACE, "first", "AllowlistSynced", "True/Synced", 30);

    // It comes again. Now the other one goes, and its orphan stays and goes on letting its proxy in.
    stage.apply(&second);
    stage.await_condition(NAMESPACE, "second", "AllowlistSynced", "True/Synced", 60);
    stage.server.kubectl(&["delete", "porigin", "-n", NAMESPACE, "first"]).unwrap();
    stage.apply(&network("pair-b", "198.51.100.0/25, 203.0.113.128/25, 192.0.2.128/25, 192.0.2.64/27"));
    until(&stage, "second", &["198.51.100.0/25", "203.0.113.128/25", "192.0.2.128/25", "192.0.2.64/27"]);
    assert!(lets_in(&stage, "first", &["198.51.100.0/24"]), "an orphan");

    // Both would go now, and neither may open the pods. Whatever order their ends have, one policy stays.
    stage.apply(&site("first", "pair-a", "Delete", 80, false));
    stage.await_condition(NAMESPACE, "first", "AllowlistSynced", "True/Synced", 60);
    for name in ["first", "second"] {
        wait_until("left to Leeward, not to the garbage collector", Duration::from_secs(30), || !owned(&stage, name))
            .unwrap();
    }
    stage.server.kubectl(&["delete", "porigin", "-n", NAMESPACE, "first", "second"]).unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        assert!(sources(&stage, "first").is_some() || sources(&stage, "second").is_some(), "the pods are open");
        std::thread::sleep(Duration::from_millis(200));
    }
    stage.server.kubectl(&["delete", "pod", "-n", NAMESPACE, "web-1", "--grace-period=0", "--force"]).unwrap();
    drop(operator);
}

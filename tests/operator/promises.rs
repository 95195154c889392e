//! Every write of every operator in these tests, held against the promises that none may break.

use crate::replay::{self, Beside};
use crate::stage::{Stage, origin, stage};
use std::time::Duration;

/// Holds all writes so far against the promises; how many there were.
pub fn judge(stage: &Stage) -> usize {
    let beside = Beside { canaries: &["lab-canary"], taken_back: &[crate::rollback::NAMESPACE] };
    replay::judge(&stage.server, &beside)
}

#[test]
fn a_life_from_the_first_write_to_the_last_keeps_every_promise() {
    let stage = stage();
    let before = judge(&stage);
    stage.namespace("life", "leeward.dev/enforce: allowed", "");
    let network = |cidrs: &str| {
        format!(
            "{{apiVersion: leeward.dev/v1alpha1, kind: ProxyNetwork, metadata: {{name: life}}, spec: {{refreshSeconds: 10, removal: {{minMisses: 1}}, source: {{type: Inline, inline: {{cidrs: [{cidrs}]}}}}}}}}"
        )
    };
    stage.apply(&network("198.51.100.0/24, 192.0.2.0/27"));
    stage.apply("{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, namespace: life}, spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}}");
    stage.apply("{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: life, labels: {app: web}}, spec: {automountServiceAccountToken: false, containers: [{name: web, image: example}]}}");
    let mut operator = stage.run(&[]);
    operator.await_leader(30);
    let targets = "  allowlist:\n    mode: Enforce\n    deletionPolicy: Delete\n    targets:\n    - {name: pods, type: NetworkPolicy, networkPolicy: {podSelector: {matchLabels: {app: web}}, ports: [80], isolation: Allow}}\n    - {name: web, type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginx}}\n";
    let site = origin("life", "shop", targets)
        .replace("url: 'http://shop.example.com/'", "url: 'http://shop.example.com/', networkRef: {name: life}");
    stage.apply(&site);
    stage.await_condition("life", "shop", "AllowlistSynced", "True/Synced", 60);
    let blocks = || {
        let policy = stage.server.get("life", "networkpolicy", "leeward-shop").unwrap();
        policy["spec"]["ingress"][0]["from"].as_array().unwrap().len()
    };
    stage.apply(&network("198.51.100.0/24, 192.0.2.0/27, 203.0.113.128/25"));
    lab::process::wait_until("widened", Duration::from_secs(30), || blocks() == 3).unwrap();
    stage.apply(&network("198.51.100.0/24, 203.0.113.128/25"));
    lab::process::wait_until("narrowed", Duration::from_mins(1), || blocks() == 2).unwrap();
    stage.server.kubectl(&["delete", "porigin", "-n", "life", "shop"]).unwrap();
    lab::process::wait_until("removed", Duration::from_secs(30), || {
        stage.server.kubectl(&["get", "networkpolicy", "-n", "life", "leeward-shop"]).is_err()
    })
    .unwrap();
    assert_eq!(operator.process.stop(Duration::from_secs(15)).unwrap(), 0);
    stage.server.kubectl(&["delete", "pod", "-n", "life", "web-1", "--grace-period=0", "--force"]).unwrap();
    let judged = judge(&stage) - before;
    assert!(judged >= 10, "only {judged} writes were judged");
}

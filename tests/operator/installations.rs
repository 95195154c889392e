//! Two installations with names of their own over the same namespaces: each leads, by a Lease of its own, and both keep the
//! same resources. Nothing parts them but --watch-namespace, so each says when it sees the other's hand.

use crate::stage::{SITE, origin, stage};
use lab::process::wait_until;
use std::time::Duration;

const NAMESPACE: &str = "both";
const SAID: &str = "somebody else wrote this status: where another installation of Leeward watches this namespace, give each its own with --watch-namespace (another --name does not part them)";
/// The rights on the Lease are by its name.
const LEASE: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: second, namespace: leeward-system}
rules:
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create, get, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: second, namespace: leeward-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: second}
subjects: [{kind: ServiceAccount, name: leeward, namespace: leeward-system}]
";

#[test]
fn two_installations_over_one_namespace_say_so_and_shut_nobody_out() {
    let stage = stage();
    stage.namespace(NAMESPACE, "leeward.dev/enforce: allowed", "");
    stage.apply(LEASE);
    let network = |cidrs: &str| {
        format!(
            "{{apiVersion: leeward.dev/v1alpha1, kind: ProxyNetwork, metadata: {{name: both}}, spec: {{refreshSeconds: 10, source: {{type: Inline, inline: {{cidrs: [{cidrs}]}}}}}}}}"
        )
    };
    stage.apply(&network("198.51.100.0/24"));
    let first = stage.run(&[]);
    first.await_leader(30);
    let targets = "  allowlist:\n    mode: Enforce\n    targets:\n    - {name: pods, type: NetworkPolicy, networkPolicy: {podSelector: {matchLabels: {app: web}}, ports: [80], isolation: Allow}}\n";
    let site = origin(NAMESPACE, "shop", targets)
        .replace(&format!("url: 'http://{SITE}/'"), &format!("url: 'http://{SITE}/', networkRef: {{name: both}}"));
    stage.apply(&site);
    stage.await_condition(NAMESPACE, "shop", "AllowlistSynced", "True/Synced", 30);
    stage.await_condition(NAMESPACE, "shop", "OriginHealthy", "True/Healthy", 30);

    // The second one may not dial what the first one may: they can never be of one mind.
    let denied = ["--name", "second", "--deny-target", "203.0.113.0/24"];
    let second = stage.run_in(&stage.standby.clone(), &denied);
    second.await_leader(30);
    assert!(first.leads(), "each has a Lease of its own");
    for (name, operator) in [("first", &first), ("second", &second)] {
        wait_until(name, Duration::from_mins(1), || operator.process.log().contains(SAID)).unwrap_or_else(|e| {
            panic!("{e}:\n{}\n{:#}", operator.process.log(), stage.get(NAMESPACE, "shop")["status"])
        });
    }
    let events = stage.server.kubectl(&["get", "events.v1.events.k8s.io", "-n", NAMESPACE, "-o", "json"]).unwrap();
    let events: serde_json::Value = serde_json::from_str(&events).unwrap();
    let told: Vec<_> =
        events["items"].as_array().unwrap().iter().filter(|event| event["reason"] == "StatusOverwritten").collect();
    // One of each, and none for every time.
    assert!((1..=2).contains(&told.len()), "{told:#?}");
    assert!(told.iter().all(|event| event["note"] == SAID && event["series"].is_null()), "{told:#?}");

    // The list goes on to be followed, and whoever writes it keeps the promises.
    stage.apply(&network("198.51.100.0/24, 192.0.2.0/27"));
    wait_until("widened", Duration::from_mins(1), || {
        let policy = stage.server.get(NAMESPACE, "networkpolicy", "leeward-shop").unwrap();
        policy["spec"]["ingress"][0]["from"].as_array().is_some_and(|from| from.len() == 2)
    })
    .unwrap_or_else(|e| panic!("{e}:\n{}", first.process.log()));

    // Alone again, it has the last word.
    drop(second);
    stage.await_condition(NAMESPACE, "shop", "OriginHealthy", "True/Healthy", 60);
    for kind in ["rolebinding/second", "role/second"] {
        stage.server.kubectl(&["delete", "-n", "leeward-system", kind]).unwrap();
    }
}

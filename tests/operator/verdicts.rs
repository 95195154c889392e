//! A resource's life: first status, verdict, change, event.

use crate::stage::{condition, origin, stage};
use std::time::{Duration, Instant};

#[test]
fn a_site_is_diagnosed_and_each_change_of_the_cause_is_one_event() {
    let stage = stage();
    stage.namespace("life", "", "leeward.dev/allowed-hosts: shop.example.com");
    let operator = stage.run(&[]);
    operator.await_leader(30);

    let listed = "  origin: {type: Addresses, scheme: HTTP, addresses: {ips: [203.0.113.10]}, vantages: [{name: cluster, access: Listed}]}\n";
    let manifest = origin("life", "shop", "")
        .replace("  origin: {type: Addresses, scheme: HTTP, addresses: {ips: [203.0.113.10]}}\n", listed);
    stage.apply(&manifest);
    let start = Instant::now();
    let mut first = None;
    while first.is_none() && start.elapsed() < Duration::from_secs(5) {
        first = condition(&stage.get("life", "shop"), "Ready");
    }
    let first = first.expect("a first status within five seconds");
    assert!(start.elapsed() < Duration::from_secs(3), "the first status took {:?}", start.elapsed());
    assert_ne!(first["status"], "Unknown");

    let object = stage.await_condition("life", "shop", "OriginHealthy", "True/Healthy", 15);
    assert_eq!(condition(&object, "Ready").unwrap()["reason"], "Ready");
    assert_eq!(condition(&object, "Accepted").unwrap()["reason"], "Accepted");
    assert_eq!(condition(&object, "AllowlistSynced").unwrap()["reason"], "Observing");
    assert_eq!(object["status"]["origin"], "203.0.113.10:80");
    assert_eq!(condition(&object, "Reconciling"), None);
    assert_eq!(stage.events("life", "shop"), Vec::<String>::new(), "a first verdict of Healthy is no event");

    // What was edited just before is told, and is no proof.
    stage.apply("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: life}, spec: {podSelector: {}}}\n");
    stage.block_proxy();
    let object = stage.await_condition("life", "shop", "OriginHealthy", "False/ProxyBlocked", 60);
    let diagnosis = &object["status"]["diagnosis"];
    assert_eq!((&diagnosis["cause"], &diagnosis["confidence"]), (&"ProxyBlocked".into(), &"Medium".into()));
    let summary = diagnosis["summary"].as_str().unwrap();
    assert!(summary.contains("It began within a minute after NetworkPolicy life/deny was changed."), "{summary}");
    assert_eq!(condition(&object, "Ready").unwrap()["status"], "True", "readyWhen is Converged");
    stage.allow_proxy();
    stage.await_condition("life", "shop", "OriginHealthy", "True/Healthy", 60);
    assert_eq!(stage.events("life", "shop"), ["ProxyBlocked", "Healthy"]);
}

#[test]
fn a_spec_that_asks_something_else_waits_for_a_new_verdict_and_keeps_the_old_one_meanwhile() {
    let stage = stage();
    stage.namespace("other", "", "");
    let operator = stage.run(&[]);
    operator.await_leader(30);
    stage.apply(&origin("other", "shop", ""));
    stage.await_condition("other", "shop", "Ready", "True/Ready", 15);

    stage.apply(&origin("other", "shop", "  expect: {statuses: ['204']}\n"));
    let object = stage.await_condition("other", "shop", "OriginHealthy", "False/UnexpectedResponse", 30);
    assert_eq!(object["status"]["observedGeneration"], object["metadata"]["generation"]);

    // A change of something else keeps the verdict: Ready never falls.
    stage.apply(&origin("other", "shop", "  expect: {statuses: ['204']}\n  readyWhen: OriginHealthy\n"));
    let object = stage.await_condition("other", "shop", "Ready", "False/UnexpectedResponse", 15);
    assert_eq!(condition(&object, "Reconciling"), None);
}

#[test]
fn somebody_asks_for_a_round_and_is_answered() {
    let stage = stage();
    stage.namespace("asked", "", "");
    let operator = stage.run(&[]);
    operator.await_leader(30);
    stage.apply(&origin("asked", "shop", "").replace("periodSeconds: 10", "periodSeconds: 3600"));
    stage.await_condition("asked", "shop", "Ready", "True/Ready", 15);
    stage
        .server
        .kubectl(&["annotate", "-n", "asked", "protectedorigin", "shop", "leeward.dev/requested-at=first"])
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while stage.get("asked", "shop")["status"]["lastHandledRequest"] != "first" {
        assert!(Instant::now() < deadline, "not answered:\n{:#}", stage.get("asked", "shop")["status"]);
    }
}

#[test]
fn what_is_forbidden_is_said_in_the_same_words_whatever_it_was() {
    let stage = stage();
    stage.namespace("guard", "", "");
    let operator = stage.run(&[]);
    operator.await_leader(30);
    let at = |name: &str, ip: &str| {
        origin("guard", name, "")
            .replace("http://shop.example.com/", &format!("http://{ip}/"))
            .replace("203.0.113.10", ip)
    };
    let mut messages = Vec::new();
    for (name, ip) in [("loopback", "127.0.0.1"), ("metadata", "169.254.169.254"), ("private", "10.1.2.3")] {
        stage.apply(&at(name, ip));
        let object = stage.await_condition("guard", name, "Accepted", "False/TargetForbidden", 15);
        assert_eq!(condition(&object, "OriginHealthy").unwrap()["reason"], "TargetForbidden");
        assert!(condition(&object, "Stalled").is_some());
        messages.push(condition(&object, "Accepted").unwrap()["message"].clone());
    }
    // Saying that this vantage is listed needs the namespace's permission.
    stage.apply(&origin("guard", "listed", "").replace(
        "addresses: {ips: [203.0.113.10]}",
        "addresses: {ips: [203.0.113.10]}, vantages: [{name: cluster, access: Listed}]",
    ));
    let object = stage.await_condition("guard", "listed", "Accepted", "False/TargetForbidden", 15);
    messages.push(condition(&object, "Accepted").unwrap()["message"].clone());
    messages.dedup();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(operator.metric("leeward_guard_denied_total", "rule=\"Loopback\"") >= 1.0);
    stage.namespace("guard", "", "leeward.dev/allowed-hosts: '*.example.com'");
    stage.await_condition("guard", "listed", "OriginHealthy", "True/Healthy", 20);
}

#[test]
fn a_suspended_resource_is_ready_and_is_left_alone() {
    let stage = stage();
    stage.namespace("rest", "", "");
    let operator = stage.run(&[]);
    operator.await_leader(30);
    stage.apply(&origin("rest", "shop", "  suspend: true\n"));
    let object = stage.await_condition("rest", "shop", "Ready", "True/Suspended", 10);
    assert_eq!(condition(&object, "OriginHealthy").unwrap()["reason"], "Suspended");
    assert!(operator.metric("leeward_probes_total", "") < 0.5);
    stage.apply(&origin("rest", "shop", "  suspend: false\n"));
    stage.await_condition("rest", "shop", "OriginHealthy", "True/Healthy", 15);
}

#[test]
fn only_watched_namespaces_are_looked_after() {
    let stage = stage();
    for namespace in ["mine", "yours"] {
        stage.namespace(namespace, "", "");
        stage.apply(&origin(namespace, "shop", ""));
    }
    let operator = stage.run(&["--watch-namespace", "mine"]);
    operator.await_leader(30);
    stage.await_condition("mine", "shop", "Ready", "True/Ready", 20);
    assert_eq!(stage.get("yours", "shop")["status"]["observedGeneration"], -1);
}

#[test]
fn the_control_target_tells_a_blind_vantage_from_sites_that_are_down() {
    let stage = stage();
    stage.namespace("blind", "", "");
    // Nobody lives there: the control target is silent, and so is the site.
    let operator = stage.run(&["--control", "http://192.0.2.99/"]);
    operator.await_leader(30);
    stage.apply(&origin("blind", "shop", ""));
    // Any success in the round shows a sane vantage.
    stage.await_condition("blind", "shop", "OriginHealthy", "True/Healthy", 30);
    stage.operator.firewall(&["tcp sport 80 drop", "udp sport 53 drop"]).unwrap();
    let object = stage.await_condition("blind", "shop", "OriginHealthy", "Unknown/VantageFault", 60);
    assert_eq!(condition(&object, "Ready").unwrap()["status"], "True", "it takes no verdict away");
    stage.operator.firewall(&[]).unwrap();
    stage.await_condition("blind", "shop", "OriginHealthy", "True/Healthy", 60);
}

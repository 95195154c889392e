//! Restarts, an API server that is away, replicas that die, objects that nobody can read.

use crate::stage::{condition, origin, stage};
use std::time::{Duration, Instant};

#[test]
fn a_restart_keeps_the_verdict_and_writes_nothing() {
    let stage = stage();
    stage.namespace("again", "", "");
    stage.apply(&origin("again", "well", ""));
    stage.apply(&origin("again", "ill", "  expect: {statuses: ['204']}\n"));
    let mut operator = stage.run(&[]);
    operator.await_leader(30);
    stage.await_condition("again", "well", "OriginHealthy", "True/Healthy", 20);
    stage.await_condition("again", "ill", "OriginHealthy", "False/UnexpectedResponse", 30);
    std::thread::sleep(Duration::from_secs(15));
    let versions = || {
        stage
            .server
            .kubectl(&["get", "porigin", "-n", "again", "-o", "jsonpath={.items[*].metadata.resourceVersion}"])
            .unwrap()
    };
    let before = (versions(), stage.events("again", "ill"));
    assert_eq!(operator.process.stop(Duration::from_secs(15)).unwrap(), 0, "{}", operator.process.log());
    let lease = stage.server.get("leeward-system", "lease", "leeward").unwrap();
    assert_eq!(lease["spec"]["holderIdentity"].as_str().unwrap_or_default(), "", "the lease is given back");

    let operator = stage.run(&[]);
    let start = Instant::now();
    operator.await_leader(30);
    println!("leading again after {:?}", start.elapsed());
    std::thread::sleep(Duration::from_secs(40));
    assert_eq!((versions(), stage.events("again", "ill")), before, "{:#}", stage.get("again", "ill")["status"]);
}

#[test]
fn while_the_api_server_is_away_probing_goes_on_and_what_changed_is_told_after() {
    let mut stage = stage();
    stage.namespace("away", "", "");
    stage.apply(&origin("away", "shop", ""));
    let operator = stage.run(&[]);
    operator.await_leader(30);
    stage.await_condition("away", "shop", "OriginHealthy", "True/Healthy", 20);
    let before = operator.metric("leeward_probes_total", "");
    stage.server.stop_api_server();
    stage.origin.stop();
    // A whole minute, and probing is seen in its last third as well: it does not end with the lease.
    std::thread::sleep(Duration::from_secs(40));
    let middle = operator.metric("leeward_probes_total", "");
    std::thread::sleep(Duration::from_secs(20));
    assert!(operator.ask("/livez").is_some_and(|(code, _)| code == 200));
    assert!(operator.ask("/readyz").is_some_and(|(code, _)| code == 200));
    let after = operator.metric("leeward_probes_total", "");
    println!("{} probes while the API server was away", after - before);
    assert!(middle > before && after > middle, "probing stopped: {before}, {middle}, {after}");
    stage.server.restart_api_server().unwrap();
    let start = Instant::now();
    stage.await_condition("away", "shop", "OriginHealthy", "False/OriginRefused", 40);
    println!("told {:?} after the API server came back", start.elapsed());
    assert_eq!(stage.events("away", "shop"), ["OriginRefused"]);
}

#[test]
fn of_two_replicas_one_leads_and_the_other_takes_over() {
    let stage = stage();
    stage.namespace("two", "", "");
    stage.apply(&origin("two", "shop", ""));
    let mut first = stage.run(&[]);
    first.await_leader(30);
    let second = stage.run_in(&stage.standby.clone(), &[]);
    lab::process::wait_until("ready", Duration::from_secs(30), || second.ask("/readyz").is_some_and(|(c, _)| c == 200))
        .unwrap();
    stage.await_condition("two", "shop", "OriginHealthy", "True/Healthy", 20);
    assert!(first.leads() && !second.leads());
    assert!(second.metric("leeward_probes_total", "") < 0.5, "a standby probes");
    assert!(second.metric("leeward_api_writes_total", "") < 0.5, "a standby writes");
    let version = stage.get("two", "shop")["metadata"]["resourceVersion"].clone();

    first.process.kill();
    let killed = Instant::now();
    second.await_leader(20);
    println!("taken over {:?} after the leader was killed (lease of 5 s)", killed.elapsed());
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(stage.get("two", "shop")["metadata"]["resourceVersion"], version, "the new leader changed its mind");

    // And back, gracefully.
    let third = stage.run(&[]);
    lab::process::wait_until("ready", Duration::from_secs(30), || third.ask("/readyz").is_some_and(|(c, _)| c == 200))
        .unwrap();
    let mut second = second;
    assert_eq!(second.process.stop(Duration::from_secs(15)).unwrap(), 0);
    let stopped = Instant::now();
    third.await_leader(5);
    println!("taken over {:?} after the leader gave the lease back", stopped.elapsed());
    // A refusal is evidence for a vantage that the address has answered before.
    std::thread::sleep(Duration::from_secs(12));
    stage.origin_host.firewall(&["tcp dport 80 reject with tcp reset"]).unwrap();
    stage.await_condition("two", "shop", "OriginHealthy", "False/OriginRefused", 60);
}

#[test]
fn a_resource_that_cannot_be_read_is_told_so_and_stalls_nobody() {
    let stage = stage();
    stage.namespace("odd", "", "");
    // A schema of tomorrow lets in what today's types do not know.
    let readiness = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/readyWhen/enum/-";
    let patch = format!(r#"[{{"op": "add", "path": "{readiness}", "value": "Tomorrow"}}]"#);
    stage.server.kubectl(&["patch", "crd", "protectedorigins.leeward.dev", "--type=json", "-p", &patch]).unwrap();
    let operator = stage.run(&[]);
    operator.await_leader(30);
    stage.apply(&origin("odd", "before", ""));
    let odd = origin("odd", "odd", "  readyWhen: Tomorrow\n");
    lab::process::wait_until("taken", Duration::from_secs(15), || stage.server.apply(&odd).is_ok()).unwrap();
    stage.apply(&origin("odd", "after", ""));
    for name in ["before", "after"] {
        stage.await_condition("odd", name, "OriginHealthy", "True/Healthy", 20);
    }
    let object = stage.await_condition("odd", "odd", "Accepted", "False/InvalidTarget", 15);
    let message = condition(&object, "Accepted").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("the resource cannot be read (") && message.contains("Tomorrow"), "{message}");
    assert!(message.ends_with("): correct it, or update Leeward and its CRDs together"), "{message}");
    assert!(condition(&object, "Stalled").is_some());
    stage.server.kubectl(&["delete", "-n", "odd", "protectedorigin", "odd"]).unwrap();
    stage.install();
}

#[test]
fn a_start_without_crds_or_rights_waits_and_says_what_is_missing() {
    let stage = stage();
    stage.server.kubectl(&["delete", "crd", "protectedorigins.leeward.dev", "proxynetworks.leeward.dev"]).unwrap();
    stage.server.kubectl(&["delete", "clusterrolebinding", "leeward"]).unwrap();
    let counted = stage.server.audit_events().unwrap().len();
    let mut operator = stage.run(&[]);
    std::thread::sleep(Duration::from_secs(5));
    assert!(operator.process.is_running(), "{}", operator.process.log());
    assert!(operator.ask("/livez").is_some_and(|(code, _)| code == 200));
    assert!(operator.ask("/readyz").is_some_and(|(code, _)| code == 503));
    let log = operator.process.log();
    assert!(log.contains("list protectedorigins.leeward.dev") || log.contains("does not exist"), "{log}");
    let asked = stage.server.audit_events().unwrap()[counted..]
        .iter()
        .filter(|e| e["user"]["username"] == "system:serviceaccount:leeward-system:leeward")
        .count();
    assert!(asked <= 3, "{asked} questions in five seconds of waiting");
    stage.install();
    lab::process::wait_until("ready", Duration::from_mins(1), || {
        operator.ask("/readyz").is_some_and(|(c, _)| c == 200)
    })
    .unwrap();
    assert_eq!(operator.process.stop(Duration::from_secs(15)).unwrap(), 0);
}

#[test]
fn a_start_without_an_api_server_or_with_a_bad_flag_fails_in_one_line() {
    let stage = stage();
    let kubeconfig = stage.operator.folder().unwrap().join("nowhere");
    let text = stage.server.service_account_kubeconfig("leeward-system", "leeward").unwrap();
    std::fs::write(&kubeconfig, text.replace(&format!(":{}", stage.server.port()), ":1")).unwrap();
    let mut operator = stage.run_with(&stage.operator.clone(), &kubeconfig, &[]);
    assert_eq!(operator.process.wait(Duration::from_secs(20)).unwrap(), 1);
    let said = operator.process.log();
    let last = said.lines().rfind(|l| !l.is_empty()).unwrap_or_default().to_owned();
    assert!(last.contains("no API server at https://127.0.0.1:1"), "{said}");

    let mut operator = stage.run(&["--allow-target", "10.0.0.1/8"]);
    assert_ne!(operator.process.wait(Duration::from_secs(20)).unwrap(), 0);
    assert!(operator.process.log().contains("--allow-target"));
}

//! At rest nothing is written.

use crate::stage::{SITES, further, stage};
use std::fmt::Write as _;
use std::time::Duration;

const PERIODS: u64 = 20;
const PERIOD: u64 = 10;

#[test]
fn fifty_resources_cause_no_write_in_twenty_periods() {
    let stage = stage();
    stage.namespace("quiet", "", "");
    let mut all = String::new();
    for i in 0..SITES {
        let _ = writeln!(all, "---\n{}", further("quiet", i));
    }
    stage.apply(&all);
    let operator = stage.run(&[]);
    operator.await_leader(30);
    for i in 0..SITES {
        stage.await_condition("quiet", &format!("site-{i}"), "Ready", "True/Ready", 120);
    }
    // A first verdict may still grow surer in its first rounds.
    std::thread::sleep(Duration::from_secs(6 * PERIOD));
    let version = || {
        stage
            .server
            .kubectl(&["get", "porigin", "-n", "quiet", "-o", "jsonpath={.items[*].metadata.resourceVersion}"])
            .unwrap()
    };
    let events = || stage.server.kubectl(&["get", "events.v1.events.k8s.io", "-A", "-o", "name"]).unwrap();
    let writes = |kind: &str| operator.metric("leeward_api_writes_total", &format!("kind=\"{kind}\""));
    let audited = || {
        let log = stage.server.audit_events().unwrap();
        log.iter().filter(|e| is_write(e) && e["objectRef"]["resource"] != "leases").count()
    };
    let before = (version(), events(), writes("ProtectedOrigin"), writes("Event"), writes("Other"), audited());
    let (rounds, leases) = (operator.metric("leeward_probes_total", ""), writes("Lease"));

    std::thread::sleep(Duration::from_secs(PERIODS * PERIOD));

    let after = (version(), events(), writes("ProtectedOrigin"), writes("Event"), writes("Other"), audited());
    assert_eq!(after, before, "something was written while nothing changed");
    let probed = operator.metric("leeward_probes_total", "") - rounds;
    let expected = f64::from(u32::from(SITES) * 20 * 2);
    assert!(probed > expected * 0.5, "only {probed} probes in {PERIODS} periods of {SITES} resources");
    let leases = writes("Lease") - leases;
    println!("{probed} probes, 0 writes, {leases} renewals of the lease in {} s", PERIODS * PERIOD);
}

fn is_write(event: &serde_json::Value) -> bool {
    let own = event["user"]["username"] == "system:serviceaccount:leeward-system:leeward";
    own && ["create", "update", "patch", "delete"].iter().any(|verb| event["verb"] == *verb)
}

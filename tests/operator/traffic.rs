//! Counters of load: what a profile measures decides the cause, and a metrics server that is down holds up nothing.

use crate::stage::{ORIGIN, origin, stage};
use lab::process::wait_until;
use lab::servers::prometheus::Series;
use lab::servers::{Fault, FaultServer, Prometheus};
use std::fs;
use std::time::Duration;

const SERIES: &str = "
- {name: throttled_total, labels: {namespace: load}, shape: {counter: {perSecond: 8}}}
- {name: periods_total, labels: {namespace: load}, shape: {counter: {perSecond: 10}}}
";
const PROFILES: &str = r#"
profiles:
  cpu:
    cpuThrottledRatio: sum(rate(throttled_total{namespace="$namespace"}[$window])) / sum(rate(periods_total{namespace="$namespace"}[$window]))
"#;

fn listed(profile: &str) -> String {
    let more = format!("  traffic: {{profile: {profile}}}\n");
    origin("load", profile, &more).replace(
        &format!("addresses: {{ips: [{ORIGIN}]}}"),
        &format!("addresses: {{ips: [{ORIGIN}]}}, vantages: [{{name: cluster, access: Listed}}]"),
    )
}

#[test]
fn a_profile_tells_an_overloaded_origin_from_a_slow_one_and_an_unknown_one_is_said() {
    let mut stage = stage();
    stage.namespace("load", "", "leeward.dev/allowed-hosts: shop.example.com");
    let metrics = stage.operator.at(9090);
    let series: Vec<Series> = serde_saphyr::from_str(SERIES).unwrap();
    let prometheus = Prometheus::start(&stage.operator, metrics, &series, &[]).unwrap();
    let file = stage.operator.folder().unwrap().join("profiles.yaml");
    fs::write(&file, PROFILES).unwrap();
    let url = format!("http://{metrics}");
    let flags = ["--prometheus-url", &url, "--traffic-profiles", file.to_str().unwrap()];
    let operator = stage.run(&flags);
    operator.await_leader(30);

    stage.origin.stop();
    // Its workers end a moment after it.
    wait_until("free", Duration::from_secs(5), || !stage.origin_host.listens_on(80)).unwrap();
    let hanging = FaultServer::start(&stage.origin_host, stage.origin_host.at(80), Fault::Hang).unwrap();
    stage.apply(&listed("cpu"));
    let object = stage.await_condition("load", "cpu", "OriginHealthy", "False/OriginOverloaded", 60);
    assert_eq!(object["status"]["diagnosis"]["confidence"], "High", "{:#}", object["status"]);
    stage.server.kubectl(&["delete", "porigin", "-n", "load", "cpu"]).unwrap();

    // A profile that nobody wrote is unknown, and the verdict comes all the same.
    stage.apply(&listed("missing"));
    let object = stage.await_condition("load", "missing", "OriginHealthy", "False/OriginTimeout", 60);
    let evidence = object["status"]["diagnosis"]["evidence"].as_array().unwrap();
    let said = evidence.iter().any(|e| e["observation"] == "Traffic" && e["result"] == "Unavailable");
    assert!(said, "{evidence:#?}");
    stage.server.kubectl(&["delete", "porigin", "-n", "load", "missing"]).unwrap();

    // Neither does a server that went away hold anything up.
    drop(prometheus);
    stage.apply(&listed("cpu"));
    stage.await_condition("load", "cpu", "OriginHealthy", "False/OriginTimeout", 60);
    drop(hanging);
}

#[test]
fn queries_of_a_resource_are_asked_only_where_the_administrator_allows_them() {
    let mut stage = stage();
    stage.namespace("load", "", "leeward.dev/allowed-hosts: shop.example.com");
    let metrics = stage.operator.at(9090);
    let series: Vec<Series> = serde_saphyr::from_str(SERIES).unwrap();
    let _prometheus = Prometheus::start(&stage.operator, metrics, &series, &[]).unwrap();
    let file = stage.operator.folder().unwrap().join("profiles.yaml");
    fs::write(&file, PROFILES).unwrap();
    let url = format!("http://{metrics}");
    stage.origin.stop();
    wait_until("free", Duration::from_secs(5), || !stage.origin_host.listens_on(80)).unwrap();
    let _hanging = FaultServer::start(&stage.origin_host, stage.origin_host.at(80), Fault::Hang).unwrap();
    let own = |query: &str| {
        listed("own").replace("{profile: own}", &format!("{{queries: {{cpuThrottledRatio: '{query}'}}}}"))
    };
    let ratio = "sum(rate(throttled_total{namespace=\"$namespace\"}[$window])) / sum(rate(periods_total[$window]))";

    let operator = stage.run(&["--prometheus-url", &url, "--traffic-profiles", file.to_str().unwrap()]);
    operator.await_leader(30);
    stage.apply(&own(ratio));
    let object = stage.await_condition("load", "own", "OriginHealthy", "False/OriginTimeout", 60);
    let evidence = object["status"]["diagnosis"]["evidence"].to_string();
    assert!(evidence.contains("without --allow-user-promql"), "{evidence}");
    drop(operator);

    let operator = stage.run(&["--prometheus-url", &url, "--allow-user-promql"]);
    operator.await_leader(30);
    stage.await_condition("load", "own", "OriginHealthy", "False/OriginOverloaded", 90);
    stage.apply(&own("rate($service[5m])"));
    let object = stage.await_condition("load", "own", "Accepted", "False/InvalidTarget", 30);
    let conditions = object["status"]["conditions"].to_string();
    assert!(
        conditions.contains("spec.traffic.queries.cpuThrottledRatio has $service outside of a string"),
        "{conditions}"
    );
    drop(operator);
}

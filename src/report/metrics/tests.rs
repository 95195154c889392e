//! What `/metrics` says, and how much of it one origin can cause.

use super::*;
use crate::api::Access;
use crate::evidence::probe::Timings;
use crate::evidence::{Link, Variant};
use jiff::Timestamp;

fn probe(observation: Observation) -> Probe {
    Probe {
        alert: None,
        observation,
        variant: Variant::Plain,
        vantage: "cluster".into(),
        access: Access::Unknown,
        address: None,
        outcome: Outcome::OK,
        phase: None,
        fault: None,
        timings: Timings {
            dns_ms: Some(1),
            connect_ms: Some(2),
            tls_ms: Some(3),
            first_byte_ms: Some(4),
            body_ms: Some(5),
            total_ms: 15,
        },
        response: None,
        certificate: None,
        tcp: None,
        id: "x".into(),
        at: Timestamp::UNIX_EPOCH,
    }
}

fn lines_of(metrics: &Metrics, origin: &str) -> Vec<String> {
    let needle = format!("name=\"{origin}\"");
    metrics.text().unwrap().lines().filter(|l| l.contains(&needle)).map(str::to_owned).collect()
}

fn quality() -> Quality {
    let link = Link { samples: 60, rtt_median_us: 25_000, jitter_us: Some(1_500), ..Link::default() };
    Quality { lost: Some((0.05, 0.21)), link: Some(link) }
}

#[test]
fn the_way_itself_is_shown_in_seconds_and_shares_and_not_at_all_while_nothing_is_known() {
    let metrics = Metrics::new();
    metrics.round("shop", "web", 5, [Quality::default(), quality()]);
    let shown = || lines_of(&metrics, "web").into_iter().filter(|l| l.contains("_link_")).collect::<Vec<_>>();
    let mut lines = shown();
    lines.sort();
    let labels = r#"{namespace="shop",name="web",path="Direct"}"#;
    let wanted = [
        ("jitter_seconds", "0.0015"),
        ("loss_lower_ratio", "0.05"),
        ("loss_upper_ratio", "0.21"),
        ("rtt_seconds", "0.025"),
    ];
    assert_eq!(lines, wanted.map(|(name, value)| format!("leeward_origin_link_{name}{labels} {value}")));
    metrics.round("shop", "web", 6, [Quality::default(); 2]);
    assert_eq!(shown(), Vec::<String>::new());
}

#[test]
fn an_origin_has_at_most_24_series_whatever_happens_to_it() {
    let metrics = Metrics::new();
    for observation in [Observation::ViaProxy, Observation::ViaProxyLong, Observation::Direct, Observation::InCluster] {
        metrics.probed("shop", "web", &probe(observation));
    }
    metrics.round("shop", "web", 5, [quality(), quality()]);
    metrics.prefixes("shop", "web", 22);
    for cause in [Cause::Healthy, Cause::ProxyBlocked, Cause::OriginRefused] {
        metrics.verdict("shop", "web", cause, Some(cause == Cause::Healthy));
    }
    let lines = lines_of(&metrics, "web");
    assert_eq!(lines.len(), SERIES_PER_ORIGIN, "{lines:#?}");
    const { assert!(SERIES_PER_ORIGIN <= 24) };
    assert!(
        lines.contains(&r#"leeward_origin_verdict{namespace="shop",name="web",cause="OriginRefused"} 1"#.to_owned())
    );
    assert!(lines.contains(&r#"leeward_origin_healthy{namespace="shop",name="web"} 0"#.to_owned()));
}

#[test]
fn the_series_of_an_origin_go_away_with_it() {
    let metrics = Metrics::new();
    metrics.probed("shop", "web", &probe(Observation::ViaProxy));
    metrics.verdict("shop", "web", Cause::Healthy, Some(true));
    metrics.round("shop", "web", 5, [quality(), quality()]);
    metrics.prefixes("shop", "web", 22);
    metrics.forget("shop", "web");
    assert_eq!(lines_of(&metrics, "web"), Vec::<String>::new());
}

#[test]
fn probes_through_the_proxy_are_counted_with_their_failures_from_the_first_one_on() {
    let metrics = Metrics::new();
    metrics.probed("shop", "web", &probe(Observation::ViaProxy));
    metrics.probed("shop", "web", &probe(Observation::Direct));
    let unavailable = Probe { outcome: Outcome::Unavailable, ..probe(Observation::ViaProxy) };
    metrics.probed("shop", "web", &unavailable);
    let counts = || lines_of(&metrics, "web").into_iter().filter(|l| l.contains("_probe")).collect::<Vec<_>>();
    assert_eq!(
        counts(),
        [
            r#"leeward_origin_probes_total{namespace="shop",name="web"} 1"#,
            r#"leeward_origin_probe_failures_total{namespace="shop",name="web"} 0"#,
        ]
    );
    metrics.probed("shop", "web", &Probe { outcome: Outcome::TimedOut, ..probe(Observation::ViaProxy) });
    assert!(counts().iter().any(|l| l.ends_with("failures_total{namespace=\"shop\",name=\"web\"} 1")));
}

#[test]
fn nobody_can_say_is_no_number() {
    let metrics = Metrics::new();
    metrics.verdict("shop", "web", Cause::Healthy, Some(true));
    metrics.verdict("shop", "web", Cause::Inconclusive, None);
    let lines = lines_of(&metrics, "web");
    assert_eq!(lines, [r#"leeward_origin_verdict{namespace="shop",name="web",cause="Inconclusive"} 1"#]);
}

#[test]
fn counters_and_the_build_are_there_by_their_names() {
    let metrics = Metrics::new();
    metrics.denied("deny-set");
    metrics.series().writes.get_or_create(&families::Labels(Write { kind: "Lease", verb: "update" })).inc();
    metrics.lag(Duration::from_millis(20));
    let text = metrics.text().unwrap();
    for wanted in [
        r#"leeward_guard_denied_total{rule="deny-set"} 1"#,
        r#"leeward_api_writes_total{kind="Lease",verb="update"} 1"#,
        "leeward_schedule_lag_seconds_bucket",
        "leeward_leader 0",
        "leeward_build_info{version=",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
}

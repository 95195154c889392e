//! What `/metrics` says, and how much of it one origin can cause.

mod catalogue;

use super::*;
use crate::api::status::Scope;
use crate::api::{Access, Cause, Confidence, Pattern};
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

fn verdict(cause: Cause, healthy: Option<bool>) -> Verdict {
    Verdict {
        healthy,
        cause,
        confidence: Confidence::High,
        pattern: Pattern::Steady,
        scope: Scope::default(),
        summary: String::new(),
        evidence: Vec::new(),
        contributing: Vec::new(),
        alternatives: Vec::new(),
        risks: vec![Cause::OriginCertExpiring, Cause::OriginExposed],
        next_observation: None,
        remedy: None,
    }
}

/// Everything that can be said of one origin that is looked at.
fn fill(metrics: &Metrics) {
    for observation in [Observation::ViaProxy, Observation::ViaProxyLong, Observation::Direct, Observation::InCluster] {
        metrics.probed("shop", "web", &probe(observation));
    }
    metrics.round("shop", "web", 5, [quality(), quality()]);
    metrics.prefixes("shop", "web", 22);
    metrics.accepted("shop", "web", Truth::True, Reason::Accepted);
    for (truth, reason) in [(Truth::True, Reason::Synced), (Truth::False, Reason::RolledBack)] {
        metrics.synced("shop", "web", Mode::Enforce, truth, reason);
    }
    for cause in [Cause::Healthy, Cause::ProxyBlocked, Cause::OriginRefused] {
        metrics.verdict("shop", "web", &verdict(cause, Some(cause == Cause::Healthy)));
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
    fill(&metrics);
    let lines = lines_of(&metrics, "web");
    assert_eq!(lines.len(), SERIES_PER_ORIGIN, "{lines:#?}");
    const { assert!(SERIES_PER_ORIGIN <= 24) };
    for wanted in [
        r#"leeward_origin_verdict{namespace="shop",name="web",cause="OriginRefused",confidence="High"} 1"#,
        r#"leeward_origin_risks{namespace="shop",name="web",risks="OriginCertExpiring,OriginExposed"} 2"#,
        r#"leeward_allowlist_synced{namespace="shop",name="web",mode="Enforce",reason="RolledBack"} 0"#,
        r#"leeward_origin_healthy{namespace="shop",name="web"} 0"#,
    ] {
        assert!(lines.contains(&wanted.to_owned()), "{wanted} is not in {lines:#?}");
    }
}

#[test]
fn one_that_is_rejected_is_shown_although_nobody_looks_at_it() {
    let metrics = Metrics::new();
    fill(&metrics);
    metrics.forget("shop", "web");
    metrics.accepted("shop", "web", Truth::False, Reason::InvalidTarget);
    let lines = lines_of(&metrics, "web");
    assert_eq!(lines.len(), 3, "{lines:#?}");
    let wanted = r#"leeward_origin_rejected{namespace="shop",name="web",reason="InvalidTarget"} 1"#;
    assert!(lines.contains(&wanted.to_owned()), "{lines:#?}");
    // A missing ProxyNetwork stops the allowlist, not the probes.
    metrics.accepted("shop", "web", Truth::False, Reason::ReferenceNotFound);
    assert_eq!(lines_of(&metrics, "web").len(), 2);
}

#[test]
fn the_series_of_an_origin_go_away_with_it() {
    let metrics = Metrics::new();
    fill(&metrics);
    metrics.forget("shop", "web");
    metrics.gone("shop", "web");
    assert_eq!(lines_of(&metrics, "web"), Vec::<String>::new());
}

fn condition(kind: &str, status: &str, reason: &str) -> Condition {
    let time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH);
    Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: String::new(),
        last_transition_time: time,
        observed_generation: None,
    }
}

#[test]
fn a_network_shows_its_newest_conditions_and_reasons_that_are_known() {
    let metrics = Metrics::new();
    let shown = || -> Vec<String> {
        let text = metrics.text().unwrap();
        let mut lines: Vec<String> =
            text.lines().filter(|l| l.starts_with("leeward_network_condition{")).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    metrics.network("cdn", &[condition("Fetched", "True", "Fetched"), condition("Plausible", "True", "Plausible")]);
    metrics.network("cdn", &[condition("Fetched", "True", "Fetched"), condition("Plausible", "False", "Loss")]);
    assert_eq!(
        shown(),
        [
            r#"leeward_network_condition{network="cdn",condition="Fetched",reason="Fetched"} 1"#,
            r#"leeward_network_condition{network="cdn",condition="Plausible",reason="Loss"} 0"#,
        ]
    );
    metrics.network("cdn", &[condition("Fetched", "True", "of another release")]);
    assert_eq!(shown(), Vec::<String>::new());
}

#[test]
fn who_does_not_lead_shows_nothing_of_origins_and_networks() {
    let metrics = Metrics::new();
    fill(&metrics);
    metrics.network("cdn", &[condition("Fetched", "True", "Fetched")]);
    metrics.series().feed_fetched.get_or_create(&Labels::network("cdn")).set(5);
    metrics.series().frozen.set(1);
    metrics.rest();
    assert_eq!(lines_of(&metrics, "web"), Vec::<String>::new());
    let text = metrics.text().unwrap();
    assert!(!text.contains("network=\"") && text.contains("leeward_verdicts_frozen 0"), "{text}");
    assert!(text.contains("leeward_probes_total{"), "what this process did stays counted");
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
    metrics.verdict("shop", "web", &verdict(Cause::Healthy, Some(true)));
    let unsure = Verdict { risks: Vec::new(), confidence: Confidence::Low, ..verdict(Cause::Inconclusive, None) };
    metrics.verdict("shop", "web", &unsure);
    let lines = lines_of(&metrics, "web");
    assert_eq!(
        lines,
        [r#"leeward_origin_verdict{namespace="shop",name="web",cause="Inconclusive",confidence="Low"} 1"#]
    );
}

#[test]
fn counters_and_the_build_are_there_by_their_names() {
    let metrics = Metrics::new();
    metrics.denied("deny-set");
    metrics.series().writes.get_or_create(&Labels(Write { kind: Written::Lease, verb: Verb::Update })).inc();
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

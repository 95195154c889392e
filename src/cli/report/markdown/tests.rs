//! A ticket with everything that one can hold, as a support desk reads it.

use super::super::bundle::Report;
use super::*;
use crate::api::status::{EvidenceItem, Scope};
use crate::api::{Cause, Confidence, Outcome, Pattern, Phase, Provider};
use crate::cli::diagnose::Answer;
use crate::diagnose::Verdict;
use crate::evidence::Link;
use crate::evidence::probe::{Fault, Timings};
use crate::observe::route::Hop;

const AT: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn row(observation: Observation, variant: Variant, access: Access) -> Row {
    let timings = Timings { dns_ms: Some(1), connect_ms: Some(2), tls_ms: Some(3), total_ms: 6, ..Timings::default() };
    let request = Request {
        at: AT,
        id: "p-1".to_owned(),
        result: Outcome::TimedOut,
        phase: Some(Phase::FirstByte),
        fault: Some(Fault::Deadline),
        status_code: Some(504),
        timings,
        retransmits: Some(2),
    };
    Row {
        observation,
        variant,
        vantage: "local".to_owned(),
        access,
        address: Some("203.0.113.10:443".parse().unwrap()),
        samples: 4,
        failures: 3,
        measured: 4,
        lossy: 1,
        link: None,
        last: request,
        last_failure: None,
    }
}

fn evidence() -> Vec<EvidenceItem> {
    serde_json::from_value(serde_json::json!([
        {"observation": "ViaProxy", "vantage": "local", "address": "198.51.100.10:443", "result": "UnexpectedStatus",
         "statusCode": 504, "detail": "after about 10 s"},
        {"observation": "DNS", "vantage": "local", "result": "OK"},
    ]))
    .unwrap()
}

fn bundle() -> Bundle {
    let verdict = Verdict {
        healthy: Some(false),
        cause: Cause::ProxyBlocked,
        confidence: Confidence::Medium,
        pattern: Pattern::Steady,
        scope: Scope::default(),
        summary: "The proxy is kept out.".to_owned(),
        evidence: evidence(),
        contributing: Vec::new(),
        alternatives: vec![Cause::ProxyOriginMisconfigured],
        risks: Vec::new(),
        next_observation: Some("Look at the firewall's counters.".to_owned()),
        remedy: None,
    };
    let link = Link {
        samples: 4,
        rtt_min_us: 900,
        rtt_median_us: 1200,
        rtt_p95_us: 9000,
        jitter_us: Some(300),
        baseline_us: Some(1000),
        baseline_mad_us: None,
    };
    Bundle {
        api_version: "leeward.dev/v1alpha1",
        kind: "Report",
        origin: "shop/shop".to_owned(),
        site: "shop.example.com:443".to_owned(),
        provider: Provider::Generic,
        created: AT,
        period: Some((AT, AT)),
        diagnosis: Answer::new("shop/shop", &verdict),
        edge_addresses: BTreeSet::from(["198.51.100.10".parse().unwrap()]),
        origin_addresses: BTreeSet::new(),
        paths: vec![
            row(Observation::ViaProxy, Variant::Plain, Access::Unknown),
            row(Observation::ViaProxy, Variant::Bypass, Access::Unknown),
            row(Observation::ViaProxyLong, Variant::Bypass, Access::Unknown),
            Row { link: Some(link), ..row(Observation::Direct, Variant::Bypass, Access::Listed) },
            row(Observation::Direct, Variant::Bypass, Access::Unlisted),
            row(Observation::InCluster, Variant::Bypass, Access::Unknown),
        ],
        routes: vec![
            route(true, None),
            route(false, None),
            route(false, Some("this process may not open such a socket".to_owned())),
        ],
        visitors: None,
        to_add: vec!["the request id of a failing answer".to_owned()],
        to_ask: vec!["what the edge logged".to_owned()],
    }
}

fn route(reached: bool, unavailable: Option<String>) -> Route {
    let routers = BTreeSet::from(["192.0.2.1".parse().unwrap()]);
    let hop = Hop { distance: 1, routers, sent: 3, answered: 2, min_rtt_us: Some(1500), last: false };
    Route { address: "203.0.113.10".parse().unwrap(), at: AT, hops: vec![hop], reached, unavailable }
}

#[test]
fn a_ticket_holds_what_support_asks_for() {
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    insta::assert_snapshot!(render(&bundle(), &zone));
}

#[test]
fn visitors_are_listed_with_what_they_share() {
    let report = |pop: Option<&str>| Report {
        address: "192.0.2.7".parse().unwrap(),
        at: AT,
        status_code: Some(502),
        edge: Some("198.51.100.10".parse().unwrap()),
        pop: pop.map(str::to_owned),
    };
    let kinds = [Trait::Family, Trait::Prefix, Trait::Edge, Trait::Pop, Trait::Status, Trait::Window, Trait::Hash];
    let shared = kinds.map(|kind| Shared { kind, value: "it".to_owned(), sharing: 4, of: 5 });
    let visitors = Visitors { reports: vec![report(Some("FRA"))], shared: shared.into() };
    let alone = Visitors { reports: vec![report(None); MOST_LISTED + 2], shared: Vec::new() };
    let said = |visitors: &Visitors| {
        let mut out = String::new();
        visitors_part(&mut out, visitors, &TimeZone::UTC);
        out
    };
    insta::assert_snapshot!(said(&visitors));
    let alone = said(&alone);
    assert!(alone.contains("\nNothing that is known of them is shared by four in five.\n"), "{alone}");
    assert!(alone.ends_with("\nAnd 2 more; -o json lists them all.\n"), "{alone}");
}

//! Plain health is told without the chain, and never otherwise than the chain tells it.

use super::build::*;
use super::properties::{any_case, fact, saw};
use crate::api::status::Scope;
use crate::api::{Access, Cause, Confidence, Observation, Outcome, Pattern};
use crate::diagnose::{Ledger, Verdict, diagnose, plainly_healthy};
use crate::evidence::fact::{Arrived, Level, PolicyVerdict, Resource, Route, Trend, Variation};
use crate::evidence::probe::CertVerdict;
use crate::evidence::{Case, Fact, Health, Probe, Variant};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;

/// The whole promise: all of a verdict but its evidence lines.
fn promised(verdict: &Verdict) -> Verdict {
    Verdict {
        healthy: Some(true),
        cause: Cause::Healthy,
        confidence: Confidence::High,
        pattern: Pattern::Steady,
        scope: Scope::default(),
        summary: "Visitors get the expected answer through the proxy.".to_owned(),
        evidence: verdict.evidence.clone(),
        contributing: Vec::new(),
        alternatives: Vec::new(),
        risks: Vec::new(),
        next_observation: None,
        remedy: None,
    }
}

/// What a path at rest shows.
fn well() -> impl Strategy<Value = Saw> {
    prop_oneof![
        6 => Just(ok()),
        2 => Just(ok().marked(true)),
        2 => Just(ok().cert(CertVerdict::Valid)),
        1 => Just(ok().cert_days_left(3)),
        1 => Just(ok().cached()),
        1 => Just(ok().redirects()),
        1 => Just(guarded()),
    ]
}

/// A route to the origin's Service, for its host or for another one.
fn route(serves: bool) -> Fact {
    let object = format!("Ingress shop/{}", if serves { "web" } else { "other" });
    Fact::Route(Route { object, leads_to_origin: true, serves, hosts: Vec::new(), certificate: None })
}

fn guarded() -> Saw {
    let mut saw = status(403);
    saw.0.outcome = Outcome::Guarded;
    saw
}

/// Facts that mean no harm.
fn calm() -> impl Strategy<Value = Vec<Fact>> {
    select(vec![
        Build::new().dns("a", Outcome::OK, &[EDGE]),
        Build::new().dns("a", Outcome::OK, &[EDGE, EDGE_2]).dns("b", Outcome::OK, &[EDGE]),
        Build::new().dns("b", Outcome::Unavailable, &[]),
        Build::new().dns("ns1", Outcome::OK, &[EDGE]).by_authority("192.0.2.54"),
        Build::new().origin_dns("a", Outcome::OK),
        Build::new().control(Outcome::OK),
        Build::new().ping(20),
        Build::new().endpoints(2, 2),
        Build::new().policy(PolicyVerdict::AdmitsAll, 0, 22),
        Build::new().policy(PolicyVerdict::Undefined, 0, 22),
        Build::new().allowlist("Ingress shop/web", 0, 22),
        Build::new().arrival(Arrived::Delivered),
        Build::new().resource(Resource::Cpu, Level::Spare),
        Build::new().traffic(Trend::Usual),
        Build::new().contrast((0, 60), (0, 60)),
        Build::new().visitors(0),
        Build::new().replay(Variation::LargePath, ok()),
        Build::new().replay_proxied(Variation::LargePath, ok()),
        Build::new().pods(vec![running(ORIGIN)]),
        Build::new().fact(route(true)),
        Build::new().fact(route(false)),
    ])
    .prop_map(|build| build.case.facts)
}

/// A case at rest, in which now and then one thing is not as it should be.
fn resting() -> impl Strategy<Value = Case> {
    let odd = |chance| proptest::option::weighted(chance, saw());
    let paths = (
        proptest::collection::vec((select(vec![EDGE, EDGE_2, "2001:db8::1"]), well(), odd(0.03), any::<bool>()), 1..4),
        proptest::collection::vec((select(vec![ORIGIN, ORIGIN_2, "10.0.0.5"]), well(), odd(0.1), 0_u8..5), 0..3),
        proptest::bool::weighted(0.1),
    );
    let facts = (proptest::collection::vec(calm(), 0..4), proptest::option::weighted(0.1, fact()));
    (paths, facts, any::<bool>(), any::<bool>()).prop_map(|((edges, origins, wavers), (calm, odd), locked, inside)| {
        let mut build = Build::new();
        for (address, well, odd, plain) in edges {
            build = build.proxy_at(address, well.clone());
            if plain {
                build = build.plain(well);
            }
            if let Some(odd) = odd {
                build = build.proxy_at(address, odd);
            }
        }
        for (number, (address, well, odd, kind)) in origins.into_iter().enumerate() {
            let saw = odd.unwrap_or(well);
            build = match kind {
                0 => build.inside(address, saw),
                1 => build.direct(address, Access::Listed, saw),
                // A door that is closed to strangers, as it was before.
                2 => build.direct(address, Access::Unlisted, no_connection()),
                3 => build.direct(address, Access::Unknown, refused()).answered(if number == 0 { 48 } else { 2 }),
                _ => build.direct(address, Access::Unlisted, saw).with(|t| t.content_matches = 1 + t.samples / 2),
            };
        }
        if wavers {
            build = build.with(|t| t.pattern = Pattern::Intermittent);
        }
        let mut case = build.case;
        case.facts = calm.into_iter().flatten().chain(odd.into_iter().flatten()).collect();
        case.subject.lockdown =
            if locked { crate::api::spec::Lockdown::Required } else { crate::api::spec::Lockdown::NotRequired };
        if inside {
            case.subject.cluster_addresses = vec![ip("10.0.0.5")];
            case.subject.edge = vec!["198.51.100.0/24".parse().unwrap()];
        }
        case
    })
}

/// Runs cases through both, and counts: cases, those told without the chain, and those that the chain calls plain as well.
fn compare(strategy: impl Strategy<Value = Case>, cases: u32) -> (u32, u32, u32) {
    let (plain, healthy) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    runner
        .run(&strategy, |case| {
            let verdict = diagnose(&case);
            if plainly_healthy(&case) {
                plain.set(plain.get() + 1);
                prop_assert_eq!(&verdict, &promised(&verdict));
                prop_assert!(verdict.is_plainly_healthy());
            }
            if verdict.is_plainly_healthy() {
                healthy.set(healthy.get() + 1);
            }
            Ok(())
        })
        .unwrap();
    (cases, plain.get(), healthy.get())
}

#[test]
fn what_is_told_without_the_chain_is_what_the_chain_tells() {
    let (cases, plain, healthy) = compare(resting(), 4000);
    assert!(plain * 4 >= cases, "only {plain} of {cases} cases at rest were told without the chain");
    assert!(plain * 2 >= healthy, "of {healthy} that the chain calls plainly healthy only {plain} were told so");
    assert!(plain < healthy && healthy < cases, "nothing was ever in doubt: {plain}, {healthy}, {cases}");
}

#[test]
fn and_so_it_is_for_any_case() {
    compare(any_case(), 4000);
}

#[test]
fn one_thing_amiss_is_enough_to_ask_the_chain() {
    let rest = || {
        Build::new()
            .proxy(ok())
            .plain(ok().cached())
            .proxy_at(EDGE_2, ok())
            .direct(ORIGIN, Access::Unlisted, ok().cert(CertVerdict::Valid))
            .direct(ORIGIN_2, Access::Unlisted, no_connection())
            .dns("a", Outcome::OK, &[EDGE, EDGE_2])
            .control(Outcome::OK)
    };
    assert!(plainly_healthy(&rest().case));
    let amiss: Vec<(&str, Build)> = vec![
        ("an edge fails", rest().proxy_at("198.51.100.3", status(502))),
        ("a path wavers", rest().with(|t| t.pattern = Pattern::Flapping)),
        ("a first failure", rest().proxy_at("198.51.100.3", status(502)).with(|t| t.health = Health::OK)),
        ("a certificate ends soon", rest().direct("203.0.113.12", Access::Listed, ok().cert_days_left(13))),
        ("the origin is exposed", rest().unlisted(ok()).with(|t| t.content_matches = 2)),
        ("the door was open an hour ago", rest().direct(ORIGIN_2, Access::Unlisted, refused()).answered(1)),
        ("a listed vantage is kept out", rest().listed(refused())),
        ("the name leads to the origin", rest().dns("b", Outcome::OK, &[ORIGIN])),
        ("a resolver fails", rest().dns("b", Outcome::ServFail, &[])),
        ("visitors report failures", rest().visitors(1)),
        ("a list lacks prefixes", rest().allowlist("Ingress shop/web", 1, 22)),
        ("only caches answer", Build::new().proxy(ok().cached())),
        ("nothing was probed", Build::new().control(Outcome::OK)),
    ];
    for (what, build) in amiss {
        assert!(!plainly_healthy(&build.case), "{what}");
    }
}

/// One probe of a round that a history takes in.
fn probe() -> impl Strategy<Value = Probe> {
    let saw = prop_oneof![8 => well(), 1 => saw()];
    let way = select(vec![
        (Observation::ViaProxy, Variant::Bypass, EDGE),
        (Observation::ViaProxy, Variant::Bypass, EDGE_2),
        (Observation::ViaProxy, Variant::Plain, EDGE),
        (Observation::Direct, Variant::Bypass, ORIGIN),
        (Observation::InCluster, Variant::Bypass, "10.0.0.5"),
    ]);
    (saw, way, select(vec![Access::Listed, Access::Unlisted])).prop_map(
        |(saw, (observation, variant, address), access)| {
            let address = Some((ip(address), 443).into());
            Probe { observation, variant, access, address, ..saw.0 }
        },
    )
}

#[test]
fn a_history_tells_the_same_as_the_case_that_it_makes() {
    let rounds = proptest::collection::vec((proptest::collection::vec(probe(), 1..6), calm()), 1..16);
    let plain = Cell::new(0_u32);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(500) });
    runner
        .run(&(rounds, any::<bool>(), calm()), |(rounds, standing, extra)| {
            let mut ledger = if standing { Ledger::seeded(Health::Unknown) } else { Ledger::new() };
            let subject = Build::new().case.subject;
            for (number, (mut probes, facts)) in (0..).zip(rounds) {
                let at = now() + SignedDuration::from_secs(30 * number);
                for probe in &mut probes {
                    probe.at = at;
                }
                ledger.record(probes, facts, true, at);
                let told = ledger.plainly_healthy(&subject, &subject.origin_addresses, &extra, at);
                let case = ledger.case(subject.clone(), extra.clone(), at);
                prop_assert_eq!(told, plainly_healthy(&case));
                plain.set(plain.get() + u32::from(told));
            }
            Ok(())
        })
        .unwrap();
    assert!(plain.get() > 500, "only {} rounds were at rest", plain.get());
}

//! How each fact reads, for every value that it may have.

use super::*;
use crate::diagnose::tests::build::Build;
use crate::evidence::fact::{EdgeReason, Level, Measure, Resource, Trend, Why};
use strum::IntoEnumIterator;

/// The last fact of the case, as a row of the evidence.
fn said(build: &Build) -> String {
    let item = of_fact(build.case.facts.last().unwrap());
    format!("{} {}: {}\n", item.observation, item.result, item.detail.unwrap_or_default())
}

#[test]
fn counters_and_records_are_told_in_words() {
    let mut text = String::new();
    for trend in [Trend::Usual, Trend::Together, Trend::OriginAlone] {
        let mut build = Build::new().traffic(trend);
        if let Some(Fact::Traffic(fact)) = build.case.facts.last_mut() {
            fact.percent_of_usual = Some(120);
        }
        text.push_str(&said(&build));
    }
    for resource in [
        Resource::Cpu,
        Resource::Memory,
        Resource::Workers,
        Resource::Uplink,
        Resource::ListenQueue,
        Resource::SynQueue,
        Resource::SynCookies,
        Resource::Conntrack,
    ] {
        for level in [Level::Saturated, Level::Spare] {
            let mut build = Build::new().resource(resource, level);
            if let Some(Fact::Saturation(fact)) = build.case.facts.last_mut() {
                fact.value = Some(97);
            }
            text.push_str(&said(&build));
        }
    }
    for measure in [
        Measure::Traffic,
        Measure::Cpu,
        Measure::Memory,
        Measure::Workers,
        Measure::Uplink,
        Measure::ListenQueue,
        Measure::SynQueue,
        Measure::SynCookies,
        Measure::Conntrack,
        Measure::Limits,
        Measure::LoadContrast,
        Measure::Everything,
    ] {
        text.push_str(&said(&Build::new().unmeasured(measure, Why::NoData)));
    }
    for why in [
        Why::NoProfile,
        Why::NotAllowed,
        Why::NoServer,
        Why::NoService,
        Why::UnsafeName,
        Why::Unreachable,
        Why::TimedOut,
        Why::Refused,
        Why::Malformed,
        Why::NoData,
        Why::ManySeries,
        Why::NotANumber,
        Why::ShortBaseline,
    ] {
        text.push_str(&said(&Build::new().unmeasured(Measure::Everything, why)));
    }
    text.push_str(&said(&Build::new().limits(7)));
    text.push_str(&said(&Build::new().contrast((1, 20), (9, 20))));
    for reason in EdgeReason::iter() {
        text.push_str(&said(&Build::new().recorded(None, Some(502), Some(reason))));
    }
    text.push_str(&said(&Build::new().recorded(None, Some(0), None)));
    text.push_str(&said(&Build::new().visitors(3)));
    for arrived in [Arrived::Blocked, Arrived::Delivered, Arrived::Nothing, Arrived::Limited, Arrived::Exhausted] {
        text.push_str(&said(&Build::new().arrival(arrived)));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn routes_held_connections_and_changes_are_told_in_words() {
    let route = |certificate: Option<&str>| {
        let route = Route {
            object: "Ingress shop/web".to_owned(),
            leads_to_origin: true,
            serves: true,
            hosts: Vec::new(),
            certificate: certificate.map(str::to_owned),
        };
        said(&Build::new().fact(Fact::Route(route)))
    };
    assert_eq!(route(None), "Route OK: serves every host; no certificate of its own for the site's host\n");
    assert_eq!(route(Some("web-tls")), "Route OK: serves every host; certificate of Secret web-tls\n");
    let held = |outcome| {
        let mut build = Build::new().closes_idle(5);
        if let Some(Fact::Idle(fact)) = build.case.facts.last_mut() {
            fact.outcome = outcome;
        }
        said(&build)
    };
    assert_eq!(held(Outcome::ClosedEarly), "Direct ClosedEarly: an idle connection was closed within 5 s\n");
    assert_eq!(held(Outcome::OK), "Direct OK: an idle connection was still open after 5 s\n");
    assert_eq!(held(Outcome::Unavailable), "Direct Unavailable: the origin keeps no idle connection\n");
    let at = "2026-03-01T11:58:00Z".parse().unwrap();
    let change = crate::evidence::fact::Change {
        what: crate::evidence::fact::Changed::Policy,
        object: "NetworkPolicy shop/deny".to_owned(),
        at,
    };
    assert_eq!(said(&Build::new().fact(Fact::Change(change))), "Change OK: changed at 11:58:00 UTC\n");
}

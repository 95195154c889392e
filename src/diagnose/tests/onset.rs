//! Changes before a failure: when they are shown, and when they make a verdict surer.

use super::build::*;
use crate::api::{Cause, Confidence, Observation};
use crate::diagnose::Verdict;
use crate::evidence::Fact;
use crate::evidence::Onset;
use crate::evidence::fact::{Change, Changed, Route};
use Confidence::{High, Medium};
use jiff::SignedDuration;

fn before(seconds: i64) -> jiff::Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

impl Build {
    /// The last path began to fail so many seconds ago, and worked so many seconds before that.
    fn began(self, seconds: i64, gap: i64) -> Self {
        let onset = Onset { first_failure: before(seconds), last_success: before(seconds + gap) };
        self.with(|t| t.onset = Some(onset))
    }

    fn changed(self, what: Changed, object: &str, seconds: i64) -> Self {
        self.fact(Fact::Change(Change { what, object: object.to_owned(), at: before(seconds) }))
    }
}

/// An Ingress without the host, a 404 through the proxy, and a pod that answers: VhostMismatch, Medium.
fn unrouted() -> Build {
    Build::new().proxy(status(404)).began(100, 30).inside("10.0.0.5", ok()).fact(Fact::Route(Route {
        object: "Ingress shop/web".to_owned(),
        leads_to_origin: true,
        serves: false,
        hosts: vec!["old.example.com".to_owned()],
        certificate: None,
    }))
}

fn ingress(seconds: i64) -> Build {
    unrouted().changed(Changed::Route, "Ingress shop/web", seconds)
}

fn shows(verdict: &Verdict) -> bool {
    verdict.evidence.iter().any(|item| item.observation == Observation::Change)
}

pub const TABLES: &[super::words::Table] = super::words::tables![
    a_fitting_change_just_before_makes_it_sure,
    a_change_that_proves_nothing_is_only_shown,
    a_change_that_did_not_come_before_is_left_out,
    of_several_the_last_one_is_named,
    a_healthy_site_has_no_onset,
];

#[test]
fn a_fitting_change_just_before_makes_it_sure() {
    let plain = unrouted().verdict();
    assert_eq!((plain.cause, plain.confidence), (Cause::VhostMismatch, Medium), "{}", plain.summary);
    let verdict = ingress(110).verdict();
    assert_eq!((verdict.cause, verdict.confidence), (Cause::VhostMismatch, High), "{}", verdict.summary);
    assert!(
        verdict.summary.contains("It began within a minute after Ingress shop/web was changed."),
        "{}",
        verdict.summary
    );
    assert!(shows(&verdict) && verdict.alternatives.is_empty() && verdict.next_observation.is_none());
}

#[test]
fn a_change_that_proves_nothing_is_only_shown() {
    for (what, build) in [
        ("minutes before", ingress(100 + 300)),
        ("it worked after the change", ingress(100 + 80)),
        ("it is no mechanism of this cause", unrouted().changed(Changed::Service, "Service shop/web", 110)),
        ("a pod started as well", ingress(115).changed(Changed::Rollout, "Pod shop/web-1", 110)),
        (
            "a block that is only inferred",
            Build::new().proxy(status(504).after(10)).began(100, 30).listed(ok()).changed(
                Changed::Policy,
                "NetworkPolicy shop/deny",
                110,
            ),
        ),
    ] {
        let verdict = build.verdict();
        assert_eq!(verdict.confidence, Medium, "{what}: {}", verdict.summary);
        assert!(shows(&verdict) && verdict.summary.contains("It began "), "{what}: {}", verdict.summary);
    }
}

#[test]
fn a_change_that_did_not_come_before_is_left_out() {
    for (what, build) in [
        ("an hour before", ingress(3600)),
        ("afterwards", ingress(20)),
        ("nobody saw it begin", {
            let mut build = ingress(110);
            build.case.tracks.iter_mut().for_each(|track| track.onset = None);
            build
        }),
    ] {
        let verdict = build.verdict();
        assert_eq!((verdict.cause, verdict.confidence), (Cause::VhostMismatch, Medium), "{what}");
        assert!(!shows(&verdict) && !verdict.summary.contains("It began"), "{what}: {}", verdict.summary);
    }
}

#[test]
fn of_several_the_last_one_is_named() {
    let verdict = ingress(400).changed(Changed::Policy, "NetworkPolicy shop/web", 160).verdict();
    assert!(
        verdict.summary.contains("It began a minute after NetworkPolicy shop/web was changed."),
        "{}",
        verdict.summary
    );
}

#[test]
fn a_healthy_site_has_no_onset() {
    let verdict = Build::new().proxy(ok()).began(100, 30).changed(Changed::Route, "Ingress shop/web", 110).verdict();
    assert_eq!(verdict.cause, Cause::Healthy);
    assert!(!shows(&verdict));
}

//! Several vantages at one edge: who has a vote, and how it goes.

use super::build::*;
use crate::api::status::ScopeType;
use crate::api::{Cause, Confidence, Outcome};
use crate::evidence::Fact;
use crate::evidence::fact::Control;
use crate::evidence::probe::ProxyStatus;

fn from(vantage: &str, build: Build) -> Build {
    build.with(|track| {
        vantage.clone_into(&mut track.key.vantage);
        vantage.clone_into(&mut track.last.vantage);
    })
}

fn control(vantage: &str, outcome: Outcome) -> Fact {
    Fact::Control(Control { vantage: vantage.to_owned(), outcome })
}

pub const TABLES: &[super::words::Table] = super::words::tables![
    a_vantage_that_reaches_nothing_has_no_vote,
    what_a_minority_sees_is_partial_and_no_more_than_medium,
    a_fact_of_configuration_needs_no_majority,
];

#[test]
fn a_vantage_that_reaches_nothing_has_no_vote() {
    let outage = || from("away", Build::new().proxy(no_connection())).fact(control("away", Outcome::TimedOut));
    let verdict = outage().proxy(ok()).listed(ok()).verdict();
    assert_eq!((verdict.cause, verdict.healthy, verdict.confidence), (Cause::Healthy, Some(true), Confidence::High));
    // Alone it shows its own outage.
    let verdict = outage().verdict();
    assert_eq!((verdict.cause, verdict.healthy), (Cause::VantageFault, None));
    // With its control in reach, what it sees is the edge's.
    let seen = from("away", Build::new().proxy(no_connection())).fact(control("away", Outcome::OK));
    let verdict = seen.proxy(ok()).listed(ok()).verdict();
    assert_eq!((verdict.cause, verdict.healthy), (Cause::Inconclusive, None));
    assert!(verdict.summary.contains("Seen from away; it works from local."), "{}", verdict.summary);
}

#[test]
fn what_a_minority_sees_is_partial_and_no_more_than_medium() {
    let stopped = || Build::new().proxy(status(502).after(60)).listed(refused());
    let alone = stopped().verdict();
    assert_eq!(
        (alone.cause, alone.confidence, alone.scope.kind),
        (Cause::OriginRefused, Confidence::High, ScopeType::All)
    );

    let split = from("eu", stopped().proxy(ok())).verdict();
    assert_eq!((split.cause, split.healthy, split.confidence), (Cause::OriginRefused, Some(false), Confidence::Medium));
    assert_eq!((split.scope.kind, split.scope.edge_addresses.as_slice()), (ScopeType::Partial, &[EDGE.to_owned()][..]));
    assert!(split.summary.contains("Seen from local; it works from eu."), "{}", split.summary);
    assert!(split.next_observation.unwrap().contains("another network"));

    // Two of three are a majority.
    let most = from("us", from("eu", stopped().proxy(ok())).proxy(status(502).after(60))).verdict();
    assert_eq!((most.cause, most.confidence), (Cause::OriginRefused, Confidence::High));
    assert!(!most.summary.contains("it works from"), "{}", most.summary);
}

#[test]
fn a_fact_of_configuration_needs_no_majority() {
    let gap = Build::new().proxy(status(504).says(ProxyStatus::ConnectionTimeout).after(10)).listed(ok()).allowlist(
        "Service shop/shop",
        3,
        22,
    );
    let verdict = from("eu", gap.proxy(ok())).verdict();
    assert_eq!((verdict.cause, verdict.confidence), (Cause::AllowlistIncomplete, Confidence::High));
}

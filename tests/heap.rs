//! A healthy origin is judged without the heap. What it takes in time is measured by `make bench`, not here.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its evidence fails")]

use lab::heap::{Counting, counted};
use leeward::api::Cause;
use leeward::diagnose::{Ledger, diagnose, plainly_healthy};
use leeward::evidence::{Case, Health};

#[global_allocator]
static HEAP: Counting = Counting;

fn case(text: &str) -> Case {
    serde_json::from_str(text).unwrap()
}

/// Four edges with and without a cache, two origins, two resolvers, a control target, an allowlist.
fn at_rest() -> Case {
    case(include_str!("evidence/at-rest.json"))
}

#[test]
fn a_healthy_origin_takes_no_heap() {
    let case = at_rest();
    assert_eq!(counted(|| plainly_healthy(&case)), (true, 0));
    let (verdict, allocations) = counted(|| diagnose(&case));
    assert_eq!((verdict.cause, verdict.is_plainly_healthy()), (Cause::Healthy, true));
    assert!(allocations > 0, "the counter does not count");
}

#[test]
fn nor_does_its_history() {
    let case = at_rest();
    let mut ledger = Ledger::seeded(Health::Unknown);
    let probes = case.tracks.iter().map(|track| track.last.clone()).collect();
    ledger.record(probes, case.facts.clone(), true, case.at);
    let (told, allocations) =
        counted(|| ledger.plainly_healthy(&case.subject, &case.subject.origin_addresses, &[], case.at));
    assert_eq!((told, allocations), (true, 0));
    assert!(counted(|| ledger.case(case.subject.clone(), Vec::new(), case.at)).1 > 0);
}

#[test]
fn an_unhealthy_one_is_told_from_it_without_heap_and_judged_with_it() {
    let case = case(include_str!("cli/proxy-blocked-drop-nginx.json"));
    assert_eq!(counted(|| plainly_healthy(&case)), (false, 0));
    let (verdict, allocations) = counted(|| diagnose(&case));
    assert_eq!(verdict.cause, Cause::ProxyBlocked);
    assert!(allocations > 0);
}

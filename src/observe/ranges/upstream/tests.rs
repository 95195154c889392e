use super::super::account::Announced;
use super::*;
use crate::net::{Prefix, RangeSet};
use crate::observe::ranges::parse::Unreachable;
use crate::observe::ranges::{Fetched, Occasion, next_status};
use serde_json::json;

fn spec(acknowledge: &str) -> ProxyNetworkSpec {
    let account =
        json!({"product": "TencentEdgeOne", "region": "Mainland", "resourceID": "zone-1", "secretRef": {"name": "a"}});
    let spec = json!({"source": {"type": "Account", "account": account}, "acknowledge": acknowledge,
        "removal": {"holdSeconds": 0, "minMisses": 1}, "guards": {"maxLossPercent": 100}});
    serde_json::from_value(spec).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn set(prefixes: &[&str]) -> RangeSet {
    prefixes.iter().map(|text| Prefix::parse(text).unwrap()).collect()
}

fn listing(current: &[&str], next: Option<&[&str]>, acknowledged: Acknowledged) -> Listing {
    let next = next.map(|prefixes| Announced {
        version: "v2".to_owned(),
        ranges: set(prefixes),
        deadline: Some(at(9000)),
        acknowledged,
    });
    Listing { version: Some("v1".to_owned()), current: set(current), next }
}

fn read(prior: Option<&ProxyNetworkStatus>, acknowledge: &str, listing: Listing, now: i64) -> ProxyNetworkStatus {
    next_status(prior, &spec(acknowledge), 1, &Fetched::Listing(listing), Occasion::Refresh, at(now))
}

fn acknowledged(status: &ProxyNetworkStatus) -> Option<String> {
    conditions::get(&status.conditions, ConditionType::Acknowledged).map(|c| format!("{}/{}", c.status, c.reason))
}

fn cidrs(status: &ProxyNetworkStatus) -> Vec<String> {
    status.active.as_ref().unwrap().cidrs.clone()
}

const OLD: [&str; 2] = ["47.0.0.0/24", "47.1.0.0/24"];
const NEW: [&str; 2] = ["47.1.0.0/24", "47.2.0.0/24"];

#[test]
fn what_is_announced_is_allowed_at_once_and_what_leaves_stays_until_the_provider_has_switched() {
    let first = read(None, "Never", listing(&OLD, None, Acknowledged::No), 0);
    assert_eq!((cidrs(&first), acknowledged(&first)), (OLD.map(str::to_owned).to_vec(), None));
    let announced = read(Some(&first), "Never", listing(&OLD, Some(&NEW), Acknowledged::No), 10);
    assert_eq!(cidrs(&announced), ["47.0.0.0/24", "47.1.0.0/24", "47.2.0.0/24"]);
    assert_eq!(acknowledged(&announced).as_deref(), Some("False/NotAsked"));
    let upstream = announced.upstream.clone().unwrap();
    assert_eq!((upstream.version.as_deref(), upstream.pending_version.as_deref()), (Some("v1"), Some("v2")));
    assert_eq!((upstream.pending_since, upstream.deadline), (Some(Time(at(10))), Some(Time(at(9000)))));

    // Far past every hold: the old list is still in use.
    let later = read(Some(&announced), "Never", listing(&OLD, Some(&NEW), Acknowledged::No), 1_000_000);
    assert_eq!(later, announced, "nothing changed, so nothing is written");

    let switched = Listing { version: Some("v2".to_owned()), current: set(&NEW), next: None };
    let after = read(Some(&later), "Never", switched, 1_000_010);
    assert_eq!((cidrs(&after), acknowledged(&after)), (NEW.map(str::to_owned).to_vec(), None));
    assert_eq!(after.upstream.unwrap().pending_version, None);
}

#[test]
fn a_hold_of_removals_goes_on_after_the_switch() {
    let mut held = spec("Never");
    held.removal.hold_seconds = None;
    let first = read(None, "Never", listing(&OLD, Some(&NEW), Acknowledged::No), 0);
    let switched = Fetched::Listing(Listing { version: None, current: set(&NEW), next: None });
    let after = next_status(Some(&first), &held, 1, &switched, Occasion::Refresh, at(10));
    assert_eq!(cidrs(&after).len(), 3);
    assert_eq!(after.pending_removals[0].cidr, "47.0.0.0/24");
}

#[test]
fn it_is_said_once_and_stays_said() {
    let open = read(None, "AfterEnforced", listing(&OLD, Some(&NEW), Acknowledged::No), 0);
    assert!(is_open(&open));
    assert_eq!(acknowledged(&open).as_deref(), Some("Unknown/Pending"));
    let mut waiting = open.clone();
    say(&mut waiting, &spec("AfterEnforced"), 1, Some(&Waiting::NoOrigin), at(5));
    assert_eq!(acknowledged(&waiting).as_deref(), Some("False/NoEnforcingOrigin"));
    let again = read(Some(&waiting), "AfterEnforced", listing(&OLD, Some(&NEW), Acknowledged::No), 50);
    assert_eq!(again, waiting, "a fetch takes no words away");

    let told = read(Some(&waiting), "AfterEnforced", listing(&OLD, Some(&NEW), Acknowledged::Now(at(60))), 60);
    assert!(!is_open(&told));
    assert_eq!(acknowledged(&told).as_deref(), Some("True/Acknowledged"));
    assert_eq!(told.upstream.as_ref().unwrap().acknowledged_time, Some(Time(at(60))));
    // The API of EdgeOne goes on to say nothing of it.
    let later = read(Some(&told), "AfterEnforced", listing(&OLD, Some(&NEW), Acknowledged::No), 70);
    assert_eq!(later, told);
    // Another announcement begins anew.
    let mut other = listing(&OLD, Some(&["47.3.0.0/24"]), Acknowledged::No);
    other.next.as_mut().unwrap().version = "v3".to_owned();
    let other = read(Some(&later), "AfterEnforced", other, 80);
    assert!(is_open(&other));
    assert_eq!(acknowledged(&other).as_deref(), Some("Unknown/Pending"));
    // Somebody clicked it in the console.
    let elsewhere = read(Some(&open), "AfterEnforced", listing(&OLD, Some(&NEW), Acknowledged::Yes), 90);
    let upstream = elsewhere.upstream.clone().unwrap();
    assert_eq!((upstream.acknowledged_version.as_deref(), upstream.acknowledged_time), (Some("v2"), None));
}

#[test]
fn a_source_that_fails_forgets_nothing() {
    let open = read(None, "AfterEnforced", listing(&OLD, Some(&NEW), Acknowledged::No), 0);
    let failed = Fetched::Failed(FeedError::Forbidden { host: "a".to_owned() });
    let after = next_status(Some(&open), &spec("AfterEnforced"), 1, &failed, Occasion::Refresh, at(10));
    assert_eq!((&after.upstream, cidrs(&after)), (&open.upstream, cidrs(&open)));
}

#[test]
fn another_zone_was_not_told_although_its_version_has_the_same_name() {
    let told = read(None, "AfterEnforced", listing(&OLD, Some(&NEW), Acknowledged::Now(at(60))), 60);
    let mut other = spec("AfterEnforced");
    other.source.account.as_mut().unwrap().resource_id = Some("zone-2".to_owned());
    let fetched = Fetched::Listing(listing(&OLD, Some(&NEW), Acknowledged::No));
    let after = next_status(Some(&told), &other, 2, &fetched, Occasion::Change, at(70));
    assert!(is_open(&after));
    assert_eq!(acknowledged(&after).as_deref(), Some("Unknown/Pending"));
    // And another source has nothing to say of versions.
    let mut inline = spec("Never");
    inline.source = serde_json::from_value(json!({"type": "Inline", "inline": {"cidrs": ["47.0.0.0/24"]}})).unwrap();
    let after = next_status(Some(&told), &inline, 3, &Fetched::List(set(&["47.0.0.0/24"])), Occasion::Change, at(80));
    assert_eq!((after.upstream, acknowledged(&told).as_deref()), (None, Some("True/Acknowledged")));
}

#[test]
fn the_guards_judge_what_is_announced() {
    let mut strict = spec("Never");
    strict.guards.max_growth_factor = 2;
    let first = next_status(
        None,
        &strict,
        1,
        &Fetched::Listing(listing(&OLD, None, Acknowledged::No)),
        Occasion::Refresh,
        at(0),
    );
    let wide = Fetched::Listing(listing(&OLD, Some(&["48.0.0.0/12"]), Acknowledged::No));
    let after = next_status(Some(&first), &strict, 1, &wide, Occasion::Refresh, at(10));
    assert_eq!(cidrs(&after), OLD);
    assert!(after.quarantined.is_some() && is_open(&after));
}

#[test]
fn an_announcement_that_waits_says_for_what() {
    let said = |acknowledge: &str, waiting: Option<&Waiting>| {
        let mut status = read(None, acknowledge, listing(&OLD, Some(&NEW), Acknowledged::No), 0);
        say(&mut status, &spec(acknowledge), 1, waiting, at(5));
        conditions::get(&status.conditions, ConditionType::Acknowledged).unwrap().message.clone()
    };
    assert_eq!(
        said("Never", None),
        "a list is announced, is allowed already, and nobody has told the provider so: confirm it there, or set \
         spec.acknowledge to AfterEnforced"
    );
    assert_eq!(said("AfterEnforced", None), "the origins were not looked at yet");
    let down = FeedError::Unreachable { host: "a.example".to_owned(), how: Unreachable::Timeout };
    for (waiting, sentence) in [
        (Waiting::List, "the guards hold the announced list back, so no origin has it; see the condition Plausible"),
        (
            Waiting::NoOrigin,
            "no ProtectedOrigin with targets uses this network in mode Enforce, so nothing shows that the announced list is \
             allowed; confirm it with the provider yourself once it is",
        ),
        (
            Waiting::Origins { carry: 1, of: 3 },
            "1 of 3 origins in mode Enforce carry the announced list; the others say why in AllowlistSynced",
        ),
        (
            Waiting::Probes { of: 3 },
            "3 origins carry the announced list and were not seen to work or fail through the proxy since",
        ),
        (Waiting::Failing { of: 2 }, "2 origins began to fail after the list was announced; see their OriginHealthy"),
        (Waiting::Refused(down), "the announced list could not be acknowledged: a.example does not answer in time"),
    ] {
        assert_eq!(said("AfterEnforced", Some(&waiting)), sentence);
    }
    let mut told = read(None, "AfterEnforced", listing(&OLD, Some(&NEW), Acknowledged::Yes), 0);
    say(&mut told, &spec("AfterEnforced"), 1, None, at(5));
    let message = &conditions::get(&told.conditions, ConditionType::Acknowledged).unwrap().message;
    assert_eq!(message, "the announced list is acknowledged");
}

#[test]
fn those_that_cannot_be_read_are_named_with_what_to_do() {
    let said = |names: &[&str]| Waiting::Unreadable(names.iter().map(|name| (*name).to_owned()).collect()).words();
    let (reason, message) = said(&["shop/odd"]);
    assert_eq!(reason, Reason::AwaitingOrigins);
    assert_eq!(
        message,
        "Leeward cannot read every ProtectedOrigin that uses this network or may (shop/odd), so nobody knows whether the \
         announced list is allowed there: their condition Accepted says what is wrong; correct or delete them, or update \
         Leeward and its CRDs together"
    );
    assert!(said(&["a/a", "b/b", "c/c", "d/d", "e/e"]).1.contains("(a/a, b/b, c/c, and 2 more)"));
}

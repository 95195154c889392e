use super::*;
use crate::observe::ranges::parse::Unreachable;

fn spec(text: &str) -> ProxyNetworkSpec {
    serde_saphyr::from_str(text).unwrap()
}

fn inline() -> ProxyNetworkSpec {
    spec("{source: {type: Inline, inline: {cidrs: [192.0.2.0/24]}}}")
}

fn list(texts: &[&str]) -> Fetched {
    Fetched::List(texts.iter().map(|text| Prefix::parse(text).unwrap()).collect())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn condition(status: &ProxyNetworkStatus, kind: &str) -> (String, String) {
    let found = status.conditions.iter().find(|condition| condition.type_ == kind).unwrap();
    (found.status.clone(), found.reason.clone())
}

fn pair(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}

#[test]
fn a_first_list_makes_a_network_ready() {
    let status = next_status(None, &inline(), 3, &list(&["192.0.2.0/24", "2001:db8::/32"]), Occasion::Refresh, at(0));
    assert_eq!(condition(&status, "Ready"), pair("True", "Ready"));
    assert_eq!(condition(&status, "Fetched"), pair("True", "Fetched"));
    assert_eq!(condition(&status, "Plausible"), pair("True", "Plausible"));
    let active = status.active.clone().unwrap();
    assert_eq!((active.prefixes, active.ipv4_prefixes, active.ipv6_prefixes), (2, 1, 1));
    assert_eq!(active.cidrs, ["192.0.2.0/24", "2001:db8::/32"]);
    assert!(active.hash.starts_with("sha256:") && active.hash.contains(&active.short_hash));
    assert_eq!((active.short_hash.len(), status.observed_generation), (12, Some(3)));
}

#[test]
fn nothing_changes_while_nothing_changes() {
    let mut status = next_status(None, &inline(), 1, &list(&["192.0.2.0/24"]), Occasion::Refresh, at(0));
    for second in 1..50 {
        let next = next_status(Some(&status), &inline(), 1, &list(&["192.0.2.0/24"]), Occasion::Refresh, at(second));
        assert_eq!(next, status);
        status = next;
    }
    let failed = Fetched::Failed(FeedError::NoConfigMap { name: "ranges".to_owned(), key: "cidrs".to_owned() });
    let down = next_status(Some(&status), &inline(), 1, &failed, Occasion::Refresh, at(60));
    assert_eq!(next_status(Some(&down), &inline(), 1, &failed, Occasion::Refresh, at(90)), down);
    assert_eq!((failing_since(&status), failing_since(&down)), (None, Some(at(60))));
}

#[test]
fn the_state_survives_being_written_down() {
    let spec = spec("{source: {type: HTTP, http: {urls: ['https://a.example/']}}}");
    let all = ["1.0.0.0/24", "1.0.2.0/24", "1.0.4.0/24", "1.0.6.0/24", "1.0.8.0/24", "1.0.9.0/24"];
    let first = next_status(None, &spec, 1, &list(&all), Occasion::Refresh, at(0));
    let second = next_status(Some(&first), &spec, 1, &list(&all[1..]), Occasion::Refresh, at(3600));
    let third = next_status(Some(&second), &spec, 1, &list(&["1.0.8.0/24"]), Occasion::Refresh, at(7200));
    let grown = ["1.0.0.0/24", "1.0.2.0/24", "1.0.4.0/24", "1.0.6.0/24", "1.0.8.0/22"];
    let fourth = next_status(
        Some(&first),
        &spec,
        1,
        &list(&[&grown[..], &["2.0.0.0/16"]].concat()),
        Occasion::Refresh,
        at(9999),
    );
    for status in [&first, &second, &third, &fourth] {
        let json = serde_json::to_string(status).unwrap();
        let read: ProxyNetworkStatus = serde_json::from_str(&json).unwrap();
        let state = State::of(&read);
        let mut again = read.clone();
        state.write(&mut again);
        assert_eq!(&again, status);
    }
    assert_eq!(second.pending_removals.len(), 1);
    assert_eq!(third.quarantined.as_ref().unwrap().reason, "Loss");
    assert_eq!(fourth.quarantined.as_ref().unwrap().reason, "Growth");
    assert!(fourth.quarantined.unwrap().release_time.is_some());
}

#[test]
fn a_source_that_never_gave_a_list_is_not_ready() {
    let failed = Fetched::Failed(FeedError::Unreachable { host: "a.example".to_owned(), how: Unreachable::Name });
    let status = next_status(None, &inline(), 1, &failed, Occasion::Refresh, at(0));
    assert_eq!(condition(&status, "Ready"), pair("False", "NoUsableList"));
    assert_eq!(condition(&status, "Fetched"), pair("False", "Unreachable"));
    assert_eq!(condition(&status, "Plausible"), pair("Unknown", "Pending"));
    let empty = spec("{source: {type: Inline, inline: {cidrs: [0.0.0.0/0]}}}");
    let status = next_status(None, &empty, 1, &list(&["0.0.0.0/0"]), Occasion::Refresh, at(0));
    assert_eq!(condition(&status, "Ready"), pair("False", "NoUsableList"));
    assert_eq!(condition(&status, "Plausible"), pair("False", "TooWide"));
}

#[test]
fn guards_of_the_spec_are_kept() {
    let guarded = spec(
        "{source: {type: Inline, inline: {cidrs: [192.0.2.0/24]}}, guards: {minIPv4Prefixes: 2, minIPv6Prefixes: 0}}",
    );
    let status = next_status(None, &guarded, 1, &list(&["192.0.2.0/24"]), Occasion::Refresh, at(0));
    assert_eq!(condition(&status, "Plausible"), pair("False", "Empty"));
    let preset = spec("{source: {type: Preset, preset: {name: Cloudflare}}}");
    let v4_only = next_status(None, &preset, 1, &list(&["104.16.0.0/13"]), Occasion::Refresh, at(0));
    assert_eq!(condition(&v4_only, "Plausible"), pair("False", "Empty"));
    let private = next_status(None, &preset, 1, &list(&["10.0.0.0/8", "2400:cb00::/32"]), Occasion::Refresh, at(0));
    assert_eq!(condition(&private, "Plausible"), pair("False", "Reserved"));
    let partial = next_status(None, &preset, 1, &list(&["104.16.0.0/13", "2400:cb00::/32"]), Occasion::Refresh, at(0));
    assert_eq!(condition(&partial, "Plausible"), pair("False", "Loss"), "compared with the list of this release");
}

#[test]
fn a_hold_is_the_sources_own_unless_the_spec_says_otherwise() {
    let hold = |text: &str| {
        let spec = spec(text);
        let feed = Feed::new(&spec.source).unwrap();
        Limits::new(&spec, feed.default_hold()).hold
    };
    assert_eq!(hold("{source: {type: Preset, preset: {name: Cloudflare}}}").time, SignedDuration::from_hours(72));
    assert_eq!(hold("{source: {type: Inline, inline: {cidrs: [192.0.2.0/24]}}}").time, SignedDuration::ZERO);
    let own = hold("{source: {type: Preset, preset: {name: Cloudflare}}, removal: {holdSeconds: 60, minMisses: 5}}");
    assert_eq!(own, Hold { time: SignedDuration::from_secs(60), misses: 5 });
}

#[test]
fn a_status_that_is_not_ours_is_not_believed() {
    let mut status = next_status(None, &inline(), 1, &list(&["192.0.2.0/24"]), Occasion::Refresh, at(0));
    for cidr in ["0.0.0.0/0", "x", "127.0.0.0/8"] {
        status.active.as_mut().unwrap().cidrs.push(cidr.to_owned());
        assert_eq!(State::of(&status).active, None, "{cidr}");
        status.active.as_mut().unwrap().cidrs.pop();
    }
    assert!(State::of(&status).active.is_some());
}

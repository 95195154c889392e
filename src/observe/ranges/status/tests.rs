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

fn words<'a>(status: &'a ProxyNetworkStatus, kind: &str) -> &'a str {
    &status.conditions.iter().find(|condition| condition.type_ == kind).unwrap().message
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
    for (kind, said) in
        [("Ready", "a list is in use"), ("Fetched", "the source was read"), ("Plausible", "the list passed all guards")]
    {
        assert_eq!(words(&status, kind), said);
    }
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
    assert_eq!(words(&status, "Fetched"), "a.example does not resolve; the list in use stays");
    assert_eq!(words(&status, "Plausible"), "no list was read yet");
    assert_eq!(
        words(&status, "Ready"),
        "no list was ever good enough to be used; see the conditions Fetched and Plausible"
    );
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
    assert_eq!(
        words(&status, "Plausible"),
        "the list has 1 IPv4 prefixes, fewer than guards.minIPv4Prefixes, which is 2; the list in use stays"
    );
    let preset = spec("{source: {type: Preset, preset: {name: Cloudflare}}}");
    let v4_only = next_status(None, &preset, 1, &list(&["104.16.0.0/13"]), Occasion::Refresh, at(0));
    assert_eq!(condition(&v4_only, "Plausible"), pair("False", "Empty"));
    assert_eq!(
        words(&v4_only, "Plausible"),
        "the list has no IPv6 prefix, which this source always had; the list in use stays"
    );
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

/// A list of the release whose source is down, and then is not.
mod of_the_release {
    use super::*;
    use crate::api::proxy_network::Preset;
    use crate::observe::ranges::preset;

    fn of(preset: Preset) -> ProxyNetworkSpec {
        spec(&format!("{{source: {{type: Preset, preset: {{name: {preset}}}}}}}"))
    }

    fn shipped(preset: Preset) -> RangeSet {
        preset::sheet(preset).unwrap().listed.unwrap().ranges()
    }

    fn down() -> Fetched {
        Fetched::Failed(FeedError::Unreachable { host: "a.example".to_owned(), how: Unreachable::Name })
    }

    fn on(day: &str) -> Timestamp {
        format!("{day}T00:00:00Z").parse().unwrap()
    }

    fn step(prior: Option<&ProxyNetworkStatus>, preset: Preset, fetched: &Fetched, day: &str) -> ProxyNetworkStatus {
        next_status(prior, &of(preset), 1, fetched, Occasion::Refresh, on(day))
    }

    fn active(status: &ProxyNetworkStatus) -> RangeSet {
        State::of(status).active.unwrap().ranges().clone()
    }

    fn message(status: &ProxyNetworkStatus, kind: &str) -> String {
        status.conditions.iter().find(|condition| condition.type_ == kind).unwrap().message.clone()
    }

    #[test]
    fn a_cluster_without_a_way_out_starts_with_it_and_says_its_day() {
        let first = step(None, Preset::Cloudflare, &down(), "2026-09-30");
        assert_eq!(active(&first), shipped(Preset::Cloudflare));
        assert_eq!(first.active.as_ref().unwrap().as_of.as_deref(), Some("2026-08-31"));
        assert_eq!(condition(&first, "Ready"), pair("True", "Ready"));
        assert_eq!(condition(&first, "Fetched"), pair("False", "Unreachable"));
        assert_eq!(
            message(&first, "Fetched"),
            "a.example does not resolve; until it is read, the list of 2026-08-31 that came with this release is used"
        );
        assert!(message(&first, "Ready").contains("that of 2026-08-31"));
        // Nothing more is written, and its users hear of it after the usual time.
        assert_eq!(step(Some(&first), Preset::Cloudflare, &down(), "2026-10-09"), first);
        assert_eq!(failing_since(&first), Some(on("2026-09-30")));
    }

    #[test]
    fn the_first_list_that_is_read_takes_its_place() {
        let listed = shipped(Preset::Cloudflare);
        let first = step(None, Preset::Cloudflare, &down(), "2026-09-30");
        let grown = listed.union(&Prefix::parse("104.32.0.0/13").unwrap().into());
        let second = step(Some(&first), Preset::Cloudflare, &Fetched::List(grown.clone()), "2026-10-01");
        assert_eq!((active(&second), second.active.as_ref().unwrap().as_of.clone()), (grown, None));
        assert_eq!(message(&second, "Ready"), "a list is in use");
        // What was read once is newer than what a release knew, whatever happens.
        let third = step(Some(&second), Preset::Cloudflare, &down(), "2026-10-02");
        assert_eq!(active(&third), active(&second));
        assert!(message(&third, "Fetched").ends_with("; the list in use stays"));
    }

    #[test]
    fn a_list_without_a_shipped_one_waits() {
        let status = step(None, Preset::Gcore, &down(), "2026-09-30");
        assert_eq!((condition(&status, "Ready"), status.active), (pair("False", "NoUsableList"), None));
    }

    /// `kept` of the shipped list, and as many addresses that it has not.
    fn renewed(preset: Preset, kept: usize) -> Fetched {
        let listed = shipped(preset);
        let mut entries = listed.only(Family::V4).prefixes();
        entries.truncate(kept);
        let (mut list, fresh): (RangeSet, RangeSet) = (
            entries.iter().collect(),
            (0..400_u32).map(|i| std::net::IpAddr::V4((0x0200_0000 + 2 * i).into())).collect(),
        );
        list = list.union(&fresh).union(&listed.only(Family::V6));
        Fetched::List(list)
    }

    #[test]
    fn a_restless_list_of_months_ago_is_not_guarded_as_if_it_had_been_read_yesterday() {
        // Bunny's 440 entries of 11 August 2026; 280 are left, and 400 came.
        let read = renewed(Preset::Bunny, 280);
        let soon = step(None, Preset::Bunny, &read, "2026-08-20");
        assert_eq!(condition(&soon, "Plausible"), pair("False", "Loss"));
        let later = step(None, Preset::Bunny, &read, "2027-01-20");
        assert_eq!(condition(&later, "Plausible"), pair("True", "Plausible"));
        // The same when the cluster began with the shipped list, and nothing of that goes at once.
        let begun = step(None, Preset::Bunny, &down(), "2027-01-19");
        let then = step(Some(&begun), Preset::Bunny, &read, "2027-01-20");
        assert_eq!(condition(&then, "Plausible"), pair("True", "Plausible"));
        assert!(active(&then).covers_all(&shipped(Preset::Bunny)));
        // From here on every revision is guarded as usual.
        let next = step(Some(&then), Preset::Bunny, &renewed(Preset::Bunny, 10), "2027-01-21");
        assert_eq!(condition(&next, "Plausible"), pair("False", "Loss"));
        // A family that is gone is a loss after any time.
        let Fetched::List(list) = renewed(Preset::Bunny, 440) else { panic!("not a list") };
        let v4 = step(Some(&begun), Preset::Bunny, &Fetched::List(list.only(Family::V4)), "2030-01-01");
        assert_eq!(condition(&v4, "Plausible"), pair("False", "Empty"));
    }

    #[test]
    fn a_list_that_nobody_publishes_is_the_releases_own() {
        let list = Fetched::List(shipped(Preset::Sucuri));
        let first = step(None, Preset::Sucuri, &list, "2026-09-30");
        assert_eq!(condition(&first, "Fetched"), pair("True", "Fetched"));
        assert!(
            message(&first, "Fetched")
                .starts_with("the provider publishes no list that can be fetched; this release has that of 2026")
        );
        assert_eq!(first.active.as_ref().unwrap().as_of.as_deref(), Some("2026-08-31"));
        assert_eq!(step(Some(&first), Preset::Sucuri, &list, "2027-03-30"), first);
        assert_eq!(State::of(&first).as_of, Some(jiff::civil::date(2026, 8, 31)));
    }

    #[test]
    fn a_newer_release_brings_its_own_list_where_nothing_was_ever_read() {
        // As if an older release had known one prefix less.
        let mut old = step(None, Preset::Cloudflare, &down(), "2026-09-30");
        let known = old.active.as_mut().unwrap();
        known.cidrs.retain(|cidr| cidr != "103.31.4.0/22");
        known.as_of = Some("2025-01-01".to_owned());
        let new = step(Some(&old), Preset::Cloudflare, &down(), "2026-10-01");
        assert_eq!(active(&new), shipped(Preset::Cloudflare));
        assert_eq!(new.active.unwrap().as_of.as_deref(), Some("2026-08-31"));
    }
}

//! Histories of real providers, replayed: published documents in, the list in use out.
//!
//! The shapes and numbers are those of the events that shaped the guards (dates in the tests); the prefixes are made up
//! where a history was not public. After every refresh two things are asked: is any address missing that the provider
//! really uses (a 502 for somebody), and is any address allowed that it gave up longer ago than hold and misses explain?

use jiff::Timestamp;

use crate::api::proxy_network::{ProxyNetworkSpec, ProxyNetworkStatus};
use crate::net::{Family, Prefix, RangeSet};

use super::csv::Column;
use super::parse::{self, FeedError, Shape, Unreachable};
use super::revise::{Occasion, State};
use super::status::{Fetched, next_status};

/// Hours that an address may outlive the provider's use of it: 72 of hold, and the refresh that notices.
const GRACE: i64 = 73;

fn set(texts: &[String]) -> RangeSet {
    texts.iter().map(|text| Prefix::parse(text).unwrap()).collect()
}

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + hour * 3600).unwrap()
}

/// A network fed by documents, one each hour.
struct Replay {
    spec: ProxyNetworkSpec,
    status: Option<ProxyNetworkStatus>,
    shape: Shape,
    hour: i64,
    /// What the provider really used, and until which hour.
    used: Vec<(i64, RangeSet)>,
    writes: usize,
    wrongly_dropped: u128,
    too_wide: u128,
}

impl Replay {
    fn new() -> Self {
        let spec = serde_json::json!({"source": {"type": "HTTP", "http": {"urls": ["https://lists.example.com/"]}}});
        Self {
            spec: serde_json::from_value(spec).unwrap(),
            status: None,
            shape: Shape::Lines,
            hour: 0,
            used: Vec::new(),
            writes: 0,
            wrongly_dropped: 0,
            too_wide: 0,
        }
    }

    /// One refresh: `document` is what the source answers, `used` what the provider really uses.
    fn refresh(&mut self, document: &str, used: &RangeSet) {
        let fetched = match parse::document(document.as_bytes(), &self.shape) {
            Ok(list) => Fetched::List(list),
            Err(problem) => {
                Fetched::Failed(FeedError::Unparsable { document: "lists.example.com/".to_owned(), problem })
            }
        };
        self.take(&fetched, used);
    }

    fn take(&mut self, fetched: &Fetched, used: &RangeSet) {
        self.hour += 1;
        let status = next_status(self.status.as_ref(), &self.spec, 1, fetched, Occasion::Refresh, at(self.hour));
        self.writes += usize::from(self.hash() != hash_of(&status));
        self.status = Some(status);
        match self.used.last_mut() {
            Some((until, last)) if last == used => *until = self.hour,
            _ => self.used.push((self.hour, used.clone())),
        }
        let recently = self.used.iter().filter(|(hour, _)| *hour >= self.hour - GRACE);
        let recently = recently.fold(RangeSet::empty(), |sum, (_, used)| sum.union(used));
        let active = self.active();
        for family in [Family::V4, Family::V6] {
            self.wrongly_dropped += used.subtract(&active).coverage(family);
            self.too_wide += active.subtract(&recently).coverage(family);
        }
    }

    fn many(&mut self, hours: i64, document: &str, used: &RangeSet) {
        for _ in 0..hours {
            self.refresh(document, used);
        }
    }

    fn active(&self) -> RangeSet {
        self.status.as_ref().map(State::of).and_then(|state| state.active).unwrap().ranges().clone()
    }

    fn hash(&self) -> Option<String> {
        self.status.as_ref().and_then(hash_of)
    }

    /// Reasons of Ready, Fetched and Plausible.
    fn reasons(&self) -> [String; 3] {
        ["Ready", "Fetched", "Plausible"].map(|kind| {
            let conditions = &self.status.as_ref().unwrap().conditions;
            conditions.iter().find(|condition| condition.type_ == kind).unwrap().reason.clone()
        })
    }

    fn assert_never_wrong(&self) {
        assert_eq!((self.wrongly_dropped, self.too_wide), (0, 0), "addresses wrongly dropped, addresses over-wide");
    }
}

fn hash_of(status: &ProxyNetworkStatus) -> Option<String> {
    status.active.as_ref().map(|active| active.hash.clone())
}

/// 45 IPv4 and 3 IPv6 prefixes, none a sibling of another.
fn origin_facing() -> Vec<String> {
    let v4 =
        (0..45).map(|index| format!("{}.{}.{}.0/{}", 52 + index % 7, 2 * index + 1, 64 * (index % 4), 18 + index % 6));
    let v6 = (0..3).map(|index| format!("2600:9000:{:x}::/40", 0x1000 * (index + 1)));
    set(&v4.chain(v6).collect::<Vec<_>>()).texts()
}

/// The same addresses in `count` entries: the first ones are cut into halves until there are enough.
fn cut_into(entries: &[String], count: usize) -> Vec<String> {
    let mut prefixes: std::collections::VecDeque<Prefix> =
        entries.iter().map(|text| Prefix::parse(text).unwrap()).collect();
    while prefixes.len() < count {
        let prefix = prefixes.pop_front().unwrap();
        let halves = [prefix.first(), prefix.last()].map(|end| Prefix::containing(end, prefix.length() + 1).unwrap());
        prefixes.extend(halves);
    }
    prefixes.iter().map(Prefix::to_string).collect()
}

fn lines(entries: &[String]) -> String {
    entries.join("\n") + "\n"
}

#[test]
fn a_list_that_is_only_aggregated_anew_changes_nothing() {
    // CloudFront, 2025-07-08 and 09: 47 → 52 → 476 → 522 → 48 entries within five hours, no address lost.
    let list = origin_facing();
    let used = set(&list);
    let mut replay = Replay::new();
    replay.many(3, &lines(&list), &used);
    let status = replay.status.clone();
    for count in [52, 476, 522, 48, 48] {
        let cut = cut_into(&list, count);
        assert_eq!(cut.len(), count);
        replay.refresh(&lines(&cut), &used);
        assert_eq!(replay.status, status, "{count} entries");
    }
    assert_eq!(replay.writes, 1);
    replay.assert_never_wrong();
}

#[test]
fn a_hole_of_two_hours_is_never_seen_by_a_target() {
    // CloudFront, 2025-10-27: 48 → 70 → 47 entries, the 70 lacked 2,720 IPv4 addresses for two hours.
    let list = origin_facing();
    let used = set(&list);
    let hole = set(&["52.1.64.0/21", "53.15.64.0/23", "53.15.68.0/25", "54.5.128.0/27"].map(str::to_owned));
    let hole = hole.intersect(&used);
    let glitch = used.subtract(&hole);
    let mut replay = Replay::new();
    replay.many(3, &lines(&list), &used);
    let status = replay.status.clone();
    assert!(hole.coverage(Family::V4) > 0, "the hole must lie in the list: {:?}", used.prefixes());
    replay.many(2, &lines(&glitch.texts()), &used);
    assert_eq!(replay.hash(), status.as_ref().and_then(hash_of));
    assert!(!replay.status.as_ref().unwrap().pending_removals.is_empty());
    replay.many(100, &lines(&list), &used);
    assert_eq!(replay.status, status);
    assert_eq!(replay.writes, 1);
    replay.assert_never_wrong();
}

#[test]
fn a_document_that_changes_its_shape_leaves_the_list_in_use() {
    // Rows whose column moves, JSON with an error inside a 200, and the last word of a retired list in both.
    let list = origin_facing();
    let used = set(&list);
    let csv = Shape::Columns(vec![Column::Name("ip_prefix".to_owned())]);
    let json = Shape::Json { extract: vec!["$.Ips".to_owned()], require: vec![("$.res".to_owned(), 0.into())] };
    let rows = |head: &str| format!("{head}\neu,{}\n", list.join("\neu,"));
    let object = |res: u32| format!("{{\"res\": {res}, \"Ips\": \"{}\"}}", list.join(","));
    let last_rows = "region,ip_prefix\nall,0.0.0.0/0\nall,::/0\n".to_owned();
    let last_object = r#"{"res": 0, "Ips": "0.0.0.0/0,::/0"}"#.to_owned();
    for (shape, good, bad, last) in [
        (csv, rows("region,ip_prefix"), rows("ip_prefix,region"), last_rows),
        (json, object(0), object(9414), last_object),
    ] {
        let mut replay = Replay::new();
        replay.shape = shape;
        replay.many(3, &good, &used);
        replay.many(100, &bad, &used);
        assert_eq!(replay.reasons(), ["Ready", "Unparsable", "Plausible"]);
        replay.many(3, &last, &used);
        assert_eq!(replay.reasons(), ["Ready", "Fetched", "TooWide"]);
        replay.many(3, &good, &used);
        assert_eq!(replay.reasons(), ["Ready", "Fetched", "Plausible"]);
        assert_eq!(replay.writes, 1);
        replay.assert_never_wrong();
    }
}

/// Fastly's published IPv4 list in 2024 and in 2026.
fn fastly() -> (Vec<String>, Vec<String>) {
    let stable = [
        "23.235.32.0/20",
        "43.249.72.0/22",
        "103.244.50.0/24",
        "103.245.222.0/23",
        "103.245.224.0/24",
        "104.156.80.0/20",
        "140.248.64.0/18",
        "140.248.128.0/17",
        "151.101.0.0/16",
        "157.52.64.0/18",
        "167.82.0.0/17",
        "172.111.64.0/18",
        "185.31.16.0/22",
        "199.27.72.0/21",
        "199.232.0.0/16",
        "2a04:4e40::/32",
    ];
    let list = |more: &[&str]| stable.iter().chain(more).map(|&text| text.to_owned()).collect();
    (list(&["146.75.0.0/16"]), list(&["146.75.0.0/17", "167.82.224.0/20", "167.82.160.0/20"]))
}

#[test]
fn a_list_that_narrows_while_it_grows_gains_at_once_and_loses_late() {
    let (old, new) = fastly();
    assert!(new.len() > old.len());
    let mut replay = Replay::new();
    replay.many(3, &lines(&old), &set(&old));
    replay.refresh(&lines(&new), &set(&new));
    assert!(replay.active().covers_all(&set(&new)), "additions are taken at once");
    assert!(replay.active().covers_all(&set(&old)), "removals are held");
    replay.many(71, &lines(&new), &set(&new));
    assert!(replay.active().covers_all(&set(&old)));
    replay.many(2, &lines(&new), &set(&new));
    assert_eq!(replay.active(), set(&new));
    assert_eq!(replay.writes, 3, "the list, the gain, the loss");
    replay.assert_never_wrong();
}

#[test]
fn a_challenge_page_a_lost_family_and_an_outage_leave_the_list_in_use() {
    let list = origin_facing();
    let used = set(&list);
    let v4_only: Vec<String> = list.iter().filter(|text| !text.contains(':')).cloned().collect();
    let mut replay = Replay::new();
    replay.refresh(&lines(&list), &used);
    // Cloudflare, 2026-01-02: four hours of a web page in place of the list.
    replay.many(4, "<!DOCTYPE html><title>Just a moment...</title>", &used);
    assert_eq!(replay.reasons(), ["Ready", "Unparsable", "Plausible"]);
    replay.many(100, &lines(&v4_only), &used);
    assert_eq!(replay.reasons(), ["Ready", "Fetched", "Loss"]);
    replay.many(4, "", &used);
    assert_eq!(replay.reasons(), ["Ready", "Unparsable", "Loss"]);
    let down = FeedError::Unreachable { host: "lists.example.com".to_owned(), how: Unreachable::Status(403) };
    for _ in 0..24 * 10 {
        replay.take(&Fetched::Failed(down.clone()), &used);
    }
    assert_eq!(replay.reasons(), ["Ready", "Unreachable", "Loss"]);
    replay.refresh(&lines(&list), &used);
    assert_eq!(replay.reasons(), ["Ready", "Fetched", "Plausible"]);
    assert_eq!(replay.writes, 1);
    replay.assert_never_wrong();
}

#[test]
fn a_retired_lists_last_word_is_not_taken() {
    // EdgeOne, 2026-07-31: the retired address answers 200 with a comment and both default routes.
    let list = origin_facing();
    let used = set(&list);
    let mut replay = Replay::new();
    replay.refresh(&lines(&list), &used);
    replay.many(3, "# this address is retired\n0.0.0.0/0\n::/0\n", &used);
    assert_eq!(replay.reasons(), ["Ready", "Unparsable", "Plausible"]);
    replay.many(3, "0.0.0.0/0\n::/0\n", &used);
    assert_eq!(replay.reasons(), ["Ready", "Fetched", "TooWide"]);
    replay.many(3, &(lines(&list) + "10.0.0.0/8\n"), &used);
    assert_eq!(replay.reasons(), ["Ready", "Fetched", "Reserved"]);
    assert_eq!(replay.writes, 1);
    replay.assert_never_wrong();
}

#[test]
fn small_changes_of_three_years_follow_the_provider_and_never_wrong_it() {
    // 21 published versions, of which two are glitches that are taken back after two hours. They came over three years;
    // here each stays for five days, longer than any hold.
    let all = origin_facing();
    let mut listed = all.clone();
    let mut replay = Replay::new();
    for version in 0_usize..21 {
        let used = if version % 10 == 9 {
            let used = set(&listed);
            let glitch = used.subtract(&set(&listed[..3]));
            replay.many(2, &lines(&glitch.texts()), &used);
            used
        } else {
            if version % 2 == 0 {
                listed.push(format!("13.{}.0.0/20", 32 + version));
            } else {
                listed.remove(version);
            }
            set(&listed)
        };
        replay.many(24 * 5, &lines(&cut_into(&listed, 48 + version * 20)), &used);
        assert_eq!(replay.active(), used, "version {version}");
    }
    assert!(replay.writes <= 21, "{} writes", replay.writes);
    replay.assert_never_wrong();
}

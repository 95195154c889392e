use proptest::prelude::*;

use super::*;
use crate::net::Prefix;

fn set(texts: &[&str]) -> RangeSet {
    texts.iter().map(|text| Prefix::parse(text).unwrap()).collect()
}

fn admitted(texts: &[&str]) -> AdmittedRanges {
    AdmittedRanges::admit(set(texts), Provenance::Local).unwrap()
}

fn limits() -> Limits {
    Limits {
        max_loss_percent: 20,
        max_growth_factor: 2,
        min_ipv4_prefixes: 0,
        min_ipv6_prefixes: 0,
        hold: Hold { time: SignedDuration::from_hours(72), misses: 3 },
        acknowledged: None,
    }
}

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + hour * 3600).unwrap()
}

/// A network whose list is read once an hour.
struct Network {
    state: State,
    limits: Limits,
    hour: i64,
}

impl Network {
    fn of(texts: &[&str]) -> Self {
        let mut network = Self { state: State::default(), limits: limits(), hour: 0 };
        assert_eq!(network.read(texts), None);
        network
    }

    /// Reads a list an hour later; the guard that it broke.
    fn read(&mut self, texts: &[&str]) -> Option<Breach> {
        self.hour += 1;
        self.take(texts, Occasion::Refresh)
    }

    fn take(&mut self, texts: &[&str], occasion: Occasion) -> Option<Breach> {
        let revision = revise(&self.state, &admitted(texts), None, &self.limits, occasion, at(self.hour)).unwrap();
        self.state = revision.state;
        revision.breach.map(|(breach, _)| breach)
    }

    fn active(&self) -> Vec<String> {
        self.state.active.as_ref().unwrap().ranges().texts()
    }
}

const FIVE: [&str; 5] = ["1.0.0.0/24", "1.0.2.0/24", "1.0.4.0/24", "1.0.6.0/24", "1.0.8.0/24"];

#[test]
fn an_addition_is_taken_at_once() {
    let mut network = Network::of(&FIVE);
    assert_eq!(network.read(&[&FIVE[..], &["2.0.0.0/24"]].concat()), None);
    assert_eq!(network.active().len(), 6);
    assert_eq!(network.state.held, []);
}

#[test]
fn a_vanished_prefix_stays_until_both_the_misses_and_the_time_have_passed() {
    let mut network = Network::of(&FIVE);
    for _ in 0..72 {
        assert_eq!(network.read(&FIVE[1..]), None);
        assert_eq!(network.active(), FIVE);
    }
    assert_eq!(network.state.held[0].misses, 3, "misses stop counting at the limit");
    network.read(&FIVE[1..]);
    assert_eq!(network.active(), FIVE[1..]);
    assert_eq!(network.state.held, []);

    let mut impatient = Network::of(&FIVE);
    impatient.limits.hold.time = SignedDuration::ZERO;
    for _ in 0..2 {
        impatient.read(&FIVE[1..]);
        assert_eq!(impatient.active(), FIVE);
    }
    impatient.read(&FIVE[1..]);
    assert_eq!(impatient.active(), FIVE[1..]);
}

#[test]
fn a_change_between_two_refreshes_counts_no_miss() {
    let mut network = Network::of(&FIVE);
    network.limits.hold = Hold { time: SignedDuration::ZERO, misses: 1 };
    for _ in 0..10 {
        assert_eq!(network.take(&FIVE[1..], Occasion::Change), None);
        assert_eq!(network.active(), FIVE);
    }
    network.read(&FIVE[1..]);
    assert_eq!(network.active(), FIVE[1..]);
}

#[test]
fn a_prefix_that_comes_back_is_no_longer_held_and_starts_anew_when_it_goes_again() {
    let mut network = Network::of(&FIVE);
    for _ in 0..71 {
        network.read(&FIVE[1..]);
    }
    network.read(&FIVE);
    assert_eq!(network.state.held, []);
    network.read(&FIVE[1..]);
    assert_eq!((network.active(), network.state.held[0].misses), (FIVE.map(str::to_owned).to_vec(), 1));
}

#[test]
fn half_a_held_prefix_may_come_back() {
    let mut network = Network::of(&FIVE);
    network.read(&FIVE[1..]);
    network.read(&[&FIVE[1..], &["1.0.0.0/25"]].concat());
    assert_eq!(network.active(), FIVE);
    assert_eq!(network.state.held.iter().map(|held| held.ranges.texts()).collect::<Vec<_>>(), [["1.0.0.128/25"]]);
}

#[test]
fn a_loss_that_is_too_large_waits_for_a_human() {
    let mut network = Network::of(&FIVE);
    for _ in 0..200 {
        assert_eq!(network.read(&FIVE[2..]), Some(Breach::Loss));
        assert_eq!(network.active(), FIVE);
    }
    let quarantine = network.state.quarantine.clone().unwrap();
    assert_eq!((quarantine.added, quarantine.removed, quarantine.release), (0, 2, None));
    assert_eq!(quarantine.hash, admitted(&FIVE[2..]).hash());
    // Acknowledged it goes the way of every other revision: additions now, removals after their hold.
    network.limits.acknowledged = Some(quarantine.hash);
    for _ in 0..72 {
        assert_eq!(network.read(&FIVE[2..]), None);
        assert_eq!(network.active(), FIVE);
    }
    network.read(&FIVE[2..]);
    assert_eq!(network.active(), FIVE[2..]);
}

#[test]
fn after_an_acknowledged_loss_the_next_revision_is_compared_with_it() {
    let mut network = Network::of(&FIVE);
    network.limits.acknowledged = Some(admitted(&FIVE[2..]).hash());
    network.read(&FIVE[2..]);
    assert_eq!(network.read(&[&FIVE[2..], &["2.0.0.0/24"]].concat()), None);
    assert_eq!(network.active().len(), 6);
}

/// What the condition Plausible says, and with it the hash to put into the spec.
#[test]
fn a_breach_says_what_was_found_and_how_to_accept_it() {
    let said = |before: &[&str], after: &[&str]| {
        let network = Network::of(before);
        let revision = revise(&network.state, &admitted(after), None, &limits(), Occasion::Refresh, at(5)).unwrap();
        (revision.breach.unwrap().1, set(after).hash())
    };
    let (loss, hash) = said(&FIVE, &FIVE[..1]);
    assert_eq!(
        loss,
        format!(
            "the new list lacks more than 20 percent of the IPv4 addresses (maxLossPercent is 20); the list in use stays. \
             Put {hash} into spec.acknowledgedHash to accept the new one"
        )
    );
    let (all, _) = said(&[&FIVE[..], &["2001:db8::/32"]].concat(), &FIVE);
    assert!(all.starts_with("the new list lacks all of the IPv6 addresses (maxLossPercent is 20); "), "{all}");
    let (growth, hash) = said(&FIVE, &[&FIVE[..], &["2.0.0.0/16"]].concat());
    assert_eq!(
        growth,
        format!(
            "the new list has more than 2 times as many IPv4 addresses (maxGrowthFactor); its additions are taken at \
             2023-11-15T04:13:20Z, or when {hash} stands in spec.acknowledgedHash"
        )
    );
    let (family, _) = said(&FIVE, &[&FIVE[..], &["2001:db8::/32"]].concat());
    assert!(family.starts_with("the new list has IPv6 addresses, which the one in use has not; "), "{family}");
}

#[test]
fn exactly_the_limit_is_no_breach() {
    let mut network = Network::of(&FIVE);
    assert_eq!(network.read(&FIVE[1..]), None);
    let mut network = Network::of(&["1.0.0.0/24"]);
    assert_eq!(network.read(&["1.0.0.0/23"]), None);
}

#[test]
fn a_lost_family_is_a_loss_whatever_the_other_one_covers() {
    let both = ["1.0.0.0/24", "2400:cb00::/32"];
    for rest in [&both[..1], &both[1..]] {
        let mut network = Network::of(&both);
        assert_eq!(network.read(rest), Some(Breach::Loss));
        assert_eq!(network.active(), both);
        assert_eq!(network.read(&both), None, "the family is back");
        assert_eq!(network.state.quarantine, None);
    }
    // A small IPv4 loss beside untouched IPv6 is a large loss of IPv4.
    let mut network = Network::of(&[&FIVE[..], &["2400:cb00::/32"]].concat());
    assert_eq!(network.read(&[&FIVE[2..], &["2400:cb00::/32"]].concat()), Some(Breach::Loss));
}

#[test]
fn a_growth_that_is_too_large_waits_an_hour() {
    let mut network = Network::of(&["1.0.0.0/24"]);
    let grown = ["1.0.0.0/22"];
    let begun = network.hour + 1;
    assert_eq!(network.read(&grown), Some(Breach::Growth));
    assert_eq!(network.active(), ["1.0.0.0/24"]);
    assert_eq!(network.state.quarantine.as_ref().unwrap().release, Some(at(begun + 1)));
    assert_eq!(network.take(&grown, Occasion::Change), Some(Breach::Growth));
    assert_eq!(network.read(&grown), None);
    assert_eq!((network.active(), network.state.quarantine), (vec!["1.0.0.0/22".to_owned()], None));
}

#[test]
fn an_acknowledged_growth_is_taken_at_once() {
    let mut network = Network::of(&["1.0.0.0/24"]);
    network.limits.acknowledged = Some(admitted(&["1.0.0.0/22"]).hash());
    assert_eq!(network.read(&["1.0.0.0/22"]), None);
    assert_eq!(network.active(), ["1.0.0.0/22"]);
}

#[test]
fn a_restless_list_does_not_wait_for_ever_but_a_far_larger_one_starts_anew() {
    let mut network = Network::of(&["1.0.0.0/24"]);
    let begun = network.hour + 1;
    network.read(&["1.0.0.0/24", "2.0.0.0/22"]);
    network.take(&["1.0.0.0/24", "3.0.0.0/22"], Occasion::Change);
    assert_eq!(network.state.quarantine.as_ref().unwrap().release, Some(at(begun + 1)));
    network.hour += 1;
    let far_larger = ["1.0.0.0/24", "2.0.0.0/22", "4.0.0.0/22", "6.0.0.0/22"];
    assert_eq!(network.take(&far_larger, Occasion::Refresh), Some(Breach::Growth));
    assert_eq!(network.active(), ["1.0.0.0/24"]);
    assert_eq!(network.state.quarantine.as_ref().unwrap().release, Some(at(begun + 2)));
}

#[test]
fn nothing_is_let_go_while_additions_wait() {
    let mut network = Network::of(&["1.0.0.0/24", "1.0.8.0/27"]);
    network.limits.hold = Hold { time: SignedDuration::ZERO, misses: 1 };
    assert_eq!(network.read(&["1.0.0.0/24", "2.0.0.0/8"]), Some(Breach::Growth));
    assert_eq!(network.active(), ["1.0.0.0/24", "1.0.8.0/27"]);
}

#[test]
fn the_very_first_list_is_compared_with_a_known_one() {
    let known = set(&FIVE);
    let first = |texts: &[&str], limits: &Limits| {
        let list = admitted(texts);
        revise(&State::default(), &list, Some(&known), limits, Occasion::Refresh, at(0)).unwrap()
    };
    let lossy = first(&FIVE[2..], &limits());
    assert_eq!((lossy.state.active, lossy.breach.map(|(breach, _)| breach)), (None, Some(Breach::Loss)));
    assert!(first(&FIVE[1..], &limits()).state.active.is_some());
    assert!(first(&["1.0.0.0/16"], &limits()).state.active.is_some());
    let acknowledged = Limits { acknowledged: Some(admitted(&FIVE[2..]).hash()), ..limits() };
    assert!(first(&FIVE[2..], &acknowledged).state.active.is_some());
}

#[test]
fn a_union_that_cannot_be_written_is_refused_and_nothing_changes() {
    let mut network = Network::of(&["2.0.0.0/8"]);
    network.limits.max_loss_percent = 100;
    let refused = revise(&network.state, &admitted(&["3.0.0.0/8"]), None, &network.limits, Occasion::Refresh, at(9));
    assert_eq!(refused.unwrap_err().reason, Reason::TooWide);
    let many: RangeSet = (0..5000_u32).map(|index| std::net::IpAddr::V4((0x0200_0000 + 2 * index).into())).collect();
    let many = AdmittedRanges::admit(many, Provenance::Local).unwrap();
    let refused = revise(&State::default(), &many, None, &limits(), Occasion::Refresh, at(9)).unwrap_err();
    assert_eq!(
        refused.message,
        "the list with what is held has 5000 prefixes, more than the 4000 that can be kept; narrow the source"
    );
}

#[test]
fn percentages_of_the_whole_of_ipv6_do_not_overflow() {
    assert!(exceeds(u128::MAX, u128::MAX, 99));
    assert!(!exceeds(u128::MAX, u128::MAX, 100));
    assert!(!exceeds(u128::MAX / 100, u128::MAX, 20));
    assert!(!exceeds(0, 0, 0));
    assert!(exceeds(1, 1000, 0));
}

/// Lists out of 24 small blocks of both families.
fn any_list() -> impl Strategy<Value = RangeSet> {
    prop::collection::btree_set(0_u8..24, 1..24).prop_map(|blocks| {
        blocks
            .into_iter()
            .map(|block| {
                let text = if block < 16 { format!("1.0.{}.0/24", block * 2) } else { format!("2400:{block:x}::/32") };
                Prefix::parse(&text).unwrap()
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn whatever_a_source_says_the_list_in_use_keeps_its_promises(
        lists in prop::collection::vec(any_list(), 1..60),
        misses in 1_u32..4,
        hold in 0_i64..6,
        percent in prop::sample::select(vec![0_u32, 20, 50, 100]),
    ) {
        let limits = Limits {
            max_loss_percent: percent,
            hold: Hold { time: SignedDuration::from_hours(hold), misses },
            ..limits()
        };
        let mut state = State::default();
        let (mut listed, mut used): (Vec<RangeSet>, Vec<RangeSet>) = (Vec::new(), Vec::new());
        for (hour, list) in lists.into_iter().enumerate() {
            let now = at(i64::try_from(hour).unwrap());
            let before = state.active.as_ref().map_or_else(RangeSet::empty, |active| active.ranges().clone());
            let list = AdmittedRanges::admit(list, Provenance::Remote).unwrap();
            let revision = revise(&state, &list, None, &limits, Occasion::Refresh, now).unwrap();
            let active = revision.state.active.as_ref().unwrap().ranges().clone();
            listed.push(list.ranges().clone());
            // Only what a source once said is in use, and all of what it says now, unless a guard was broken.
            let ever = listed.iter().fold(RangeSet::empty(), |sum, list| sum.union(list));
            prop_assert!(ever.covers_all(&active));
            match &revision.breach {
                None => prop_assert!(active.covers_all(list.ranges())),
                Some(_) => prop_assert!(active == before, "a broken guard changes nothing at once"),
            }
            // What left was missing in the last reads that were used at all, and for the time.
            if !matches!(&revision.breach, Some((Breach::Loss, _))) {
                used.push(list.ranges().clone());
            }
            let left = before.subtract(&active);
            for list in used.iter().rev().take(usize::try_from(misses).unwrap()) {
                prop_assert!(!list.overlaps(&left));
            }
            if i64::try_from(hour).unwrap() < hold {
                prop_assert!(left.is_empty());
            }
            // What is held is in use and is not listed.
            for held in &revision.state.held {
                prop_assert!(active.covers_all(&held.ranges) && held.misses <= misses);
                prop_assert!(revision.breach.is_some() || !held.ranges.overlaps(list.ranges()));
            }
            // Reading the same again between two refreshes changes nothing.
            let again = revise(&revision.state, &list, None, &limits, Occasion::Change, now).unwrap();
            prop_assert_eq!(&again.state, &revision.state);
            state = revision.state;
        }
    }
}

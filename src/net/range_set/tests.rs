use proptest::prelude::*;

use super::*;

mod python;

fn prefix(text: &str) -> Prefix {
    Prefix::parse(text).unwrap()
}

fn set(texts: &[&str]) -> RangeSet {
    texts.iter().map(|text| prefix(text)).collect()
}

/// Prefixes that meet often: few distinct leading bits, every length.
fn any_prefix() -> impl Strategy<Value = Prefix> {
    let v4 = (0_u32..32, 0_u8..=32, any::<u8>()).prop_map(|(high, length, low)| {
        Prefix::containing(IpAddr::V4((high << 27 | high << 12 | u32::from(low)).into()), length).unwrap()
    });
    let v6 = (0_u128..16, 0_u8..=128, any::<u8>()).prop_map(|(high, length, low)| {
        Prefix::containing(IpAddr::V6((high << 124 | high << 60 | u128::from(low)).into()), length).unwrap()
    });
    prop_oneof![v4, v6]
}

fn any_prefixes() -> impl Strategy<Value = Vec<Prefix>> {
    prop::collection::vec(any_prefix(), 0..40)
}

fn any_set() -> impl Strategy<Value = RangeSet> {
    any_prefixes().prop_map(|prefixes| prefixes.into_iter().collect())
}

proptest! {
    #[test]
    fn the_order_and_repetition_of_prefixes_do_not_matter(prefixes in any_prefixes()) {
        let forward: RangeSet = prefixes.iter().collect();
        let backward: RangeSet = prefixes.iter().rev().chain(&prefixes).collect();
        prop_assert_eq!(&forward, &backward);
        prop_assert_eq!(forward.hash(), backward.hash());
    }

    #[test]
    fn canonical_prefixes_make_the_same_set_again(set in any_set()) {
        let again: RangeSet = set.prefixes().into_iter().collect();
        prop_assert_eq!(&again, &set);
        prop_assert_eq!(again.prefixes(), set.prefixes());
        let json = serde_json::to_string(&set).unwrap();
        prop_assert_eq!(serde_json::from_str::<RangeSet>(&json).unwrap(), set);
    }

    #[test]
    fn canonical_prefixes_are_sorted_separate_and_have_no_siblings(set in any_set()) {
        for pair in set.prefixes().windows(2) {
            prop_assert!(pair[0] < pair[1]);
            prop_assert!(!pair[0].contains(pair[1].first()), "{:?} holds {:?}", pair[0], pair[1]);
            if pair[0].length() == pair[1].length() && pair[0].length() > 0 {
                let parent = Prefix::containing(pair[0].first(), pair[0].length() - 1).unwrap();
                prop_assert!(!parent.contains(pair[1].first()), "{:?} and {:?} are siblings", pair[0], pair[1]);
            }
        }
    }

    #[test]
    fn a_union_covers_both_and_no_more(a in any_set(), b in any_set()) {
        let union = a.union(&b);
        prop_assert!(union.covers_all(&a) && union.covers_all(&b));
        prop_assert_eq!(&union, &b.union(&a));
        prop_assert_eq!(a.union(&a), a.clone());
        prop_assert!(union.subtract(&a).subtract(&b).is_empty());
        for prefix in a.prefixes() {
            prop_assert!(union.covers(prefix));
        }
    }

    #[test]
    fn a_difference_and_an_intersection_split_a_set(a in any_set(), b in any_set()) {
        let (rest, common) = (a.subtract(&b), a.intersect(&b));
        prop_assert!(!rest.overlaps(&b));
        prop_assert!(!rest.overlaps(&common));
        prop_assert_eq!(rest.union(&common), a.clone());
        prop_assert_eq!(&common, &b.intersect(&a));
        for family in [Family::V4, Family::V6] {
            prop_assert_eq!(rest.coverage(family).saturating_add(common.coverage(family)), a.coverage(family));
        }
    }

    #[test]
    fn membership_agrees_with_the_prefixes_it_was_made_of(prefixes in any_prefixes(), probe in any_prefix()) {
        let set: RangeSet = prefixes.iter().collect();
        for address in [probe.first(), probe.last()] {
            prop_assert_eq!(set.contains(address), prefixes.iter().any(|prefix| prefix.contains(address)));
        }
        prop_assert_eq!(set.covers(probe), RangeSet::from(probe).subtract(&set).is_empty());
    }

    #[test]
    fn an_interval_between_any_two_addresses_is_cut_exactly(a: u128, b: u128) {
        let interval = Interval { first: a.min(b), last: a.max(b) };
        let mut prefixes = Vec::new();
        split(Family::V6, interval, &mut prefixes);
        prop_assert!(prefixes.len() <= 254);
        let set: RangeSet = prefixes.iter().collect();
        prop_assert_eq!(set.v6.as_slice(), &[interval][..]);
        prop_assert_eq!(set.prefixes(), prefixes);
    }
}

#[test]
fn everything_counts_and_has_two_prefixes() {
    let everything = RangeSet::everything();
    assert_eq!(everything.texts(), ["0.0.0.0/0", "::/0"]);
    assert_eq!(everything.coverage(Family::V4), 1 << 32);
    assert_eq!(everything.coverage(Family::V6), u128::MAX);
    assert!(everything.subtract(&everything).is_empty());
    let all_but_one = everything.subtract(&set(&["0.0.0.0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]));
    assert_eq!(all_but_one.prefix_count(Family::V4), 32);
    assert_eq!(all_but_one.prefix_count(Family::V6), 128);
}

#[test]
fn a_provider_that_splits_its_list_changes_nothing() {
    let whole = set(&["198.18.0.0/15", "2001:db8::/32"]);
    let split = set(&["198.19.0.0/16", "2001:db8:8000::/33", "198.18.0.0/17", "198.18.128.0/17", "2001:db8::/33"]);
    assert_eq!(whole, split);
    assert_eq!(whole.hash(), split.hash());
}

#[test]
fn the_hash_is_the_digest_of_the_canonical_text() {
    // printf '192.0.2.0/24\n2001:db8::/32\n' | sha256sum
    assert_eq!(
        set(&["2001:DB8::1/32", "192.0.2.77/24"]).hash(),
        "sha256:2869f46ecda9c71c548bfd15408876ac4337d51ac42a093d67736fcd038bc777"
    );
}

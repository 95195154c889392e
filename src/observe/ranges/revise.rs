//! What becomes of the list in use when a new one is read: a pure state machine.
//!
//! Additions are taken at once, because a missing address is a 502 for somebody. Removals wait, because a removed address
//! is one too, and providers' lists have holes: on 2025-10-27 one lost 2,720 addresses for two hours while its number of
//! entries grew. So coverage is compared and never entries; a vanished address stays until it was missing in several
//! refreshes *and* for a time; a loss or a growth that is too large waits for a human or an hour. Replayed over three years
//! of one provider's lists these rules drop no address wrongly (see the tests).
//!
//! The addresses in use are the union of what the source listed last and what is held. The list in use never becomes
//! empty, and a source that fails changes nothing at all.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::api::conditions::Reason;
use crate::net::{AdmittedRanges, Family, Provenance, RangeSet};

use super::plausible::Implausible;

/// Prefixes that a status can hold.
const MOST_PREFIXES: usize = 4000;

/// How long additions of a suspiciously large revision wait.
const GROWTH_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// When a vanished address is let go: after both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Time since it was first missed.
    pub time: SignedDuration,
    /// Refreshes in a row that lacked it.
    pub misses: u32,
}

/// What a revision may do unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Percent of a family's addresses that may vanish at once.
    pub max_loss_percent: u32,
    /// Factor by which a family's addresses may grow at once.
    pub max_growth_factor: u32,
    /// Fewest IPv4 prefixes.
    pub min_ipv4_prefixes: usize,
    /// Fewest IPv6 prefixes.
    pub min_ipv6_prefixes: usize,
    /// When a vanished address is let go.
    pub hold: Hold,
    /// Hash of a list that a human has looked at.
    pub acknowledged: Option<String>,
}

/// Why the source was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// It was due. What is missing now has been missed once more.
    Refresh,
    /// The spec or the `ConfigMap` changed between two refreshes: additions count, misses do not.
    Change,
}

/// Addresses that the source no longer lists and that are still allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The addresses.
    pub ranges: RangeSet,
    /// Refreshes in a row that lacked them; stops counting at the limit, so that a status comes to rest.
    pub misses: u32,
    /// When their time ends.
    pub removable: Timestamp,
}

/// Which guard a revision broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString)]
pub enum Breach {
    /// Too many addresses gone.
    Loss,
    /// Too many addresses more.
    Growth,
}

/// A revision that is not used, or whose additions are not used yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// Its hash; `acknowledgedHash` releases it.
    pub hash: String,
    /// Prefixes that it would add.
    pub added: usize,
    /// Prefixes that it would remove.
    pub removed: usize,
    /// Why.
    pub breach: Breach,
    /// When its additions are taken without a word; growth only.
    pub release: Option<Timestamp>,
}

/// All that is remembered of a network: what its status says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The list in use, held addresses included.
    pub active: Option<AdmittedRanges>,
    /// The held ones.
    pub held: Vec<Held>,
    /// What waits.
    pub quarantine: Option<Quarantine>,
    /// Day of the list in use where it came with a release and was never read from its source.
    pub as_of: Option<Date>,
}

/// The next state, and what it means for the condition Plausible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// What to remember.
    pub state: State,
    /// `None`: plausible. Else the guard that was broken, with the sentence for the condition.
    pub breach: Option<(Breach, String)>,
}

/// Takes a plausible list in. `known` is a list to compare the very first one with, if any.
///
/// Fails only where the result could not be written: too wide after merging with what is held, or too many prefixes.
pub fn revise(
    prior: &State,
    fetched: &AdmittedRanges,
    known: Option<&RangeSet>,
    limits: &Limits,
    occasion: Occasion,
    now: Timestamp,
) -> Result<Revision, Implausible> {
    let list = fetched.ranges();
    let hash = fetched.hash();
    let acknowledged = limits.acknowledged.as_deref() == Some(hash.as_str());
    let active = prior.active.as_ref().map_or_else(RangeSet::empty, |active| active.ranges().clone());
    let held = prior.held.iter().fold(RangeSet::empty(), |sum, held| sum.union(&held.ranges));
    // What the last accepted revision listed; what is held has been counted as lost before.
    let listed = match (&prior.active, known) {
        (None, Some(known)) => known.clone(),
        _ => active.subtract(&held),
    };
    let quarantine = |breach, release| Quarantine {
        hash: hash.clone(),
        added: list.subtract(&active).prefixes().len(),
        removed: active.subtract(list).prefixes().len(),
        breach,
        release,
    };
    if let Some(message) = loss(&listed, list, limits).filter(|_| !acknowledged) {
        let message =
            format!("{message}; the list in use stays. Put {hash} into spec.acknowledgedHash to accept the new one");
        let state = State { quarantine: Some(quarantine(Breach::Loss, None)), ..prior.clone() };
        return Ok(Revision { state, breach: Some((Breach::Loss, message)) });
    }
    if prior.active.is_none() {
        return settle(list.clone(), Vec::new());
    }
    // A list that only came with a release is no measure of growth, as little as none at all.
    let growth = growth(&active, list, limits).filter(|_| !acknowledged && prior.as_of.is_none());
    let waiting = growth.map(|message| (message, release_time(prior, list, &active, now)));
    if let Some((message, release)) = waiting.filter(|(_, release)| now < *release) {
        let message =
            format!("{message}; its additions are taken at {release}, or when {hash} stands in spec.acknowledgedHash");
        let held = held_after(prior, &active.subtract(list), &held, limits, occasion, now);
        // Nothing is let go while the new list is in doubt.
        let mut revision = settle(active.clone(), held)?;
        revision.state.quarantine = Some(quarantine(Breach::Growth, Some(release)));
        revision.breach = Some((Breach::Growth, message));
        return Ok(revision);
    }
    let union = active.union(list);
    let held = held_after(prior, &union.subtract(list), &held, limits, occasion, now);
    let (gone, held): (Vec<Held>, Vec<Held>) =
        held.into_iter().partition(|held| held.misses >= limits.hold.misses && now >= held.removable);
    let gone = gone.iter().fold(RangeSet::empty(), |sum, gone| sum.union(&gone.ranges));
    settle(union.subtract(&gone), held)
}

/// A state without a breach, if it can be written down.
fn settle(active: RangeSet, held: Vec<Held>) -> Result<Revision, Implausible> {
    let too_many = |what: &str, count: usize| Implausible {
        reason: Reason::TooWide,
        message: format!(
            "{what} has {count} prefixes, more than the {MOST_PREFIXES} that can be kept; narrow the source"
        ),
    };
    let count = active.prefixes().len();
    if count > MOST_PREFIXES {
        return Err(too_many("the list with what is held", count));
    }
    let count = held.iter().map(|held| held.ranges.prefixes().len()).sum();
    if count > MOST_PREFIXES {
        return Err(too_many("what is held", count));
    }
    // Every part was admitted from its own source; the union may only have become too wide.
    let active = AdmittedRanges::admit(active, Provenance::Local).map_err(Implausible::from)?;
    let state = State { active: Some(active), held, quarantine: None, as_of: None };
    Ok(Revision { state, breach: None })
}

/// What is held after this revision: addresses that came back are not, new ones join.
fn held_after(
    prior: &State,
    missing: &RangeSet,
    held_before: &RangeSet,
    limits: &Limits,
    occasion: Occasion,
    now: Timestamp,
) -> Vec<Held> {
    let miss = u32::from(occasion == Occasion::Refresh);
    let count = |misses: u32| (misses + miss).min(limits.hold.misses);
    let mut held: Vec<Held> = prior
        .held
        .iter()
        .map(|held| Held {
            ranges: held.ranges.intersect(missing),
            misses: count(held.misses),
            removable: held.removable,
        })
        .filter(|held| !held.ranges.is_empty())
        .collect();
    let fresh = missing.subtract(held_before);
    if !fresh.is_empty() {
        let removable = now.checked_add(limits.hold.time).unwrap_or(Timestamp::MAX);
        held.push(Held { ranges: fresh, misses: count(0), removable });
    }
    held
}

/// When the additions of this revision are taken. A list that grows further by much starts the hour again; one that only
/// changes a little does not, or a restless list would never be taken.
fn release_time(prior: &State, list: &RangeSet, active: &RangeSet, now: Timestamp) -> Timestamp {
    let added = list.subtract(active).prefixes().len();
    let running = prior.quarantine.as_ref().filter(|waiting| waiting.breach == Breach::Growth);
    let running =
        running.filter(|waiting| added <= waiting.added.saturating_mul(2)).and_then(|waiting| waiting.release);
    running.unwrap_or_else(|| now.checked_add(GROWTH_WAIT).unwrap_or(Timestamp::MAX))
}

/// The sentence about a loss that is too large, by family: a lost family is a loss of all of it.
fn loss(listed: &RangeSet, list: &RangeSet, limits: &Limits) -> Option<String> {
    let gone = listed.subtract(list);
    [Family::V4, Family::V6].into_iter().find_map(|family| {
        let (part, whole) = (gone.coverage(family), listed.coverage(family));
        let percent = limits.max_loss_percent;
        exceeds(part, whole, percent).then(|| {
            let how_much = if part == whole { "all".to_owned() } else { format!("more than {percent} percent") };
            format!("the new list lacks {how_much} of the {family} addresses (maxLossPercent is {percent})")
        })
    })
}

/// Is `part` more than `percent` hundredths of `whole`?
fn exceeds(part: u128, whole: u128, percent: u32) -> bool {
    // Seven bits make room for the factor 100 where the whole of IPv6 is compared; the error is far below a percent.
    let shift = if whole.leading_zeros() < 8 { 8 } else { 0 };
    (part >> shift) * 100 > (whole >> shift) * u128::from(percent)
}

/// The sentence about a growth that is too large, by family: a new family is one.
fn growth(active: &RangeSet, list: &RangeSet, limits: &Limits) -> Option<String> {
    let union = active.union(list);
    let factor = limits.max_growth_factor;
    [Family::V4, Family::V6].into_iter().find_map(|family| {
        let (before, after) = (active.coverage(family), union.coverage(family));
        let outgrown = before.checked_mul(u128::from(factor)).is_some_and(|most| after > most);
        outgrown.then(|| {
            if before == 0 {
                format!("the new list has {family} addresses, which the one in use has not")
            } else {
                format!("the new list has more than {factor} times as many {family} addresses (maxGrowthFactor)")
            }
        })
    })
}

#[cfg(test)]
mod tests;

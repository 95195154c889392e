//! When the failures began, and what was changed before.

use crate::api::Observation;
use crate::evidence::fact::{Change, Changed};
use crate::evidence::{Fact, Health, Track};
use jiff::{SignedDuration, Timestamp};

/// How long before the first failure a change is still worth a look.
const BEFORE: SignedDuration = SignedDuration::from_mins(10);
/// How much later than the first failure a change that caused it may be noticed.
const AFTER: SignedDuration = SignedDuration::from_secs(15);

/// The beginning of what fails through the proxy.
#[derive(Debug)]
pub struct Onset<'c> {
    pub first_failure: Timestamp,
    /// The last good result before it.
    pub last_success: Timestamp,
    /// Changes within ten minutes before, the last one first.
    pub before: Vec<Before<'c>>,
}

/// A change that came before.
#[derive(Clone, Copy, Debug)]
pub struct Before<'c> {
    pub fact: &'c Fact,
    pub change: &'c Change,
}

/// The onset, where it was seen: what fails since this history began has none.
pub fn of<'c>(tracks: &[&'c Track], facts: &[&'c Fact]) -> Option<Onset<'c>> {
    let failing = tracks
        .iter()
        .filter(|t| t.key.observation == Observation::ViaProxy && t.health == Health::Failing)
        .filter_map(|t| t.onset);
    let first = failing.min_by_key(|onset| onset.first_failure)?;
    let mut before: Vec<Before<'c>> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Change(change) => Some(Before { fact, change }),
            _ => None,
        })
        .filter(|b| {
            let earlier = first.first_failure.duration_since(b.change.at);
            (-AFTER..=BEFORE).contains(&earlier)
        })
        .collect();
    before.sort_by_key(|b| (std::cmp::Reverse(b.change.at), b.change.what == Changed::Rollout, &b.change.object));
    Some(Onset { first_failure: first.first_failure, last_success: first.last_success, before })
}

//! The status of a `ProxyNetwork`: where the state is kept between two refreshes and over restarts, and what people read.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::conditions::Reason;
use crate::api::conditions::{self, ConditionType, Truth};
use crate::api::proxy_network::{ActiveList, PendingRemoval, ProxyNetworkSpec, ProxyNetworkStatus, QuarantinedList};
use crate::api::validated::Invalid;
use crate::net::{AdmittedRanges, Family, Prefix, Provenance, RangeSet};

use super::account::Listing;
use super::known::Shipped;
use super::parse::FeedError;
use super::plausible::{self, Implausible};
use super::revise::{Breach, Held, Hold, Limits, Occasion, Quarantine, Revision, State, revise};
use super::source::{Feed, Way};
use super::upstream;

/// How reading a source ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A list, not yet judged.
    List(RangeSet),
    /// One with what its provider has announced.
    Listing(Listing),
    /// None.
    Failed(FeedError),
    /// The spec cannot be read.
    Invalid(Invalid),
}

impl Limits {
    /// The limits of a spec; a spec without a hold has the source's own.
    pub fn new(spec: &ProxyNetworkSpec, default_hold: std::time::Duration) -> Self {
        let count = |value: i32| usize::try_from(value).unwrap_or_default();
        let seconds = spec.removal.hold_seconds.map_or_else(
            || SignedDuration::try_from(default_hold).unwrap_or(SignedDuration::ZERO),
            |seconds| SignedDuration::from_secs(i64::from(seconds.max(0))),
        );
        let acknowledged = Some(spec.acknowledged_hash.clone()).filter(|hash| !hash.is_empty());
        Self {
            max_loss_percent: u32::try_from(spec.guards.max_loss_percent).unwrap_or_default().min(100),
            max_growth_factor: u32::try_from(spec.guards.max_growth_factor).unwrap_or(1).max(1),
            min_ipv4_prefixes: count(spec.guards.min_ipv4_prefixes),
            min_ipv6_prefixes: count(spec.guards.min_ipv6_prefixes),
            hold: Hold { time: seconds, misses: u32::try_from(spec.removal.min_misses).unwrap_or(1).max(1) },
            acknowledged,
        }
    }
}

impl State {
    /// What a status remembers. A list that is not one of ours is not taken: better none than a wrong one.
    pub fn of(status: &ProxyNetworkStatus) -> Self {
        let active = status.active.as_ref().and_then(|active| {
            let prefixes: Result<RangeSet, _> = active.cidrs.iter().map(|cidr| Prefix::parse(cidr)).collect();
            AdmittedRanges::admit(prefixes.ok()?, Provenance::Local).ok()
        });
        let mut held: Vec<Held> = Vec::new();
        for pending in &status.pending_removals {
            let Ok(prefix) = Prefix::parse(&pending.cidr) else { continue };
            let (misses, removable) = (u32::try_from(pending.misses).unwrap_or_default(), pending.removable_time.0);
            match held.iter_mut().find(|held| held.misses == misses && held.removable == removable) {
                Some(group) => group.ranges = group.ranges.union(&prefix.into()),
                None => held.push(Held { ranges: prefix.into(), misses, removable }),
            }
        }
        let quarantine = status.quarantined.as_ref().and_then(|waiting| {
            Some(Quarantine {
                hash: waiting.hash.clone(),
                added: usize::try_from(waiting.added).unwrap_or_default(),
                removed: usize::try_from(waiting.removed).unwrap_or_default(),
                breach: waiting.reason.parse().ok()?,
                release: waiting.release_time.as_ref().map(|time| time.0),
            })
        });
        let as_of = status.active.as_ref().and_then(|active| active.as_of.as_ref()?.parse().ok());
        Self { active, held, quarantine, as_of }
    }

    fn write(&self, status: &mut ProxyNetworkStatus) {
        status.active = self.active.as_ref().map(|active| active_list(active, self.as_of));
        status.quarantined = self.quarantine.as_ref().map(|waiting| QuarantinedList {
            hash: waiting.hash.clone(),
            added: number(waiting.added),
            removed: number(waiting.removed),
            reason: waiting.breach.to_string(),
            release_time: waiting.release.map(Time),
        });
        status.pending_removals = self
            .held
            .iter()
            .flat_map(|held| {
                held.ranges.prefixes().into_iter().map(|prefix| PendingRemoval {
                    cidr: prefix.to_string(),
                    misses: i32::try_from(held.misses).unwrap_or(i32::MAX),
                    removable_time: Time(held.removable),
                })
            })
            .collect();
    }
}

/// The list in use as status shows it.
fn active_list(active: &AdmittedRanges, as_of: Option<Date>) -> ActiveList {
    let hash = active.hash();
    let short = hash.strip_prefix("sha256:").unwrap_or(&hash).chars().take(12).collect();
    ActiveList {
        short_hash: short,
        prefixes: number(active.prefixes().len()),
        ipv4_prefixes: number(active.ranges().prefix_count(Family::V4)),
        ipv6_prefixes: number(active.ranges().prefix_count(Family::V6)),
        cidrs: active.ranges().texts(),
        as_of: as_of.map(|day| day.to_string()),
        hash,
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// The status after a source was read. Pure; equal inputs give equal statuses, so nothing is written while nothing changes.
pub fn next_status(
    prior: Option<&ProxyNetworkStatus>,
    spec: &ProxyNetworkSpec,
    generation: i64,
    fetched: &Fetched,
    occasion: Occasion,
    now: Timestamp,
) -> ProxyNetworkStatus {
    let mut status = prior.cloned().unwrap_or_default();
    status.observed_generation = Some(generation);
    let mut say = Conditions { list: &mut status.conditions, generation, now };
    let outcome = match fetched {
        Fetched::Listing(listing) => {
            say.set(ConditionType::Fetched, Truth::True, Reason::Fetched, "the source was read");
            Some(take_in(prior, spec, &listing.union(), None, occasion, now))
        }
        Fetched::List(list) => {
            let as_of = only_released(spec).map(|listed| listed.as_of);
            let message = as_of.map_or_else(
                || "the source was read".to_owned(),
                |day| format!("the provider publishes no list that can be fetched; this release has that of {day}"),
            );
            say.set(ConditionType::Fetched, Truth::True, Reason::Fetched, &message);
            Some(take_in(prior, spec, list, as_of, occasion, now))
        }
        Fetched::Failed(error) => {
            let instead = in_its_stead(prior, spec);
            let message = instead.as_ref().map_or_else(
                || format!("{error}; the list in use stays"),
                |listed| {
                    format!(
                        "{error}; until it is read, the list of {} that came with this release is used",
                        listed.as_of
                    )
                },
            );
            say.set(ConditionType::Fetched, Truth::False, error.reason(), &message);
            instead.map(|listed| take_in(prior, spec, &listed.ranges(), Some(listed.as_of), occasion, now))
        }
        Fetched::Invalid(invalid) => {
            say.set(ConditionType::Fetched, Truth::False, Reason::Unparsable, &invalid.to_string());
            None
        }
    };
    match &outcome {
        Some(Ok(Revision { breach: None, .. })) => {
            say.set(ConditionType::Plausible, Truth::True, Reason::Plausible, "the list passed all guards");
        }
        Some(Ok(Revision { breach: Some((breach, message)), .. })) => {
            let reason = match breach {
                Breach::Loss => Reason::Loss,
                Breach::Growth => Reason::Growth,
            };
            say.set(ConditionType::Plausible, Truth::False, reason, message);
        }
        Some(Err(implausible)) => {
            let message = format!("{implausible}; the list in use stays");
            say.set(ConditionType::Plausible, Truth::False, implausible.reason, &message);
        }
        None if conditions::get(say.list, ConditionType::Plausible).is_none() => {
            say.set(ConditionType::Plausible, Truth::Unknown, Reason::Pending, "no list was read yet");
        }
        None => {}
    }
    if let Some(Ok(revision)) = outcome {
        revision.state.write(&mut status);
    }
    match fetched {
        Fetched::Listing(listing) => {
            upstream::note(&mut status, spec, listing, now);
            upstream::say(&mut status, spec, generation, None, now);
        }
        Fetched::Failed(_) if spec.source.account.is_some() => {}
        Fetched::List(_) | Fetched::Failed(_) | Fetched::Invalid(_) => upstream::forget(&mut status),
    }
    let usable = status.active.is_some();
    let mut say = Conditions { list: &mut status.conditions, generation, now };
    if usable {
        let message = status.active.as_ref().and_then(|active| active.as_of.as_ref()).map_or_else(
            || "a list is in use".to_owned(),
            |day| format!("a list is in use: that of {day}, which came with a release of Leeward"),
        );
        say.set(ConditionType::Ready, Truth::True, Reason::Ready, &message);
    } else {
        let message = "no list was ever good enough to be used; see the conditions Fetched and Plausible";
        say.set(ConditionType::Ready, Truth::False, Reason::NoUsableList, message);
    }
    status
}

/// The list of a provider that publishes none.
fn only_released(spec: &ProxyNetworkSpec) -> Option<Shipped> {
    match Feed::new(&spec.source).ok()?.way {
        Way::Release(listed) => Some(listed),
        Way::Http(_) | Way::DnsText(_) | Way::ConfigMap { .. } | Way::Inline(_) | Way::Account(_) => None,
    }
}

/// The list that came with this release, where the source has never been read: a cluster without a way out starts with it.
/// One that was read once is newer and stays.
fn in_its_stead(prior: Option<&ProxyNetworkStatus>, spec: &ProxyNetworkSpec) -> Option<Shipped> {
    let active = prior.and_then(|status| status.active.as_ref());
    if active.is_some_and(|active| active.as_of.is_none()) {
        return None;
    }
    Feed::new(&spec.source).ok()?.known.shipped
}

/// Judges a list and takes it in. `as_of` is its day where it came with this release.
fn take_in(
    prior: Option<&ProxyNetworkStatus>,
    spec: &ProxyNetworkSpec,
    list: &RangeSet,
    as_of: Option<Date>,
    occasion: Occasion,
    now: Timestamp,
) -> Result<Revision, Implausible> {
    let feed = Feed::new(&spec.source)
        .map_err(|invalid| Implausible { reason: Reason::Empty, message: invalid.to_string() })?;
    let mut limits = Limits::new(spec, feed.default_hold());
    let admitted = plausible::judge(list.clone(), feed.provenance(), &feed.known, &limits)?;
    let state = prior.map(State::of).unwrap_or_default();
    // What a first list is compared with is as old as its day says, in the status or in this release.
    let first = feed.known.shipped.as_ref().filter(|_| state.active.is_none());
    if let Some(day) = state.as_of.or_else(|| first.map(|listed| listed.as_of)) {
        limits.max_loss_percent = feed.known.loss_percent(limits.max_loss_percent, day, now);
    }
    let mut revision = revise(&state, &admitted, first.map(Shipped::ranges).as_ref(), &limits, occasion, now)?;
    if revision.breach.is_none() {
        revision.state.as_of = as_of;
    }
    Ok(revision)
}

/// Since when the source cannot be read; `None` while it can. Past seven days its users say `SourceUnavailable`.
pub fn failing_since(status: &ProxyNetworkStatus) -> Option<Timestamp> {
    let fetched: &Condition = conditions::get(&status.conditions, ConditionType::Fetched)?;
    (fetched.status == Truth::False.to_string()).then_some(fetched.last_transition_time.0)
}

/// Sets conditions of one moment.
struct Conditions<'a> {
    list: &'a mut Vec<Condition>,
    generation: i64,
    now: Timestamp,
}

impl Conditions<'_> {
    fn set(&mut self, kind: ConditionType, truth: Truth, reason: Reason, message: &str) {
        conditions::set(self.list, kind, truth, &reason.to_string(), message, self.generation, self.now);
    }
}

#[cfg(test)]
mod tests;

//! When a provider is told that a list which it announced is allowed: once every origin that enforces the network carries it,
//! as read back, and none is worse for it. Pure; [`super::Networks`] asks it again and again while something is announced.

use crate::allow::desired;
use crate::api::conditions::{self, ConditionType, Reason, Truth};
use crate::api::spec::Mode;
use crate::api::validated::Validated;
use crate::api::{ProtectedOrigin, ProxyNetwork};
use crate::observe::ranges::upstream::Waiting;
use crate::observe::ranges::{Announced, State};
use crate::operate::key::OriginKey;
use crate::operate::reconciler::is_probing;
use jiff::Timestamp;
use std::sync::Arc;

/// What was seen of an origin's site in this term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It works through the proxy.
    Well,
    /// It does not.
    Failing,
    /// Nothing definite.
    Nothing,
}

/// Whom an acknowledgement waits for.
#[derive(Clone, Debug, Default)]
pub struct Users {
    /// The origins that use the network.
    pub read: Vec<(Arc<ProtectedOrigin>, Seen)>,
    /// Those that cannot be read, and may use it.
    pub unreadable: Vec<OriginKey>,
}

/// What an acknowledgement waits for; nothing where it may be sent. `network` has its newest status.
pub fn waiting(network: &ProxyNetwork, announced: &Announced, users: &Users, now: Timestamp) -> Option<Waiting> {
    let status = network.status.as_ref()?;
    let active = State::of(status).active;
    if !active.is_some_and(|active| active.ranges().covers_all(&announced.ranges)) {
        return Some(Waiting::List);
    }
    if !users.unreadable.is_empty() {
        return Some(Waiting::Unreadable(users.unreadable.iter().map(OriginKey::to_string).collect()));
    }
    let enforcing: Vec<_> = users.read.iter().filter(|(origin, _)| enforces(origin)).collect();
    if enforcing.is_empty() {
        return Some(Waiting::NoOrigin);
    }
    let carry = enforcing.iter().filter(|(origin, _)| carries(origin, network, now)).count();
    if carry < enforcing.len() {
        return Some(Waiting::Origins { carry, of: enforcing.len() });
    }
    let since = status.upstream.as_ref().and_then(|upstream| upstream.pending_since.as_ref()).map_or(now, |at| at.0);
    let failing =
        enforcing.iter().filter(|(origin, seen)| *seen == Seen::Failing && began_after(origin, since)).count();
    if failing > 0 {
        return Some(Waiting::Failing { of: failing });
    }
    let unseen = enforcing.iter().filter(|(origin, seen)| *seen == Seen::Nothing || is_watched(origin)).count();
    (unseen > 0).then_some(Waiting::Probes { of: unseen })
}

/// An origin that keeps the list somewhere, or is meant to.
fn enforces(origin: &ProtectedOrigin) -> bool {
    let allowlist = &origin.spec.allowlist;
    origin.metadata.deletion_timestamp.is_none() && allowlist.mode == Mode::Enforce && !allowlist.targets.is_empty()
}

/// Every target carries what it should carry now, and said so when it was read back.
fn carries(origin: &ProtectedOrigin, network: &ProxyNetwork, now: Timestamp) -> bool {
    let Some(status) = &origin.status else { return false };
    let Some(synced) = conditions::get(&status.conditions, ConditionType::AllowlistSynced) else { return false };
    let is_synced = synced.status == Truth::True.to_string() && synced.reason == Reason::Synced.to_string();
    let is_current = synced.observed_generation == origin.metadata.generation;
    let hash = Validated::new(origin).ok().and_then(|spec| desired(Some(network), &spec, now).ok()).map(|d| d.hash());
    is_synced && is_current && hash.is_some() && hash.as_ref() == status.allowlist.as_ref().map(|list| &list.hash)
}

/// A round after the last write is still awaited.
fn is_watched(origin: &ProtectedOrigin) -> bool {
    let synced = origin.status.as_ref().and_then(|s| conditions::get(&s.conditions, ConditionType::AllowlistSynced));
    synced.is_some_and(|synced| is_probing(&synced.message))
}

/// What failed before is no fault of the announced list; one that said nothing of it counts as new.
fn began_after(origin: &ProtectedOrigin, since: Timestamp) -> bool {
    let healthy = origin.status.as_ref().and_then(|s| conditions::get(&s.conditions, ConditionType::OriginHealthy));
    healthy.is_none_or(|c| c.status != Truth::False.to_string() || c.last_transition_time.0 >= since)
}

#[cfg(test)]
mod tests;

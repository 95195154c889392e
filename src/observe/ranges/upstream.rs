//! Providers that announce a list before they use it, and want to be told that it is allowed: what the status says of that.
//!
//! An announced list is allowed at once, beside the one in use. To acknowledge it is another matter: whoever does that says
//! that *every* origin lets the new addresses in, and some providers stop using the old ones then. So it waits for the origins,
//! and the condition Acknowledged says what for. It is there only while something is announced.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::conditions::{self, ConditionType, Reason, Truth};
use crate::api::proxy_network::{Acknowledge, ProxyNetworkSpec, ProxyNetworkStatus, UpstreamStatus};

use super::account::{Acknowledged, Listing};
use super::parse::FeedError;

/// How many resources a message names.
const NAMED: usize = 3;

/// What an acknowledgement waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The guards hold the announced list back.
    List,
    /// Resources that cannot be read use it, or may: by namespace and name.
    Unreadable(Vec<String>),
    /// No origin enforces this network, so nobody's allowlist carries the list.
    NoOrigin,
    /// Some origins do not carry it yet.
    Origins {
        /// That many do.
        carry: usize,
        /// Of so many that enforce.
        of: usize,
    },
    /// Some were not probed since.
    Probes {
        /// So many.
        of: usize,
    },
    /// Some fail since the list was announced.
    Failing {
        /// So many.
        of: usize,
    },
    /// The provider did not take it.
    Refused(FeedError),
}

impl Waiting {
    fn words(&self) -> (Reason, String) {
        match self {
            Self::List => (
                Reason::AwaitingList,
                "the guards hold the announced list back, so no origin has it; see the condition Plausible".to_owned(),
            ),
            Self::Unreadable(origins) => (Reason::AwaitingOrigins, unreadable(origins)),
            Self::NoOrigin => (
                Reason::NoEnforcingOrigin,
                "no ProtectedOrigin with targets uses this network in mode Enforce, so nothing shows that the announced list \
                 is allowed; confirm it with the provider yourself once it is"
                    .to_owned(),
            ),
            Self::Origins { carry, of } => (
                Reason::AwaitingOrigins,
                format!("{carry} of {of} origins in mode Enforce carry the announced list; the others say why in AllowlistSynced"),
            ),
            Self::Probes { of } => (
                Reason::AwaitingProbes,
                format!("{of} origins carry the announced list and were not seen to work or fail through the proxy since"),
            ),
            Self::Failing { of } => (
                Reason::OriginsFailing,
                format!("{of} origins began to fail after the list was announced; see their OriginHealthy"),
            ),
            Self::Refused(error) => (error.reason(), format!("the announced list could not be acknowledged: {error}")),
        }
    }
}

/// What holds an acknowledgement up, by name, and what to do.
fn unreadable(origins: &[String]) -> String {
    let named = origins.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = origins.len().saturating_sub(NAMED);
    let others = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!(
        "Leeward cannot read every ProtectedOrigin that uses this network or may ({named}{others}), so nobody knows whether the \
         announced list is allowed there: their condition Accepted says what is wrong; correct or delete them, or update \
         Leeward and its CRDs together"
    )
}

/// Takes in what a provider lists; nothing is said of a provider that announces nothing.
pub fn note(status: &mut ProxyNetworkStatus, spec: &ProxyNetworkSpec, listing: &Listing, now: Timestamp) {
    let account = spec.source.account.as_ref().filter(|account| account.product.has_versions());
    let Some(account) = account else { return forget(status) };
    let resource = format!("{}/{}", account.product, account.resource_id.as_deref().unwrap_or_default());
    // Two zones have versions of the same name, and to tell the provider of one says nothing of the other.
    let prior = status.upstream.take().filter(|prior| prior.resource == resource).unwrap_or_default();
    let mut upstream = UpstreamStatus {
        resource,
        version: listing.version.clone(),
        acknowledged_version: prior.acknowledged_version.clone(),
        acknowledged_time: prior.acknowledged_time.clone(),
        ..UpstreamStatus::default()
    };
    if let Some(next) = &listing.next {
        let known = prior.pending_version.as_ref() == Some(&next.version);
        upstream.pending_since = prior.pending_since.filter(|_| known).or(Some(Time(now)));
        upstream.pending_version = Some(next.version.clone());
        upstream.deadline = next.deadline.map(Time);
        let told = prior.acknowledged_version.as_ref() == Some(&next.version);
        match next.acknowledged {
            Acknowledged::No => {}
            Acknowledged::Yes if told => {}
            Acknowledged::Yes => {
                upstream.acknowledged_version = Some(next.version.clone());
                upstream.acknowledged_time = None;
            }
            Acknowledged::Now(at) => {
                upstream.acknowledged_version = Some(next.version.clone());
                upstream.acknowledged_time = Some(Time(at));
            }
        }
        if !known {
            conditions::clear(&mut status.conditions, ConditionType::Acknowledged);
        }
    }
    status.upstream = Some(upstream);
}

/// The source announces nothing, or is another one now.
pub fn forget(status: &mut ProxyNetworkStatus) {
    status.upstream = None;
    conditions::clear(&mut status.conditions, ConditionType::Acknowledged);
}

/// Whether something is announced that nobody has acknowledged.
pub fn is_open(status: &ProxyNetworkStatus) -> bool {
    status.upstream.as_ref().is_some_and(|upstream| {
        upstream.pending_version.is_some() && upstream.pending_version != upstream.acknowledged_version
    })
}

/// Says how the acknowledgement stands. Without `waiting`, what was said of this announcement stays.
pub fn say(
    status: &mut ProxyNetworkStatus,
    spec: &ProxyNetworkSpec,
    generation: i64,
    waiting: Option<&Waiting>,
    now: Timestamp,
) {
    let pending = status.upstream.as_ref().and_then(|upstream| upstream.pending_version.as_ref());
    if pending.is_none() {
        conditions::clear(&mut status.conditions, ConditionType::Acknowledged);
        return;
    }
    let said = conditions::get(&status.conditions, ConditionType::Acknowledged);
    let (truth, reason, message) = match (is_open(status), spec.acknowledge, waiting) {
        (false, ..) => (Truth::True, Reason::Acknowledged, "the announced list is acknowledged".to_owned()),
        (true, Acknowledge::Never, _) => {
            let message = "a list is announced, is allowed already, and nobody has told the provider so: confirm it there, or \
                           set spec.acknowledge to AfterEnforced";
            (Truth::False, Reason::NotAsked, message.to_owned())
        }
        (true, Acknowledge::AfterEnforced, Some(waiting)) => {
            let (reason, message) = waiting.words();
            (Truth::False, reason, message)
        }
        (true, Acknowledge::AfterEnforced, None) if said.is_some_and(|c| c.reason != Reason::NotAsked.to_string()) => {
            return;
        }
        (true, Acknowledge::AfterEnforced, None) => {
            (Truth::Unknown, Reason::Pending, "the origins were not looked at yet".to_owned())
        }
    };
    conditions::set(
        &mut status.conditions,
        ConditionType::Acknowledged,
        truth,
        &reason.to_string(),
        &message,
        generation,
        now,
    );
}

#[cfg(test)]
mod tests;

//! The status page: what `kubectl get protectedorigins` says, for people without kubectl, and the same as JSON.
//!
//! Everything here is pure: resources and the newest probes come in, documents go out. What is shown is what a status
//! holds (enums, numbers and our own words) and how long each phase of the newest probes took; nothing that a target
//! sent is known here. Markup is made by macros that escape every value.

mod chart;
mod fleet;
mod html;
mod origin;
mod path;
#[cfg(test)]
mod tests;
mod time;

pub use fleet::{Fleet, Problem, Wanted, fleet};
pub use html::problem;
pub use origin::{Origin, origin};
pub use path::PathView;

use crate::api::conditions::{self, ConditionType, Reason, Truth};
use crate::api::{Cause, ProtectedOrigin};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;

/// The look of every page; a file of its own, so that no page needs inline styles.
pub const STYLE: &str = include_str!("style.css");

/// A resource as a replica knows it.
#[derive(Clone, Debug)]
pub enum Known {
    Read(Arc<ProtectedOrigin>),
    /// It does not fit the kind.
    Unreadable {
        namespace: String,
        name: String,
    },
}

/// The replica that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replica {
    pub name: String,
    pub role: Role,
}

/// What a replica does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Role {
    Leader,
    /// It led and nobody is seen to have followed, but it cannot renew the Lease: the API server is away.
    LeaderUnconfirmed,
    Standby,
}

impl Role {
    /// What a reader must know of it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Leader => "It leads: it probes, and writes what is shown here.",
            Self::LeaderUnconfirmed => {
                "It led, and cannot renew its lease: the API server may be away. It goes on probing; states may be old."
            }
            Self::Standby => {
                "It stands by and does not lead: it probes nothing. States are those that the leader wrote; times of \
                 phases are on the leader's page."
            }
        }
    }
}

/// How an origin is, most urgent first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::Display, strum::EnumString, strum::EnumIter,
)]
pub enum State {
    Unhealthy,
    Unknown,
    Healthy,
    Suspended,
}

impl State {
    const fn class(self) -> &'static str {
        match self {
            Self::Unhealthy => "state unhealthy",
            Self::Unknown => "state unknown",
            Self::Healthy => "state healthy",
            Self::Suspended => "state suspended",
        }
    }

    /// A shape, so that colour is never alone.
    const fn sign(self) -> &'static str {
        match self {
            Self::Unhealthy => "✕",
            Self::Unknown => "?",
            Self::Healthy => "✓",
            Self::Suspended => "‖",
        }
    }

    const fn healthy(self) -> Option<bool> {
        match self {
            Self::Unhealthy => Some(false),
            Self::Healthy => Some(true),
            Self::Unknown | Self::Suspended => None,
        }
    }
}

impl Known {
    fn namespace(&self) -> &str {
        match self {
            Self::Read(object) => object.metadata.namespace.as_deref().unwrap_or_default(),
            Self::Unreadable { namespace, .. } => namespace,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Read(object) => object.metadata.name.as_deref().unwrap_or_default(),
            Self::Unreadable { name, .. } => name,
        }
    }

    fn object(&self) -> Option<&ProtectedOrigin> {
        match self {
            Self::Read(object) => Some(object),
            Self::Unreadable { .. } => None,
        }
    }

    /// State, reason of OriginHealthy, and since when that holds.
    fn standing(&self) -> Standing<'_> {
        let unknown = Standing { state: State::Unknown, cause: "Pending", since: None };
        let Some(object) = self.object() else { return Standing { cause: "Unreadable", ..unknown } };
        let Some(status) = &object.status else { return unknown };
        let Some(found) = conditions::get(&status.conditions, ConditionType::OriginHealthy) else { return unknown };
        let state = match found.status.parse() {
            Ok(Truth::True) => State::Healthy,
            Ok(Truth::False) => State::Unhealthy,
            _ if found.reason.parse() == Ok(Reason::Suspended) => State::Suspended,
            _ => State::Unknown,
        };
        let cause = found.reason.parse::<Cause>().ok();
        let verdict = status.diagnosis.as_ref().filter(|d| Some(d.cause) == cause);
        let since = verdict.map_or(found.last_transition_time.0, |d| d.since_time.0);
        Standing { state, cause: &found.reason, since: Some(since) }
    }
}

/// A document of ours as JSON. Its keys are words, so that it always can be written.
fn document(document: &impl Serialize) -> String {
    serde_json::to_string(document).unwrap_or_default()
}

#[derive(Clone, Copy, Debug)]
struct Standing<'a> {
    state: State,
    cause: &'a str,
    since: Option<Timestamp>,
}

//! What the prober is told of an origin, and what it says of it.

use crate::diagnose::Verdict;
use crate::evidence::{Fact, Health, Subject};
use crate::observe::round::Plan;
use crate::operate::key::OriginKey;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;

/// An origin to be looked at.
#[derive(Clone, Debug)]
pub struct Site {
    pub key: OriginKey,
    pub uid: String,
    /// Identifies everything in the spec that touches probing; a verdict is one on this question.
    pub question: String,
    pub plan: Plan,
    pub subject: Subject,
    /// What the cluster's objects say.
    pub facts: Vec<Fact>,
    /// What OriginHealthy said before this process knew the origin.
    pub prior: Health,
    /// Value of the annotation that asks for a round, if it is not answered yet.
    pub request: Option<String>,
}

impl Site {
    /// Whether `other` says the same, so that there is nothing to tell.
    pub fn same(&self, other: &Self) -> bool {
        self.question == other.question
            && self.uid == other.uid
            && self.subject == other.subject
            && self.facts == other.facts
            && self.request == other.request
            && self.plan.endpoints == other.plan.endpoints
            && self.plan.cluster_addresses == other.plan.cluster_addresses
            && self.plan.ca_pem == other.plan.ca_pem
    }
}

/// How the round went that was asked for after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Number of the question.
    pub ask: u64,
    /// Whether the site answered well through the proxy.
    pub proxied: Option<bool>,
    /// Whether the origin answered this vantage.
    pub direct: Option<bool>,
}

/// What the prober says of an origin. Published when it changes, never for its own sake.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// The question that it answers.
    pub question: String,
    /// Absent until one is confirmed.
    pub verdict: Option<Verdict>,
    /// Every address is denied by the egress rules.
    pub forbidden: bool,
    /// Newest request that a full round has answered.
    pub handled: Option<String>,
    pub answered: Option<Answered>,
}

/// The newest assessment of each origin.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<RwLock<HashMap<OriginKey, Arc<Assessment>>>>);

impl Board {
    pub fn get(&self, key: &OriginKey) -> Option<Arc<Assessment>> {
        self.0.read().get(key).cloned()
    }

    pub(super) fn put(&self, key: OriginKey, assessment: Assessment) {
        self.0.write().insert(key, Arc::new(assessment));
    }

    pub(super) fn remove(&self, key: &OriginKey) {
        self.0.write().remove(key);
    }

    pub(super) fn clear(&self) {
        self.0.write().clear();
    }
}

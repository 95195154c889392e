//! What the prober is told of an origin, and what it says of it.

use crate::diagnose::Verdict;
use crate::evidence::{Fact, Health, Probe, Subject};
use crate::observe::round::Plan;
use crate::operate::key::OriginKey;
use crate::report::page::PathView;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

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
    /// It says that the site fails, and what failed answers again.
    pub recovering: bool,
    /// Every address is denied by the egress rules.
    pub forbidden: bool,
    /// Newest request that a full round has answered.
    pub handled: Option<String>,
    pub answered: Option<Answered>,
}

/// What the prober says of each origin: the newest assessment, and for whoever shows them the newest probes.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Shown>);

#[derive(Debug, Default)]
struct Shown {
    assessments: RwLock<HashMap<OriginKey, Arc<Assessment>>>,
    /// Set once somebody wants to see them.
    paths: OnceLock<RwLock<HashMap<OriginKey, Vec<PathView>>>>,
}

impl Board {
    pub fn get(&self, key: &OriginKey) -> Option<Arc<Assessment>> {
        self.0.assessments.read().get(key).cloned()
    }

    /// From now on the newest probe of each path is kept.
    pub fn keep_paths(&self) {
        self.0.paths.get_or_init(RwLock::default);
    }

    /// The newest probe of each path of an origin.
    pub fn paths(&self, key: &OriginKey) -> Vec<PathView> {
        self.0.paths.get().and_then(|paths| paths.read().get(key).cloned()).unwrap_or_default()
    }

    /// Takes in the probes of a round. Of a kind that was looked at, only the addresses of this round are left.
    pub(super) fn looked(&self, key: &OriginKey, probes: &[Probe]) {
        let Some(paths) = self.0.paths.get() else { return };
        let mut newest: Vec<PathView> = Vec::new();
        for view in probes.iter().filter_map(PathView::of) {
            if !newest.iter().any(|other| other.is_path_of(&view)) {
                newest.push(view);
            }
        }
        let mut paths = paths.write();
        let kept = paths.entry(key.clone()).or_default();
        kept.retain(|old| !newest.iter().any(|new| new.is_kind_of(old)));
        kept.extend(newest);
        kept.sort_by_key(|path| (path.observation, path.variant, path.address));
    }

    pub(super) fn put(&self, key: OriginKey, assessment: Assessment) {
        self.0.assessments.write().insert(key, Arc::new(assessment));
    }

    pub(super) fn remove(&self, key: &OriginKey) {
        self.0.assessments.write().remove(key);
        if let Some(paths) = self.0.paths.get() {
            paths.write().remove(key);
        }
    }

    pub(super) fn clear(&self) {
        self.0.assessments.write().clear();
        if let Some(paths) = self.0.paths.get() {
            paths.write().clear();
        }
    }
}

//! A plan in words and numbers: target states, the condition, and the exact configuration that would be applied.

use super::{Change, Owned, Plan, Step, TargetPlan, Write};
use crate::allow::render::field;
use crate::api::conditions::{Reason, Truth, cut};
use crate::api::spec::Mode;
use crate::api::status::{AllowlistStatus, TargetState, TargetStatus};
use crate::net::{Family, Prefix};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Prefixes that a detail spells out.
const SPELT_OUT: usize = 10;

/// Contents that the status says were rolled back: as many as one narrowing has targets.
const MOST_ROLLED_BACK: usize = 8;

/// Longest detail of a target, in bytes.
const MOST_DETAIL: usize = 1024;

/// Reason and message of `AllowlistSynced`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    pub status: Truth,
    pub reason: Reason,
    pub message: String,
}

impl Synced {
    pub(in crate::allow) fn new(status: Truth, reason: Reason, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into() }
    }
}

impl Plan {
    /// Whether Enforce would write something.
    pub fn changes(&self) -> bool {
        self.targets.iter().any(|t| t.change != Change::Nothing && t.veto.is_none())
    }

    /// `status.allowlist` before anything is written; absent while there is nothing to say.
    pub fn status(&self) -> Option<AllowlistStatus> {
        let targets = self.targets.iter().map(|t| t.status(self.mode, self.suspended)).collect();
        self.status_with(targets)
    }

    /// `status.allowlist` with these targets.
    pub fn status_with(&self, targets: Vec<TargetStatus>) -> Option<AllowlistStatus> {
        let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        match &self.desired {
            Ok(desired) => {
                let (ipv4, ipv6) = (desired.count(Family::V4), desired.count(Family::V6));
                Some(AllowlistStatus {
                    hash: desired.hash(),
                    prefixes: count(ipv4 + ipv6),
                    ipv4_prefixes: count(ipv4),
                    ipv6_prefixes: count(ipv6),
                    targets,
                    open: self.open.clone(),
                    narrowing: None,
                    rolled_back: self.rolled_back(),
                })
            }
            Err(_) if targets.is_empty() => None,
            Err(_) => Some(AllowlistStatus { targets, ..AllowlistStatus::default() }),
        }
    }

    /// What is not tried again.
    fn rolled_back(&self) -> Vec<String> {
        let was = |target: &&TargetPlan| target.veto.as_ref().is_some_and(|veto| veto.reason == Reason::RolledBack);
        self.targets.iter().filter(was).map(|target| target.fingerprint.clone()).take(MOST_ROLLED_BACK).collect()
    }

    /// Condition `AllowlistSynced` where nothing is written: in Observe and Plan, or without targets. `None`: it depends
    /// on what [`apply`](crate::allow::apply) does.
    pub fn synced(&self) -> Option<Synced> {
        if self.suspended {
            return Some(Synced::new(Truth::True, Reason::Observing, "suspended: nothing is written"));
        }
        if self.mode == Mode::Observe {
            return Some(Synced::new(Truth::True, Reason::Observing, "mode Observe: nothing is written"));
        }
        if self.targets.is_empty() {
            return Some(Synced::new(Truth::True, Reason::NoTargets, "allowlist.targets is empty: nothing is written"));
        }
        if self.mode == Mode::Enforce {
            return None;
        }
        if let Err(veto) = &self.desired {
            return Some(Synced::new(Truth::False, veto.reason, veto.message.clone()));
        }
        if let Some(concern) = self.concern() {
            return Some(concern);
        }
        let changed = self.targets.iter().filter(|t| t.change != Change::Nothing).count();
        let refused: Vec<String> =
            self.targets.iter().filter_map(|t| t.veto.as_ref().map(|v| format!("{}: {v}", t.name))).collect();
        let message = if refused.is_empty() {
            format!("{changed} of {} targets would change", self.targets.len())
        } else {
            format!("{changed} of {} targets would change; refused: {}", self.targets.len(), refused.join("; "))
        };
        let reason = if changed == 0 && refused.is_empty() { Reason::Synced } else { Reason::PlanPending };
        Some(Synced::new(Truth::True, reason, message))
    }

    /// What is wrong with the source of the list, although the list is kept.
    pub(in crate::allow) fn concern(&self) -> Option<Synced> {
        let concern = self.desired.as_ref().ok()?.concern.as_ref()?;
        Some(Synced::new(Truth::False, concern.reason, concern.message.clone()))
    }
}

impl TargetPlan {
    /// The target before anything is written.
    pub fn status(&self, mode: Mode, suspended: bool) -> TargetStatus {
        let state = self.state(mode, suspended);
        let detail = match (state, &self.veto) {
            (TargetState::Unmanaged, _) | (TargetState::Synced, None) => None,
            (_, Some(veto)) if matches!(self.change, Change::Nothing | Change::Release) => Some(veto.message.clone()),
            (_, Some(veto)) => Some(format!("{} ({})", veto.message, self.counts())),
            (_, None) => Some(self.counts()),
        };
        self.status_as(state, detail)
    }

    pub(in crate::allow) fn status_as(&self, state: TargetState, detail: Option<String>) -> TargetStatus {
        let mut parts: Vec<String> = detail.into_iter().collect();
        parts.extend(self.notes.iter().cloned());
        let detail = (!parts.is_empty()).then(|| cut(&parts.join("; "), MOST_DETAIL));
        TargetStatus { name: self.name.clone(), kind: self.kind, object: self.object.clone(), state, detail }
    }

    /// What would change, with counts and the first prefixes.
    pub fn counts(&self) -> String {
        let verb = match self.change {
            Change::Nothing => return "nothing would change".to_owned(),
            Change::Create => "would be created",
            Change::Update => "would be changed",
            Change::Release => "would be released",
        };
        let mut text = verb.to_owned();
        let mut room = SPELT_OUT;
        for (what, prefixes) in [("adds", &self.added), ("removes", &self.removed)] {
            if !prefixes.is_empty() {
                // Writing to a String cannot fail.
                let _ = write!(text, ", {what} {}", spelt(prefixes, room));
                room = room.saturating_sub(prefixes.len());
            }
        }
        text
    }

    /// The prefixes that go, counted and named as far as there is room.
    pub(in crate::allow) fn leaving(&self) -> String {
        spelt(&self.removed, SPELT_OUT)
    }

    /// The configuration that would be applied last, as the API server would get it.
    pub fn manifest(&self) -> Option<Value> {
        self.steps.last().and_then(Step::manifest)
    }
}

impl Step {
    /// The applied configuration.
    pub fn manifest(&self) -> Option<Value> {
        match &self.write {
            Write::Policy { rendered, .. } => serde_json::to_value(rendered).ok(),
            Write::ConfigMap { rendered, .. } => serde_json::to_value(rendered).ok(),
            Write::Field { shape, value, .. } => Some(field::patch(shape, Some(value))),
            Write::Release { shape } => Some(field::patch(shape, None)),
            Write::Remove { kind, namespace, name, .. } => Some(json!({
                "apiVersion": match kind {
                    Owned::NetworkPolicy => "networking.k8s.io/v1",
                    Owned::ConfigMap => "v1",
                },
                "kind": kind.to_string(),
                "metadata": {"namespace": namespace, "name": name},
                "$patch": "delete",
            })),
        }
    }
}

/// `22 prefixes (a, b, …)`.
fn spelt(prefixes: &[Prefix], room: usize) -> String {
    let noun = if prefixes.len() == 1 { "prefix" } else { "prefixes" };
    let shown: Vec<String> = prefixes.iter().take(room).map(Prefix::to_string).collect();
    match (shown.len(), prefixes.len() - shown.len()) {
        (0, all) => format!("{all} {noun}"),
        (_, 0) => format!("{} {noun} ({})", prefixes.len(), shown.join(", ")),
        (_, more) => format!("{} {noun} ({} and {more} more)", prefixes.len(), shown.join(", ")),
    }
}

//! The status of a ProtectedOrigin: a pure function of the one before, of what is known now and of
//! the time. Nothing in it changes while nothing changes, so that writing can be skipped when equal.

#[cfg(test)]
mod rows;
#[cfg(test)]
mod tests;

use crate::api::conditions::{self, ConditionType, Reason, Truth};
use crate::api::spec::ReadyWhen;
use crate::api::status::{AllowlistStatus, Diagnosis};
use crate::api::{Cause, ProtectedOriginStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// One condition, as decided by whoever knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub truth: Truth,
    pub reason: Reason,
    pub message: String,
}

impl Answer {
    pub fn new(truth: Truth, reason: Reason, message: impl Into<String>) -> Self {
        Self { truth, reason, message: message.into() }
    }

    pub fn yes(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Truth::True, reason, message)
    }

    pub fn no(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Truth::False, reason, message)
    }

    fn pending() -> Self {
        Self::new(Truth::Unknown, Reason::Pending, "")
    }
}

/// A confirmed verdict. Its `since_time` is that of this confirmation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Absent while nobody can say.
    pub healthy: Option<bool>,
    /// It fails, as far as is confirmed, and what failed answers again.
    pub recovering: bool,
    pub diagnosis: Diagnosis,
}

/// How the diagnosis stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// No verdict for what is asked now. `kept`: the one in the status was made for the same question,
    /// and stands until a new one is confirmed.
    Waiting {
        kept: bool,
    },
    Verdict(&'a Finding),
    /// Probing has stopped, for the reason of Accepted.
    Stopped,
    Suspended,
}

/// Behind the summary, while what failed answers again and too few good probes say so yet.
const RECOVERING: &str = "Recovering: what failed answers again. It counts as healthy after twelve good probes.";

/// Everything that decides a status.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    pub prior: Option<&'a ProtectedOriginStatus>,
    pub generation: i64,
    pub ready_when: ReadyWhen,
    pub accepted: Answer,
    pub synced: Answer,
    pub standing: Standing<'a>,
    pub origin: Option<String>,
    pub allowlist: Option<AllowlistStatus>,
    /// Value of the annotation that a full round has answered.
    pub handled: Option<String>,
}

/// The first status of a resource, written before anything is known of it: without it the resource
/// reads as finished to whoever waits for it.
pub fn first(generation: i64, now: Timestamp) -> ProtectedOriginStatus {
    let mut status = ProtectedOriginStatus { observed_generation: Some(generation), ..Default::default() };
    for kind in [ConditionType::Accepted, ConditionType::AllowlistSynced, ConditionType::OriginHealthy] {
        put(&mut status, kind, &Answer::pending(), generation, now);
    }
    let message = "Leeward has not looked yet";
    put(&mut status, ConditionType::Ready, &Answer::no(Reason::Pending, message), generation, now);
    put(&mut status, ConditionType::Reconciling, &Answer::yes(Reason::Pending, message), generation, now);
    status
}

/// The status that follows.
pub fn next(known: &Known<'_>, now: Timestamp) -> ProtectedOriginStatus {
    let generation = known.generation;
    let mut status = known.prior.cloned().unwrap_or_default();
    status.observed_generation = Some(generation);
    put(&mut status, ConditionType::Accepted, &known.accepted, generation, now);
    put(&mut status, ConditionType::AllowlistSynced, &known.synced, generation, now);
    healthy(&mut status, known, now);
    let (ready, reason, message) = ready(&status, known);
    conditions::set(&mut status.conditions, ConditionType::Ready, ready, &reason, &message, generation, now);
    progress(&mut status, known, ready, &reason, &message, now);
    status.diagnosis = diagnosis(known, now);
    if let Some(origin) = &known.origin {
        status.origin = Some(origin.clone());
    }
    status.allowlist.clone_from(&known.allowlist);
    if let Some(handled) = &known.handled {
        status.last_handled_request = Some(handled.clone());
    }
    super::bounds::fit(&mut status);
    status
}

fn put(status: &mut ProtectedOriginStatus, kind: ConditionType, answer: &Answer, generation: i64, now: Timestamp) {
    let reason = answer.reason.to_string();
    conditions::set(&mut status.conditions, kind, answer.truth, &reason, &answer.message, generation, now);
}

/// Sets OriginHealthy.
fn healthy(status: &mut ProtectedOriginStatus, known: &Known<'_>, now: Timestamp) {
    let (truth, reason, message) = match &known.standing {
        Standing::Verdict(finding) => {
            let truth = match finding.healthy {
                Some(true) => Truth::True,
                Some(false) => Truth::False,
                None => Truth::Unknown,
            };
            let reason = finding.diagnosis.cause;
            // The message must not change with words that the diagnosis keeps: it is the diagnosis's own.
            let summary = kept(known.prior, finding).map_or(&finding.diagnosis.summary, |d| &d.summary);
            let message = if finding.recovering { format!("{summary} {RECOVERING}") } else { summary.clone() };
            (truth, reason.to_string(), message)
        }
        Standing::Waiting { .. } => match stands(known.prior) {
            Some(found) => found,
            None => (Truth::Unknown, Reason::Pending.to_string(), "No verdict yet".to_owned()),
        },
        Standing::Stopped => (Truth::Unknown, known.accepted.reason.to_string(), known.accepted.message.clone()),
        Standing::Suspended => {
            (Truth::Unknown, Reason::Suspended.to_string(), "Not probed while spec.suspend is true".to_owned())
        }
    };
    let kind = ConditionType::OriginHealthy;
    conditions::set(&mut status.conditions, kind, truth, &reason, &message, known.generation, now);
}

/// What OriginHealthy says, if it speaks of a verdict.
fn stands(prior: Option<&ProtectedOriginStatus>) -> Option<(Truth, String, String)> {
    let found = conditions::get(&prior?.conditions, ConditionType::OriginHealthy)?;
    found.reason.parse::<Cause>().ok()?;
    let truth = found.status.parse().ok()?;
    Some((truth, found.reason.clone(), found.message.clone()))
}

/// Whether a verdict exists for what is asked now. A vantage that reaches nothing has none, but takes
/// none away.
fn has_verdict(known: &Known<'_>) -> bool {
    let before = || {
        known.prior.is_some_and(|prior| {
            let pending = conditions::get(&prior.conditions, ConditionType::Ready)
                .is_none_or(|ready| ready.reason == Reason::Pending.to_string());
            prior.diagnosis.is_some() && stands(known.prior).is_some() && !pending
        })
    };
    match &known.standing {
        Standing::Verdict(finding) if finding.diagnosis.cause == Cause::VantageFault => before(),
        Standing::Verdict(_) => true,
        Standing::Waiting { kept } => *kept && before(),
        Standing::Stopped | Standing::Suspended => false,
    }
}

/// Ready: the first of what is not as it should be, or the verdict that is still missing.
fn ready(status: &ProtectedOriginStatus, known: &Known<'_>) -> (Truth, String, String) {
    for answer in [&known.accepted, &known.synced] {
        if answer.truth == Truth::Unknown {
            return (Truth::False, Reason::Pending.to_string(), answer.message.clone());
        }
        if answer.truth == Truth::False {
            return (Truth::False, answer.reason.to_string(), answer.message.clone());
        }
    }
    if known.standing == Standing::Suspended {
        return (Truth::True, Reason::Suspended.to_string(), "Suspended: neither probed nor written".to_owned());
    }
    if !has_verdict(known) {
        return (Truth::False, Reason::Pending.to_string(), "No verdict yet for this generation".to_owned());
    }
    if known.ready_when == ReadyWhen::OriginHealthy {
        let found = conditions::get(&status.conditions, ConditionType::OriginHealthy);
        if let Some(found) = found.filter(|c| c.status != Truth::True.to_string()) {
            return (Truth::False, found.reason.clone(), found.message.clone());
        }
    }
    (Truth::True, Reason::Ready.to_string(), String::new())
}

/// Reconciling or Stalled, each present only while True and never both.
fn progress(
    status: &mut ProtectedOriginStatus,
    known: &Known<'_>,
    ready: Truth,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let stalled = [&known.accepted, &known.synced].into_iter().any(|a| a.truth == Truth::False && is_final(a.reason));
    let kind = if ready == Truth::True {
        None
    } else if stalled {
        Some(ConditionType::Stalled)
    } else if reason == Reason::Pending.to_string() {
        Some(ConditionType::Reconciling)
    } else {
        None
    };
    for other in [ConditionType::Reconciling, ConditionType::Stalled] {
        if kind != Some(other) {
            conditions::clear(&mut status.conditions, other);
        }
    }
    if let Some(kind) = kind {
        conditions::set(&mut status.conditions, kind, Truth::True, reason, message, known.generation, now);
    }
}

/// Only somebody's hand changes it: trying again does not.
const fn is_final(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::InvalidTarget
            | Reason::TargetForbidden
            | Reason::EnforceNotPermitted
            | Reason::IsolationNotAcknowledged
            | Reason::FieldConflict
            | Reason::ForeignObject
    )
}

/// The diagnosis before, where the new one says the same.
fn kept<'a>(prior: Option<&'a ProtectedOriginStatus>, finding: &Finding) -> Option<&'a Diagnosis> {
    let new = &finding.diagnosis;
    prior?.diagnosis.as_ref().filter(|old| {
        old.cause == new.cause
            && old.scope == new.scope
            && old.confidence == new.confidence
            && old.pattern == new.pattern
            && old.risks == new.risks
    })
}

fn diagnosis(known: &Known<'_>, now: Timestamp) -> Option<Diagnosis> {
    let before = known.prior.and_then(|p| p.diagnosis.as_ref());
    match &known.standing {
        Standing::Verdict(finding) => Some(kept(known.prior, finding).cloned().unwrap_or_else(|| {
            // The same cause, surer or wider than before, goes on since it began.
            let since = before.filter(|old| old.cause == finding.diagnosis.cause).map(|old| old.since_time.clone());
            Diagnosis { since_time: since.unwrap_or(Time(now)), ..finding.diagnosis.clone() }
        })),
        Standing::Waiting { .. } | Standing::Suspended => before.cloned(),
        Standing::Stopped => None,
    }
}

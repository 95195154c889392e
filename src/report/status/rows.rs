//! The table of conditions, row by row: every answer that Accepted, AllowlistSynced and the diagnosis can give, and
//! what Ready makes of it.

use super::*;
use crate::api::conditions::Reason as R;
use crate::api::status::{Scope, ScopeType};
use crate::api::{Confidence, Pattern};
use std::fmt::Write;
use strum::IntoEnumIterator;

fn finding(cause: Cause) -> Finding {
    let healthy = match cause {
        Cause::Healthy | Cause::ClientSubset => Some(true),
        Cause::Inconclusive | Cause::VantageFault | Cause::ProxyPolicyDenied => None,
        _ => Some(false),
    };
    let diagnosis = Diagnosis {
        cause,
        layer: cause.layer(),
        confidence: Confidence::High,
        pattern: Pattern::Steady,
        scope: Scope { kind: ScopeType::All, ..Scope::default() },
        since_time: Time(Timestamp::UNIX_EPOCH),
        summary: format!("What {cause} means here."),
        evidence: Vec::new(),
        contributing: Vec::new(),
        alternatives: Vec::new(),
        risks: Vec::new(),
        next_observation: None,
        remedy: None,
    };
    Finding { healthy, recovering: false, diagnosis }
}

fn status(accepted: Answer, synced: Answer, standing: Standing<'_>, ready_when: ReadyWhen) -> ProtectedOriginStatus {
    let known = Known {
        prior: None,
        generation: 1,
        ready_when,
        accepted,
        synced,
        standing,
        origin: None,
        allowlist: None,
        handled: None,
    };
    next(&known, Timestamp::UNIX_EPOCH)
}

/// OriginHealthy, Ready, and what is there beside it only while it is True.
fn said(status: &ProtectedOriginStatus) -> String {
    let get = |kind| conditions::get(&status.conditions, kind);
    let both = |kind| get(kind).map_or_else(String::new, |c| format!("{}/{}", c.status, c.reason));
    let beside: Vec<&str> = [ConditionType::Reconciling, ConditionType::Stalled]
        .into_iter()
        .filter_map(|kind| get(kind).map(|c| c.type_.as_str()))
        .collect();
    let (healthy, ready) = (both(ConditionType::OriginHealthy), both(ConditionType::Ready));
    format!("OriginHealthy {healthy:<26} Ready {ready:<30} {}", beside.join(" ")).trim_end().to_owned()
}

#[test]
fn every_row_of_the_table() {
    let accepted = || Answer::yes(Reason::Accepted, "");
    let observing = || Answer::yes(Reason::Observing, "");
    let healthy = finding(Cause::Healthy);
    let mut table = String::new();
    let mut row = |name: String, status: &ProtectedOriginStatus| {
        writeln!(table, "{name:<48} {}", said(status)).unwrap();
    };
    for (reason, standing) in [
        (Reason::InvalidTarget, Standing::Stopped),
        (Reason::TargetForbidden, Standing::Stopped),
        (Reason::ReferenceNotFound, Standing::Verdict(&healthy)),
    ] {
        let status = status(Answer::no(reason, "why"), observing(), standing, ReadyWhen::Converged);
        row(format!("Accepted False/{reason}"), &status);
    }
    for reason in [R::Synced, R::Observing, R::NoTargets, R::PlanPending] {
        let status = status(accepted(), Answer::yes(reason, ""), Standing::Verdict(&healthy), ReadyWhen::Converged);
        row(format!("AllowlistSynced True/{reason}"), &status);
    }
    for reason in [
        R::EnforceNotPermitted,
        R::SourceUnavailable,
        R::Quarantined,
        R::FieldConflict,
        R::ForeignObject,
        R::IsolationNotAcknowledged,
        R::AddressSeenMismatch,
        R::OperatorLockedOut,
        R::CapacityExceeded,
        R::Forbidden,
        R::RolledBack,
        R::SharedEntrance,
    ] {
        let answer = Answer::no(reason, "why");
        let status = status(accepted(), answer, Standing::Verdict(&healthy), ReadyWhen::Converged);
        row(format!("AllowlistSynced False/{reason}"), &status);
    }
    let answer = Answer::new(Truth::Unknown, R::Pending, "waiting");
    row(
        "AllowlistSynced Unknown/Pending".to_owned(),
        &status(accepted(), answer, Standing::Verdict(&healthy), ReadyWhen::Converged),
    );
    let waiting = Standing::Waiting { kept: false };
    row("no verdict yet".to_owned(), &status(accepted(), observing(), waiting, ReadyWhen::Converged));
    row("suspended".to_owned(), &status(accepted(), observing(), Standing::Suspended, ReadyWhen::Converged));
    for cause in
        [Cause::Healthy, Cause::ProxyBlocked, Cause::ProxyPolicyDenied, Cause::Inconclusive, Cause::VantageFault]
    {
        let found = finding(cause);
        for ready_when in [ReadyWhen::Converged, ReadyWhen::OriginHealthy] {
            let status = status(accepted(), observing(), Standing::Verdict(&found), ready_when);
            row(format!("{cause}, readyWhen {ready_when:?}"), &status);
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_cause_is_the_reason_of_origin_healthy() {
    for cause in Cause::iter() {
        let found = finding(cause);
        let accepted = Answer::yes(Reason::Accepted, "");
        let synced = Answer::yes(Reason::Observing, "");
        let status = status(accepted, synced, Standing::Verdict(&found), ReadyWhen::Converged);
        let condition = conditions::get(&status.conditions, ConditionType::OriginHealthy).unwrap();
        assert_eq!(
            (condition.reason.as_str(), condition.message.as_str()),
            (cause.to_string().as_str(), found.diagnosis.summary.as_str())
        );
    }
}

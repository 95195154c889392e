//! What the status tells of a narrowing, from before it is written until its effect is known.

use super::Look;
use super::keep::After;
use crate::allow::Note;
use crate::api::ProtectedOriginStatus;
use crate::api::status::{NarrowedTarget, NarrowingState, NarrowingStatus};
use crate::net::Prefix;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// What the last status notes.
pub fn noted(prior: &ProtectedOriginStatus) -> Vec<NarrowedTarget> {
    told(prior).map(|note| note.targets.clone()).unwrap_or_default()
}

/// `note` is what is to be written next, `after` what was written and is watched.
pub fn status(look: &Look<'_>, note: Option<&Note>, after: Option<&After>) -> Option<NarrowingStatus> {
    let prior = told(look.prior);
    let texts = |prefixes: &[Prefix]| prefixes.iter().map(Prefix::to_string).collect();
    let mut next = if let Some(note) = note {
        NarrowingStatus {
            state: NarrowingState::Noted,
            since_time: Time(look.now),
            removed: texts(&note.removed),
            distrusted: texts(&note.distrusted),
            targets: note.targets.clone(),
        }
    } else {
        let watched = |target: &NarrowedTarget| {
            after.is_some_and(|after| after.rollbacks.iter().any(|r| r.narrowed(&target.name, &target.hash)))
        };
        let targets = prior?.targets.iter().filter(|target| watched(target)).cloned().collect();
        NarrowingStatus { state: NarrowingState::Watched, since_time: Time(look.now), targets, ..prior?.clone() }
    };
    if let Some(prior) = prior.filter(|prior| prior.state == next.state && prior.targets == next.targets) {
        next.since_time = prior.since_time.clone();
    }
    (!next.targets.is_empty()).then_some(next)
}

/// What a status tells of it.
pub fn told(status: &ProtectedOriginStatus) -> Option<&NarrowingStatus> {
    status.allowlist.as_ref()?.narrowing.as_ref()
}

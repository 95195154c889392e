//! What was changed before the failures began. A change that comes first is no cause by itself: it is shown, and it makes
//! the verdict surer only where it is the mechanism of the named cause and of nothing that is left open.

use super::judge::Judgement;
use super::view::onset::{Before, Onset};
use super::view::{Exhibit, View};
use crate::api::{Cause, Confidence, Pattern};
use crate::evidence::fact::{Change, Changed};
use jiff::SignedDuration;

/// A change may be noticed a moment after it has begun to work.
const SLACK: SignedDuration = SignedDuration::from_secs(15);
/// Longest from a change to the first failure for it to be more than shown.
const AT_ONCE: SignedDuration = SignedDuration::from_mins(2);

/// Shows the last change before the failures began.
pub fn attach<'c>(view: &View<'c>, mut judgement: Judgement<'c>) -> Judgement<'c> {
    if judgement.healthy == Some(true) || judgement.pattern != Pattern::Steady {
        return judgement;
    }
    let Some(onset) = &view.onset else { return judgement };
    let Some(last) = onset.before.first() else { return judgement };
    judgement.exhibits.push(Exhibit::Fact(last.fact));
    judgement.after = Some(words(onset, last.change));
    let sole = judgement.confidence == Confidence::Medium && sole(view, &judgement, onset);
    if sole {
        judgement.confidence = Confidence::High;
        judgement.alternatives.clear();
        judgement.next = None;
    }
    judgement
}

/// Whether one change came just before, is how this cause comes about, and how nothing else that is open does.
fn sole(view: &View<'_>, judgement: &Judgement<'_>, onset: &Onset<'_>) -> bool {
    let near: Vec<&Change> = onset
        .before
        .iter()
        .map(|before: &Before<'_>| before.change)
        .filter(|change| onset.first_failure.duration_since(change.at) <= AT_ONCE)
        .collect();
    let fits = |cause: Cause| near.iter().any(|change| is_mechanism(change.what, cause));
    // Something worked after the change: then it was not the change.
    let worked_since = near.iter().all(|change| onset.last_success.duration_since(change.at) > SLACK);
    let policy = near.iter().any(|change| change.what == Changed::Policy);
    let started = near.iter().any(|change| change.what == Changed::Rollout);
    !near.is_empty()
        && !worked_since
        && !started
        && fits(judgement.cause)
        && !judgement.alternatives.iter().any(|cause| fits(*cause))
        // A policy that admits the proxy is not what keeps it out.
        && (!policy || view.cluster.isolates())
        && judgement.surer
}

/// Whether changing this is how the cause comes about. Rollouts are how most causes at an origin do, which is why they only
/// stand in the evidence.
const fn is_mechanism(what: Changed, cause: Cause) -> bool {
    match what {
        Changed::Policy => matches!(cause, Cause::NetworkPolicyBlocks | Cause::ProxyBlocked | Cause::PortFiltered),
        Changed::Service => {
            matches!(cause, Cause::NoReadyEndpoints | Cause::TargetPortMismatch | Cause::OriginProtocolMismatch)
        }
        Changed::Route => matches!(
            cause,
            Cause::VhostMismatch
                | Cause::AllowlistIncomplete
                | Cause::AllowlistWrongAddress
                | Cause::OriginCertMismatch
                | Cause::RedirectLoop
                | Cause::OriginProtocolMismatch
                | Cause::ProxyBlocked
        ),
        Changed::Certificate => matches!(
            cause,
            Cause::OriginCertExpired | Cause::OriginCertMismatch | Cause::OriginCertUntrusted | Cause::TlsIncompatible
        ),
        Changed::Name => matches!(cause, Cause::DnsBypassesProxy | Cause::DnsFailed | Cause::DnsInconsistent),
        Changed::ProxyRanges => matches!(cause, Cause::AllowlistIncomplete | Cause::ProxyBlocked),
        Changed::Rollout => matches!(
            cause,
            Cause::PodCrashLoop
                | Cause::PodOomKilled
                | Cause::ReadinessFailing
                | Cause::RolloutRace
                | Cause::OriginRefused
                | Cause::OriginClosedEarly
                | Cause::OriginReturns5xx
                | Cause::OriginResponseInvalid
                | Cause::OriginTimeout
                | Cause::OriginHeaderTooLarge
                | Cause::TargetPortMismatch
                | Cause::UnexpectedResponse
                | Cause::VhostMismatch
                | Cause::TlsIncompatible
        ),
    }
}

/// `It began 3 minutes after NetworkPolicy shop/deny was changed`, rounded up so that it stays the same.
fn words(onset: &Onset<'_>, change: &Change) -> String {
    let minutes = onset.first_failure.duration_since(change.at).as_secs().max(0) / 60;
    let when = match minutes {
        0 => "within a minute".to_owned(),
        1 => "a minute".to_owned(),
        more => format!("{more} minutes"),
    };
    let object = &change.object;
    match change.what {
        Changed::Certificate => format!("it began {when} after {object} showed another certificate"),
        Changed::Name => format!("it began {when} after the name {object} began to resolve to other addresses"),
        Changed::ProxyRanges => format!("it began {when} after the list of {object} changed"),
        Changed::Rollout => format!("it began {when} after {object} started"),
        Changed::Policy | Changed::Service | Changed::Route => format!("it began {when} after {object} was changed"),
    }
}

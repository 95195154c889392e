//! Every state of a ProtectedOrigin: each pair of answers about its spec and its allowlist, with each standing of the
//! diagnosis, for both values of readyWhen. What its readers should make of it is said here once more, in the order of
//! docs/gitops.md and not of the code.

use crate::state::{Health, State, Wait};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use leeward::api::conditions::{Reason, Truth};
use leeward::api::spec::ReadyWhen;
use leeward::api::status::{Diagnosis, Scope, ScopeType};
use leeward::api::{API_VERSION, Cause, Confidence, Pattern, ProtectedOriginStatus};
use leeward::report::status::{Answer, Finding, Known, Standing, first, next};
use serde_json::{Value, json};
use strum::IntoEnumIterator;

/// Reasons of Accepted other than that it is.
const REFUSED: [Reason; 3] = [Reason::InvalidTarget, Reason::TargetForbidden, Reason::ReferenceNotFound];
/// Reasons of AllowlistSynced while it is True.
const SYNCED: [Reason; 4] = [Reason::Synced, Reason::Observing, Reason::NoTargets, Reason::PlanPending];
/// Reasons of AllowlistSynced while it is not.
const UNSYNCED: [Reason; 12] = [
    Reason::EnforceNotPermitted,
    Reason::SourceUnavailable,
    Reason::Quarantined,
    Reason::FieldConflict,
    Reason::ForeignObject,
    Reason::IsolationNotAcknowledged,
    Reason::AddressSeenMismatch,
    Reason::OperatorLockedOut,
    Reason::CapacityExceeded,
    Reason::Forbidden,
    Reason::RolledBack,
    Reason::SharedEntrance,
];
/// Those that only somebody's hand changes.
const FINAL: [Reason; 6] = [
    Reason::InvalidTarget,
    Reason::TargetForbidden,
    Reason::EnforceNotPermitted,
    Reason::IsolationNotAcknowledged,
    Reason::FieldConflict,
    Reason::ForeignObject,
];

/// How the diagnosis stands.
#[derive(Clone, Copy, Debug)]
pub enum Diagnosed {
    /// Not yet; `kept`: the verdict in the status was made for the same question.
    Waiting {
        kept: bool,
    },
    As(Cause),
    Stopped,
    Suspended,
}

pub fn accepted() -> impl Iterator<Item = Answer> {
    let refused = REFUSED.map(|reason| Answer::no(reason, format!("why {reason}")));
    [Answer::yes(Reason::Accepted, "")].into_iter().chain(refused)
}

pub fn synced() -> impl Iterator<Item = Answer> {
    let synced = SYNCED.map(|reason| Answer::yes(reason, ""));
    let unsynced = UNSYNCED.map(|reason| Answer::no(reason, format!("why {reason}")));
    let pending = Answer::new(Truth::Unknown, Reason::Pending, "being written");
    synced.into_iter().chain(unsynced).chain([pending])
}

pub fn standings() -> impl Iterator<Item = Diagnosed> {
    let verdicts = Cause::iter().map(Diagnosed::As);
    let waiting = [false, true].map(|kept| Diagnosed::Waiting { kept });
    waiting.into_iter().chain([Diagnosed::Stopped, Diagnosed::Suspended]).chain(verdicts)
}

fn healthy(cause: Cause) -> Option<bool> {
    match cause {
        Cause::Healthy | Cause::ClientSubset => Some(true),
        Cause::Inconclusive | Cause::VantageFault | Cause::ProxyPolicyDenied => None,
        _ => Some(false),
    }
}

fn finding(cause: Cause) -> Finding {
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
    Finding { healthy: healthy(cause), recovering: false, diagnosis }
}

/// The status that the operator writes over `prior`.
pub fn status(
    prior: Option<&ProtectedOriginStatus>,
    generation: i64,
    ready_when: ReadyWhen,
    answers: (&Answer, &Answer),
    diagnosed: Diagnosed,
    now: Timestamp,
) -> ProtectedOriginStatus {
    let found;
    let standing = match diagnosed {
        Diagnosed::Waiting { kept } => Standing::Waiting { kept },
        Diagnosed::Stopped => Standing::Stopped,
        Diagnosed::Suspended => Standing::Suspended,
        Diagnosed::As(cause) => {
            found = finding(cause);
            Standing::Verdict(&found)
        }
    };
    let (accepted, synced) = (answers.0.clone(), answers.1.clone());
    let known = Known {
        prior,
        generation,
        ready_when,
        accepted,
        synced,
        standing,
        origin: None,
        allowlist: None,
        handled: None,
    };
    next(&known, now)
}

pub fn object(generation: i64, ready_when: ReadyWhen, suspend: bool, status: &Value) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": "ProtectedOrigin",
        "metadata": {"name": "shop", "namespace": "shop", "uid": "1", "generation": generation},
        "spec": {"suspend": suspend, "readyWhen": ready_when},
        "status": status,
    })
}

/// What the contract says of a status of this generation.
fn meant(answers: (&Answer, &Answer), diagnosed: Diagnosed, ready_when: ReadyWhen) -> (Wait, Health) {
    let suspended = matches!(diagnosed, Diagnosed::Suspended);
    let all = [answers.0, answers.1];
    let (wait, health) = if all.iter().any(|a| a.truth == Truth::False && FINAL.contains(&a.reason)) {
        (Wait::Failed, Health::Degraded)
    } else if all.iter().any(|a| a.truth != Truth::True) {
        (Wait::InProgress, Health::Progressing)
    } else {
        match diagnosed {
            Diagnosed::Suspended => (Wait::Current, Health::Suspended),
            Diagnosed::Waiting { .. } | Diagnosed::Stopped | Diagnosed::As(Cause::VantageFault) => {
                (Wait::InProgress, Health::Progressing)
            }
            Diagnosed::As(_) if ready_when == ReadyWhen::Converged => (Wait::Current, Health::Healthy),
            Diagnosed::As(cause) => match healthy(cause) {
                Some(true) => (Wait::Current, Health::Healthy),
                Some(false) => (Wait::InProgress, Health::Degraded),
                None => (Wait::InProgress, Health::Progressing),
            },
        }
    };
    // Argo CD's word for what somebody has stopped, whatever else is the matter.
    (wait, if suspended { Health::Suspended } else { health })
}

/// All of them, each after the operator's first status.
pub fn states() -> Vec<State> {
    let now = Timestamp::UNIX_EPOCH;
    let looked = first(1, now);
    let mut all = vec![
        State {
            name: "fresh, with what the schema says".to_owned(),
            object: object(1, ReadyWhen::Converged, false, &json!({"observedGeneration": -1})),
            wait: Wait::InProgress,
            health: Health::Progressing,
        },
        State {
            name: "first status".to_owned(),
            object: object(1, ReadyWhen::Converged, false, &serde_json::to_value(&looked).unwrap()),
            wait: Wait::InProgress,
            health: Health::Progressing,
        },
    ];
    for ready_when in [ReadyWhen::Converged, ReadyWhen::OriginHealthy] {
        for accepted in accepted() {
            for synced in synced() {
                for diagnosed in standings() {
                    let answers = (&accepted, &synced);
                    let status = status(Some(&looked), 1, ready_when, answers, diagnosed, now);
                    let suspend = matches!(diagnosed, Diagnosed::Suspended);
                    let object = object(1, ready_when, suspend, &serde_json::to_value(status).unwrap());
                    let (wait, health) = meant(answers, diagnosed, ready_when);
                    let said = [answers.0, answers.1].map(|answer| format!("{}/{}", answer.truth, answer.reason));
                    let name = format!("{ready_when:?}, {}, {diagnosed:?}", said.join(", "));
                    all.push(State { name, object, wait, health });
                }
            }
        }
    }
    all
}

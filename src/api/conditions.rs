//! Condition types and reasons, and the one way conditions are set: `lastTransitionTime` moves only
//! when the status flips.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Types of conditions of both kinds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display, strum::IntoStaticStr, strum::EnumIter,
)]
pub enum ConditionType {
    Accepted,
    AllowlistSynced,
    OriginHealthy,
    Ready,
    Reconciling,
    Stalled,
    Fetched,
    Plausible,
    Acknowledged,
}

/// Reasons other than causes. A cause is the reason of OriginHealthy.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::Display,
    strum::IntoStaticStr,
    strum::EnumIter,
    strum::EnumString,
)]
pub enum Reason {
    Pending,
    Suspended,
    // Accepted
    Accepted,
    InvalidTarget,
    TargetForbidden,
    ReferenceNotFound,
    // AllowlistSynced
    Synced,
    Observing,
    NoTargets,
    PlanPending,
    EnforceNotPermitted,
    SourceUnavailable,
    Quarantined,
    FieldConflict,
    ForeignObject,
    IsolationNotAcknowledged,
    AddressSeenMismatch,
    OperatorLockedOut,
    CapacityExceeded,
    Forbidden,
    RolledBack,
    SharedEntrance,
    // Ready
    Ready,
    NoUsableList,
    // Fetched and Plausible
    Fetched,
    Unreachable,
    Unparsable,
    Plausible,
    Empty,
    TooWide,
    Reserved,
    Loss,
    Growth,
    // Acknowledged
    Acknowledged,
    NotAsked,
    AwaitingList,
    NoEnforcingOrigin,
    AwaitingOrigins,
    AwaitingProbes,
    OriginsFailing,
}

/// Status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::EnumString)]
pub enum Truth {
    True,
    False,
    Unknown,
}

/// Longest message of a condition, in bytes; longer ones are cut at a character.
pub const MAX_MESSAGE: usize = 1024;

/// Sets `kind` in `conditions`. The transition time is kept unless the status changes.
pub fn set(
    conditions: &mut Vec<Condition>,
    kind: ConditionType,
    status: Truth,
    reason: &str,
    message: &str,
    generation: i64,
    now: Timestamp,
) {
    let name: &'static str = kind.into();
    let status = status.to_string();
    let message = cut(message, MAX_MESSAGE);
    if let Some(found) = conditions.iter_mut().find(|c| c.type_ == name) {
        if found.status != status {
            found.last_transition_time = Time(now);
            found.status = status;
        }
        reason.clone_into(&mut found.reason);
        found.message = message;
        found.observed_generation = Some(generation);
    } else {
        conditions.push(Condition {
            type_: name.to_owned(),
            status,
            reason: reason.to_owned(),
            message,
            observed_generation: Some(generation),
            last_transition_time: Time(now),
        });
    }
}

/// Removes `kind`, for conditions that are present only while True.
pub fn clear(conditions: &mut Vec<Condition>, kind: ConditionType) {
    let name: &'static str = kind.into();
    conditions.retain(|c| c.type_ != name);
}

/// The condition of this type, if any.
pub fn get(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    let name: &'static str = kind.into();
    conditions.iter().find(|c| c.type_ == name)
}

/// Cuts `text` to at most `max` bytes at a character's end.
pub fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = (0..=max.saturating_sub(3)).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_time_moves_only_when_the_status_flips() {
        let mut list = Vec::new();
        let (t0, t1) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        set(&mut list, ConditionType::Ready, Truth::False, "Pending", "", 1, t0);
        set(&mut list, ConditionType::Ready, Truth::False, "Synced", "x", 2, t1);
        assert_eq!(list[0].last_transition_time, Time(t0));
        assert_eq!((list[0].reason.as_str(), list[0].observed_generation), ("Synced", Some(2)));
        set(&mut list, ConditionType::Ready, Truth::True, "Ready", "", 2, t1);
        assert_eq!(list[0].last_transition_time, Time(t1));
        assert_eq!(list.len(), 1);
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let long = "é".repeat(2000);
        let short = cut(&long, MAX_MESSAGE);
        assert!(short.len() <= MAX_MESSAGE && short.ends_with('…'));
    }
}

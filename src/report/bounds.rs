//! A status stays small, whatever is in it: many targets and much evidence lose words, never facts.
//!
//! Words go in a fixed order, each step for the whole status, until it fits: details of evidence, the ends
//! of the verdict's sentences, details of targets, then the ends of what stays open and of long messages. What a step leaves depends only on what it is given and a shortened status is left
//! as it is, so that a status which is compared with the one before does not change because it was shortened.

use crate::api::ProtectedOriginStatus;
use crate::api::conditions::cut;

/// Most bytes of a status as JSON.
pub const MOST: usize = 16 << 10;

/// Longest details, ways and messages that are tried, in bytes; 0 drops a detail.
const DETAILS: [usize; 5] = [512, 256, 128, 64, 0];
const WAYS: [usize; 2] = [128, 64];
const MESSAGES: [usize; 4] = [512, 256, 128, 64];
const SENTENCES: [usize; 2] = [512, 256];

/// Shortens a status that is too large.
pub fn fit(status: &mut ProtectedOriginStatus) {
    for most in DETAILS {
        if fits(status) {
            return;
        }
        let evidence = status.diagnosis.iter_mut().flat_map(|d| &mut d.evidence);
        evidence.for_each(|item| shorten(&mut item.detail, most));
    }
    for most in SENTENCES {
        if fits(status) {
            return;
        }
        if let Some(diagnosis) = &mut status.diagnosis {
            diagnosis.summary = cut(&diagnosis.summary, most);
            shorten(&mut diagnosis.next_observation, most);
            if let Some(remedy) = &mut diagnosis.remedy {
                remedy.action = cut(&remedy.action, most);
            }
        }
    }
    for most in DETAILS {
        if fits(status) {
            return;
        }
        let targets = status.allowlist.iter_mut().flat_map(|a| &mut a.targets);
        targets.for_each(|target| shorten(&mut target.detail, most));
    }
    for most in WAYS {
        if fits(status) {
            return;
        }
        let ways = status.allowlist.iter_mut().flat_map(|a| &mut a.open);
        ways.for_each(|way| *way = cut(way, most));
    }
    for most in MESSAGES {
        if fits(status) {
            return;
        }
        for condition in &mut status.conditions {
            condition.message = cut(&condition.message, most);
        }
    }
}

fn fits(status: &ProtectedOriginStatus) -> bool {
    // A status that cannot be written as JSON is not sent either, and its size is nobody's concern.
    serde_json::to_vec(status).map_or(0, |bytes| bytes.len()) <= MOST
}

fn shorten(detail: &mut Option<String>, most: usize) {
    *detail = detail.take().filter(|_| most > 0).map(|text| cut(&text, most));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::conditions::{self, ConditionType, Truth};
    use crate::api::status::{
        AllowlistStatus, CarriedBefore, Diagnosis, EvidenceItem, NarrowedTarget, NarrowingState, NarrowingStatus,
        Remedy, Scope, ScopeType, TargetState, TargetStatus,
    };
    use crate::api::targets::TargetType;
    use crate::api::{Access, Cause, Confidence, Layer, Observation, Outcome, Pattern, Phase};
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use proptest::prelude::*;

    /// A status with everything that the schema lets in, as long as Leeward itself makes it.
    fn full(items: usize, targets: usize, words: usize) -> ProtectedOriginStatus {
        let text = |most: usize| "w".repeat(words.min(most));
        let addresses = || (0..16).map(|i| format!("2001:db8:ffff:ffff:ffff:ffff:ffff:{i}")).collect();
        let item = || EvidenceItem {
            observation: Observation::NetworkPolicy,
            vantage: "v".repeat(63),
            access: Some(Access::Unlisted),
            address: Some("[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535".to_owned()),
            result: Outcome::UnexpectedStatus,
            phase: Some(Phase::FirstByte),
            status_code: Some(502),
            detail: Some(text(512)),
        };
        let target = |i: usize| TargetStatus {
            name: format!("target-{i:02}"),
            kind: TargetType::IngressAnnotation,
            object: "o".repeat(63),
            state: TargetState::Unavailable,
            detail: Some(text(1024)),
        };
        let mut status = ProtectedOriginStatus {
            observed_generation: Some(1),
            origin: Some("o".repeat(128)),
            diagnosis: Some(Diagnosis {
                cause: Cause::NetworkPolicyBlocks,
                layer: Layer::Workload,
                confidence: Confidence::Medium,
                pattern: Pattern::Intermittent,
                scope: Scope {
                    kind: ScopeType::Partial,
                    edge_addresses: addresses(),
                    origin_addresses: addresses(),
                    families: vec!["IPv4".to_owned()],
                    paths: vec![text(256)],
                },
                since_time: Time(Timestamp::UNIX_EPOCH),
                summary: text(1024),
                evidence: (0..items).map(|_| item()).collect(),
                contributing: vec![Cause::OriginProtocolMismatch; 16],
                alternatives: vec![Cause::ProxyOriginMisconfigured; 16],
                risks: vec![Cause::OriginCertUntrusted; 7],
                next_observation: Some(text(512)),
                remedy: Some(Remedy { action: text(512), automatic: false, reference: "docs/causes/X.md".to_owned() }),
            }),
            allowlist: Some(AllowlistStatus {
                hash: "sha256:".to_owned() + &"f".repeat(64),
                prefixes: 4000,
                ipv4_prefixes: 2000,
                ipv6_prefixes: 2000,
                targets: (0..targets).map(target).collect(),
                open: vec![text(256); 8],
                narrowing: Some(narrowing(targets)),
                rolled_back: vec!["f".repeat(16); targets.min(8)],
            }),
            last_handled_request: Some(text(256)),
            ..ProtectedOriginStatus::default()
        };
        for kind in [
            ConditionType::Accepted,
            ConditionType::AllowlistSynced,
            ConditionType::OriginHealthy,
            ConditionType::Ready,
            ConditionType::Stalled,
        ] {
            let conditions = &mut status.conditions;
            conditions::set(conditions, kind, Truth::False, "FieldConflict", &text(1024), 1, Timestamp::UNIX_EPOCH);
        }
        status
    }

    fn narrowing(targets: usize) -> NarrowingStatus {
        let prefixes = || (0..8).map(|i| format!("2001:db8:ffff:ffff:ffff:ffff:ffff:ff0{i}/128")).collect();
        let target = |i: usize| NarrowedTarget {
            name: format!("target-{i:02}"),
            hash: "f".repeat(16),
            before: CarriedBefore::Nothing,
            // One of a note at most.
            pods: (i == 0).then(|| "p".repeat(256)),
        };
        NarrowingStatus {
            state: NarrowingState::Watched,
            since_time: Time(Timestamp::UNIX_EPOCH),
            removed: prefixes(),
            distrusted: prefixes(),
            targets: (0..targets.min(8)).map(target).collect(),
        }
    }

    fn size(status: &ProtectedOriginStatus) -> usize {
        serde_json::to_vec(status).unwrap().len()
    }

    #[test]
    fn what_is_usual_is_left_as_it_is() {
        let before = full(8, 2, 120);
        let mut after = before.clone();
        fit(&mut after);
        assert_eq!(after, before);
    }

    #[test]
    fn the_fullest_status_fits_and_keeps_every_fact() {
        let before = full(16, 32, 1024);
        assert!(size(&before) > 3 * MOST, "{}", size(&before));
        let mut after = before.clone();
        fit(&mut after);
        assert!(size(&after) <= MOST, "{}", size(&after));
        let diagnosis = after.diagnosis.unwrap();
        assert_eq!(diagnosis.evidence.len(), 16);
        assert_eq!(diagnosis.scope, before.diagnosis.unwrap().scope);
        assert_eq!(after.allowlist.unwrap().targets.len(), 32);
        assert!(after.conditions.iter().all(|c| !c.message.is_empty()));
    }

    proptest! {
        /// The diagnosis is kept from one status to the next while targets and messages are said anew.
        #[test]
        fn a_status_that_was_shortened_is_shortened_to_itself(
            items in 0_usize..=16, targets in 0_usize..=32, words in 0_usize..=1100,
        ) {
            let fresh = full(items, targets, words);
            let mut first = fresh.clone();
            fit(&mut first);
            prop_assert!(size(&first) <= MOST);
            let mut second = ProtectedOriginStatus { diagnosis: first.diagnosis.clone(), ..fresh };
            fit(&mut second);
            prop_assert_eq!(second, first);
        }
    }
}

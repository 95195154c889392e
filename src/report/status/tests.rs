//! Snapshots of the stations of a resource's life. What every reader of conditions relies on is held over all statuses
//! that can follow each other in tests/gitops.

use super::*;
use crate::api::status::{Scope, ScopeType};
use crate::api::{Confidence, Layer, Pattern};

fn finding(cause: Cause) -> Finding {
    let healthy = match cause {
        Cause::Healthy | Cause::ClientSubset => Some(true),
        Cause::Inconclusive | Cause::VantageFault | Cause::ProxyPolicyDenied => None,
        _ => Some(false),
    };
    Finding {
        healthy,
        recovering: false,
        diagnosis: Diagnosis {
            cause,
            layer: Layer::None,
            confidence: Confidence::High,
            pattern: Pattern::Steady,
            scope: Scope { kind: ScopeType::All, ..Scope::default() },
            since_time: Time(at(999)),
            summary: format!("About {cause}."),
            evidence: Vec::new(),
            contributing: Vec::new(),
            alternatives: Vec::new(),
            risks: Vec::new(),
            next_observation: None,
            remedy: None,
        },
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn known<'a>(prior: Option<&'a ProtectedOriginStatus>, generation: i64, standing: Standing<'a>) -> Known<'a> {
    Known {
        prior,
        generation,
        ready_when: ReadyWhen::Converged,
        accepted: Answer::yes(Reason::Accepted, ""),
        synced: Answer::yes(Reason::Observing, ""),
        standing,
        origin: None,
        allowlist: None,
        handled: None,
    }
}

fn line(status: &ProtectedOriginStatus) -> String {
    let mut list: Vec<String> = status
        .conditions
        .iter()
        .map(|c| {
            let time = c.last_transition_time.0.as_second();
            format!("{} {}/{} g{} t{time}", c.type_, c.status, c.reason, c.observed_generation.unwrap())
        })
        .collect();
    list.sort();
    let diagnosis = status
        .diagnosis
        .as_ref()
        .map_or_else(String::new, |d| format!("; diagnosis {} since t{}", d.cause, d.since_time.0.as_second()));
    format!("{}{diagnosis}", list.join(", "))
}

#[test]
fn the_life_of_a_resource() {
    let healthy = finding(Cause::Healthy);
    let blocked = finding(Cause::ProxyBlocked);
    let s0 = first(1, at(0));
    let s1 = next(&known(Some(&s0), 1, Standing::Waiting { kept: false }), at(1));
    let s2 = next(&known(Some(&s1), 1, Standing::Verdict(&healthy)), at(2));
    let s3 = next(&known(Some(&s2), 1, Standing::Verdict(&blocked)), at(3));
    // The spec changes what is probed: the old verdict stands, and Ready waits.
    let s4 = next(&known(Some(&s3), 2, Standing::Waiting { kept: false }), at(4));
    let s5 = next(&known(Some(&s4), 2, Standing::Verdict(&blocked)), at(5));
    // Something else changes: the verdict is kept.
    let s6 = next(&known(Some(&s5), 3, Standing::Verdict(&blocked)), at(6));
    let s7 = next(&known(Some(&s6), 4, Standing::Suspended), at(7));
    insta::assert_snapshot!([s0, s1, s2, s3, s4, s5, s6, s7].iter().map(line).collect::<Vec<_>>().join("\n"));
}

#[test]
fn after_a_restart_the_old_verdict_stands() {
    let blocked = finding(Cause::ProxyBlocked);
    let waiting = next(&known(None, 1, Standing::Waiting { kept: false }), at(1));
    let before = next(&known(Some(&waiting), 1, Standing::Verdict(&blocked)), at(2));
    let after = next(&known(Some(&before), 1, Standing::Waiting { kept: true }), at(99));
    assert_eq!(after, before);
    // A verdict that was still awaited is awaited again.
    let again = next(&known(Some(&waiting), 1, Standing::Waiting { kept: true }), at(99));
    assert_eq!(again, waiting);
}

#[test]
fn a_vantage_that_reaches_nothing_makes_nobody_ready_and_nobody_unready() {
    let (healthy, fault) = (finding(Cause::Healthy), finding(Cause::VantageFault));
    let fresh = next(&known(None, 1, Standing::Verdict(&fault)), at(1));
    assert_eq!(
        line(&fresh),
        "Accepted True/Accepted g1 t1, AllowlistSynced True/Observing g1 t1, OriginHealthy Unknown/VantageFault g1 t1, \
         Ready False/Pending g1 t1, Reconciling True/Pending g1 t1; diagnosis VantageFault since t1"
    );
    let ready = next(&known(None, 1, Standing::Verdict(&healthy)), at(1));
    let later = next(&known(Some(&ready), 1, Standing::Verdict(&fault)), at(2));
    assert!(line(&later).contains("Ready True/Ready g1 t1"), "{}", line(&later));
}

#[test]
fn who_wants_it_waits_for_the_origin() {
    let blocked = finding(Cause::ProxyBlocked);
    let mut k = known(None, 1, Standing::Verdict(&blocked));
    k.ready_when = ReadyWhen::OriginHealthy;
    assert!(line(&next(&k, at(1))).contains("Ready False/ProxyBlocked"));
}

#[test]
fn what_only_a_hand_can_change_is_stalled() {
    for (accepted, synced, stalled) in [
        (Answer::no(Reason::InvalidTarget, "x"), Answer::yes(Reason::Observing, ""), true),
        (Answer::no(Reason::ReferenceNotFound, "x"), Answer::yes(Reason::Observing, ""), false),
        (Answer::yes(Reason::Accepted, ""), Answer::no(Reason::EnforceNotPermitted, "x"), true),
        (Answer::yes(Reason::Accepted, ""), Answer::no(Reason::Quarantined, "x"), false),
    ] {
        let healthy = finding(Cause::Healthy);
        let mut k = known(None, 1, Standing::Verdict(&healthy));
        (k.accepted, k.synced) = (accepted.clone(), synced);
        let status = next(&k, at(1));
        let found = conditions::get(&status.conditions, ConditionType::Stalled).is_some();
        assert_eq!(found, stalled, "{accepted:?}");
    }
}

#[test]
fn the_same_cause_surer_than_before_goes_on_since_it_began() {
    let mut medium = finding(Cause::ProxyBlocked);
    medium.diagnosis.confidence = Confidence::Medium;
    let high = finding(Cause::ProxyBlocked);
    let s1 = next(&known(None, 1, Standing::Verdict(&medium)), at(1));
    let s2 = next(&known(Some(&s1), 1, Standing::Verdict(&high)), at(2));
    let diagnosis = s2.diagnosis.unwrap();
    assert_eq!((diagnosis.confidence, diagnosis.since_time), (Confidence::High, Time(at(1))));
}

#[test]
fn other_words_for_the_same_verdict_change_nothing() {
    let s1 = next(&known(None, 1, Standing::Verdict(&finding(Cause::ProxyBlocked))), at(1));
    let mut other = finding(Cause::ProxyBlocked);
    other.diagnosis.summary = "The same in other words, with 1.2 s.".into();
    let s2 = next(&known(Some(&s1), 1, Standing::Verdict(&other)), at(2));
    assert_eq!(s1, s2);
}

#[test]
fn who_waits_is_told_for_what() {
    let says =
        |status: &ProtectedOriginStatus, kind| conditions::get(&status.conditions, kind).unwrap().message.clone();
    let fresh = first(1, at(0));
    assert_eq!(says(&fresh, ConditionType::Ready), "Leeward has not looked yet");
    let waiting = next(&known(Some(&fresh), 1, Standing::Waiting { kept: false }), at(1));
    assert_eq!(says(&waiting, ConditionType::OriginHealthy), "No verdict yet");
    assert_eq!(says(&waiting, ConditionType::Ready), "No verdict yet for this generation");
    let suspended = next(&known(Some(&waiting), 1, Standing::Suspended), at(2));
    assert_eq!(says(&suspended, ConditionType::OriginHealthy), "Not probed while spec.suspend is true");
    assert_eq!(says(&suspended, ConditionType::Ready), "Suspended: neither probed nor written");
}

/// One write when it begins; the diagnosis stays as it is, and so does the time of the transition.
#[test]
fn a_site_that_answers_again_says_so_before_it_counts_as_healthy() {
    let blocked = finding(Cause::ProxyBlocked);
    let failing = next(&known(None, 1, Standing::Verdict(&blocked)), at(1));
    let recovering = Finding { recovering: true, ..blocked };
    let status = next(&known(Some(&failing), 1, Standing::Verdict(&recovering)), at(2));
    let healthy = conditions::get(&status.conditions, ConditionType::OriginHealthy).unwrap();
    assert_eq!(
        healthy.message,
        "About ProxyBlocked. Recovering: what failed answers again. It counts as healthy after twelve good probes."
    );
    assert_eq!((line(&status), &status.diagnosis), (line(&failing), &failing.diagnosis));
    let later = next(&known(Some(&status), 1, Standing::Verdict(&recovering)), at(3));
    assert_eq!(later, status);
}

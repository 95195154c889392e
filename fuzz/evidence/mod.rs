//! What the fuzz target and the test beside it share: evidence that is changed at random, and everything that is made of
//! it. Nothing here may panic but for a broken promise.

pub mod mutate;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use leeward::api::Cause;
use leeward::diagnose::{diagnose, explain, plainly_healthy};
use leeward::evidence::Case;

/// Judges an evidence file as `leeward explain --evidence` and the operator do: the chain, why each rule matched or not,
/// and the words of status. Gives the cause; `None` when it is no evidence.
///
/// # Panics
/// Where the diagnosis panics, or breaks a promise that holds for any evidence.
pub fn judge(text: &[u8]) -> Option<Cause> {
    let case: Case = serde_json::from_slice(text).ok()?;
    let verdict = diagnose(&case);
    let steps = explain::chain(&case);
    let named = verdict.cause;

    assert!(!verdict.summary.is_empty() && verdict.summary.len() <= 1024, "summary: {}", verdict.summary);
    assert!(verdict.evidence.len() <= 16, "{} lines of evidence", verdict.evidence.len());
    for item in &verdict.evidence {
        assert!(item.vantage.len() <= 63, "vantage: {}", item.vantage);
        assert!(item.address.as_ref().is_none_or(|a| a.len() <= 320), "address: {:?}", item.address);
        assert!(item.detail.as_ref().is_none_or(|d| d.len() <= 512), "detail: {:?}", item.detail);
    }
    assert!(verdict.next_observation.as_ref().is_none_or(|n| n.len() <= 512), "next: {:?}", verdict.next_observation);
    assert!(!verdict.contributing.contains(&named) && !verdict.risks.contains(&named), "{named} stands beside itself");
    assert!(!plainly_healthy(&case) || verdict.is_plainly_healthy(), "told as plain health: {}", verdict.summary);
    assert!(steps.iter().all(|step| !step.why.is_empty()), "a rule says nothing");

    // What is saved is judged again as it was.
    let saved = serde_json::to_vec(&case).expect("a case that was read can be written");
    let again: Case = serde_json::from_slice(&saved).expect("a case that was written can be read");
    assert_eq!(diagnose(&again), verdict, "the saved case is judged otherwise");

    serde_json::to_string(&steps).expect("steps can be written");
    let diagnosis = verdict.into_diagnosis(Time(case.at));
    serde_json::to_string(&diagnosis).expect("a status can be written");
    Some(named)
}

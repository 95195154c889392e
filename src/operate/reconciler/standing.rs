//! How the diagnosis stands: the prober's word if it answers what is asked now, else what was said
//! before.

use crate::api::conditions::{self, ConditionType};
use crate::api::{Cause, ProtectedOriginStatus};
use crate::diagnose::Verdict;
use crate::evidence::Health;
use crate::operate::prober::Assessment;
use crate::report::status::{Finding, Standing};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// A verdict as it would stand in status.
pub fn finding(verdict: &Verdict, now: Timestamp) -> Finding {
    Finding { healthy: verdict.healthy, diagnosis: verdict.clone().into_diagnosis(Time(now)) }
}

/// The prober's verdict on this question, if there is one.
pub fn verdict<'a>(assessment: Option<&'a Assessment>, question: &str) -> Option<&'a Verdict> {
    assessment.filter(|a| a.question == question)?.verdict.as_ref()
}

/// How it stands where probing goes on.
pub fn standing<'a>(
    finding: Option<&'a Finding>,
    prior: Option<&ProtectedOriginStatus>,
    generation: i64,
    asked_before: Option<&str>,
    question: &str,
) -> Standing<'a> {
    match finding {
        Some(finding) => Standing::Verdict(finding),
        None => {
            // What this process asked before is known; what another one asked is told by the generation.
            let kept = match asked_before {
                Some(before) => before == question,
                None => prior.and_then(|p| p.observed_generation) == Some(generation),
            };
            Standing::Waiting { kept }
        }
    }
}

/// What seeds the scores: what OriginHealthy said before this process knew the origin.
pub fn health(prior: Option<&ProtectedOriginStatus>) -> Health {
    let Some(found) = prior.and_then(|p| conditions::get(&p.conditions, ConditionType::OriginHealthy)) else {
        return Health::Unknown;
    };
    if found.reason.parse::<Cause>().is_err() {
        return Health::Unknown;
    }
    match found.status.as_str() {
        "True" => Health::OK,
        "False" => Health::Failing,
        _ => Health::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::conditions::Truth;

    fn prior(truth: Truth, reason: &str, generation: i64) -> ProtectedOriginStatus {
        let mut status = ProtectedOriginStatus { observed_generation: Some(generation), ..Default::default() };
        let now = Timestamp::UNIX_EPOCH;
        conditions::set(&mut status.conditions, ConditionType::OriginHealthy, truth, reason, "", generation, now);
        status
    }

    #[test]
    fn scores_are_seeded_by_verdicts_only() {
        assert_eq!(health(None), Health::Unknown);
        assert_eq!(health(Some(&prior(Truth::True, "Healthy", 1))), Health::OK);
        assert_eq!(health(Some(&prior(Truth::False, "ProxyBlocked", 1))), Health::Failing);
        assert_eq!(health(Some(&prior(Truth::Unknown, "Inconclusive", 1))), Health::Unknown);
        assert_eq!(health(Some(&prior(Truth::Unknown, "Suspended", 1))), Health::Unknown);
    }

    #[test]
    fn a_status_of_this_generation_stands_and_an_older_one_only_for_the_same_question() {
        let old = prior(Truth::True, "Healthy", 3);
        let kept = |generation, before: Option<&str>| standing(None, Some(&old), generation, before, "q1");
        assert_eq!(kept(3, None), Standing::Waiting { kept: true });
        assert_eq!(kept(4, None), Standing::Waiting { kept: false });
        assert_eq!(kept(4, Some("q1")), Standing::Waiting { kept: true });
        assert_eq!(kept(4, Some("q0")), Standing::Waiting { kept: false });
    }
}

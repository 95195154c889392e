//! How the diagnosis stands: the prober's word if it answers what is asked now, else what was said
//! before.

use super::Look;
use crate::api::conditions::{self, ConditionType};
use crate::api::{Cause, ProtectedOriginStatus};
use crate::evidence::Health;
use crate::operate::prober::{Answered, Assessment};
use crate::report::status::{Finding, Standing};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::sync::Arc;

/// The prober's word on what is asked now.
#[derive(Debug)]
pub struct Diagnosed {
    assessment: Option<Arc<Assessment>>,
    /// The confirmed verdict as it would stand in status.
    pub finding: Option<Finding>,
    /// Every address is denied by the egress rules.
    pub forbidden: bool,
}

impl Diagnosed {
    /// Takes the word if it answers this question.
    pub fn of(assessment: Option<Arc<Assessment>>, question: &str, now: Timestamp) -> Self {
        let answers = assessment.as_ref().filter(|a| a.question == question);
        let finding =
            answers.and_then(|a| a.verdict.as_ref().map(|verdict| (a, verdict))).map(|(a, verdict)| Finding {
                healthy: verdict.healthy,
                recovering: a.recovering,
                diagnosis: verdict.clone().into_diagnosis(Time(now)),
            });
        let forbidden = answers.is_some_and(|a| a.forbidden);
        Self { assessment, finding, forbidden }
    }

    /// Whether the site is seen to work.
    pub fn healthy(&self) -> Option<bool> {
        self.finding.as_ref().and_then(|f| f.healthy)
    }

    /// How the round went that was asked for after a write.
    pub fn answered(&self) -> Option<Answered> {
        self.assessment.as_ref().and_then(|a| a.answered)
    }

    /// The newest request that a full round has answered.
    pub fn handled(&self) -> Option<String> {
        self.assessment.as_ref().and_then(|a| a.handled.clone())
    }

    /// How the diagnosis stands. `asked` is the question that this process asked before.
    pub(super) fn standing(&self, look: &Look<'_>, suspended: bool, asked: Option<&str>) -> Standing<'_> {
        if suspended {
            Standing::Suspended
        } else if self.forbidden {
            Standing::Stopped
        } else if let Some(finding) = &self.finding {
            Standing::Verdict(finding)
        } else {
            let observed = look.prior.observed_generation;
            Standing::Waiting { kept: kept(asked, look.question, observed, look.generation()) }
        }
    }
}

/// Whether the verdict in the status answers what is asked now. What this process asked before is known;
/// what another one asked is told by the generation.
fn kept(asked: Option<&str>, question: &str, observed: Option<i64>, generation: i64) -> bool {
    asked.map_or_else(|| observed == Some(generation), |before| before == question)
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
        assert!(kept(None, "q1", Some(3), 3));
        assert!(!kept(None, "q1", Some(3), 4));
        assert!(kept(Some("q1"), "q1", Some(3), 4));
        assert!(!kept(Some("q0"), "q1", Some(3), 4));
        assert!(!kept(None, "q1", None, 1));
    }
}

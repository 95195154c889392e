//! A verdict: the cause, how sure it is, what it rests on, and what to do.

use crate::api::status::{Diagnosis, EvidenceItem, Remedy, Scope};
use crate::api::{Cause, Confidence, Layer, Pattern};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Serialize};

/// What a diagnosis says, as it stands in status and in `leeward diagnose -o json`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether visitors reach the site; absent when that cannot be told.
    pub healthy: Option<bool>,
    pub cause: Cause,
    pub confidence: Confidence,
    pub pattern: Pattern,
    pub scope: Scope,
    pub summary: String,
    pub evidence: Vec<EvidenceItem>,
    pub contributing: Vec<Cause>,
    pub alternatives: Vec<Cause>,
    pub risks: Vec<Cause>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_observation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
}

impl Verdict {
    /// The layer that the cause lies in.
    pub const fn layer(&self) -> Layer {
        self.cause.layer()
    }

    /// Whether it says the same as what is published: status is replaced only when cause, scope,
    /// confidence, pattern or risks change.
    pub fn same_as(&self, published: &Diagnosis) -> bool {
        self.cause == published.cause
            && self.confidence == published.confidence
            && self.pattern == published.pattern
            && self.scope == published.scope
            && self.risks == published.risks
    }

    /// The same comparison between two verdicts.
    pub fn same(&self, other: &Self) -> bool {
        self.cause == other.cause
            && self.confidence == other.confidence
            && self.pattern == other.pattern
            && self.scope == other.scope
            && self.risks == other.risks
    }

    /// The form that stands in status. `since` is when this cause was first confirmed.
    pub fn into_diagnosis(self, since: Time) -> Diagnosis {
        Diagnosis {
            cause: self.cause,
            layer: self.cause.layer(),
            confidence: self.confidence,
            pattern: self.pattern,
            scope: self.scope,
            since_time: since,
            summary: self.summary,
            evidence: self.evidence,
            contributing: self.contributing,
            alternatives: self.alternatives,
            risks: self.risks,
            next_observation: self.next_observation,
            remedy: self.remedy,
        }
    }
}

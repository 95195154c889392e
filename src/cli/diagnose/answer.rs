//! The object that `leeward diagnose -o json` prints, and the exit code that goes with it.

use crate::api::status::{EvidenceItem, Remedy, Scope};
use crate::api::{API_VERSION, Cause, Confidence, Layer, Pattern};
use crate::cli::exit::Exit;
use crate::diagnose::Verdict;
use serde::Serialize;

/// A verdict about a named origin, in the order in which it is read.
#[derive(Serialize, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    api_version: &'static str,
    kind: &'static str,
    pub origin: String,
    pub healthy: Option<bool>,
    pub cause: Cause,
    pub layer: Layer,
    pub confidence: Confidence,
    pub pattern: Pattern,
    pub scope: Scope,
    pub contributing: Vec<Cause>,
    pub alternatives: Vec<Cause>,
    pub risks: Vec<Cause>,
    pub summary: String,
    pub next_observation: Option<String>,
    pub remedy: Option<Remedy>,
    pub evidence: Vec<EvidenceItem>,
}

impl Answer {
    pub fn new(origin: &str, verdict: &Verdict) -> Self {
        let verdict = verdict.clone();
        Self {
            api_version: API_VERSION,
            kind: "Diagnosis",
            origin: origin.to_owned(),
            healthy: verdict.healthy,
            cause: verdict.cause,
            layer: verdict.layer(),
            confidence: verdict.confidence,
            pattern: verdict.pattern,
            scope: verdict.scope,
            contributing: verdict.contributing,
            alternatives: verdict.alternatives,
            risks: verdict.risks,
            summary: verdict.summary,
            next_observation: verdict.next_observation,
            remedy: verdict.remedy,
            evidence: verdict.evidence,
        }
    }

    /// Risks do not make a site unhealthy; a pipeline may ask for more.
    pub fn exit(&self, fail_on_risk: bool) -> Exit {
        match self.healthy {
            Some(true) if fail_on_risk && !self.risks.is_empty() => Exit::Finding,
            Some(true) => Exit::Fine,
            Some(false) => Exit::Finding,
            None => Exit::Inconclusive,
        }
    }
}

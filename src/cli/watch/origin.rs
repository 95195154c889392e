//! One origin as it is shown: the columns of `kubectl get`, and the parts of its status that the detail is made of.

use crate::api::ProtectedOrigin;
use crate::api::conditions::{self, ConditionType};
use crate::api::status::Diagnosis;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;

/// `NAMESPACE/NAME`, in the order of the list.
pub type Key = String;

/// The columns of one origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    pub key: Key,
    pub ready: String,
    pub healthy: String,
    pub cause: String,
    pub since: Option<Timestamp>,
    pub url: String,
    pub conditions: Vec<Condition>,
    pub diagnosis: Option<Diagnosis>,
}

impl Origin {
    pub fn new(object: &ProtectedOrigin) -> Self {
        let status = object.status.clone().unwrap_or_default();
        let status_of =
            |kind| conditions::get(&status.conditions, kind).map_or_else(|| "Unknown".to_owned(), |c| c.status.clone());
        let health = conditions::get(&status.conditions, ConditionType::OriginHealthy);
        let cause = health.map_or_else(|| "Pending".to_owned(), |c| c.reason.clone());
        let verdict = status.diagnosis.as_ref().filter(|d| d.cause.to_string() == cause);
        let since = verdict.map(|d| d.since_time.0).or_else(|| health.map(|c| c.last_transition_time.0));
        Self {
            key: format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any()),
            ready: status_of(ConditionType::Ready),
            healthy: status_of(ConditionType::OriginHealthy),
            cause,
            since,
            url: object.spec.proxy.url.clone(),
            conditions: status.conditions,
            diagnosis: status.diagnosis,
        }
    }

    /// What makes a change worth a line.
    pub fn said(&self) -> String {
        let confidence = self.diagnosis.as_ref().map(|d| format!(", {} confidence", d.confidence)).unwrap_or_default();
        format!("{}{confidence}, healthy {}, ready {}", self.cause, self.healthy, self.ready)
    }
}

/// How long ago, as `kubectl get` says it.
pub fn age(since: Option<Timestamp>, now: Timestamp) -> String {
    let Some(since) = since else { return "-".to_owned() };
    let seconds = now.duration_since(since).as_secs().max(0);
    match seconds {
        ..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

//! Events: one per change of the cause, never a stream. The reason is the cause; the first verdict of a
//! healthy site is no event.

use crate::api::status::Diagnosis;
use crate::api::{Cause, ProtectedOriginStatus};
use crate::report::metrics::Metrics;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// What happened, in the event's field `action`.
const ACTION: &str = "Diagnose";
/// The same where a resource is deleted.
const RELEASE: &str = "Release";
/// Longest note, in bytes.
const MAX_NOTE: usize = 1000;
/// Longest wait for the API server.
const PATIENCE: Duration = Duration::from_secs(10);
/// Events an object may cause at once, and how soon one more.
const OBJECT: Rate = Rate { burst: 6.0, every: Duration::from_mins(1) };
/// The same for all objects of a namespace.
const NAMESPACE: Rate = Rate { burst: 60.0, every: Duration::from_secs(6) };
/// Beyond so many counters those at rest are dropped.
const MANY: usize = 8192;

/// The event that a change of status deserves.
pub fn due(prior: Option<&ProtectedOriginStatus>, next: &ProtectedOriginStatus) -> Option<Diagnosis> {
    let new = next.diagnosis.as_ref()?;
    let old = prior.and_then(|p| p.diagnosis.as_ref()).map(|d| d.cause);
    match old {
        Some(old) if old == new.cause => None,
        None if new.cause == Cause::Healthy => None,
        _ => Some(new.clone()),
    }
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    burst: f64,
    every: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rate {
    fn refilled(self, bucket: Bucket, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.left + passed / self.every.as_secs_f64()).min(self.burst)
    }
}

/// Buckets by whom they limit.
#[derive(Debug, Default)]
struct Limits(HashMap<String, Bucket>);

impl Limits {
    fn take(&mut self, whom: &str, rate: Rate, now: Instant) -> bool {
        if self.0.len() > MANY {
            self.0.retain(|_, bucket| rate.refilled(*bucket, now) < rate.burst);
        }
        let bucket = self.0.entry(whom.to_owned()).or_insert(Bucket { left: rate.burst, at: now });
        let left = rate.refilled(*bucket, now);
        let granted = left >= 1.0;
        *bucket = Bucket { left: if granted { left - 1.0 } else { left }, at: now };
        granted
    }
}

/// Sends events; one for the process, since repeats are recognised by its memory.
pub struct Events {
    recorder: Recorder,
    objects: Mutex<Limits>,
    namespaces: Mutex<Limits>,
    metrics: Metrics,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    /// `identity` is this replica.
    pub fn new(client: Client, identity: &str, metrics: Metrics) -> Self {
        let reporter = Reporter { controller: "leeward".to_owned(), instance: Some(identity.to_owned()) };
        Self {
            recorder: Recorder::new(client, reporter),
            objects: Mutex::default(),
            namespaces: Mutex::default(),
            metrics,
        }
    }

    /// Sends the event of a verdict, within the limits. An event that cannot be sent is lost: the status says it all.
    pub async fn send(&self, regarding: &ObjectReference, diagnosis: &Diagnosis) {
        let type_ = if diagnosis.cause == Cause::Healthy { EventType::Normal } else { EventType::Warning };
        self.publish(regarding, type_, ACTION, &diagnosis.cause.to_string(), &diagnosis.summary).await;
    }

    /// Warns of what became of a write that was asked for.
    pub async fn warn(&self, regarding: &ObjectReference, reason: &str, text: &str) {
        self.publish(regarding, EventType::Warning, RELEASE, reason, text).await;
    }

    async fn publish(&self, regarding: &ObjectReference, type_: EventType, action: &str, reason: &str, text: &str) {
        let (namespace, name) = (regarding.namespace.as_deref().unwrap_or_default(), regarding.name.as_deref());
        let object = format!("{namespace}/{}", name.unwrap_or_default());
        let now = Instant::now();
        let granted =
            self.objects.lock().take(&object, OBJECT, now) && self.namespaces.lock().take(namespace, NAMESPACE, now);
        if !granted {
            self.metrics.series().events_dropped.inc();
            return;
        }
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note(text)),
            action: action.to_owned(),
            secondary: None,
        };
        match timeout(PATIENCE, self.recorder.publish(&event, regarding)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(origin = object, %error, "cannot create event"),
            Err(_) => tracing::warn!(origin = object, "cannot create event: the API server did not answer in time"),
        }
    }
}

fn note(summary: &str) -> String {
    let plain: String = summary.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    crate::api::conditions::cut(&plain, MAX_NOTE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::status::Scope;
    use crate::api::{Confidence, Layer, Pattern};
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn status(cause: Cause) -> ProtectedOriginStatus {
        let diagnosis = Diagnosis {
            cause,
            layer: Layer::None,
            confidence: Confidence::High,
            pattern: Pattern::Steady,
            scope: Scope::default(),
            since_time: Time(Timestamp::UNIX_EPOCH),
            summary: String::new(),
            evidence: Vec::new(),
            contributing: Vec::new(),
            alternatives: Vec::new(),
            risks: Vec::new(),
            next_observation: None,
            remedy: None,
        };
        ProtectedOriginStatus { diagnosis: Some(diagnosis), ..ProtectedOriginStatus::default() }
    }

    #[test]
    fn one_event_per_change_and_none_for_a_first_healthy() {
        let (healthy, blocked) = (status(Cause::Healthy), status(Cause::ProxyBlocked));
        let causes = |prior, next| due(prior, next).map(|d| d.cause);
        assert_eq!(causes(None, &healthy), None);
        assert_eq!(causes(None, &blocked), Some(Cause::ProxyBlocked));
        assert_eq!(causes(Some(&healthy), &blocked), Some(Cause::ProxyBlocked));
        assert_eq!(causes(Some(&blocked), &blocked), None);
        assert_eq!(causes(Some(&blocked), &healthy), Some(Cause::Healthy));
        assert_eq!(causes(Some(&blocked), &ProtectedOriginStatus::default()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flapping_object_is_limited_and_recovers() {
        let mut limits = Limits::default();
        let granted = (0..100).filter(|_| limits.take("a", OBJECT, Instant::now())).count();
        assert_eq!(granted, 6);
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert!(limits.take("a", OBJECT, Instant::now()) && !limits.take("a", OBJECT, Instant::now()));
    }

    #[test]
    fn notes_carry_no_control_characters() {
        assert_eq!(note("a\nb\u{7}c"), "a b c");
    }
}

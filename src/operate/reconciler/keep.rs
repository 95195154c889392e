//! What this process remembers of one origin between two looks. Nothing of it has to survive a restart.

use super::finalizer;
use super::overwritten::Said;
use crate::allow::{Memory, Rollback};
use crate::api::validated::Validated;
use crate::api::{ProtectedOrigin, ProtectedOriginStatus};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Memory of one origin.
#[derive(Debug, Default)]
pub struct Keep {
    /// `metadata.uid` that the rest is about.
    pub uid: String,
    /// The last written status, for as long as the watch has not caught up with it.
    pub written: Option<Written>,
    /// The same for good, as a digest.
    pub said: Option<Said>,
    /// When it was told last that somebody else writes it too.
    pub overwritten: Option<Instant>,
    /// The question that was asked of the prober last.
    pub asked: Option<String>,
    /// What the objects looked like that were written.
    pub memory: Memory,
    /// What the last status says of an earlier process was taken over.
    pub recalled: bool,
    /// Counts rounds asked for after writes.
    pub asks: u64,
    /// A write whose effect is not known yet.
    pub after: Option<After>,
    /// What was seen after the last write, as the rest of a sentence.
    pub effect: Option<&'static str>,
    /// How often the status was written lately.
    pub pace: Pace,
    /// The finalizer as it was last written, for as long as the watch has not caught up with it.
    pub held: Option<Held>,
    /// What may be needed once the resource is gone.
    pub last: Option<Last>,
}

/// Limits how often one status is written without its spec having changed: what flaps is told, but not
/// each time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace(Option<(f64, Instant)>);

/// Writes at once after a quiet time, and how soon one more.
const BURST: f64 = 12.0;
const ONE_MORE: Duration = Duration::from_secs(20);

impl Pace {
    /// Takes leave for a write, or says how long to wait for it.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let (left, at) = self.0.unwrap_or((BURST, now));
        let left = (left + now.saturating_duration_since(at).as_secs_f64() / ONE_MORE.as_secs_f64()).min(BURST);
        if left < 1.0 {
            self.0 = Some((left, now));
            return Err(ONE_MORE.mul_f64(1.0 - left));
        }
        self.0 = Some((left - 1.0, now));
        Ok(())
    }
}

/// A status that was written.
#[derive(Clone, Debug)]
pub struct Written {
    pub version: Option<u64>,
    pub status: ProtectedOriginStatus,
}

/// A finalizer that was put on or taken off.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub version: Option<u64>,
    pub on: bool,
}

/// A write after which a round was asked for.
#[derive(Debug)]
pub struct After {
    /// When it was written.
    pub since: Instant,
    /// The round that shows the effect.
    pub ask: u64,
    /// When to ask for the next round, where the last one may have come before the write took effect.
    pub due: Option<Instant>,
    /// The site answered through the proxy before the write.
    pub was_healthy: bool,
    /// Failing rounds seen since.
    pub bad: u8,
    /// How to take back what was narrowed.
    pub rollbacks: Vec<Rollback>,
}

/// The resource as it was last seen.
#[derive(Clone, Debug)]
pub struct Last {
    pub origin: Arc<Validated>,
    pub created: Option<Timestamp>,
}

impl Keep {
    /// Forgets everything when another resource took the name.
    pub fn about(&mut self, uid: &str) {
        if self.uid != uid {
            *self = Self { uid: uid.to_owned(), ..Self::default() };
        }
    }

    /// Whether the finalizer is on: what the watch shows, unless it still shows the resource from before our own write.
    pub fn holds(&mut self, object: &ProtectedOrigin) -> bool {
        let seen = version(object.metadata.resource_version.as_deref());
        if let Some(held) = self.held {
            match (seen, held.version) {
                (Some(seen), Some(own)) if seen < own => return held.on,
                _ => self.held = None,
            }
        }
        finalizer::holds(object.metadata.finalizers.as_ref())
    }

    /// The newest status: the watch's, unless it still shows one from before our own last write.
    pub fn status(&mut self, object: &ProtectedOrigin) -> Option<ProtectedOriginStatus> {
        let seen = version(object.metadata.resource_version.as_deref());
        if let Some(written) = &self.written {
            match (seen, written.version) {
                (Some(seen), Some(own)) if seen < own => return Some(written.status.clone()),
                _ => self.written = None,
            }
        }
        // The schema's default is no status that anybody wrote.
        object.status.clone().filter(|s| !s.conditions.is_empty())
    }
}

/// resourceVersions of one kind can be compared as numbers.
pub fn version(text: Option<&str>) -> Option<u64> {
    text?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::status::first;
    use serde_json::json;

    fn object(version: &str) -> ProtectedOrigin {
        serde_json::from_value(json!({
            "apiVersion": "leeward.dev/v1alpha1", "kind": "ProtectedOrigin",
            "metadata": {"name": "a", "namespace": "a", "resourceVersion": version},
            "spec": {"proxy": {"url": "https://a.example/"}, "origin": {"type": "Hostname"}},
            "status": {"observedGeneration": -1},
        }))
        .unwrap()
    }

    #[test]
    fn a_watch_that_lags_does_not_hide_our_own_write() {
        let mut keep = Keep::default();
        assert_eq!(keep.status(&object("5")), None, "the default of the schema is no status");
        let status = first(1, Timestamp::UNIX_EPOCH);
        keep.written = Some(Written { version: Some(7), status: status.clone() });
        assert_eq!(keep.status(&object("6")), Some(status));
        assert_eq!(keep.status(&object("7")), None, "now the watch is as new, and it decides");
    }

    #[test]
    fn a_watch_that_lags_does_not_hide_our_own_finalizer() {
        let mut keep = Keep::default();
        assert!(!keep.holds(&object("5")));
        keep.held = Some(Held { version: Some(7), on: true });
        assert!(keep.holds(&object("6")));
        assert!(!keep.holds(&object("7")), "now the watch is as new, and somebody took it off");
    }

    #[tokio::test(start_paused = true)]
    async fn what_flaps_is_written_three_times_a_minute() {
        let mut pace = Pace::default();
        let start = Instant::now();
        let mut writes = 0;
        while start.elapsed() < Duration::from_hours(1) {
            match pace.take(Instant::now()) {
                Ok(()) => writes += 1,
                Err(wait) => tokio::time::sleep(wait + Duration::from_millis(1)).await,
            }
        }
        assert!((180..=195).contains(&writes), "{writes} in an hour");
    }

    #[test]
    fn another_resource_of_the_name_begins_afresh() {
        let mut keep = Keep { uid: "a".into(), asks: 5, ..Keep::default() };
        keep.about("a");
        assert_eq!(keep.asks, 5);
        keep.about("b");
        assert_eq!((keep.asks, keep.uid.as_str()), (0, "b"));
    }
}

//! The workers: a bounded number of looks at once, each bounded in time, each failure tried again with
//! growing pauses. One origin that fails delays no other.

use super::{Reconciler, WriteError};
use crate::operate::key::OriginKey;
use crate::operate::queue::Queue;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longest look.
const LOOK: Duration = Duration::from_mins(2);
/// First pause after a failure; it doubles up to [`MOST`].
const FIRST: Duration = Duration::from_millis(500);
const MOST: Duration = Duration::from_mins(1);
/// Everything is looked at again after so long, should word of a change have been lost.
const RESYNC: Duration = Duration::from_mins(4);

/// Failures in a row by origin.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<OriginKey, u32>>);

impl Failures {
    fn clear(&self, key: &OriginKey) {
        self.0.lock().remove(key);
    }

    /// The pause after one more failure.
    fn next(&self, key: &OriginKey) -> Duration {
        let mut counts = self.0.lock();
        let count = counts.entry(key.clone()).or_default();
        let pause = FIRST.saturating_mul(1_u32.checked_shl(*count).unwrap_or(u32::MAX)).min(MOST);
        *count = count.saturating_add(1).min(16);
        pause
    }
}

/// Works off the queue until `stop`. A look under way is finished first.
pub async fn work(reconciler: Arc<Reconciler>, queue: Arc<Queue>, failures: Arc<Failures>, stop: CancellationToken) {
    loop {
        let key = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            key = queue.next() => key,
        };
        // A standby drops what comes: a new leader looks at everything.
        if reconciler.claim.is_current() {
            let pause = match timeout(LOOK, reconciler.reconcile(&key)).await {
                Ok(Ok(again)) => {
                    failures.clear(&key);
                    reconciler.origins.get(&key).map(|_| again.unwrap_or_else(|| resync(&key)))
                }
                Ok(Err(error)) => {
                    let pause = failures.next(&key);
                    say(&key, &error, pause);
                    Some(pause)
                }
                Err(_) => {
                    let pause = failures.next(&key);
                    tracing::warn!(origin = %key, "a look took too long and was given up; trying again");
                    Some(pause)
                }
            };
            if let Some(pause) = pause {
                queue.add_after(key.clone(), pause);
            }
        }
        queue.done(&key);
    }
}

fn say(key: &OriginKey, error: &WriteError, pause: Duration) {
    let seconds = pause.as_secs_f32();
    match error {
        WriteError::NoClaim { .. } | WriteError::Replaced { .. } => {
            tracing::debug!(origin = %key, %error, seconds, "trying again");
        }
        WriteError::Api { .. } | WriteError::Forbidden { .. } | WriteError::Timeout { .. } => {
            tracing::warn!(origin = %key, %error, seconds, "trying again");
        }
    }
}

/// Spread, so that many origins do not come back together.
fn resync(key: &OriginKey) -> Duration {
    let spread = key
        .name
        .bytes()
        .chain(key.namespace.bytes())
        .fold(0_u64, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(b)));
    RESYNC + Duration::from_secs(spread % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        let (failures, key) = (Failures::default(), OriginKey::new("a", "b"));
        let pauses: Vec<u64> = (0..10).map(|_| u64::try_from(failures.next(&key).as_millis()).unwrap()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]);
        failures.clear(&key);
        assert_eq!(failures.next(&key), FIRST);
    }
}

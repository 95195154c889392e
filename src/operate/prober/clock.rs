//! The time of day, for ticks and histories. Tests let it follow the runtime's own time, which can be
//! paused.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Where the time of day comes from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    System,
    /// So late at this instant, and from then on as the runtime's time goes.
    From(Timestamp, Instant),
}

impl Clock {
    pub fn now(self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::From(start, at) => {
                let passed = SignedDuration::try_from(at.elapsed()).unwrap_or(SignedDuration::ZERO);
                start.checked_add(passed).unwrap_or(start)
            }
        }
    }

    /// Milliseconds since 1970.
    pub fn milliseconds(self) -> u64 {
        u64::try_from(self.now().as_millisecond()).unwrap_or_default()
    }
}

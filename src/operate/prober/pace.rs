//! When an origin's rounds are due. Pure: time goes in as milliseconds since 1970.
//!
//! The place in the period comes from the resource's UID and the wall clock, so that a restart does
//! not move it and many origins spread by themselves. Every tick is moved by up to a tenth of the
//! period, so that nothing swings in step with what is measured.

use sha2::{Digest, Sha256};
use std::time::Duration;

/// Part of the period by which a tick is moved at most, either way.
const JITTER: u64 = 10;

/// The pace of one origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    seed: u64,
    period: u64,
    /// Number of the last tick that was taken.
    last: Option<u64>,
}

impl Pace {
    pub fn new(uid: &str, period: Duration) -> Self {
        let period = u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1);
        Self { seed: hash(uid.as_bytes()), period, last: None }
    }

    pub const fn period(&self) -> Duration {
        Duration::from_millis(self.period)
    }

    /// The next tick after `now`; never the same one twice.
    pub fn next(&mut self, now: u64) -> u64 {
        let offset = self.seed % self.period;
        let around = now.saturating_sub(offset) / self.period;
        // A tick may stand before its place, so the one around `now` may be over or still to come.
        let last = around.saturating_add(2);
        let first = (around..last).find(|n| self.at(*n) > now).unwrap_or(last);
        let number = self.last.map_or(first, |last| first.max(last.saturating_add(1)));
        self.last = Some(number);
        self.at(number)
    }

    fn at(&self, number: u64) -> u64 {
        let range = self.period / JITTER;
        let mut bytes = [0; 16];
        for (place, byte) in bytes.iter_mut().zip(self.seed.to_be_bytes().into_iter().chain(number.to_be_bytes())) {
            *place = byte;
        }
        let moved = hash(&bytes) % (2 * range).max(1);
        let place = (self.seed % self.period).saturating_add(number.saturating_mul(self.period));
        place.saturating_add(moved).saturating_sub(range)
    }
}

fn hash(bytes: &[u8]) -> u64 {
    Sha256::digest(bytes).iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(30);

    fn ticks(uid: &str, start: u64, count: usize) -> Vec<u64> {
        let mut pace = Pace::new(uid, PERIOD);
        let mut now = start;
        (0..count)
            .map(|_| {
                now = pace.next(now);
                now
            })
            .collect()
    }

    #[test]
    fn ticks_are_a_period_apart_give_or_take_two_tenths() {
        let all = ticks("uid-1", 1_700_000_000_000, 200);
        for pair in all.windows(2) {
            let gap = pair[1] - pair[0];
            assert!((24_000..=36_000).contains(&gap), "{gap}");
        }
        let mean = (all[199] - all[0]) / 199;
        assert!((29_900..=30_100).contains(&mean), "{mean}");
    }

    #[test]
    fn a_restart_does_not_move_them() {
        let all = ticks("uid-1", 1_700_000_000_000, 50);
        let later = ticks("uid-1", all[20], 10);
        assert_eq!(later, all[21..31]);
    }

    #[test]
    fn no_second_has_three_times_its_share() {
        let mut seconds = [0_u32; 30];
        for i in 0..3000 {
            let tick = ticks(&format!("uid-{i}"), 1_700_000_000_000, 1)[0];
            seconds[usize::try_from(tick / 1000 % 30).unwrap()] += 1;
        }
        assert!(seconds.iter().all(|n| *n < 300), "{seconds:?}");
    }

    #[test]
    fn a_clock_that_jumps_makes_no_burst() {
        let mut pace = Pace::new("uid-1", PERIOD);
        let now = pace.next(1_700_000_000_000);
        let after = now + 3_600_000;
        let first = pace.next(after);
        let second = pace.next(first);
        assert!(first > after && second - first >= 24_000);
        // Back by an hour: no tick is taken again, so the next is as far away as the clock went back.
        let back = pace.next(now);
        assert!(back > second);
    }
}

//! Round-trip times of one path: what they are now, and what is usual.
//!
//! The baseline is a median of hourly medians: a day of it takes 24 numbers, one bad hour does not move it, and a route
//! that changed for good becomes the usual one within a day. Everything together is about 750 bytes for each path.

use crate::evidence::Probe;
use crate::evidence::jitter::Jitter;
use crate::evidence::link::{Link, median, quantile};
use std::collections::VecDeque;

/// Times that are remembered: an hour of scheduled rounds every 30 seconds.
const REMEMBERED: usize = 120;
/// Connections that make an hour's median one to compare with.
const ENOUGH: usize = 10;
/// Hours of the baseline.
const HOURS: usize = 24;
const HOUR: i64 = 3600;

/// The times of one path.
#[derive(Clone, Debug, Default)]
pub struct Times {
    newest: VecDeque<u32>,
    jitter: Jitter,
    /// Medians of full hours, oldest first.
    hours: VecDeque<u32>,
    hour: Option<i64>,
    /// How many of the newest belong to this hour.
    in_hour: usize,
}

impl Times {
    /// Takes in a probe. A connection in which the kernel had to send again, or that never came about, breaks the chain
    /// of neighbours.
    pub fn count(&mut self, probe: &Probe) {
        self.turn(probe.at.as_second().div_euclid(HOUR));
        let Some(tcp) = probe.tcp.filter(|_| probe.connected()) else { return self.jitter.lost() };
        if tcp.retransmits > 0 {
            self.jitter.lost();
        }
        let Some(time) = tcp.min_rtt() else { return };
        if self.newest.len() == REMEMBERED {
            self.newest.pop_front();
        }
        self.newest.push_back(time);
        self.in_hour = self.in_hour.saturating_add(1).min(REMEMBERED);
        self.jitter.add(time);
    }

    /// At the end of an hour its median joins the baseline, if there was enough of it.
    fn turn(&mut self, hour: i64) {
        if self.hour.replace(hour).is_none_or(|before| before == hour) {
            return;
        }
        let mut ended: Vec<u32> = self.newest.iter().rev().take(std::mem::take(&mut self.in_hour)).copied().collect();
        if let Some(usual) = median(&mut ended).filter(|_| ended.len() >= ENOUGH) {
            if self.hours.len() == HOURS {
                self.hours.pop_front();
            }
            self.hours.push_back(usual);
        }
    }

    /// What they show; nothing before the first connection.
    pub fn link(&self) -> Option<Link> {
        let mut newest: Vec<u32> = self.newest.iter().copied().collect();
        let rtt_median_us = median(&mut newest)?;
        let baseline_us = median(&mut self.hours.iter().copied().collect::<Vec<_>>());
        let distances = |usual: u32| self.hours.iter().map(|hour| hour.abs_diff(usual)).collect::<Vec<_>>();
        Some(Link {
            samples: u32::try_from(newest.len()).unwrap_or(u32::MAX),
            rtt_min_us: newest.first().copied()?,
            rtt_median_us,
            rtt_p95_us: quantile(&mut newest, 95, 100)?,
            jitter_us: self.jitter.value(),
            baseline_us,
            baseline_mad_us: baseline_us.and_then(|usual| median(&mut distances(usual))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::tests::build::{no_connection, ok};
    use crate::evidence::probe::TcpFacts;
    use jiff::{SignedDuration, Timestamp};

    fn probe(second: u32, rtt_us: u32) -> Probe {
        let tcp = TcpFacts { min_rtt_us: rtt_us, rtt_us: rtt_us * 3, ..TcpFacts::default() };
        Probe { tcp: Some(tcp), at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(i64::from(second)), ..ok().0 }
    }

    #[test]
    fn the_newest_two_hours_of_a_day_say_what_is_and_the_hours_what_is_usual() {
        let mut times = Times::default();
        assert_eq!(times.link(), None);
        for i in 0..120 {
            times.count(&probe(30 * i, if i % 10 == 0 { 90_000 } else { 20_000 }));
        }
        let link = times.link().unwrap();
        assert_eq!((link.samples, link.rtt_min_us, link.rtt_median_us, link.rtt_p95_us), (120, 20_000, 20_000, 90_000));
        assert_eq!(
            (link.baseline_us, link.baseline_mad_us),
            (None, None),
            "the first hour has nothing to compare with"
        );
        // One bad hour among many moves nothing.
        for hour in 1..30 {
            let rtt = if hour == 12 { 400_000 } else { 20_000 + 100 * (hour % 3) };
            (0..120).for_each(|i| times.count(&probe(3600 * hour + 30 * i, rtt)));
        }
        let link = times.link().unwrap();
        assert_eq!((link.baseline_us, link.baseline_mad_us), (Some(20_100), Some(100)));
        // A way that is longer for good is the usual one after a day.
        for hour in 30..60 {
            (0..120).for_each(|i| times.count(&probe(3600 * hour + 30 * i, 35_000)));
        }
        assert_eq!(times.link().unwrap().baseline_us, Some(35_000));
        assert!(times.hours.len() == 24 && times.newest.len() == 120, "memory grows");
    }

    #[test]
    fn a_piece_of_an_hour_and_an_hour_without_connections_are_nothing_to_compare_with() {
        let mut times = Times::default();
        (0..9).for_each(|i| times.count(&probe(3590 + i, 20_000)));
        times.count(&probe(3600, 20_000));
        assert_eq!(times.link().unwrap().baseline_us, None);
        (1..20).for_each(|i| times.count(&probe(3600 + i, 20_000)));
        times.count(&Probe { at: probe(7200, 1).at, ..no_connection().0 });
        assert_eq!(times.hours.len(), 1);
        times.count(&Probe { at: probe(10_800, 1).at, ..no_connection().0 });
        assert_eq!(times.hours.len(), 1, "an hour in which nothing was reached repeats no median");
    }

    #[test]
    fn jitter_is_from_connection_to_connection_and_skips_what_was_lost() {
        let mut times = Times::default();
        (0..64).for_each(|i| times.count(&probe(i, 10_000 + 2_000 * (i % 2))));
        assert_eq!(times.link().unwrap().jitter_us, Some(2_000));
        let mut times = Times::default();
        for i in 0..8 {
            times.count(&probe(2 * i, 10_000 * (1 + i)));
            times.count(&Probe { at: probe(2 * i + 1, 1).at, ..no_connection().0 });
        }
        assert_eq!(times.link().unwrap().jitter_us, None);
    }
}

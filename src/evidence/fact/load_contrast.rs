//! Probes through the proxy in quiet times and in busy times: a limit shows only under load, and the
//! load is the visitors' own.

use crate::evidence::wilson;
use serde::{Deserialize, Serialize};

/// The same probe, quiet and busy.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadContrast {
    /// Who counted, in our own words.
    pub source: String,
    pub quiet: Tally,
    pub busy: Tally,
    /// Busy times apart from each other in which probes failed. One outage that fell into a busy hour is one.
    pub spells: u32,
}

/// Probes, and failures among them.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    pub probes: u32,
    pub failures: u32,
}

impl Tally {
    /// The share of failures with its 95 % Wilson interval: lower bound, share, upper bound. `None` without probes.
    pub fn interval(self) -> Option<(f64, f64, f64)> {
        if self.probes == 0 {
            return None;
        }
        let share = f64::from(self.failures.min(self.probes)) / f64::from(self.probes);
        let (low, high) = wilson::interval(self.failures, self.probes);
        Some((low, share, high))
    }
}

impl LoadContrast {
    /// Fewest probes on each side.
    const LEAST: u32 = 20;
    /// Fewest busy spells with failures.
    const SPELLS: u32 = 3;

    /// Whether failures come with load: three times the share of quiet times at least, with intervals that do not
    /// meet, and again and again.
    pub fn shows_load(&self) -> bool {
        if self.quiet.probes < Self::LEAST || self.busy.probes < Self::LEAST || self.spells < Self::SPELLS {
            return false;
        }
        let (Some((_, quiet, top)), Some((bottom, busy, _))) = (self.quiet.interval(), self.busy.interval()) else {
            return false;
        };
        busy >= 3.0 * quiet && bottom > top
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(quiet: (u32, u32), busy: (u32, u32), spells: u32) -> bool {
        let tally = |(failures, probes)| Tally { probes, failures };
        LoadContrast { source: String::new(), quiet: tally(quiet), busy: tally(busy), spells }.shows_load()
    }

    #[test]
    fn load_shows_itself_only_in_enough_probes_that_are_clearly_apart() {
        assert!(contrast((0, 200), (20, 60), 5));
        assert!(contrast((4, 200), (20, 60), 3));
        assert!(!contrast((0, 19), (20, 60), 5), "too few quiet probes");
        assert!(!contrast((0, 200), (15, 19), 5), "too few busy probes");
        assert!(!contrast((20, 200), (12, 60), 5), "twice is not three times");
        assert!(!contrast((0, 20), (3, 20), 3), "the intervals meet");
        assert!(!contrast((0, 200), (20, 60), 1), "one outage that fell into a busy hour");
    }

    #[test]
    fn the_interval_is_wilsons() {
        // 3 of 20: 0.0524 to 0.3604, as in the literature.
        let (low, share, high) = Tally { probes: 20, failures: 3 }.interval().unwrap();
        assert!((low - 0.0524).abs() < 0.0005 && (share - 0.15).abs() < 1e-9 && (high - 0.3604).abs() < 0.0005);
        assert_eq!(Tally::default().interval(), None);
    }
}

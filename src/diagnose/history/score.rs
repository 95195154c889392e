//! The debounced state of a path: an integer Bernoulli CUSUM.
//!
//! A failure adds 4, a success takes 1, within 0..=12. Three failures in a row trip it, as
//! "failureThreshold: 3" would; unlike that, a lone success among failures does not erase what was
//! seen. The weights are the log-likelihood ratio of 2 % against 58 % failures, and the expected
//! number of probes until an alarm follows exactly from the transition matrix over 0..=11.

use crate::evidence::Health;

/// Added by a failure.
const FAILURE: u8 = 4;
/// Taken by a success.
const SUCCESS: u8 = 1;
/// A path is Failing when it gets here.
pub const FAILING: u8 = 12;
/// A path that is Failing and has come down to this has given three good results and no bad one since, or more.
pub const ANSWERS_AGAIN: u8 = FAILING - 3 * SUCCESS;
/// From here on a path is looked at more often.
pub const SUSPECT: u8 = 4;
/// From here on the long probe is worth its time.
pub const WORTH_A_LONG_PROBE: u8 = 8;

/// Score and state of one path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    value: u8,
    health: Health,
}

impl Score {
    /// The state that a restart takes over: a verdict stands until a new one is confirmed.
    pub const fn seeded(prior: Health) -> Self {
        match prior {
            Health::OK | Health::Unknown => Self { value: 0, health: prior },
            Health::Failing => Self { value: FAILING, health: prior },
        }
    }

    /// Counts one definite result.
    pub fn count(&mut self, failed: bool) {
        self.value = if failed { (self.value + FAILURE).min(FAILING) } else { self.value.saturating_sub(SUCCESS) };
        match self.value {
            FAILING => self.health = Health::Failing,
            0 => self.health = Health::OK,
            _ => {}
        }
    }

    /// Forgets the state, not the score: nothing definite was seen for too long.
    pub const fn age(&mut self) {
        self.health = Health::Unknown;
    }

    pub const fn value(self) -> u8 {
        self.value
    }

    pub const fn health(self) -> Health {
        self.health
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(results: &[bool]) -> Score {
        let mut score = Score::default();
        for failed in results {
            score.count(*failed);
        }
        score
    }

    #[test]
    fn three_failures_in_a_row_trip_it_and_twelve_successes_clear_it() {
        assert_eq!(after(&[true, true]).health(), Health::Unknown);
        let mut score = after(&[true, true, true]);
        assert_eq!(score.health(), Health::Failing);
        for _ in 0..11 {
            score.count(false);
            assert_eq!(score.health(), Health::Failing);
        }
        score.count(false);
        assert_eq!((score.value(), score.health()), (0, Health::OK));
    }

    #[test]
    fn a_lone_success_does_not_erase_failures() {
        assert_eq!(after(&[true, true, false, true]).value(), 11);
        assert_eq!(after(&[true, true, false, true, true]).health(), Health::Failing);
    }

    #[test]
    fn a_restart_takes_over_the_old_state() {
        assert_eq!(Score::seeded(Health::Failing).value(), FAILING);
        assert_eq!(Score::seeded(Health::OK), Score { value: 0, health: Health::OK });
        assert_eq!(Score::seeded(Health::Unknown), Score::default());
    }

    proptest! {
        /// The state is a reflected walk: its value has the closed form
        /// max over the walk's last resets, computed here the slow way over all suffixes.
        #[test]
        fn the_score_is_the_reflected_walk(results in proptest::collection::vec(any::<bool>(), 0..200)) {
            let mut slow: i32 = 0;
            for failed in &results {
                slow = (slow + if *failed { 4 } else { -1 }).clamp(0, 12);
            }
            prop_assert_eq!(i32::from(after(&results).value()), slow);
        }

        /// Without the ceiling in reach, the reflected walk is the walk less its running minimum.
        #[test]
        fn below_the_ceiling_the_score_is_the_walk_less_its_running_minimum(
            results in proptest::collection::vec(proptest::bool::weighted(0.08), 0..60)
        ) {
            let (mut walk, mut least, mut reached) = (0_i32, 0_i32, false);
            for failed in &results {
                walk += if *failed { 4 } else { -1 };
                least = least.min(walk);
                reached |= walk - least >= 12;
                if reached { break; }
            }
            prop_assume!(!reached);
            prop_assert_eq!(i32::from(after(&results).value()), walk - least);
        }
    }

    /// Mean number of probes until Failing from a zero start, exactly: solves (I - Q) t = 1 over the
    /// transient scores 0..=11.
    fn exact_probes_to_alarm(p: f64) -> f64 {
        let mut rows = vec![vec![0.0_f64; 13]; 12];
        for (s, row) in rows.iter_mut().enumerate() {
            row[s] += 1.0;
            row[s.saturating_sub(1)] -= 1.0 - p;
            if s + 4 < 12 {
                row[s + 4] -= p;
            }
            row[12] = 1.0;
        }
        for pivot in 0..12 {
            let best = (pivot..12).max_by(|a, b| rows[*a][pivot].abs().total_cmp(&rows[*b][pivot].abs())).unwrap();
            rows.swap(pivot, best);
            let lead = rows[pivot].clone();
            for (index, row) in rows.iter_mut().enumerate() {
                if index != pivot {
                    let factor = row[pivot] / lead[pivot];
                    row.iter_mut().zip(&lead).for_each(|(cell, above)| *cell -= factor * above);
                }
            }
        }
        rows[0][12] / rows[0][0]
    }

    #[test]
    fn the_transition_matrix_gives_the_published_table() {
        let table = [
            (0.001, 9.76e8),
            (0.01, 8.01e5),
            (0.02, 8.37e4),
            (0.05, 3701.0),
            (0.10, 348.0),
            (0.20, 45.6),
            (0.30, 18.8),
            (0.50, 8.06),
            (0.80, 4.21),
            (1.0, 3.0),
        ];
        for (p, published) in table {
            let exact = exact_probes_to_alarm(p);
            assert!((exact - published).abs() / published < 0.01, "p={p}: {exact} against {published}");
        }
    }

    #[test]
    fn simulated_alarms_agree_with_the_matrix_within_three_standard_errors() {
        // A fixed generator (xorshift64*), so that the test is the same every time.
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut uniform = || {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            f64::from(u32::try_from(state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32).unwrap()) / f64::from(u32::MAX)
        };
        for p in [0.10, 0.20, 0.30, 0.50, 0.80, 1.0] {
            let runs = 2000_u32;
            let (mut sum, mut squares) = (0.0_f64, 0.0_f64);
            for _ in 0..runs {
                let mut score = Score::default();
                let mut probes = 0.0;
                while score.health() != Health::Failing {
                    score.count(uniform() < p);
                    probes += 1.0;
                }
                sum += probes;
                squares += probes * probes;
            }
            let mean = sum / f64::from(runs);
            let error = ((squares / f64::from(runs) - mean * mean) / f64::from(runs)).sqrt();
            let exact = exact_probes_to_alarm(p);
            assert!((mean - exact).abs() <= 3.0 * error + 1e-9, "p={p}: {mean} against {exact} ± {error}");
        }
    }
}

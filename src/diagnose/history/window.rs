//! What a score forgets: failures that come now and then, and results that change too often to say.
//!
//! Intermittent counts scheduled probes only, because re-checks would sample bad minutes too often:
//! over the last 120 it begins at 6 failures (the least count whose 95 % Wilson lower bound is above
//! 2 %) and ends at 1. Flapping is the share of changes over the last 21 results, newer ones weighing
//! more (the method of Nagios): it begins above 30 % and ends below 15 %.

use std::collections::VecDeque;

/// Results that are remembered: an hour at the default period.
const REMEMBERED: usize = 120;
const ENTER_FAILURES: usize = 6;
const LEAVE_FAILURES: usize = 1;
const FLAP_RESULTS: usize = 21;
const FLAP_ENTER_PERCENT: f64 = 30.0;
const FLAP_LEAVE_PERCENT: f64 = 15.0;
/// So many failures in a row are an outage, whatever was mixed before.
const STEADY_RUN: u32 = 12;

/// The last results of one path; `true` is a failure.
#[derive(Clone, Debug, Default)]
pub struct Window {
    all: VecDeque<bool>,
    scheduled: VecDeque<bool>,
    intermittent: bool,
    flapping: bool,
    /// Failures since the last success.
    run: u32,
    episode: Episode,
}

/// What the failures since the path last left OK look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Episode {
    /// Failures only, so far.
    #[default]
    Plain,
    /// A success came after them: a recovery, or the first sign of a mixture.
    Relieved,
    /// Failures came after that success.
    Mixed,
}

impl Window {
    /// Remembers one definite result. `calm` says that the path's score is 0 after it.
    pub fn count(&mut self, failed: bool, scheduled: bool, calm: bool) {
        push(&mut self.all, failed);
        if scheduled {
            push(&mut self.scheduled, failed);
        }
        let failures = self.scheduled.iter().filter(|f| **f).count();
        if failures >= ENTER_FAILURES {
            self.intermittent = true;
        } else if failures <= LEAVE_FAILURES {
            self.intermittent = false;
        }
        if failed {
            self.run = self.run.saturating_add(1);
            if self.run >= STEADY_RUN {
                self.episode = Episode::Plain;
            } else if self.episode == Episode::Relieved {
                self.episode = Episode::Mixed;
            }
        } else {
            if self.run > 0 && self.episode == Episode::Plain {
                self.episode = Episode::Relieved;
            }
            self.run = 0;
        }
        if calm {
            self.episode = Episode::Plain;
        }
        if let Some(share) = self.change_share() {
            if share > FLAP_ENTER_PERCENT {
                self.flapping = true;
            } else if share < FLAP_LEAVE_PERCENT {
                self.flapping = false;
            }
        }
    }

    /// Whether failures come now and then over the last hour.
    pub const fn intermittent(&self) -> bool {
        self.intermittent
    }

    /// Whether results change too often to speak of a state.
    pub const fn flapping(&self) -> bool {
        self.flapping
    }

    /// Whether successes came between the failures of the present episode.
    pub const fn mixed(&self) -> bool {
        matches!(self.episode, Episode::Mixed)
    }

    /// Definite results remembered, and failures among them.
    pub fn counts(&self) -> (u32, u32) {
        tally(&self.all)
    }

    /// Weighted share of changes in percent, once there are enough results.
    fn change_share(&self) -> Option<f64> {
        let from = self.all.len().checked_sub(FLAP_RESULTS)?;
        let mut previous = None;
        let (mut changed, mut weight, mut all) = (0.0, 0.8, 0.0);
        for result in self.all.range(from..) {
            if let Some(before) = previous {
                all += weight;
                if before != *result {
                    changed += weight;
                }
                weight += 0.02;
            }
            previous = Some(*result);
        }
        (all > 0.0).then(|| 100.0 * changed / all)
    }
}

/// Remembers one result, and forgets the oldest for it.
pub(super) fn push(results: &mut VecDeque<bool>, failed: bool) {
    if results.len() == REMEMBERED {
        results.pop_front();
    }
    results.push_back(failed);
}

/// Results remembered, and failures among them.
pub(super) fn tally(results: &VecDeque<bool>) -> (u32, u32) {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (count(results.len()), count(results.iter().filter(|failed| **failed).count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(window: &mut Window, results: impl IntoIterator<Item = bool>) {
        results.into_iter().for_each(|failed| window.count(failed, true, false));
    }

    #[test]
    fn six_failures_in_an_hour_make_it_intermittent_until_one_is_left() {
        let mut window = Window::default();
        for _ in 0..5 {
            feed(&mut window, [true, false, false, false, false, false, false, false, false, false]);
        }
        assert!(!window.intermittent());
        feed(&mut window, [true]);
        assert!(window.intermittent());
        feed(&mut window, std::iter::repeat_n(false, 108));
        assert!(window.intermittent(), "two failures are still in the hour: {:?}", window.counts());
        feed(&mut window, std::iter::repeat_n(false, 12));
        assert!(!window.intermittent());
    }

    #[test]
    fn rechecks_do_not_count_towards_intermittence() {
        let mut window = Window::default();
        for _ in 0..50 {
            window.count(true, false, false);
            window.count(false, false, false);
        }
        assert!(!window.intermittent());
        assert!(window.flapping());
    }

    #[test]
    fn alternation_flaps_and_calm_ends_it() {
        let mut window = Window::default();
        feed(&mut window, (0..21).map(|n| n % 2 == 0));
        assert!(window.flapping());
        feed(&mut window, std::iter::repeat_n(false, 15));
        assert!(window.flapping(), "above 15 % it goes on");
        feed(&mut window, std::iter::repeat_n(false, 4));
        assert!(!window.flapping());
    }

    #[test]
    fn an_outage_is_no_flapping() {
        let mut window = Window::default();
        feed(&mut window, std::iter::repeat_n(false, 30));
        feed(&mut window, std::iter::repeat_n(true, 30));
        assert!(!window.flapping() && !window.mixed());
    }

    #[test]
    fn successes_between_failures_make_an_episode_mixed_until_a_long_run() {
        let mut window = Window::default();
        feed(&mut window, [true, true, true, false]);
        assert!(!window.mixed(), "a recovery is not a mixture");
        feed(&mut window, [true]);
        assert!(window.mixed());
        feed(&mut window, std::iter::repeat_n(true, 12));
        assert!(!window.mixed());
    }
}

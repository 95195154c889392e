//! Loss as TCP itself meets it: probes whose kernel had to send a segment again (`TCP_INFO`), SYNs included. It works
//! where echoes are filtered, and measures the port that matters.

use crate::api::{Outcome, Phase};
use crate::evidence::Probe;
use std::collections::VecDeque;

/// Probes that are remembered: an hour at the default period.
const REMEMBERED: usize = 120;

/// The last probes of one path; `true` had to send again.
#[derive(Clone, Debug, Default)]
pub struct Losses(VecDeque<bool>);

impl Losses {
    pub fn count(&mut self, probe: &Probe) {
        let silent = probe.outcome == Outcome::TimedOut && probe.phase == Some(Phase::Connect);
        let Some(lossy) = probe.tcp.map(|t| t.retransmits > 0).or_else(|| silent.then_some(true)) else { return };
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(lossy || silent);
    }

    /// Probes that told, and those among them that had to send again.
    pub fn counts(&self) -> (u32, u32) {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        (count(self.0.len()), count(self.0.iter().filter(|lossy| **lossy).count()))
    }
}

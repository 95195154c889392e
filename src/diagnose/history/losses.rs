//! Loss as TCP itself meets it: probes whose kernel had to send a segment again (`TCP_INFO`), SYNs included. It works
//! where echoes are filtered, and measures the port that matters.

use super::window;
use crate::api::{Outcome, Phase};
use crate::evidence::Probe;
use std::collections::VecDeque;

/// The last probes of one path; `true` had to send again.
#[derive(Clone, Debug, Default)]
pub struct Losses(VecDeque<bool>);

impl Losses {
    pub fn count(&mut self, probe: &Probe) {
        let silent = probe.outcome == Outcome::TimedOut && probe.phase == Some(Phase::Connect);
        let Some(lossy) = probe.tcp.map(|t| t.retransmits > 0).or_else(|| silent.then_some(true)) else { return };
        window::push(&mut self.0, lossy || silent);
    }

    /// Probes that told, and those among them that had to send again.
    pub fn counts(&self) -> (u32, u32) {
        window::tally(&self.0)
    }
}

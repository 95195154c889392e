//! When a verdict is published. Whether a site is healthy is debounced by the scores already, so a
//! change of that is taken at once. Facts of configuration are read twice, because no score stands
//! behind them. A change of anything else needs the same new verdict three times.

use crate::api::{Cause, Confidence};
use crate::diagnose::Verdict;

/// Rounds of the same new verdict before it replaces the old one.
const ROUNDS: u8 = 3;
/// The same for facts of configuration, which do not waver.
const ROUNDS_CONFIGURATION: u8 = 2;

/// The published verdict and the one that is about to replace it.
#[derive(Clone, Debug, Default)]
pub struct Confirmed {
    current: Option<Verdict>,
    candidate: Option<(Verdict, u8)>,
}

impl Confirmed {
    /// Starts from a verdict that was published before.
    pub const fn from(current: Option<Verdict>) -> Self {
        Self { current, candidate: None }
    }

    /// The published verdict.
    pub const fn current(&self) -> Option<&Verdict> {
        self.current.as_ref()
    }

    /// Offers the verdict of this round. Returns the published verdict when it changed.
    pub fn offer(&mut self, verdict: Verdict) -> Option<&Verdict> {
        let Some(current) = &self.current else {
            self.candidate = None;
            return Some(self.current.insert(verdict));
        };
        if current.same(&verdict) {
            self.candidate = None;
            return None;
        }
        let flips = current.healthy != verdict.healthy
            && (current.healthy == Some(true) || verdict.healthy == Some(true))
            && verdict.cause != Cause::VantageFault;
        let needed = if verdict.cause.is_configuration() {
            ROUNDS_CONFIGURATION
        } else if flips {
            1
        } else {
            ROUNDS
        };
        let seen = match self.candidate.take() {
            Some((candidate, seen)) if candidate.same(&verdict) => seen.saturating_add(1),
            _ => 1,
        };
        if seen >= needed {
            return Some(self.current.insert(verdict));
        }
        self.candidate = Some((verdict, seen));
        None
    }

    /// A round that says once more what the published verdict says, without a verdict of its own.
    pub fn stands(&mut self) {
        self.candidate = None;
    }

    /// As [`Self::offer`], while everything that failed has begun to answer again: the cause that was confirmed stands
    /// until the site is healthy, and no other takes its place on the way.
    pub fn offer_in_recovery(&mut self, verdict: Verdict) -> Option<&Verdict> {
        let unhealthy = self.current.as_ref().is_some_and(|v| v.healthy == Some(false));
        // A path that is a round behind the others leaves doubts for that round only.
        let over = verdict.healthy == Some(true) && verdict.confidence == Confidence::High;
        if unhealthy && !over && verdict.cause != Cause::VantageFault {
            return None;
        }
        self.offer(verdict)
    }
}

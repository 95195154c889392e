//! How often the diagnosis is right: every situation asked about, what was said beside what its file demands, and
//! what a reader of `blackbox_exporter` could have concluded of the same.

pub mod page;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::situation::Outcome;

/// How the verdicts of one set of situations stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub situations: usize,
    /// The right cause, or Inconclusive where nobody could know.
    pub right: usize,
    /// A wrong cause with High confidence: the worst that can happen.
    pub wrong_high: usize,
    /// A wrong cause with less.
    pub wrong: usize,
    /// Inconclusive where the evidence would have told.
    pub open: usize,
    /// Everything else that a file demands (scope, alternatives, confidence …) missed although the cause is right.
    pub flawed: usize,
    /// What a reader of the exporter gets right.
    pub peer_right: usize,
    pub peer_asked: usize,
    /// Wrong pairs (wanted, said), and how often.
    pub confusion: BTreeMap<(String, String), usize>,
    pub took: Vec<Duration>,
}

impl Tally {
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut tally = Self { situations: outcomes.len(), ..Self::default() };
        for outcome in outcomes {
            tally.took.push(outcome.took);
            if let Some(peer) = &outcome.peer {
                tally.peer_asked += 1;
                tally.peer_right += usize::from(*peer == outcome.wanted);
            }
            let (cause, confidence) =
                outcome.said.as_ref().map_or(("no answer", ""), |said| (said.cause.as_str(), said.confidence.as_str()));
            if cause == outcome.wanted {
                tally.right += 1;
                tally.flawed += usize::from(!outcome.problems.is_empty());
                continue;
            }
            *tally.confusion.entry((outcome.wanted.clone(), cause.to_owned())).or_default() += 1;
            match (cause, confidence) {
                ("Inconclusive", _) => tally.open += 1,
                (_, "High") => tally.wrong_high += 1,
                _ => tally.wrong += 1,
            }
        }
        tally.took.sort_unstable();
        tally
    }

    /// Per thousand.
    pub fn share(&self) -> usize {
        (self.right * 1000).checked_div(self.situations).unwrap_or_default()
    }

    /// The time within which `percent` of the verdicts came.
    pub fn within(&self, percent: usize) -> Duration {
        let last = self.took.len().saturating_sub(1);
        self.took.get(last * percent / 100).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::situation::verdict::Said;

    fn outcome(wanted: &str, cause: &str, confidence: &str, peer: &str) -> Outcome {
        Outcome {
            name: "x".to_owned(),
            title: "x".to_owned(),
            answer: String::new(),
            wanted: wanted.to_owned(),
            said: Some(Said { cause: cause.to_owned(), confidence: confidence.to_owned() }),
            peer: Some(peer.to_owned()),
            problems: Vec::new(),
            took: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_wrong_high_is_counted_apart_from_an_open_verdict() {
        let tally = Tally::of(&[
            outcome("OriginRefused", "OriginRefused", "High", "OriginRefused"),
            outcome("ProxyBlocked", "OriginTimeout", "High", "ProxyBlocked"),
            outcome("ProxyBlocked", "Inconclusive", "Low", "Healthy"),
            outcome("Inconclusive", "ProxyBlocked", "Medium", "ProxyBlocked"),
        ]);
        let counted = (tally.right, tally.wrong_high, tally.open, tally.wrong, tally.peer_right, tally.share());
        assert_eq!(counted, (1, 1, 1, 1, 2, 250));
    }
}

//! The certificates that one path has shown.

use crate::evidence::Probe;
use jiff::Timestamp;
use std::collections::VecDeque;

/// How many are remembered: behind an address that balances, several may take turns.
const MOST: usize = 4;

/// Their dates, which tell one from its successor.
#[derive(Clone, Debug, Default)]
pub struct Certificates(VecDeque<(Timestamp, Timestamp)>);

impl Certificates {
    /// Takes in what a probe saw. Whether it is another certificate than any before; the first of all is no news.
    pub fn changed(&mut self, probe: &Probe) -> bool {
        let Some(shown) = &probe.certificate else { return false };
        let dates = (shown.not_before, shown.not_after);
        if self.0.contains(&dates) {
            return false;
        }
        let first = self.0.is_empty();
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(dates);
        !first
    }
}

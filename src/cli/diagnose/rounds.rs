//! The rounds of one diagnosis: the operator's own look, repeated, with the long probe after the second
//! failing round, and an idle connection held where failures come now and then.

use super::progress::Progress;
use crate::api::validated::SiteUrl;
use crate::diagnose::Ledger;
use crate::observe::probe::Prober;
use crate::observe::round::{self, Ask, Plan};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::sleep;

/// How often and how patiently to look.
#[derive(Clone, Debug)]
pub struct Rounds {
    pub count: u16,
    pub interval: Duration,
    /// Longest wait of the long probe; zero for none.
    pub long: Duration,
    pub control: Option<SiteUrl>,
}

/// What the rounds left behind.
pub struct Looked {
    pub ledger: Ledger,
    /// Every address that was the origin's in some round.
    pub origins: Vec<IpAddr>,
}

impl Rounds {
    /// Looks `count` times, and once more if only then the long probe is due.
    pub async fn look(&self, prober: &Prober, plan: &Plan, progress: &Progress) -> Looked {
        let mut ledger = Ledger::new();
        let mut origins = BTreeSet::new();
        let mut done = 0;
        loop {
            let long = !self.long.is_zero() && ledger.wants_long_probe(Timestamp::now());
            if done >= self.count && !long {
                break;
            }
            if done > 0 {
                sleep(self.interval).await;
            }
            let ask = Ask {
                plain: true,
                long,
                suspects: ledger.suspects(),
                control: self.control.clone(),
                large: true,
                // Once, when what fails is known.
                replay: done + 1 == self.count,
                hold: None,
            };
            let doing = if long {
                Doing::Waiting { at_most: plan.long_deadline() }
            } else {
                Doing::Looking { round: done + 1, of: self.count }
            };
            let look = progress.during(&doing.to_string(), round::look(prober, plan, &ask)).await;
            origins.extend(look.origins.iter().map(std::net::SocketAddr::ip));
            ledger.record(look.probes, look.facts, true, Timestamp::now());
            done += 1;
        }
        if !self.long.is_zero() && ledger.wants_hold() {
            let longest = plan.hold().min(self.long);
            let ask = Ask { hold: Some(longest), ..Ask::default() };
            let doing = Doing::Holding { at_most: longest };
            let look = progress.during(&doing.to_string(), round::look(prober, plan, &ask)).await;
            ledger.record(look.probes, look.facts, true, Timestamp::now());
        }
        Looked { ledger, origins: origins.into_iter().collect() }
    }
}

/// What whoever waits reads meanwhile.
enum Doing {
    Looking { round: u16, of: u16 },
    Waiting { at_most: Duration },
    Holding { at_most: Duration },
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Looking { round, of } => write!(f, "looking, round {round} of {of}"),
            Self::Waiting { at_most } => {
                write!(f, "waiting up to {} s for the proxy's own timer", at_most.as_secs())
            }
            Self::Holding { at_most } => write!(f, "holding an idle connection for up to {} s", at_most.as_secs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_reads_for_what() {
        let at_most = Duration::from_secs(65);
        let said = [Doing::Looking { round: 2, of: 5 }, Doing::Waiting { at_most }, Doing::Holding { at_most }];
        assert_eq!(
            said.map(|doing| doing.to_string()),
            [
                "looking, round 2 of 5",
                "waiting up to 65 s for the proxy's own timer",
                "holding an idle connection for up to 65 s"
            ]
        );
    }
}

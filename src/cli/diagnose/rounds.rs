//! The rounds of one diagnosis: the operator's own look, repeated, with the long probe after the second
//! failing round, and an idle connection held where failures come now and then.

use super::progress::Progress;
use crate::api::validated::SiteUrl;
use crate::diagnose::Ledger;
use crate::observe::probe::Prober;
use crate::observe::round::{self, Ask, Plan};
use jiff::Timestamp;
use std::collections::BTreeSet;
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
                format!("waiting up to {} s for the proxy's own timer", plan.long_deadline().as_secs())
            } else {
                format!("looking, round {} of {}", done + 1, self.count)
            };
            let look = progress.during(&doing, round::look(prober, plan, &ask)).await;
            origins.extend(look.origins.iter().map(std::net::SocketAddr::ip));
            ledger.record(look.probes, look.facts, true, Timestamp::now());
            done += 1;
        }
        if !self.long.is_zero() && ledger.wants_hold() {
            let longest = plan.hold().min(self.long);
            let ask = Ask { hold: Some(longest), ..Ask::default() };
            let doing = format!("holding an idle connection for up to {} s", longest.as_secs());
            let look = progress.during(&doing, round::look(prober, plan, &ask)).await;
            ledger.record(look.probes, look.facts, true, Timestamp::now());
        }
        Looked { ledger, origins: origins.into_iter().collect() }
    }
}

//! One origin on the schedule: what its next round asks for, what became of the last, and what is
//! published of it. Time comes in as an argument; nothing here waits.

use super::pace::Pace;
use super::site::{Answered, Assessment, Site};
use crate::api::spec::{CacheBypass, OriginType};
use crate::api::validated::SiteUrl;
use crate::api::{Observation, Outcome};
use crate::diagnose::{Confirmed, Ledger, Quality, Verdict, diagnose};
use crate::evidence::fact::Control;
use crate::evidence::{Fact, Probe, Variant};
use crate::observe::round::{Ask, Look};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The plain URL is asked for every so many scheduled rounds.
const PLAIN_EVERY: u64 = 4;
/// At most one long probe an origin in this time.
const LONG_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// At most one idle connection held an origin in this time.
const HOLD_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// Requests are repeated with something changed at most once in this time.
const REPLAY_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Why a round is made; each kind is taken in differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Round {
    /// A tick of the schedule.
    Scheduled,
    /// A closer look at a suspect, or one that somebody asked for.
    Recheck,
    /// Only for the plain URL, because the other way of asking changed.
    Plain,
    /// Only for the long probe, beside the others since it takes longer than a period.
    Long,
    /// Only to hold an idle connection, beside the others for the same reason.
    Hold,
}

/// What the installation adds to every round.
#[derive(Clone, Debug, Default)]
pub struct House {
    pub control: Option<SiteUrl>,
    pub vantage: String,
}

/// What is told of a recovery. Once in each time of failure: a site that comes and goes would cause a write each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Recovery {
    #[default]
    NotYet,
    Told,
    /// It was told, and something failed again.
    Over,
}

/// One origin.
#[derive(Debug)]
pub struct Entry {
    pub site: Arc<Site>,
    pub pace: Pace,
    ledger: Ledger,
    confirmed: Confirmed,
    recovery: Recovery,
    rounds: u64,
    last_long: Option<Timestamp>,
    last_hold: Option<Timestamp>,
    last_replay: Option<Timestamp>,
    /// How the bypassing probes ended in the last round.
    ends: Option<BTreeSet<(Option<IpAddr>, Outcome)>>,
    resolved: Vec<IpAddr>,
    /// Addresses of the last round, for telling which origins have nothing in common.
    pub addresses: BTreeSet<IpAddr>,
    /// Something of this origin answered in the last round, well or badly.
    reached: bool,
    published: Option<Assessment>,
    forbidden: bool,
    handled: Option<String>,
    /// Question asked after a write, and the answer to the last one.
    pub asked: Option<u64>,
    answered: Option<Answered>,
}

impl Entry {
    pub fn new(site: Arc<Site>, pace: Pace) -> Self {
        let ledger = Ledger::seeded(site.prior);
        Self {
            site,
            pace,
            ledger,
            confirmed: Confirmed::default(),
            recovery: Recovery::default(),
            rounds: 0,
            last_long: None,
            last_hold: None,
            last_replay: None,
            ends: None,
            resolved: Vec::new(),
            addresses: BTreeSet::new(),
            reached: false,
            published: None,
            forbidden: false,
            handled: None,
            asked: None,
            answered: None,
        }
    }

    /// Takes in what is new. A new question begins a new history; the old answers say nothing of it.
    pub fn renew(&mut self, site: Arc<Site>) {
        if site.question == self.site.question {
            self.site = site;
        } else {
            let (asked, last_long, last_hold) = (self.asked, self.last_long, self.last_hold);
            *self = Self { last_long, last_hold, asked, ..Self::new(site, self.pace) };
        }
    }

    /// Whether a round is wanted whenever it comes: somebody waits for one, or there was none yet.
    pub fn is_wanted(&self) -> bool {
        self.rounds == 0 || self.is_asked()
    }

    /// Whether somebody waits for a round.
    pub fn is_asked(&self) -> bool {
        self.asked.is_some() || (self.site.request.is_some() && self.site.request != self.handled)
    }

    /// Looked at closely: something failed lately, or nothing is confirmed yet.
    pub fn is_suspect(&self) -> bool {
        self.ledger.is_suspect() || !self.ledger.settled()
    }

    /// Failing now, as far as the pools are concerned.
    pub fn is_failing(&self) -> bool {
        self.ledger.is_suspect()
    }

    /// How the ways through the proxy and straight to the origin are.
    pub fn quality(&self) -> [Quality; 2] {
        [true, false].map(|via_proxy| self.ledger.quality(via_proxy))
    }

    /// Failing, and nothing at all answers: this may be the vantage's own fault.
    pub fn is_dark(&self) -> bool {
        self.is_failing() && !self.reached
    }

    /// Whether a long probe should be started now.
    pub fn wants_long(&mut self, now: Timestamp) -> bool {
        let rested = self.last_long.is_none_or(|at| now.duration_since(at) >= LONG_EVERY);
        let wanted = rested && self.ledger.wants_long_probe(now);
        if wanted {
            self.last_long = Some(now);
        }
        wanted
    }

    /// Whether an idle connection should be held now.
    pub fn wants_hold(&mut self, now: Timestamp) -> bool {
        let rested = self.last_hold.is_none_or(|at| now.duration_since(at) >= HOLD_EVERY);
        let wanted = rested && self.ledger.wants_hold();
        if wanted {
            self.last_hold = Some(now);
        }
        wanted
    }

    /// Whether this round repeats requests: something fails, and it was not done just now.
    fn replays(&mut self, now: Timestamp) -> bool {
        let rested = self.last_replay.is_none_or(|at| now.duration_since(at) >= REPLAY_EVERY);
        let wanted = rested && self.ledger.is_suspect();
        if wanted {
            self.last_replay = Some(now);
        }
        wanted
    }

    /// What a round asks for.
    pub fn ask(&mut self, round: Round, house: &House, now: Timestamp) -> Ask {
        let suspects = self.ledger.suspects();
        let control = house.control.clone();
        match round {
            Round::Scheduled => {
                let plain = self.rounds.is_multiple_of(PLAIN_EVERY);
                self.rounds = self.rounds.wrapping_add(1);
                Ask { plain, suspects, control, large: plain, replay: self.replays(now), ..Ask::default() }
            }
            Round::Recheck => {
                // What visitors get is looked at as closely: else it lags behind, and a failure would read
                // as masked by a cache.
                self.rounds = self.rounds.wrapping_add(u64::from(self.rounds == 0));
                Ask { plain: true, suspects, control, replay: self.replays(now), ..Ask::default() }
            }
            Round::Plain => Ask { plain: true, ..Ask::default() },
            Round::Long => Ask { long: true, suspects, ..Ask::default() },
            Round::Hold => Ask { hold: Some(self.site.plan.hold()), ..Ask::default() },
        }
    }

    /// Takes in what a round saw. True when the plain URL should be asked for at once, since what the
    /// bypassing probes say has changed. `blind`: this vantage is suspected.
    pub fn take_in(&mut self, round: Round, mut look: Look, house: &House, blind: bool, now: Timestamp) -> bool {
        match round {
            Round::Plain => {
                let plain = |p: &Probe| p.observation == Observation::ViaProxy && p.variant == Variant::Plain;
                self.ledger.record(look.probes.into_iter().filter(plain).collect(), Vec::new(), false, now);
                false
            }
            Round::Long => {
                let long = |p: &Probe| p.observation == Observation::ViaProxyLong;
                self.ledger.record(look.probes.into_iter().filter(long).collect(), Vec::new(), false, now);
                false
            }
            Round::Hold => {
                let held = |f: &Fact| matches!(f, Fact::Idle(_));
                self.ledger.record(Vec::new(), look.facts.into_iter().filter(held).collect(), false, now);
                false
            }
            Round::Scheduled | Round::Recheck => {
                self.forbidden = look.all_denied;
                self.addresses = look.edges.iter().chain(&look.origins).map(std::net::SocketAddr::ip).collect();
                self.reached = look.probes.iter().any(Probe::answered);
                self.resolved = look.origins.iter().map(std::net::SocketAddr::ip).collect();
                let ends: BTreeSet<_> = look
                    .probes
                    .iter()
                    .filter(|p| p.observation == Observation::ViaProxy && p.variant == Variant::Bypass)
                    .map(|p| (p.address.map(|a| a.ip()), p.outcome))
                    .collect();
                let asked_plain = look.probes.iter().any(|p| p.variant == Variant::Plain && is_proxied(p));
                let changed = self.ends.as_ref().is_some_and(|before| *before != ends);
                self.ends = Some(ends);
                if blind && !self.reached {
                    // As if a control target had failed: no score moves while this vantage reaches nothing.
                    let vantage = house.vantage.clone();
                    look.facts.push(Fact::Control(Control { vantage, outcome: Outcome::Lost }));
                }
                self.ledger.record(look.probes, look.facts, round == Round::Scheduled, now);
                changed && !asked_plain && self.site.plan.validated.probe.bypass == CacheBypass::Query
            }
        }
    }

    /// Answers whoever asked for the round that has just ended.
    pub fn answer(&mut self, request: Option<String>, ask: Option<u64>, probes: &[Probe]) {
        if request.is_some() {
            self.handled = request;
        }
        if let Some(ask) = ask {
            let all = |of: fn(&Probe) -> bool| {
                let mut ends = probes.iter().filter(|p| of(p) && p.definite()).map(|p| p.outcome == Outcome::OK);
                ends.next().map(|first| first && ends.all(|ok| ok))
            };
            self.answered = Some(Answered { ask, proxied: all(is_proxied), direct: all(is_direct) });
            if self.asked == Some(ask) {
                self.asked = None;
            }
        }
    }

    /// Whether the published verdict is one of plain health, and this round shows nothing else.
    fn rests(&self, now: Timestamp) -> bool {
        let healthy = self.confirmed.current().is_some_and(Verdict::is_plainly_healthy);
        healthy && self.ledger.plainly_healthy(&self.site.subject, self.origin_addresses(), &self.site.facts, now)
    }

    /// Where the origin is: as declared, or as its name resolves by now.
    fn origin_addresses(&self) -> &[IpAddr] {
        match self.site.subject.origin_type {
            OriginType::Hostname => &self.resolved,
            OriginType::Addresses | OriginType::Service => &self.site.subject.origin_addresses,
        }
    }

    /// Runs the whole chain and offers its verdict.
    fn weigh(&mut self, house: &House, blind: bool, now: Timestamp) {
        let mut subject = self.site.subject.clone();
        subject.origin_addresses = self.origin_addresses().to_vec();
        subject.control |= house.control.is_some() || blind;
        let verdict = diagnose(&self.ledger.case(subject, self.site.facts.clone(), now));
        let _ = if self.ledger.recovering() {
            self.confirmed.offer_in_recovery(verdict)
        } else {
            self.confirmed.offer(verdict)
        };
    }

    /// Judges what is known and returns what is to be published, if that is something new. `blind`: so
    /// many origins fail at once that this vantage itself is suspected.
    pub fn judge(&mut self, house: &House, blind: bool, now: Timestamp) -> Option<Assessment> {
        if !self.forbidden && self.ledger.settled() && !self.ledger.undecided() {
            if self.rests(now) {
                self.confirmed.stands();
            } else {
                self.weigh(house, blind, now);
            }
        }
        self.recover();
        if self.is_told() {
            return None;
        }
        let next = Assessment {
            question: self.site.question.clone(),
            verdict: self.confirmed.current().cloned(),
            recovering: self.recovery == Recovery::Told,
            forbidden: self.forbidden,
            handled: self.handled.clone(),
            answered: self.answered,
        };
        self.published = Some(next.clone());
        Some(next)
    }

    /// Notices that what failed answers again, while the verdict still says that it fails.
    fn recover(&mut self) {
        let failing = !self.forbidden && self.confirmed.current().is_some_and(|v| v.healthy == Some(false));
        self.recovery = match (self.recovery, self.ledger.answers_again()) {
            _ if !failing => Recovery::NotYet,
            (Recovery::NotYet, true) => Recovery::Told,
            (Recovery::Told, false) => Recovery::Over,
            (told, _) => told,
        };
    }

    /// Whether nothing is new since the last assessment; before the first one, whether there is nothing to tell yet.
    fn is_told(&self) -> bool {
        let verdict = self.confirmed.current();
        let Some(old) = &self.published else {
            return verdict.is_none() && !self.forbidden && self.handled.is_none() && self.answered.is_none();
        };
        old.forbidden == self.forbidden
            && old.recovering == (self.recovery == Recovery::Told)
            && old.handled == self.handled
            && old.answered == self.answered
            && match (&old.verdict, verdict) {
                (Some(a), Some(b)) => a.same(b),
                (a, b) => a.is_none() && b.is_none(),
            }
    }
}

fn is_proxied(probe: &Probe) -> bool {
    probe.observation == Observation::ViaProxy
}

fn is_direct(probe: &Probe) -> bool {
    matches!(probe.observation, Observation::Direct | Observation::InCluster)
}

/// The earliest of the next tick and the next closer look.
pub fn sooner(tick: Duration, recheck: Option<Duration>) -> (Duration, Round) {
    match recheck {
        Some(recheck) if recheck < tick => (recheck, Round::Recheck),
        _ => (tick, Round::Scheduled),
    }
}

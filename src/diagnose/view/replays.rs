//! Requests that were repeated with one thing changed, and connections that were held: what each address showed.

use super::trouble::Trouble;
use crate::api::{Observation, Outcome};
use crate::evidence::fact::{Idle, Replay, Variation};
use crate::evidence::{Fact, Probe};
use std::net::SocketAddr;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Repeated<'c> {
    pub fact: &'c Fact,
    pub probe: &'c Probe,
    /// How often in a row it has ended like this.
    pub times: u32,
}

impl Repeated<'_> {
    /// It was answered as expected, or by the lock that is meant to be there.
    pub const fn works(&self) -> bool {
        matches!(self.probe.outcome, Outcome::OK | Outcome::Guarded)
    }

    /// It was accepted, and then nothing more came in time.
    pub fn stalls(&self) -> bool {
        matches!(Trouble::of(self.probe), Some(Trouble::NoAnswer(_)))
    }

    /// Whether it was answered with the very same status and body.
    pub fn answers_as(&self, other: &Probe) -> bool {
        match (&self.probe.response, &other.response) {
            (Some(a), Some(b)) => a.status == b.status && a.body_hash == b.body_hash && a.body_bytes == b.body_bytes,
            _ => false,
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Replays<'c> {
    all: Vec<(&'c Fact, &'c Replay)>,
    idle: Vec<(&'c Fact, &'c Idle)>,
}

impl<'c> Replays<'c> {
    pub fn new(facts: &[&'c Fact]) -> Self {
        let mut replays = Self::default();
        for fact in facts {
            match fact {
                Fact::Replay(replay) => replays.all.push((fact, replay)),
                Fact::Idle(idle) => replays.idle.push((fact, idle)),
                _ => {}
            }
        }
        // The newest of its kind is read.
        replays.all.sort_by_key(|(_, replay)| std::cmp::Reverse(replay.probe.at));
        replays
    }

    /// A request that was repeated straight to this address.
    pub fn direct(&self, variation: Variation, address: SocketAddr) -> Option<Repeated<'c>> {
        let mine = |probe: &Probe| {
            matches!(probe.observation, Observation::Direct | Observation::InCluster) && probe.address == Some(address)
        };
        self.find(variation, mine)
    }

    /// A request that was repeated through the proxy.
    pub fn proxied(&self, variation: Variation) -> Option<Repeated<'c>> {
        self.find(variation, |probe| probe.observation == Observation::ViaProxy)
    }

    /// Every address that a request was repeated to in this way.
    pub fn every(&self, variation: Variation) -> impl Iterator<Item = Repeated<'c>> {
        self.all
            .iter()
            .filter(move |(_, r)| r.variation == variation && r.probe.observation != Observation::ViaProxy)
            .map(|(fact, r)| Repeated { fact, probe: &r.probe, times: r.times })
    }

    fn find(&self, variation: Variation, mine: impl Fn(&Probe) -> bool) -> Option<Repeated<'c>> {
        let found = self.all.iter().find(|(_, r)| r.variation == variation && mine(&r.probe));
        found.map(|(fact, r)| Repeated { fact, probe: &r.probe, times: r.times })
    }

    /// The shortest time after which the origin closed an idle connection.
    pub fn closes_idle(&self) -> Option<(&'c Fact, &'c Idle)> {
        let closed = self.idle.iter().filter(|(_, i)| i.outcome == Outcome::ClosedEarly);
        closed.min_by_key(|(_, i)| i.held_ms).copied()
    }
}

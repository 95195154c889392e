//! What metrics and providers' records say, and loss on the way to an address.

use super::Exhibit;
use crate::diagnose::wilson;
use crate::evidence::fact::{
    EdgeReason, LoadContrast, Ping, ProviderRecord, Resource, Saturation, Traffic, Trend, VisitorReports,
};
use crate::evidence::{Fact, Track};
use std::net::IpAddr;

/// Loss is claimed when its 95 % lower bound is above this.
const LOSS: f64 = 0.05;
/// Fewest packets of which a share is taken.
const FEWEST: u32 = 20;
/// Fewest probes on each side of a contrast between quiet and busy times.
const FEWEST_PROBES: u32 = 20;

/// Metrics, records and reports.
#[derive(Debug, Default)]
pub struct Load<'c> {
    records: Vec<(&'c Fact, &'c ProviderRecord)>,
    saturations: Vec<(&'c Fact, &'c Saturation)>,
    traffic: Vec<(&'c Fact, &'c Traffic)>,
    contrasts: Vec<(&'c Fact, &'c LoadContrast)>,
    pub visitors: Option<(&'c Fact, &'c VisitorReports)>,
}

impl<'c> Load<'c> {
    pub fn new(facts: &[&'c Fact]) -> Self {
        let mut load = Self::default();
        for fact in facts {
            match fact {
                Fact::ProviderRecord(f) => load.records.push((fact, f)),
                Fact::Saturation(f) => load.saturations.push((fact, f)),
                Fact::Traffic(f) => load.traffic.push((fact, f)),
                Fact::LoadContrast(f) => load.contrasts.push((fact, f)),
                Fact::VisitorReports(f) if f.reports > 0 => load.visitors = Some((fact, f)),
                _ => {}
            }
        }
        load
    }

    /// Records that speak of this address, or of all of the edge.
    pub fn records_of(&self, address: Option<IpAddr>) -> impl Iterator<Item = (&'c Fact, &'c ProviderRecord)> {
        self.records.iter().copied().filter(move |(_, r)| r.address.is_none() || r.address == address)
    }

    /// Records that speak of just this address and give such a reason.
    pub fn records_at(&self, address: IpAddr, mine: impl Fn(EdgeReason) -> bool) -> Vec<Exhibit<'c>> {
        let named = |r: &ProviderRecord| r.address == Some(address) && r.reason.is_some_and(&mine);
        self.records.iter().filter(|(_, r)| named(r)).map(|(fact, _)| Exhibit::Fact(fact)).collect()
    }

    /// Records of the edge at this address, or of all of it, that give such a reason.
    pub fn reasons(&self, edge: Option<IpAddr>, mine: impl Fn(EdgeReason) -> bool) -> Vec<Exhibit<'c>> {
        let says = |r: &ProviderRecord| r.reason.is_some_and(&mine);
        self.records_of(edge).filter(|(_, r)| says(r)).map(|(fact, _)| Exhibit::Fact(fact)).collect()
    }

    /// What is full of these.
    pub fn full(&self, resources: &[Resource]) -> Vec<Exhibit<'c>> {
        let mine = |s: &Saturation| s.full() && resources.contains(&s.resource);
        self.saturations.iter().filter(|(_, s)| mine(s)).map(|(fact, _)| Exhibit::Fact(fact)).collect()
    }

    pub fn trends(&self, trend: Trend) -> Vec<Exhibit<'c>> {
        self.traffic.iter().filter(|(_, t)| t.trend == trend).map(|(fact, _)| Exhibit::Fact(fact)).collect()
    }

    /// Contrasts in which failures grow with the load: at least three times as many, and no overlap of what the true
    /// shares may be.
    pub fn grows_with_load(&self) -> Vec<Exhibit<'c>> {
        self.contrasts.iter().filter(|(_, c)| grows(c)).map(|(fact, _)| Exhibit::Fact(fact)).collect()
    }
}

fn grows(c: &LoadContrast) -> bool {
    if c.quiet_probes < FEWEST_PROBES || c.busy_probes < FEWEST_PROBES {
        return false;
    }
    let (_, quiet_most) = wilson::interval(c.quiet_failures, c.quiet_probes);
    let (busy_least, _) = wilson::interval(c.busy_failures, c.busy_probes);
    let threefold = u64::from(c.busy_failures) * u64::from(c.quiet_probes)
        >= 3 * u64::from(c.quiet_failures) * u64::from(c.busy_probes);
    threefold && busy_least > quiet_most
}

/// Whether echoes are lost in a part that counts, while some come back.
pub fn echoes_lost(ping: &Ping) -> bool {
    let lost = ping.sent.saturating_sub(ping.received);
    ping.received > 0 && ping.sent >= FEWEST && wilson::at_least(lost, ping.sent) > LOSS
}

/// Whether so many connections had to send again that it is more than chance.
pub fn segments_lost(track: &Track) -> bool {
    track.measured >= FEWEST && wilson::at_least(track.lossy, track.measured) > LOSS
}

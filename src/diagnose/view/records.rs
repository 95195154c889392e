//! What providers' records and visitors say, and loss on the way to an address.

use super::Exhibit;
use crate::evidence::fact::{EdgeReason, Ping, ProviderRecord, VisitorReports};
use crate::evidence::{Fact, Track, wilson};
use std::net::IpAddr;

/// Loss is claimed when its 95 % lower bound is above this.
const LOSS: f64 = 0.05;
/// Fewest packets of which a share is taken.
pub const FEWEST: u32 = 20;

/// Records and reports.
#[derive(Debug, Default)]
pub struct Records<'c> {
    records: Vec<(&'c Fact, &'c ProviderRecord)>,
    pub visitors: Option<(&'c Fact, &'c VisitorReports)>,
}

impl<'c> Records<'c> {
    pub fn new(facts: &[&'c Fact]) -> Self {
        let mut records = Self::default();
        for fact in facts {
            match fact {
                Fact::ProviderRecord(f) => records.records.push((fact, f)),
                Fact::VisitorReports(f) if f.reports > 0 => records.visitors = Some((fact, f)),
                _ => {}
            }
        }
        records
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

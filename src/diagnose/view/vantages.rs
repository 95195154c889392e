//! Who has a vote, and how it goes. A vantage that reaches nothing, not even its control target, shows its own outage and
//! says nothing of the site. Where several look at one edge address, more than half of them must see it fail before it
//! counts as failing for everybody.

use super::edge::{Edge, State};
use crate::api::{Observation, Outcome};
use crate::evidence::{Fact, Track};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Leaves out what blind vantages saw, unless nobody else looked.
pub fn voting<'c>(tracks: &mut Vec<&'c Track>, facts: &mut Vec<&'c Fact>) {
    let blind: BTreeSet<&'c str> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Control(c) if c.outcome != Outcome::OK => Some(c.vantage.as_str()),
            _ => None,
        })
        .filter(|vantage| !reached(tracks, facts, Some(vantage)))
        .collect();
    if tracks.iter().all(|track| blind.contains(track.key.vantage.as_str())) {
        return;
    }
    tracks.retain(|track| !blind.contains(track.key.vantage.as_str()));
    facts.retain(|fact| vantage(fact).is_none_or(|vantage| !blind.contains(vantage)));
}

/// Whether anything was reached from this vantage, or from any.
pub fn reached(tracks: &[&Track], facts: &[&Fact], from: Option<&str>) -> bool {
    let here = |vantage: &str| from.is_none_or(|from| from == vantage);
    tracks.iter().any(|t| t.key.observation != Observation::Control && here(&t.key.vantage) && t.last.connected())
        || facts.iter().any(|fact| {
            vantage(fact).is_some_and(here)
                && match fact {
                    Fact::Ping(p) => p.outcome == Outcome::OK,
                    Fact::ControlPort(p) => matches!(p.outcome, Outcome::OK | Outcome::Refused),
                    Fact::Control(c) => c.outcome == Outcome::OK,
                    _ => false,
                }
        })
}

fn vantage(fact: &Fact) -> Option<&str> {
    match fact {
        Fact::Dns(f) => Some(&f.vantage),
        Fact::Ping(f) => Some(&f.vantage),
        Fact::ControlPort(f) => Some(&f.vantage),
        Fact::Control(f) => Some(&f.vantage),
        _ => None,
    }
}

/// How the vantages that looked at one edge address vote.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Votes<'c> {
    pub failing: BTreeSet<&'c str>,
    pub working: BTreeSet<&'c str>,
}

impl<'c> Votes<'c> {
    pub fn of(edges: &[Edge<'c>], address: Option<SocketAddr>) -> Self {
        let mut votes = Self::default();
        for edge in edges.iter().filter(|e| e.address == address) {
            if edge.fails() {
                votes.failing.insert(edge.vantage);
            } else if [edge.plain, edge.bypass].iter().flatten().any(|p| matches!(p.state, State::Works)) {
                votes.working.insert(edge.vantage);
            }
        }
        votes
    }

    /// Whether those who see it fail are no majority: then it is a part of the visitors at most.
    pub fn minority(&self) -> bool {
        !self.working.is_empty() && self.failing.len() <= self.working.len()
    }
}

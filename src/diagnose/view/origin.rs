//! What the direct path to each origin address shows, and how much that proves.
//!
//! A direct success is evidence from anywhere. A failure to connect is evidence only from a vantage
//! that the origin's allowlist admits, or where the same address answered within a day: an origin
//! that is locked down, as it should be, fails for everybody else. What the origin really sent is
//! evidence from anywhere.

use super::cluster::Cluster;
use super::exhibit::Exhibit;
use super::trouble::Trouble;
use crate::api::spec::Lockdown;
use crate::api::{Access, Observation, Outcome, Pattern};
use crate::diagnose::history::ANSWER_HOLDS;
use crate::evidence::probe::{Certificate, Response};
use crate::evidence::{Case, Fact, Health, Probe, Track};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// One origin address.
#[derive(Debug)]
pub struct OriginAddress<'c> {
    pub address: SocketAddr,
    /// Judged over all vantages: an answer anywhere outweighs a failure elsewhere.
    pub standing: Standing<'c>,
    /// The host answers an echo or on another port. `None` when nobody looked.
    pub alive: Option<bool>,
    /// Facts behind `alive`.
    pub life: Vec<Exhibit<'c>>,
    /// The certificate that was shown, and where.
    pub certificate: Option<(&'c Track, &'c Certificate)>,
    /// Every path to it, for contrast.
    pub tracks: Vec<&'c Track>,
}

/// What an origin address does.
#[derive(Debug, Clone, Copy)]
pub enum Standing<'c> {
    Works(&'c Track),
    /// It answers and refuses strangers, by a header, an address or a client certificate.
    Guarded(&'c Track, &'c Probe),
    Fails(Failure<'c>),
    /// A failure to connect that proves nothing from there.
    Closed(&'c Track, &'c Probe),
    /// Between its states.
    Unknown,
}

/// A failure that says something.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'c> {
    pub track: &'c Track,
    pub probe: &'c Probe,
    pub trouble: Trouble,
    /// Seen from a vantage that nothing is meant to keep out.
    pub firm: bool,
    /// It fails now and then only.
    pub wavers: bool,
}

impl<'c> OriginAddress<'c> {
    /// Whether a server there answers a request as it should, or guards itself.
    pub const fn works(&self) -> bool {
        matches!(self.standing, Standing::Works(_) | Standing::Guarded(..))
    }

    pub const fn failure(&self) -> Option<&Failure<'c>> {
        match &self.standing {
            Standing::Fails(failure) => Some(failure),
            _ => None,
        }
    }

    /// Whether some echo came back.
    pub fn echoed(&self) -> bool {
        self.life.iter().any(|e| matches!(e, Exhibit::Fact(Fact::Ping(p)) if p.received > 0))
    }

    /// The probe that the standing rests on, with its track.
    pub const fn judged(&self) -> Option<(&'c Track, &'c Probe)> {
        match self.standing {
            Standing::Works(track) => Some((track, &track.last)),
            Standing::Guarded(track, probe) | Standing::Closed(track, probe) => Some((track, probe)),
            Standing::Fails(failure) => Some((failure.track, failure.probe)),
            Standing::Unknown => None,
        }
    }

    /// The response that it gave, if any.
    pub fn response(&self) -> Option<&'c Response> {
        self.judged().and_then(|(_, probe)| probe.response.as_ref())
    }

    pub fn exhibit(&self) -> Option<Exhibit<'c>> {
        self.judged().map(|(track, probe)| Exhibit::Probe(track, probe))
    }
}

/// Gathers the origin addresses from the sorted tracks.
pub fn gather<'c>(
    case: &'c Case,
    tracks: &[&'c Track],
    facts: &[&'c Fact],
    cluster: &Cluster<'c>,
) -> Vec<OriginAddress<'c>> {
    let mut by_address: BTreeMap<SocketAddr, Vec<&'c Track>> = BTreeMap::new();
    for track in tracks {
        if matches!(track.key.observation, Observation::Direct | Observation::InCluster)
            && let Some(address) = track.key.address
        {
            by_address.entry(address).or_default().push(track);
        }
    }
    by_address
        .into_iter()
        .map(|(address, tracks)| {
            let (alive, life) = life(address, facts);
            OriginAddress {
                address,
                standing: combine(tracks.iter().map(|t| standing(case, t, cluster))),
                alive,
                life,
                certificate: tracks.iter().find_map(|t| Some((*t, t.last.certificate.as_ref()?))),
                tracks,
            }
        })
        .collect()
}

/// The most telling standing: an answer, then a firm failure, then any failure, then a closed door.
fn combine<'c>(standings: impl Iterator<Item = Standing<'c>>) -> Standing<'c> {
    let rank = |s: &Standing<'_>| match s {
        Standing::Works(_) => 5,
        Standing::Guarded(..) => 4,
        Standing::Fails(f) if f.firm => 3,
        Standing::Fails(_) => 2,
        Standing::Closed(..) => 1,
        Standing::Unknown => 0,
    };
    standings.fold(Standing::Unknown, |best, next| if rank(&next) > rank(&best) { next } else { best })
}

fn standing<'c>(case: &'c Case, track: &'c Track, cluster: &Cluster<'_>) -> Standing<'c> {
    let wavers = track.pattern != Pattern::Steady;
    let now = Trouble::of(&track.last);
    let failing = match (track.health, now) {
        (Health::Failing, Some(_)) => Some(&track.last),
        // Only its certificate displeases us: the request itself was answered.
        (Health::Failing, None) if track.last.outcome == Outcome::CertInvalid => return Standing::Works(track),
        // On its way back: the state holds, so the last failure still describes it.
        (Health::Failing, None) => track.last_failure.as_ref(),
        (Health::OK, None) if !wavers => return Standing::Works(track),
        (Health::OK, _) if wavers => track.last_failure.as_ref(),
        _ => None,
    };
    let Some((probe, trouble)) = failing.and_then(|p| Some((p, Trouble::of(p)?))) else {
        return Standing::Unknown;
    };
    let listed = track.access == Access::Listed;
    let answered = track.last_connected.is_some_and(|at| case.at.duration_since(at) <= ANSWER_HOLDS);
    let inside = track.key.observation == Observation::InCluster;
    let locked = case.subject.lockdown == Lockdown::Required;
    if probe.outcome == Outcome::Guarded || trouble.is_lock() && (locked || !listed && !inside) {
        return Standing::Guarded(track, probe);
    }
    let fails = |firm| Standing::Fails(Failure { track, probe, trouble, firm, wavers });
    if trouble.at_connect() {
        // Where strangers are meant to be kept out, a door that closed today may just be the lock.
        let lockable = locked || track.access == Access::Unlisted;
        return match (inside, listed) {
            (_, true) => fails(true),
            (true, false) if cluster.open_to_all() => fails(true),
            (true, false) if answered && !cluster.isolates() => fails(true),
            (false, false) if answered => fails(!lockable),
            _ => Standing::Closed(track, probe),
        };
    }
    let firm = listed || inside;
    if trouble.mute() && !firm && locked && probe.certificate.is_none() {
        // A filter that accepts and then hangs up on strangers is how some origins lock themselves.
        return Standing::Closed(track, probe);
    }
    fails(firm)
}

/// Whether the host shows life beside the service port: an echo, or an answer on the control port.
/// Lost echoes alone are weak, because many hosts filter them; a silent control port weighs more.
fn life<'c>(address: SocketAddr, facts: &[&'c Fact]) -> (Option<bool>, Vec<Exhibit<'c>>) {
    let mut alive = None;
    let mut seen = Vec::new();
    for fact in facts {
        let shows = match fact {
            Fact::Ping(p) if p.address == address.ip() => p.outcome == Outcome::OK && p.received > 0,
            Fact::ControlPort(p) if p.address.ip() == address.ip() => {
                matches!(p.outcome, Outcome::OK | Outcome::Refused | Outcome::Reset)
            }
            _ => continue,
        };
        alive = Some(alive.unwrap_or(false) || shows);
        seen.push(Exhibit::Fact(fact));
    }
    (alive, seen)
}

//! What visitors see at each edge address, from each vantage.

use super::hop::{self, Hop};
use super::leg::{self, Leg};
use super::origin::{OriginAddress, Standing};
use super::records::Records;
use super::trouble::Trouble;
use crate::api::{Observation, Outcome, Pattern, Phase};
use crate::evidence::probe::{CertVerdict, Certificate, Redirect};
use crate::evidence::{Case, Health, Probe, Track, Variant};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// How long a long probe explains failures of ordinary ones.
const LONG_HOLDS: SignedDuration = SignedDuration::from_mins(30);

/// One edge address from one vantage.
#[derive(Debug)]
pub struct Edge<'c> {
    pub vantage: &'c str,
    pub address: Option<SocketAddr>,
    /// The URL as visitors ask for it.
    pub plain: Option<Path<'c>>,
    /// With a nonce, past every cache.
    pub bypass: Option<Path<'c>>,
    /// The failing path that is judged, and what it shows.
    pub fault: Option<EdgeFault<'c>>,
    /// The certificate that visitors are shown.
    pub certificate: Option<(&'c Track, &'c Certificate)>,
}

/// One path through the proxy.
#[derive(Debug, Clone, Copy)]
pub struct Path<'c> {
    pub track: &'c Track,
    pub state: State<'c>,
}

/// State of a path.
#[derive(Debug, Clone, Copy)]
pub enum State<'c> {
    Works,
    /// It fails, or fails now and then (`wavers`), as the probe shows.
    Fails {
        probe: &'c Probe,
        wavers: bool,
    },
    Unknown,
}

/// A failing edge.
#[derive(Debug, Clone, Copy)]
pub struct EdgeFault<'c> {
    pub track: &'c Track,
    pub probe: &'c Probe,
    pub seen: Seen,
    pub wavers: bool,
    /// Failures that were counted on this path.
    pub failures: u32,
}

/// What a visitor would have seen.
#[derive(Debug, Clone, Copy)]
pub enum Seen {
    /// The name gave no address to try.
    NoName,
    /// No connection to the edge.
    NoEdge,
    /// The edge's handshake failed.
    NoHandshake,
    /// The request is answered, but the certificate is one that visitors' browsers refuse.
    BadCertificate,
    /// Sent back to the same URL, with a cookie to show that a browser is at work.
    Challenge,
    /// Sent back to the same URL, without end.
    Loop,
    /// The edge accepted, and then our own deadline passed; `long` when the long probe's did too.
    Silent { long: bool },
    /// It answers after all, later than an ordinary probe waits.
    Late,
    /// The edge hung up, or its answer broke off.
    Broken { trouble: Trouble, hop: Hop },
    /// A whole answer that is not as expected.
    Answer { trouble: Trouble, hop: Hop, leg: Leg },
}

impl Edge<'_> {
    pub const fn fails(&self) -> bool {
        self.fault.is_some()
    }

    /// Whether the path past every cache works: the origin was reached just now.
    pub fn reaches_origin(&self) -> bool {
        let fresh = |path: &Path<'_>| {
            matches!(path.state, State::Works)
                && path.track.last.outcome == Outcome::OK
                && path.track.last.response.as_ref().is_some_and(|r| !r.cached)
        };
        self.bypass.as_ref().or(self.plain.as_ref()).is_some_and(fresh)
    }

    /// Whether visitors get an answer although the path past the caches fails.
    pub fn masked(&self) -> bool {
        // A score forgets slowly: the newest answer to the plain URL must be a good one too.
        self.plain.as_ref().is_some_and(|p| matches!(p.state, State::Works) && p.track.last.outcome == Outcome::OK)
            && self.bypass.as_ref().is_some_and(|p| matches!(p.state, State::Fails { wavers: false, .. }))
    }
}

/// Gathers the edges from the sorted tracks.
pub fn gather<'c>(
    case: &'c Case,
    tracks: &[&'c Track],
    origins: &[OriginAddress<'c>],
    records: &Records<'c>,
) -> Vec<Edge<'c>> {
    let behind = Behind { case, origins, records };
    let mut by_path: BTreeMap<(&str, Option<SocketAddr>), Vec<&'c Track>> = BTreeMap::new();
    for track in tracks {
        if matches!(track.key.observation, Observation::ViaProxy | Observation::ViaProxyLong) {
            by_path.entry((track.key.vantage.as_str(), track.key.address)).or_default().push(track);
        }
    }
    by_path.into_iter().filter_map(|((vantage, address), tracks)| edge(&behind, vantage, address, &tracks)).collect()
}

/// What stands behind an edge: what else is known when its answer is read.
#[derive(Clone, Copy)]
struct Behind<'v, 'c> {
    case: &'c Case,
    origins: &'v [OriginAddress<'c>],
    records: &'v Records<'c>,
}

fn edge<'c>(
    behind: &Behind<'_, 'c>,
    vantage: &'c str,
    address: Option<SocketAddr>,
    tracks: &[&'c Track],
) -> Option<Edge<'c>> {
    let Behind { case, origins, .. } = *behind;
    let find = |observation, variant: Option<Variant>| {
        tracks.iter().find(|t| t.key.observation == observation && variant.is_none_or(|v| t.key.variant == v)).copied()
    };
    let path = |variant| find(Observation::ViaProxy, Some(variant)).map(|track| Path { track, state: state(track) });
    let (plain, bypass) = (path(Variant::Plain), path(Variant::Bypass));
    let long = find(Observation::ViaProxyLong, None)
        .filter(|t| case.at.duration_since(t.last.at) <= LONG_HOLDS)
        .map(|t| &t.last);
    if plain.is_none() && bypass.is_none() {
        return None;
    }
    let failing = |path: &Option<Path<'c>>| match path {
        Some(Path { track, state: State::Fails { probe, wavers } }) => Some((*track, *probe, *wavers)),
        _ => None,
    };
    let fault = failing(&bypass)
        .or_else(|| failing(&plain))
        .map(|(track, probe, wavers)| {
            let (probe, seen) = seen(behind, probe, long);
            EdgeFault { track, probe, seen, wavers, failures: track.failures }
        })
        .or_else(|| bypass.iter().chain(plain.iter()).find_map(|path| sent_back(path.track, origins)));
    let certificate =
        [plain, bypass].into_iter().flatten().find_map(|p| Some((p.track, p.track.last.certificate.as_ref()?)));
    Some(Edge { vantage, address, plain, bypass, fault, certificate })
}

fn state(track: &Track) -> State<'_> {
    let wavers = track.pattern != Pattern::Steady;
    let failed = fails(&track.last).then_some(&track.last).or(track.last_failure.as_ref());
    match (track.health, failed) {
        (Health::Failing, Some(probe)) => State::Fails { probe, wavers },
        // A certificate does not waver, so it needs no score.
        (Health::OK, _) if bad_certificate(&track.last) => State::Fails { probe: &track.last, wavers: false },
        (Health::OK, Some(probe)) if wavers => State::Fails { probe, wavers: true },
        (Health::OK, _) => State::Works,
        _ => State::Unknown,
    }
}

/// A redirect back to the URL that was asked for: visitors never arrive. With a cookie it is a
/// challenge, if the origin itself gives the page; an origin that redirects as well is an application
/// that sets its cookie this way.
fn sent_back<'c>(track: &'c Track, origins: &[OriginAddress<'c>]) -> Option<EdgeFault<'c>> {
    let probe = &track.last;
    let response = probe.response.as_ref()?;
    if response.redirect != Redirect::Itself || response.cached {
        return None;
    }
    let page = |o: &OriginAddress<'_>| {
        matches!(o.standing, Standing::Works(_)) && o.response().is_some_and(|r| r.redirect == Redirect::None)
    };
    let seen = if !response.sets_cookie {
        Seen::Loop
    } else if response.marker != Some(true) && origins.iter().any(page) {
        Seen::Challenge
    } else {
        return None;
    };
    Some(EdgeFault { track, probe, seen, wavers: false, failures: track.samples })
}

/// Whether a visitor would call it a failure; visitors do mind a bad certificate.
fn fails(probe: &Probe) -> bool {
    Trouble::of(probe).is_some() || probe.outcome == Outcome::CertInvalid || bad_certificate(probe)
}

fn bad_certificate(probe: &Probe) -> bool {
    probe.certificate.as_ref().is_some_and(|c| c.verdict != CertVerdict::Valid)
}

fn seen<'c>(behind: &Behind<'_, 'c>, probe: &'c Probe, long: Option<&'c Probe>) -> (&'c Probe, Seen) {
    let first = one(behind, probe);
    let (Seen::Silent { .. }, Some(long)) = (first, long) else { return (probe, first) };
    if long.outcome == Outcome::OK {
        return (long, Seen::Late);
    }
    match one(behind, long) {
        Seen::Silent { .. } => (long, Seen::Silent { long: true }),
        other @ (Seen::Answer { .. } | Seen::Broken { .. }) => (long, other),
        _ => (probe, first),
    }
}

fn one<'c>(behind: &Behind<'_, 'c>, probe: &'c Probe) -> Seen {
    let Behind { case, origins, records } = *behind;
    let Some(trouble) = Trouble::of(probe) else {
        return Seen::BadCertificate;
    };
    let response = probe.response.as_ref();
    let hop = response.map_or(Hop::UNKNOWN, |r| hop::of(&case.subject, probe, r, origins, records));
    match (probe.phase, trouble) {
        (Some(Phase::Dns), _) => Seen::NoName,
        (Some(Phase::Connect), _) => Seen::NoEdge,
        (Some(Phase::Tls), _) => Seen::NoHandshake,
        (Some(Phase::FirstByte), Trouble::NoAnswer(_)) if response.is_none() => Seen::Silent { long: false },
        (_, Trouble::Status(_) | Trouble::Body | Trouble::Slow | Trouble::WantsTls | Trouble::WantsCertificate) => {
            match response {
                Some(response) => Seen::Answer { trouble, hop, leg: leg::of(&case.subject, probe, response, records) },
                None => Seen::Broken { trouble, hop },
            }
        }
        _ => Seen::Broken { trouble, hop },
    }
}

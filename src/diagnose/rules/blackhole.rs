//! The origin's address is null-routed on the internet, while it answers inside its own network.

use super::fit::{Fit, beyond_the_edge, fit};
use super::policy::looks_blocked;
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Access, Cause, Confidence, Observation};
use crate::diagnose::history::ANSWER_HOLDS;
use crate::diagnose::view::edge::{Edge, EdgeFault, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::OriginAddress;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::Track;
use crate::evidence::fact::{EdgeReason, Trend};

pub const BLACKHOLED: Rule = Rule {
    cause: Cause::OriginBlackholed,
    looks_for: "an origin address that is silent from outside, echoes included, and answers from inside its network",
    judge: blackholed,
};

/// Seen from two sides: outside nothing comes back, inside it answers. A provider's record or a rise past the proxy
/// before it makes it High; without either a firewall at the network's border looks the same: Medium. A record says what
/// was so when it was written: where the proxy was answered too fast for silence, or something outside gets through, it
/// stays Medium.
fn blackholed<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(edge @ Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    if !beyond_the_edge(edge) || !looks_blocked(edge) || fault.wavers {
        return Err("what visitors see is not what an origin without a network gives");
    }
    if fit(Trouble::Silent, fault) == Fit::Contradicts {
        return Err("the proxy was answered, or refused, by the origin");
    }
    let mut records = Vec::new();
    let mut seen = Vec::new();
    let mut addresses = Vec::new();
    let mut reached = false;
    for origin in &view.origins {
        let here = view.records.records_at(origin.address.ip(), |r| r == EdgeReason::BlackHole);
        let outside = origin.tracks.iter().find(|t| t.key.observation == Observation::Direct && silent(view, t));
        let inside = inside(view, origin);
        if here.is_empty() && (outside.is_none() || inside.is_none() || origin.echoed()) {
            continue;
        }
        let answered = origin.tracks.iter().any(|t| t.key.observation == Observation::Direct && answers(t));
        if answered && here.is_empty() {
            continue;
        }
        reached |= answered;
        addresses.push(origin.address.ip());
        records.extend(here);
        seen.extend(outside.map(|t| Exhibit::Probe(t, &t.last)));
        seen.extend(inside.map(|t| Exhibit::Probe(t, &t.last)));
        seen.extend(origin.life.iter().copied());
    }
    if addresses.is_empty() {
        return Err("no origin address is silent from outside and answers from inside its network");
    }
    let rise = view.load.trend(Trend::OriginAlone);
    let backed = !records.is_empty() || !rise.is_empty() && !seen.is_empty();
    let sure = backed && !reached && !at_once(fault);
    let part = addresses.len() < view.origins.len();
    let says = if records.is_empty() {
        "the origin's address is silent on the internet, while it answers inside its own network"
    } else {
        "the origin's address is null-routed, as its provider records"
    };
    let mut found = Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing(records)
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .showing(seen)
        .showing(rise)
        .or([Cause::PortFiltered, Cause::ProxyBlocked].into_iter().filter(|_| !sure))
        .decided_by(Next::ProviderEvents);
    if part {
        found.origins = addresses;
    }
    Ok(found)
}

/// An answer that came too fast for the proxy to have waited for anything.
const fn at_once(fault: &EdgeFault<'_>) -> bool {
    matches!(fault.seen, Seen::Answer { leg: Leg::AtOnce, .. })
}

/// Silence that says something: from a vantage that may come in, or that was answered within a day.
fn silent(view: &View<'_>, track: &Track) -> bool {
    let tells = track.access == Access::Listed
        || track.access != Access::Unlisted
            && track.last_connected.is_some_and(|at| view.at.duration_since(at) <= ANSWER_HOLDS);
    tells && track.failures > 0 && matches!(Trouble::of(&track.last), Some(Trouble::Silent | Trouble::NoRoute))
}

fn answers(track: &Track) -> bool {
    track.last.connected() && track.failures < track.samples
}

/// A path inside the origin's network that works: to this address, or to the endpoints behind it.
fn inside<'c>(view: &View<'c>, origin: &OriginAddress<'c>) -> Option<&'c Track> {
    let works = |t: &&&'c Track| t.key.observation == Observation::InCluster && answers(t);
    let own = origin.tracks.iter().find(works);
    own.or_else(|| view.origins.iter().flat_map(|o| &o.tracks).find(works)).copied()
}

//! The network between: packets that are lost or held up.
//!
//! Echoes alone prove nothing, because hosts and routers limit them; they count where TCP agrees.

use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence, Observation};
use crate::diagnose::view::edge::{Edge, EdgeFault, Seen};
use crate::diagnose::view::origin::OriginAddress;
use crate::diagnose::view::records::{echoes_lost, segments_lost};
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::{Fact, Track};

pub const DEGRADED: Rule = Rule {
    cause: Cause::NetworkDegraded,
    looks_for: "packets that are lost on the way, on TCP as well as in echoes",
    judge: degraded,
};

/// Which way it is: the one to the origin, where the origin's own paths show it; the one to the edge, where only that
/// one does. One vantage sees it, so it is Medium at most, and Low for the way to the edge, which may be this vantage's
/// own.
fn degraded<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let (fault, edge) = match place {
        Locus::Edge(edge @ Edge { fault: Some(fault), .. }) => (Some(fault), Some(edge)),
        Locus::Origin(_) => (None, None),
        _ => return Err("no place fails here"),
    };
    if fault.is_some_and(|f| !hampered(f)) {
        return Err("what visitors see is steady, or no silence and no delay");
    }
    let origins: Vec<_> = view.origins.iter().filter(|o| in_question(place, o)).filter_map(|o| lossy(o)).collect();
    if !origins.is_empty() {
        let inside = view.origins.iter().any(|o| {
            o.works() && o.tracks.iter().any(|t| t.key.observation == Observation::InCluster && t.failures == 0)
        });
        let says = if inside {
            "packets are lost on the way to the origin, while it answers well inside its cluster"
        } else {
            "packets are lost on the way to the origin, echoes and connections alike"
        };
        return Ok(Match::new(Confidence::Medium, Ground::Observed, says)
            .showing(fault.map(|f| Exhibit::Probe(f.track, f.probe)))
            .showing(origins.into_iter().flatten())
            .or([Cause::UplinkCongested, Cause::AcceptSaturated])
            .decided_by(Next::Uplink));
    }
    let Some((edge, fault)) = edge.zip(fault) else {
        return Err("no loss was measured on the way to the failing address");
    };
    let tracks = [edge.plain, edge.bypass].into_iter().flatten().map(|p| p.track);
    let worst = tracks.filter(|t| segments_lost(t)).max_by_key(|t| t.lossy);
    let Some(track) = worst.filter(|_| view.working_origins().all(|o| !o.tracks.iter().any(|t| segments_lost(t))))
    else {
        return Err("no loss was measured on the way to the origin or to the edge");
    };
    Ok(Match::new(Confidence::Low, Ground::Observed, "packets are lost on the way from here to the edge")
        .showing([Exhibit::Probe(fault.track, fault.probe), Exhibit::Probe(track, &track.last)])
        .showing(view.working_origins().filter_map(OriginAddress::exhibit))
        .or([Cause::ProxyUnderAttack, Cause::ProxyFault])
        .decided_by(Next::OtherVantage))
}

fn in_question(place: Locus<'_, '_>, origin: &OriginAddress<'_>) -> bool {
    match place {
        Locus::Origin(own) => own.address == origin.address,
        _ => true,
    }
}

/// Silence or delay that comes and goes, as loss makes it; an outage is no loss.
fn hampered(fault: &EdgeFault<'_>) -> bool {
    match fault.seen {
        Seen::Late | Seen::Answer { trouble: Trouble::Slow, .. } => true,
        Seen::Silent { .. } | Seen::Broken { .. } | Seen::NoEdge | Seen::NoHandshake => fault.wavers,
        Seen::Answer { trouble: Trouble::Status(500..), hop, .. } => fault.wavers && !hop.origin(),
        _ => false,
    }
}

/// Loss on the way to an origin address, shown by echoes with TCP in agreement, or by many connections.
pub fn lossy<'c>(origin: &OriginAddress<'c>) -> Option<Vec<Exhibit<'c>>> {
    // Inside a cluster it may be one node, where nothing is lost but in the kernel's own queues; and where no connection
    // went well the address is away.
    let tells = |t: &&&Track| t.key.observation != Observation::InCluster && t.lossy < t.measured;
    let by_many = origin.tracks.iter().filter(tells).find(|t| segments_lost(t));
    let agrees = origin.tracks.iter().filter(tells).find(|t| t.lossy > 0);
    let echoes: Vec<Exhibit<'c>> =
        origin.life.iter().filter(|e| matches!(e, Exhibit::Fact(Fact::Ping(p)) if echoes_lost(p))).copied().collect();
    let track = by_many.or_else(|| agrees.filter(|_| !echoes.is_empty()))?;
    let mut shown = vec![Exhibit::Probe(track, &track.last)];
    shown.extend(echoes);
    Some(shown)
}

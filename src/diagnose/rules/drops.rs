//! Connections that are dropped now and then by a host that lives, without a count of its kernel.

use super::fit::{beyond_the_edge, blamed};
use super::links::lossy;
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::origin::OriginAddress;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;

pub const NOW_AND_THEN: Rule = Rule {
    cause: Cause::AcceptSaturated,
    looks_for: "connections that time out now and then at a host that lives, with no packet lost on the way",
    judge: now_and_then,
};

/// A filter lets nobody through, and a lossy way loses other packets too; a full queue drops some connections. From
/// outside that is all that there is, so it is Medium.
fn now_and_then<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let silent = blamed(view, place, |t| t == Trouble::Silent);
    let some = |(o, _): &(&OriginAddress<'c>, _)| comes_and_goes(o) && o.alive != Some(false) && lossy(o).is_none();
    if silent.is_empty() || !silent.iter().all(some) {
        return Err("no origin address lets connections time out now and then, with nothing lost on the way");
    }
    let fault = match place {
        Locus::Edge(edge @ Edge { fault: Some(fault), .. }) if beyond_the_edge(edge) => match fault.seen {
            Seen::Silent { .. } => Some(fault),
            Seen::Answer { trouble: Trouble::Status(500..), hop, leg, .. } if !hop.origin() && leg.fits_block() => {
                Some(fault)
            }
            _ => return Err("what visitors see is not what dropped connections do"),
        },
        Locus::Edge(_) | Locus::Site => return Err("the edge itself fails first"),
        Locus::Origin(_) => None,
    };
    let says = "the origin drops new connections now and then, while its host is alive";
    let mut found = Match::new(Confidence::Medium, Ground::Observed, says)
        .showing(fault.map(|f| Exhibit::Probe(f.track, f.probe)))
        .showing(silent.iter().filter_map(|(o, _)| o.exhibit()))
        .showing(silent.iter().flat_map(|(o, _)| o.life.iter().copied()))
        .or([Cause::PortFiltered, Cause::NetworkDegraded, Cause::ProxyRateLimited])
        .decided_by(Next::LoadFacts);
    found.weight = silent.len();
    if view.working_origins().next().is_some() {
        found.origins = silent.iter().map(|(o, _)| o.address.ip()).collect();
    }
    Ok(found)
}

/// Whether connections to an address time out now and then only.
pub fn comes_and_goes(origin: &OriginAddress<'_>) -> bool {
    origin.failure().is_some_and(|f| f.wavers && f.trouble == Trouble::Silent)
}

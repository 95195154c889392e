//! The origin has more to do than it can: attacked past the proxy, out of CPU, memory or workers, or with full queues
//! in its kernel. Each needs a measure; without one the pattern stays what it is, a timeout or a silence.

use super::fit::{beyond_the_edge, blamed};
use super::links::lossy;
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, EdgeFault, Seen};
use crate::diagnose::view::origin::OriginAddress;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::{Resource, Trend};

/// What an origin shows that cannot keep up.
const fn strained(trouble: Trouble) -> bool {
    matches!(
        trouble,
        Trouble::NoAnswer(_) | Trouble::Slow | Trouble::Silent | Trouble::Closed(_) | Trouble::Status(500 | 502..=504)
    )
}

/// What visitors of such an origin see.
fn shows_strain(fault: &EdgeFault<'_>) -> bool {
    match fault.seen {
        Seen::Silent { .. } | Seen::Late | Seen::Broken { .. } => true,
        Seen::Answer { trouble: Trouble::Slow | Trouble::Status(500 | 502..=504 | 520..=524), .. } => true,
        _ => false,
    }
}

/// The place's own fault as an exhibit, and whether the origin's paths agree.
fn strain<'v, 'c>(view: &'v View<'c>, place: Locus<'v, 'c>) -> Option<(Vec<Exhibit<'c>>, bool)> {
    let direct: Vec<_> = blamed(view, place, strained);
    if direct.is_empty() && view.failing_origins().filter_map(OriginAddress::failure).any(|f| f.firm) {
        // It fails otherwise: a port that refuses has nothing to do with CPU.
        return None;
    }
    let mut shown: Vec<Exhibit<'c>> = Vec::new();
    match place {
        Locus::Edge(edge @ Edge { fault: Some(fault), .. }) if beyond_the_edge(edge) && shows_strain(fault) => {
            shown.push(Exhibit::Probe(fault.track, fault.probe));
        }
        Locus::Origin(_) if !direct.is_empty() => {}
        _ => return None,
    }
    shown.extend(direct.iter().filter_map(|(o, _)| o.exhibit()));
    Some((shown, direct.iter().any(|(_, f)| f.firm)))
}

pub const ATTACKED: Rule = Rule {
    cause: Cause::OriginAttackedDirectly,
    looks_for: "traffic at the origin that rises while the proxy forwards no more than usual, and an origin that suffers",
    judge: attacked,
};

/// The founding comparison: much traffic at the origin, a calm proxy. A campaign raises both, and is not it. High where
/// the origin's own path suffers too.
fn attacked<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let surge = view.load.trends(Trend::PastProxy);
    if surge.is_empty() {
        return Err("no traffic past the proxy was measured");
    }
    if !view.load.trends(Trend::Together).is_empty() {
        return Err("another measure says that the proxy's traffic rises as well");
    }
    let Some((shown, agrees)) = strain(view, place) else {
        return Err("what is seen here is not what a flood does");
    };
    let floods = view.load.full(&[Resource::SynCookies, Resource::AcceptQueue, Resource::Conntrack, Resource::Uplink]);
    let sure = agrees || !floods.is_empty();
    Ok(Match::new(
        if sure { Confidence::High } else { Confidence::Medium },
        Ground::Fact,
        "the origin gets far more traffic than the proxy forwards, and does not keep up",
    )
    .showing(surge)
    .showing(floods)
    .showing(shown)
    .or([Cause::OriginOverloaded, Cause::ProxyBlocked].into_iter().filter(|_| !sure))
    .decided_by(Next::OriginLog))
}

pub const OVERLOADED: Rule = Rule {
    cause: Cause::OriginOverloaded,
    looks_for: "CPU, memory or workers that are used up while the origin answers late or not at all",
    judge: overloaded,
};

fn overloaded<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let full = view.load.full(&[Resource::Cpu, Resource::Memory, Resource::Workers]);
    if full.is_empty() {
        return Err("no measure shows CPU, memory or workers used up");
    }
    let Some((shown, agrees)) = strain(view, place) else {
        return Err("what is seen here is not what an overloaded origin does");
    };
    Ok(Match::new(
        if agrees { Confidence::High } else { Confidence::Medium },
        Ground::Fact,
        "the origin has no CPU, memory or workers left, and answers late or not at all",
    )
    .showing(full)
    .showing(shown)
    .or([Cause::OriginTimeout, Cause::ProxyBlocked].into_iter().filter(|_| !agrees))
    .decided_by(Next::ListedVantage))
}

pub const ACCEPT: Rule = Rule {
    cause: Cause::AcceptSaturated,
    looks_for: "connections that are dropped now and then by a host that lives, or queues of its kernel that overflow",
    judge: accept,
};

/// From outside a full queue and a filter look the same, except that a queue lets some through: now and then it is
/// Medium. With a measure of the queues it is High, steady or not.
fn accept<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let full = view.load.full(&[Resource::AcceptQueue, Resource::Conntrack, Resource::SynCookies]);
    let silent = blamed(view, place, |t| t == Trouble::Silent);
    let wavers = !silent.is_empty()
        && silent.iter().all(|(o, f)| f.wavers && o.alive != Some(false) && lossy(view, o).is_none());
    let edge_fits = match place {
        Locus::Edge(edge @ Edge { fault: Some(fault), .. }) if beyond_the_edge(edge) => match fault.seen {
            Seen::Silent { .. } => true,
            Seen::Answer { trouble: Trouble::Status(500..), hop, leg, .. } => !hop.origin() && leg.fits_block(),
            _ => false,
        },
        Locus::Origin(_) => !silent.is_empty(),
        _ => false,
    };
    if !edge_fits {
        return Err("what is seen here is not what dropped connections do");
    }
    if full.is_empty() && !wavers {
        return Err("no measure shows full queues, and connections are not dropped now and then");
    }
    let agrees = silent.iter().any(|(_, f)| f.firm);
    let sure = !full.is_empty() && agrees;
    let says = if full.is_empty() {
        "the origin drops new connections now and then, while its host is alive"
    } else {
        "the kernel of the origin drops new connections: its queues are full"
    };
    let fault = match place {
        Locus::Edge(edge) => edge.fault.as_ref().map(|f| Exhibit::Probe(f.track, f.probe)),
        _ => None,
    };
    let ground = if full.is_empty() { Ground::Observed } else { Ground::Fact };
    let mut found = Match::new(if sure { Confidence::High } else { Confidence::Medium }, ground, says)
        .showing(full)
        .showing(fault)
        .showing(silent.iter().filter_map(|(o, _)| o.exhibit()))
        .showing(silent.iter().flat_map(|(o, _)| o.life.iter().copied()))
        .or([Cause::PortFiltered, Cause::NetworkDegraded, Cause::ProxyRateLimited].into_iter().filter(|_| !sure))
        .decided_by(Next::KernelCounters);
    found.weight = silent.len().max(1);
    if view.working_origins().next().is_some() {
        found.origins = silent.iter().map(|(o, _)| o.address.ip()).collect();
    }
    Ok(found)
}

/// Whether silence at this place is better told by [`ACCEPT`] than as a filter: it comes and goes.
pub fn comes_and_goes(origin: &OriginAddress<'_>) -> bool {
    origin.failure().is_some_and(|f| f.wavers && f.trouble == Trouble::Silent)
}

//! The edge accepts no connection: it is attacked and taken off the network, or it is broken.

use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, EdgeFault, Seen};
use crate::diagnose::view::hop::Proof;
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::OriginAddress;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, Sanity, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::EdgeReason;

pub const UNDER_ATTACK: Rule = Rule {
    cause: Cause::ProxyUnderAttack,
    looks_for: "an edge that is silent on the network while other things are reached, or a record of scrubbing",
    judge: under_attack,
};

/// A null-routed or scrubbed edge is silent, it does not refuse. The provider's record makes it High; without one the
/// silence of every edge address, while the origin answers this very vantage, is Medium.
fn under_attack<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(edge @ Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    let records = view.records.reasons(edge.address.map(|a| a.ip()), EdgeReason::is_attack);
    if !off_the_network(fault) {
        return Err("connections to the edge come about, or are refused");
    }
    if view.sanity != Sanity::Sane {
        return Err("nothing else was reached from here, so it may be this vantage");
    }
    let elsewhere = view.edges.iter().any(|e| e.address == edge.address && e.vantage != edge.vantage && connects(e));
    if elsewhere {
        return Err("another vantage reaches this edge address");
    }
    let recorded = !records.is_empty();
    let all = view.edges.iter().all(|e| e.fault.as_ref().is_some_and(off_the_network));
    let answered = view.working_origins().next().is_some();
    if !(recorded || all && answered) {
        return Err("no record shows an attack, and the edge is not silent as a whole beside an origin that answers");
    }
    let says = if recorded {
        "the edge is silent on the network, and its provider records an attack on it"
    } else {
        "every edge address is silent on the network, while the origin answers this vantage"
    };
    Ok(Match::new(if recorded { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .showing(records)
        .showing(view.working_origins().filter_map(OriginAddress::exhibit))
        .or([Cause::ProxyFault, Cause::VantageFault].into_iter().filter(|_| !recorded))
        .decided_by(Next::ProviderEvents))
}

/// No answer to a connection at all; a refusal is an answer.
fn off_the_network(fault: &EdgeFault<'_>) -> bool {
    matches!(fault.seen, Seen::NoEdge)
        && !fault.wavers
        && matches!(
            Trouble::of(fault.probe),
            Some(Trouble::Silent | Trouble::Dead | Trouble::NoRoute | Trouble::Prohibited)
        )
}

fn connects(edge: &Edge<'_>) -> bool {
    [edge.plain, edge.bypass].iter().flatten().any(|p| p.track.last.connected())
}

pub const FAULT: Rule = Rule {
    cause: Cause::ProxyFault,
    looks_for: "an edge that refuses, is silent beside others that work, or errs by its own word",
    judge: fault,
};

/// What the edge itself does wrong, while the origin is well. High only with the provider's own record of a fault.
fn fault<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(edge @ Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    let incident = view.records.reasons(edge.address.map(|a| a.ip()), |r| r == EdgeReason::Incident);
    let shown = [Exhibit::Probe(fault.track, fault.probe)];
    if (UNDER_ATTACK.judge)(view, place).is_ok() {
        return Err("the edge is taken off the network");
    }
    // A whole family that is dead is about the name, not about the edge.
    let family = |e: &Edge<'_>| e.address.map(|a| a.is_ipv6());
    let others = view.edges.iter().any(|e| e.vantage == edge.vantage && !e.fails() && family(e) == family(edge));
    let origin = view.origin_works();
    let (says, ground) = match fault.seen {
        Seen::NoEdge if Trouble::of(fault.probe) == Some(Trouble::Refused) && (others || origin) => {
            ("the edge refuses connections, while other things are reached from here", Ground::Observed)
        }
        Seen::NoEdge if others => {
            ("this edge address accepts no connection, while others of the same site do", Ground::Observed)
        }
        Seen::Answer { trouble: Trouble::Status(500..), hop, .. }
            if hop.edge() && !incident.is_empty() && view.failing_origins().next().is_none() =>
        {
            ("the edge answers with an error of its own, and its provider records a fault", Ground::Fact)
        }
        Seen::Answer { trouble: Trouble::Status(500..), hop, leg: Leg::NeverTried, .. }
            if hop.edge() && hop.proof == Proof::ProxyStatus && origin =>
        {
            ("the edge says that the fault is its own, while the origin answers", Ground::Observed)
        }
        _ => return Err("nothing shows that the edge itself is at fault"),
    };
    if view.sanity != Sanity::Sane {
        return Err("nothing else was reached from here, so it may be this vantage");
    }
    let sure = !incident.is_empty() && !fault.wavers;
    Ok(Match::new(if sure { Confidence::High } else { Confidence::Medium }, ground, says)
        .showing(shown)
        .showing(incident)
        .showing(view.working_origins().filter_map(OriginAddress::exhibit))
        .or([Cause::ProxyUnderAttack, Cause::VantageFault].into_iter().filter(|_| !sure))
        .decided_by(Next::ProviderEvents))
}

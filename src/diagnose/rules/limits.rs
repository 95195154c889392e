//! Limits that the proxy's few addresses run into: at the origin, or at the proxy itself.

use super::fit::beyond_the_edge;
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::{OriginAddress, Standing};
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::{Arrived, EdgeReason, Resource};

pub const RATE_LIMITED: Rule = Rule {
    cause: Cause::ProxyRateLimited,
    looks_for: "requests of the proxy that the origin limits: a record, 429 in the origin's words, or failures that grow with load",
    judge: rate_limited,
};

/// A limit bites under load only, and a single probe after a quiet minute passes. High with a record of refused
/// requests, or with failures that grow with the load while the origin made them; the origin's own 429 for the proxy
/// beside a good answer for us is Medium, because a rule for one address looks the same.
fn rate_limited<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(edge @ Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    if !beyond_the_edge(edge) {
        return Err("the edge itself fails first");
    }
    let good = view.origins.iter().any(|o| matches!(o.standing, Standing::Works(_)));
    if !good || view.failing_origins().next().is_some() {
        return Err("the origin fails for others as well, or was not seen to answer");
    }
    let recorded = view.cluster.arrivals(Arrived::Limited);
    let grows = view.load.grows_with_load();
    let (origin_says, fits) = match fault.seen {
        Seen::Answer { trouble: Trouble::Status(429), hop, .. } if !hop.edge() => (hop.origin() && hop.firm(), true),
        Seen::Answer { trouble: Trouble::Status(503), hop, .. } if hop.origin() && hop.firm() => (fault.wavers, true),
        Seen::Answer { trouble: Trouble::Status(500..), hop, leg, .. } if !hop.origin() => (false, leg.fits_block()),
        Seen::Silent { .. } => (false, true),
        _ => (false, false),
    };
    if !fits {
        return Err("what visitors see is not what a limit does");
    }
    if recorded.is_empty() && grows.is_empty() && !origin_says {
        return Err("no record, load or answer shows a limit");
    }
    let sure = !recorded.is_empty() || !grows.is_empty() && (origin_says || fault.wavers);
    let says = if recorded.is_empty() && grows.is_empty() {
        "the origin answers the proxy that it asks too often, while it answers others"
    } else if recorded.is_empty() {
        "requests through the proxy fail as the load grows, while the origin answers others"
    } else {
        "the origin limits the proxy's addresses, while it answers others"
    };
    Ok(Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing(recorded)
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .showing(grows)
        .showing(view.working_origins().filter_map(OriginAddress::exhibit))
        .or([Cause::ProxyBlocked, Cause::OriginOverloaded].into_iter().filter(|_| !sure))
        .decided_by(Next::Limits))
}

pub const EGRESS: Rule = Rule {
    cause: Cause::ProxyEgressExhausted,
    looks_for: "a proxy that says it may open no further connection to the origin",
    judge: egress,
};

/// The proxy's own word. High where the origin answers at the same time. Its word says nothing of why the limit is
/// reached: connections pile up before an origin that is used up, and then that is the cause.
fn egress<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(edge @ Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    let recorded = view.load.reasons(edge.address.map(|a| a.ip()), |r| r == EdgeReason::ConnectionLimit);
    let said = match fault.seen {
        Seen::Answer { trouble: Trouble::Status(500..), hop, leg, .. } if !hop.origin() => leg == Leg::ConnectionLimit,
        _ => false,
    };
    let fits = matches!(fault.seen, Seen::Silent { .. })
        || matches!(fault.seen, Seen::Answer { trouble: Trouble::Status(500..), hop, .. } if !hop.origin());
    if !said && (recorded.is_empty() || !fits) {
        return Err("the proxy does not say that it may open no further connection");
    }
    if !view.load.full(&[Resource::Cpu, Resource::Memory, Resource::Workers, Resource::AcceptQueue]).is_empty() {
        return Err("the origin itself is used up, so connections to it pile up");
    }
    let sure = view.origin_works();
    Ok(Match::new(
        if sure { Confidence::High } else { Confidence::Medium },
        Ground::Fact,
        "the proxy may open no further connection to the origin",
    )
    .showing([Exhibit::Probe(fault.track, fault.probe)])
    .showing(recorded)
    .showing(view.origins.iter().filter_map(OriginAddress::exhibit))
    .or([Cause::OriginOverloaded, Cause::OriginTimeout].into_iter().filter(|_| !sure))
    .decided_by(Next::ProxyLog))
}

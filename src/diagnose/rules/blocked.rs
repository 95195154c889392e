//! The origin keeps the proxy out: known from a record or an object, or only concluded.

use super::fit::beyond_the_edge;
use super::policy::{admits_none, gap_explains, looks_blocked, looks_refused, origin_explains};
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::spec::Verifies;
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::hop::Proof;
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::{OriginAddress, Standing};
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::Arrived;

pub const RECORDED: Rule = Rule {
    cause: Cause::ProxyBlocked,
    looks_for: "a record or an object that shows the origin keeping the whole proxy out",
    judge: recorded,
};

/// A fact about the block itself: packets of the proxy counted as dropped at the origin, or an allowlist
/// that lacks all of its prefixes. Only such a fact makes this cause High, because a proxy that
/// forwards to a wrong address gives the same picture from outside.
fn recorded<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let records = view.cluster.arrivals(Arrived::Blocked);
    let whole: Vec<_> = view
        .cluster
        .gaps
        .iter()
        .filter(|(_, l)| l.proxy_prefixes > 0 && l.missing_prefixes >= l.proxy_prefixes)
        .collect();
    if records.is_empty() && whole.is_empty() {
        return Err("no record or allowlist shows the proxy kept out");
    }
    let object = whole.first().map(|(_, l)| format!("{} {}", l.object, admits_none(l.proxy_prefixes)));
    match place {
        Locus::Site if view.edges.is_empty() && !whole.is_empty() => {
            Ok(Match::new(Confidence::Medium, Ground::Fact, object.unwrap_or_default())
                .showing(whole.iter().map(|(fact, _)| Exhibit::Fact(fact)))
                .decided_by(Next::Probe))
        }
        Locus::Edge(edge @ Edge { fault: Some(fault), .. }) if beyond_the_edge(edge) => {
            let objects: Vec<Exhibit<'c>> =
                whole.iter().filter(|(_, l)| gap_explains(l, edge)).map(|(f, _)| Exhibit::Fact(f)).collect();
            let to_all =
                view.failing_origins().filter_map(OriginAddress::failure).any(|f| f.firm && f.trouble.at_connect());
            let counted = !records.is_empty() && looks_blocked(edge) && !to_all;
            if objects.is_empty() && !counted {
                return Err("what visitors see is not what such a block does, or others are kept out as well");
            }
            let sure = counted || !origin_explains(view, fault);
            let says = match object {
                Some(object) if !objects.is_empty() => object,
                _ => "connections from the proxy were counted as blocked at the origin".to_owned(),
            };
            Ok(Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
                .showing(objects)
                .showing(records.into_iter().filter(|_| counted))
                .showing([Exhibit::Probe(fault.track, fault.probe)])
                .showing(view.working_origins().filter_map(OriginAddress::exhibit))
                .decided_by(Next::ListedVantage))
        }
        _ => Err("no edge fails here"),
    }
}

pub const BLOCKED: Rule = Rule {
    cause: Cause::ProxyBlocked,
    looks_for: "an edge that cannot reach an origin which answers everybody else",
    judge: blocked,
};

/// The pair "the proxy fails to reach it, we do": never above Medium. A proxy that forwards to a wrong
/// address, speaks the wrong protocol, or dislikes the certificate looks alike.
fn blocked<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(edge @ Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    if !view.origin_works() {
        return Err("no origin address is seen to answer without any of them failing");
    }
    if !view.cluster.arrivals(Arrived::Delivered).is_empty() {
        return Err("requests of the proxy are recorded as delivered");
    }
    if !view.cluster.arrivals(Arrived::Nothing).is_empty() {
        return Err("no packet of the proxy arrives, so it may be blocked on the way or sent elsewhere");
    }
    if fault.wavers {
        return Err("it fails now and then only, which a block does not");
    }
    let Seen::Answer { hop, leg, .. } = fault.seen else {
        return Err("nothing shows that the edge itself gave up on the origin");
    };
    let exhibits = std::iter::once(Exhibit::Probe(fault.track, fault.probe))
        .chain(view.working_origins().filter_map(OriginAddress::exhibit));
    let works = view.origins.iter().any(|o| matches!(o.standing, Standing::Works(_)));
    if looks_refused(edge) && hop.origin() && hop.proof != Proof::SameBody && works {
        let says = "the origin's own server refuses what the proxy asks for and answers the same request from here";
        return Ok(Match::new(Confidence::Medium, Ground::Inferred, says)
            .showing(exhibits)
            .or([Cause::AllowlistWrongAddress, Cause::UnexpectedResponse])
            .decided_by(Next::BlockFact));
    }
    if !hop.edge() || !looks_blocked(edge) {
        return Err("the edge's answer does not look like an origin that cannot be reached");
    }
    if hop.proof == Proof::MarkerMissing {
        return Err("only the missing marker says that the edge made the answer");
    }
    let (says, exact) = match leg {
        Leg::ConnectTimeout => {
            ("the proxy's connections to the origin time out, as if dropped, while others connect", true)
        }
        Leg::Refused => ("the proxy's connections to the origin are rejected while others connect", true),
        Leg::Unreachable => ("the proxy's way to the origin is prohibited or has no route, while others connect", true),
        Leg::Terminated => {
            ("the proxy's connections to the origin are reset or closed while others are answered", false)
        }
        Leg::SomeTimeout => ("the proxy gives up on the origin at one of its timers while others are answered", false),
        _ => ("the proxy fails to reach the origin at once, as if rejected or reset, while others are answered", false),
    };
    let certificate = view.subject.verifies != Verifies::Never && leg == Leg::AtOnce;
    let alternatives = [
        Some(Cause::ProxyOriginMisconfigured),
        (!exact && !leg.is_timeout()).then_some(Cause::OriginProtocolMismatch),
        certificate.then_some(Cause::OriginCertUntrusted),
        (leg == Leg::SomeTimeout).then_some(Cause::OriginTimeout),
        (leg == Leg::ConnectTimeout).then_some(Cause::AcceptSaturated),
        (!view.load.limits().is_empty()).then_some(Cause::ProxyRateLimited),
        // A queue in the proxy that runs out of time, or a refusal of its own, looks the same from outside.
        (leg.is_timeout() || leg == Leg::AtOnce).then_some(Cause::ProxyEgressExhausted),
        // A policy isolates the pods, and nobody can say which address it sees.
        view.cluster.isolates_in_doubt().then_some(Cause::NetworkPolicyBlocks),
    ];
    Ok(Match::new(Confidence::Medium, Ground::Inferred, says)
        .showing(exhibits)
        .or(alternatives.into_iter().flatten())
        .decided_by(Next::BlockFact))
}

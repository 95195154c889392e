//! The origin does not know the host name that the proxy sends.

use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, EdgeFault, Seen};
use crate::diagnose::view::origin::{OriginAddress, Standing};
use crate::diagnose::view::replays::Repeated;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::Variation;

pub const MISMATCH: Rule = Rule {
    cause: Cause::VhostMismatch,
    looks_for: "an origin that answers the proxy's Host as it answers a stranger's, and another Host well, or whose \
                Ingresses and HTTPRoutes lack that host",
    judge: mismatch,
};

/// A missing page and an unknown host look alike: the same 404. They differ in what another Host gets, in whether a
/// Host that nobody knows gets the same answer, and in whether anything else is there under the proxy's Host.
fn mismatch<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    if matches!(place, Locus::Site) && view.unprobed() {
        return unrouted(view, None).ok_or("nothing was probed, and no Ingress or HTTPRoute lacks the host");
    }
    let Locus::Edge(Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    let Seen::Answer { trouble: trouble @ (Trouble::Status(400..=499) | Trouble::Body), hop, .. } = fault.seen else {
        return Err("the proxy relays no answer for an unknown host");
    };
    if fault.wavers || hop.edge() && hop.firm() {
        return Err("the edge made the answer, or it comes now and then only");
    }
    as_declared(view, fault, trouble)
        .or_else(|| otherwise(view, fault))
        .or_else(|| {
            unrouted(view, Some(fault)).filter(|_| matches!(trouble, Trouble::Status(404 | 421) | Trouble::Body))
        })
        .ok_or("no other Host gets a better answer, and no Ingress or HTTPRoute lacks the host")
}

/// The declared Host fails directly as well, and another one works.
fn as_declared<'c>(view: &View<'c>, fault: &EdgeFault<'c>, trouble: Trouble) -> Option<Match<'c>> {
    let mut mine: Vec<(&OriginAddress<'c>, Repeated<'c>)> = Vec::new();
    let (mut strange, mut bare) = (true, true);
    for origin in view.failing_origins() {
        let Some(failure) = origin.failure().filter(|f| f.trouble == trouble && !f.wavers) else { continue };
        let replay = |variation| view.replays.direct(variation, origin.address);
        let Some(other) = replay(Variation::OtherHost).filter(Repeated::works) else { continue };
        let stranger = replay(Variation::StrangeHost);
        if stranger.is_some_and(|r| !r.answers_as(failure.probe)) {
            // The host is told apart from a stranger's, so the origin knows it: its page is missing.
            continue;
        }
        strange &= stranger.is_some();
        let status = |probe: &crate::evidence::Probe| probe.response.as_ref().map(|r| r.status);
        bare &= replay(Variation::Root).is_some_and(|r| !r.works() && status(r.probe) == status(failure.probe));
        mine.push((origin, other));
    }
    if mine.is_empty() {
        return None;
    }
    let Seen::Answer { hop, .. } = fault.seen else { return None };
    let tried = view.failing_origins().filter(|o| view.replays.direct(Variation::OtherHost, o.address).is_some());
    let every = view.working_origins().next().is_none() && mine.len() == tried.count();
    let sure = strange && bare && hop.origin() && every;
    let says = "the origin does not know the host name that the proxy sends, and answers another one well";
    let mut found = Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .showing(mine.iter().filter_map(|(o, _)| o.exhibit()))
        .showing(mine.iter().map(|(_, r)| Exhibit::Fact(r.fact)))
        .or([Cause::UnexpectedResponse].into_iter().filter(|_| !sure))
        .decided_by(Next::ProxySettings);
    for variation in [Variation::StrangeHost, Variation::Root] {
        let all = mine.iter().filter_map(|(o, _)| view.replays.direct(variation, o.address));
        found.exhibits.extend(all.map(|r| Exhibit::Fact(r.fact)));
    }
    found.weight = mine.len();
    if !every {
        found.origins = mine.iter().map(|(o, _)| o.address.ip()).collect();
    }
    Some(found)
}

/// The declared Host works directly, and another one gets the very answer that the proxy relays: that is the one that it
/// sends. A wrong path may get the same page, so it is Medium.
fn otherwise<'c>(view: &View<'c>, fault: &EdgeFault<'c>) -> Option<Match<'c>> {
    let mine: Vec<_> = view
        .origins
        .iter()
        .filter(|o| matches!(o.standing, Standing::Works(_)))
        .filter_map(|o| view.replays.direct(Variation::OtherHost, o.address).map(|r| (o, r)))
        .filter(|(_, r)| !r.works() && r.answers_as(fault.probe))
        .collect();
    if mine.is_empty() {
        return None;
    }
    let says = "the origin knows the declared host name, and answers another one as it answers the proxy";
    Some(
        Match::new(Confidence::Medium, Ground::Fact, says)
            .showing([Exhibit::Probe(fault.track, fault.probe)])
            .showing(mine.iter().map(|(_, r)| Exhibit::Fact(r.fact)))
            .showing(mine.iter().filter_map(|(o, _)| o.exhibit()))
            .or([Cause::ProxyOriginMisconfigured])
            .decided_by(Next::ProxySettings),
    )
}

/// What leads to the origin's Service knows other hosts only: its default page answers, unless requests come another way
/// (a load balancer of the Service's own), so it is Medium.
fn unrouted<'c>(view: &View<'c>, fault: Option<&EdgeFault<'c>>) -> Option<Match<'c>> {
    let routes = view.cluster.routes_without_the_host();
    if routes.is_empty() || view.failing_origins().next().is_some() {
        return None;
    }
    let says = "no Ingress or HTTPRoute that leads to the origin's Service knows the host that the proxy asks for";
    Some(
        Match::new(Confidence::Medium, Ground::Fact, says)
            .showing(routes.into_iter().map(|(fact, _)| Exhibit::Fact(fact)))
            .showing(fault.map(|fault| Exhibit::Probe(fault.track, fault.probe)))
            .showing(view.working_origins().filter_map(OriginAddress::exhibit))
            .or([Cause::UnexpectedResponse, Cause::ProxyOriginMisconfigured])
            .decided_by(if fault.is_some() { Next::OriginHost } else { Next::Probe }),
    )
}

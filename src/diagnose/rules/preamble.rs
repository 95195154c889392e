//! The PROXY protocol, and HTTP/2: the origin expects something else in front of a request than the proxy sends.

use super::fit::{Fit, beyond_the_edge, fit};
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::spec::ProxyProtocol;
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::{OriginAddress, Standing};
use crate::diagnose::view::replays::Repeated;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::Variation;

pub const MISSING: Rule = Rule {
    cause: Cause::OriginProtocolMismatch,
    looks_for: "an origin that answers only with a PROXY protocol preamble, or only without the declared one",
    judge: missing,
};

/// The direct request fails as declared and works the other way round. A proxy that does it right and is kept out
/// shows the same at once, so it is High only where the proxy's connection is seen to have been accepted: the origin's
/// own answer relayed, or a connection that ended.
fn missing<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(edge @ Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    if !beyond_the_edge(edge) {
        return Err("the edge itself fails first");
    }
    if fault.wavers {
        return Err("it fails now and then only, which a preamble does not");
    }
    let none = view.subject.proxy_protocol == ProxyProtocol::None;
    let variation = if none { Variation::Preamble } else { Variation::NoPreamble };
    let all: Vec<_> = view.failing_origins().filter_map(|o| o.failure().map(|f| (o, f))).collect();
    // The request as declared must have failed before and after the one that worked, else that was chance.
    let still_fails =
        |o: &OriginAddress<'c>| view.replays.direct(Variation::Again, o.address).is_some_and(|again| !again.works());
    let mine: Vec<_> = all
        .iter()
        .filter(|(o, f)| !f.wavers && still_fails(o))
        .filter_map(|(o, f)| view.replays.direct(variation, o.address).filter(Repeated::works).map(|r| (*o, *f, r)))
        .collect();
    if mine.is_empty() {
        return Err("no origin address answers as soon as the preamble is changed");
    }
    let relayed =
        |seen: &Seen| matches!(seen, Seen::Answer { trouble: Trouble::Status(400..=499), hop, .. } if hop.origin());
    let accepted = relayed(&fault.seen) || matches!(fault.seen, Seen::Answer { leg: Leg::Terminated, .. });
    let agrees = relayed(&fault.seen) || mine.iter().all(|(_, f, _)| fit(f.trouble, fault) == Fit::Agrees);
    let tried = all.iter().filter(|(o, _)| view.replays.direct(variation, o.address).is_some()).count();
    let every = mine.len() == tried && view.working_origins().next().is_none();
    let sure = accepted && agrees && every;
    let says = if none {
        "the origin expects a PROXY protocol preamble, and the proxy does not send one"
    } else {
        "the origin does not expect the PROXY protocol preamble that the proxy is declared to send"
    };
    let mut found = Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing(mine.iter().filter_map(|(o, _, _)| o.exhibit()))
        .showing(mine.iter().map(|(_, _, r)| Exhibit::Fact(r.fact)))
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .or([Cause::ProxyBlocked, Cause::ProxyOriginMisconfigured].into_iter().filter(|_| !sure))
        .decided_by(Next::ProxySettings);
    found.weight = mine.len();
    if !every {
        found.origins = mine.iter().map(|(o, _, _)| o.address.ip()).collect();
    }
    Ok(found)
}

pub const UNEXPECTED: Rule = Rule {
    cause: Cause::OriginProtocolMismatch,
    looks_for: "a direct request with a PROXY protocol preamble that gets the very answer that the proxy relays",
    judge: unexpected,
};

/// The origin answers us well, and answers the proxy with a client error; with a preamble in front it gives us just that
/// answer too. Another malformed request may get the same page, so it is Medium.
fn unexpected<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    let Seen::Answer { trouble: Trouble::Status(400..=499), hop, .. } = fault.seen else {
        return Err("the proxy relays no client error");
    };
    if fault.wavers || hop.edge() && hop.firm() {
        return Err("the edge made the answer, or it comes now and then only");
    }
    let mine: Vec<_> = view
        .origins
        .iter()
        .filter(|o| matches!(o.standing, Standing::Works(_)))
        .filter_map(|o| view.replays.direct(Variation::Preamble, o.address).map(|r| (o, r)))
        .filter(|(_, r)| r.answers_as(fault.probe))
        .collect();
    if mine.is_empty() {
        return Err("no preamble makes the origin answer as it answers the proxy");
    }
    let says = "the proxy sends a PROXY protocol preamble that the origin does not expect";
    Ok(Match::new(Confidence::Medium, Ground::Fact, says)
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .showing(mine.iter().map(|(_, r)| Exhibit::Fact(r.fact)))
        .showing(mine.iter().filter_map(|(o, _)| o.exhibit()))
        .or([Cause::ProxyOriginMisconfigured, Cause::VhostMismatch])
        .decided_by(Next::ProxySettings))
}

pub const HTTP2: Rule = Rule {
    cause: Cause::OriginProtocolMismatch,
    looks_for: "an origin that offers HTTP/2 and fails with it, while HTTP/1.1 works",
    judge: http2,
};

/// Nothing tells from outside whether the proxy speaks HTTP/2 to the origin, so it is Medium.
fn http2<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    let at_once = Leg::AtOnce;
    let Seen::Answer { trouble: Trouble::Status(500..), hop, leg, .. } = fault.seen else {
        return Err("the proxy gave no error of its own");
    };
    if hop.origin() || fault.wavers || !(leg == at_once || matches!(leg, Leg::Terminated | Leg::Unknown)) {
        return Err("the proxy's answer is not what a broken connection gives");
    }
    let broken: Vec<_> = view
        .working_origins()
        .filter_map(|o| view.replays.direct(Variation::Http2, o.address).map(|r| (o, r)))
        .filter(|(_, r)| !r.works())
        .collect();
    if broken.is_empty() {
        return Err("no origin address fails with HTTP/2 only");
    }
    let says = "the origin offers HTTP/2 and fails with it, while HTTP/1.1 works";
    Ok(Match::new(Confidence::Medium, Ground::Fact, says)
        .showing(broken.iter().map(|(_, r)| Exhibit::Fact(r.fact)))
        .showing(broken.iter().filter_map(|(o, _): &(&OriginAddress<'c>, _)| o.exhibit()))
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .or([Cause::ProxyBlocked, Cause::ProxyOriginMisconfigured])
        .decided_by(Next::ProxySettings))
}

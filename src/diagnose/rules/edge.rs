//! What the edge itself does to visitors: a bad certificate, an error kept in its cache, a refusal.

use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, EdgeFault, Path, Seen, State};
use crate::diagnose::view::hop::Made;
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::Standing;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::probe::CertVerdict;

pub const CERTIFICATE: Rule = Rule {
    cause: Cause::ProxyCertInvalid,
    looks_for: "a certificate at the edge that visitors' browsers refuse",
    judge: certificate,
};

/// Visitors always verify. Dates and names are wrong for everybody; a chain that is not trusted may
/// be our own lack of a root, so that is Medium.
fn certificate<'c>(_: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(edge) = place else { return Err("no edge fails here") };
    let Some((track, shown)) = edge.certificate else { return Err("the edge showed no certificate") };
    let (what, confidence) = match shown.verdict {
        CertVerdict::Valid => return Err("the edge's certificate is valid"),
        CertVerdict::Expired => ("has expired", Confidence::High),
        CertVerdict::Mismatch => ("does not carry the site's name", Confidence::High),
        CertVerdict::NotYetValid => ("is not valid yet, by the clock of this vantage", Confidence::Medium),
        CertVerdict::Untrusted => ("is not signed by anybody that this vantage trusts", Confidence::Medium),
        CertVerdict::Invalid => ("cannot be verified", Confidence::Medium),
    };
    Ok(Match::new(confidence, Ground::Fact, format!("the certificate at the edge {what}"))
        .showing([Exhibit::Certificate(track, shown)])
        .or((confidence < Confidence::High).then_some(Cause::VantageFault))
        .decided_by(Next::OtherVantage))
}

pub const STALE: Rule = Rule {
    cause: Cause::StaleErrorCached,
    looks_for: "a URL that fails as visitors ask for it and works past the cache",
    judge: stale,
};

/// The plain URL fails and the one with a nonce works, at the same edge: what visitors get is not what
/// the origin says. High when the failing answer says that a cache gave it.
fn stale<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(edge) = place else { return Err("no edge fails here") };
    let Some(Path { track: fresh, state: State::Works }) = edge.bypass else {
        return Err("the URL does not work past the cache either, or was not tried");
    };
    let Some(Path { track, state: State::Fails { probe, wavers } }) = edge.plain else {
        return Err("the URL works as visitors ask for it");
    };
    let Some(EdgeFault { seen: Seen::Answer { .. } | Seen::Broken { .. }, .. }) = edge.fault else {
        return Err("the failing answer is none that a cache could hold");
    };
    let cached = probe.response.as_ref().is_some_and(|r| r.cached);
    if !cached && view.failing_origins().next().is_some() {
        return Err("an origin address fails, and the two requests may just have met different ones");
    }
    let confidence = if cached && !wavers { Confidence::High } else { Confidence::Medium };
    Ok(Match::new(confidence, Ground::Fact, "the edge serves an error out of its cache, while the origin answers well")
        .showing([Exhibit::Probe(track, probe), Exhibit::Probe(fresh, &fresh.last)])
        .or((!cached).then_some(Cause::ProxyPolicyDenied))
        .decided_by(Next::PurgeOneUrl))
}

pub const DENIED: Rule = Rule {
    cause: Cause::ProxyPolicyDenied,
    looks_for: "a refusal or a challenge made by the edge while the origin answers",
    judge: denied,
};

/// The edge refuses our probe: visitors may be fine, so this says nothing of health. It needs proof
/// that the edge made the answer; a refusal made by the origin is another matter. Answers such as 404
/// are left out: not knowing a page is no policy. Some firewalls refuse with a number of their own, from 500 up: then
/// their page says so.
fn denied<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    let exhibit = Exhibit::Probe(fault.track, fault.probe);
    let contrast = view.working_origins().filter_map(super::OriginAddress::exhibit);
    if let Seen::Challenge = fault.seen {
        return Ok(Match::new(Confidence::High, Ground::Fact, "the edge challenges our probe with a cookie")
            .showing([exhibit])
            .showing(contrast));
    }
    let Seen::Answer { trouble: Trouble::Status(status), hop, leg, .. } = fault.seen else {
        return Err("the edge gave no answer that could be a refusal");
    };
    if matches!(leg, Leg::Loop | Leg::NeverTried | Leg::NotConfigured) {
        return Err("the edge says that it is at fault itself");
    }
    if leg != Leg::Denied && !matches!(status, 401 | 403 | 405 | 406 | 418 | 423 | 429 | 451) {
        return Err("the answer is no refusal");
    }
    match hop.made {
        Made::Origin => return Err("the origin made the refusal"),
        Made::Unknown => return Err("nothing shows that the edge made the refusal"),
        Made::Edge => {}
    }
    let works = view.origins.iter().any(|o| matches!(o.standing, Standing::Works(_)));
    let confidence = if hop.firm() && works { Confidence::High } else { Confidence::Medium };
    let alternatives = [Cause::UnexpectedResponse, Cause::AllowlistWrongAddress];
    Ok(Match::new(confidence, Ground::Fact, format!("the edge refuses our probe with status {status}"))
        .showing([exhibit])
        .showing(contrast)
        .or(alternatives.into_iter().filter(|_| confidence < Confidence::High))
        .decided_by(Next::Marker))
}

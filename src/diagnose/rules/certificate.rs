//! The origin's certificate, as a proxy that verifies sees it. It is a cause only if the proxy
//! verifies; one that never does makes it a risk.

use super::fit::beyond_the_edge;
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::spec::{Scheme, Verifies};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::OriginAddress;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::probe::CertVerdict;

pub const EXPIRED: Rule = Rule {
    cause: Cause::OriginCertExpired,
    looks_for: "an origin certificate outside its dates, behind a proxy that verifies",
    judge: |view, place| judge(view, place, Cause::OriginCertExpired),
};
pub const MISMATCH: Rule = Rule {
    cause: Cause::OriginCertMismatch,
    looks_for: "an origin certificate without the name that the proxy checks",
    judge: |view, place| judge(view, place, Cause::OriginCertMismatch),
};
pub const UNTRUSTED: Rule = Rule {
    cause: Cause::OriginCertUntrusted,
    looks_for: "an origin certificate that nobody trusted has signed",
    judge: |view, place| judge(view, place, Cause::OriginCertUntrusted),
};

/// Which cause a certificate's verdict would be.
pub const fn cause(verdict: CertVerdict) -> Option<Cause> {
    match verdict {
        CertVerdict::Valid => None,
        CertVerdict::Expired | CertVerdict::NotYetValid => Some(Cause::OriginCertExpired),
        CertVerdict::Mismatch => Some(Cause::OriginCertMismatch),
        CertVerdict::Untrusted | CertVerdict::Invalid => Some(Cause::OriginCertUntrusted),
    }
}

/// A bad certificate explains an answer that the edge made at once: a refused handshake needs no
/// timer. High if the proxy always verifies; but whom it trusts is its own affair, so an untrusted
/// chain is High only if the proxy itself names the certificate.
fn judge<'c>(view: &View<'c>, place: Locus<'_, 'c>, cause_of_rule: Cause) -> Finding<'c> {
    let Locus::Edge(edge @ Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    if view.subject.origin_scheme == Scheme::HTTP {
        return Err("the proxy speaks plain HTTP to the origin");
    }
    let bad: Vec<_> = view
        .origins
        .iter()
        .filter_map(|o| Some((o, o.certificate?)))
        .filter(|(_, (_, c))| cause(c.verdict) == Some(cause_of_rule))
        .collect();
    if bad.is_empty() {
        return Err("no origin address showed such a certificate");
    }
    if view.subject.verifies == Verifies::Never {
        return Err("the proxy never verifies it, so it is only a risk");
    }
    if !beyond_the_edge(edge) {
        return Err("the edge itself fails first");
    }
    let Seen::Answer { trouble: Trouble::Status(status), hop, leg, .. } = fault.seen else {
        return Err("a refused handshake would make the edge answer with an error");
    };
    if hop.origin() || status < 500 {
        return Err("the origin's answer came through, so its certificate was accepted");
    }
    if !matches!(leg, Leg::AtOnce | Leg::Certificate | Leg::Tls | Leg::Terminated | Leg::Unknown) {
        return Err("the proxy's attempt ended otherwise than by a handshake");
    }
    let named = leg == Leg::Certificate;
    let always = view.subject.verifies == Verifies::Always;
    let trust_is_ours = cause_of_rule == Cause::OriginCertUntrusted
        || bad.iter().all(|(_, (_, c))| c.verdict == CertVerdict::NotYetValid);
    let every = bad.len() == view.origins.len();
    let sure = named || always && every && !trust_is_ours && leg != Leg::Unknown;
    let says = match cause_of_rule {
        Cause::OriginCertExpired => "the origin's certificate is outside its dates, and the proxy refuses it",
        Cause::OriginCertMismatch => "the origin's certificate lacks the name that the proxy checks",
        _ => "the origin's certificate is not signed by anybody trusted, and the proxy refuses it",
    };
    let next = if named || always { Next::ProxyLog } else { Next::DeclareVerifies };
    let mut found = Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing(bad.iter().map(|(_, (track, c))| Exhibit::Certificate(track, c)))
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        // Which Secret the certificate should come from, or that none is named: then a controller shows its own.
        .showing(view.cluster.routes.iter().map(|(fact, _)| Exhibit::Fact(fact)))
        .showing(view.working_origins().filter_map(OriginAddress::exhibit))
        .or([Cause::ProxyBlocked, Cause::ProxyOriginMisconfigured].into_iter().filter(|_| !sure))
        .decided_by(next);
    found.weight = bad.len();
    if !every {
        found.origins = bad.iter().map(|(o, _)| o.address.ip()).collect();
    }
    Ok(found)
}

//! The origin's TLS settings do not admit what the proxy offers, or want a certificate of it.

use super::fit::{beyond_the_edge, blamed, observed};
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::spec::{Scheme, ServerNameUse, TlsVersion, Verifies};
use crate::api::{Cause, Confidence, Phase};
use crate::diagnose::view::edge::{Edge, EdgeFault, Seen};
use crate::diagnose::view::hop::Proof;
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::OriginAddress;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::Probe;
use crate::evidence::fact::Variation;
use crate::evidence::probe::{CertVerdict, Fault};

pub const INCOMPATIBLE: Rule = Rule {
    cause: Cause::TlsIncompatible,
    looks_for: "a handshake that fails with the proxy's profile, or an origin that wants a client certificate",
    judge: incompatible,
};

/// Alerts of a server that wants a client certificate or does not like the one it got.
const CERTIFICATE_ALERTS: &[u8] = &[42, 48, 116];
/// `handshake_failure`: nothing in common, or, after the server has shown its own certificate, no client certificate.
const HANDSHAKE_FAILURE: u8 = 40;
/// `unrecognized_name`: about the name that we sent, which the spec may have wrong.
const UNRECOGNIZED_NAME: u8 = 112;

/// Whether the origin asked this vantage for a client certificate.
fn asks_for_certificate(probe: &Probe) -> bool {
    let alerted =
        |alert| CERTIFICATE_ALERTS.contains(&alert) || alert == HANDSHAKE_FAILURE && probe.certificate.is_some();
    probe.fault == Some(Fault::WantsClientCertificate)
        || probe.fault == Some(Fault::TlsAlert) && probe.alert.is_some_and(alerted)
}

fn incompatible<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    if view.subject.origin_scheme == Scheme::HTTP {
        return Err("the proxy speaks plain HTTP to the origin");
    }
    let Locus::Edge(edge @ Edge { fault: Some(fault), .. }) = place else {
        return alerted(view, place);
    };
    if !beyond_the_edge(edge) {
        return Err("the edge itself fails first");
    }
    if let Some(found) = wants_certificate(view, fault) {
        return Ok(found);
    }
    if !gives_up_early(fault) {
        return Err("the proxy's answer is not what a failed handshake gives");
    }
    replayed(view, fault).map_or_else(|| alerted(view, place), Ok)
}

/// What a proxy shows whose handshake fails: its own error, without waiting for a timer.
fn gives_up_early(fault: &EdgeFault<'_>) -> bool {
    matches!(
        fault.seen,
        Seen::Answer { trouble: Trouble::Status(500..), hop, leg: Leg::AtOnce | Leg::Tls | Leg::Terminated | Leg::Unknown, .. }
            if !hop.origin()
    )
}

/// Our own handshake works and the same with the proxy's profile does not. High when the spec declares that profile
/// and every address shows it; a profile that is only the provider's default may have been changed.
fn replayed<'c>(view: &View<'c>, fault: &EdgeFault<'c>) -> Option<Match<'c>> {
    // Of many addresses only some are tried; they speak for the others.
    let tried: Vec<_> = view
        .working_origins()
        .filter_map(|o| view.replays.direct(Variation::ProxyTls, o.address).map(|r| (o, r)))
        .collect();
    let refused: Vec<_> = tried
        .iter()
        .copied()
        .filter(|(o, r)| r.probe.phase == Some(Phase::Tls) && !r.works() || other_certificate(view, o, r.probe))
        .collect();
    if refused.is_empty() {
        return None;
    }
    let profile = view.subject.origin_tls;
    let shown = refused.iter().any(|(o, r)| other_certificate(view, o, r.probe));
    let every = refused.len() == tried.len() && view.failing_origins().next().is_none();
    let (Seen::Answer { leg, .. }, false) = (fault.seen, fault.wavers) else { return None };
    let minded = !shown || view.subject.verifies == Verifies::Always;
    // A connection that merely ends may be chance; an alert or another certificate is the origin's word.
    let said = refused.iter().all(|(o, r)| r.probe.alert.is_some() || other_certificate(view, o, r.probe));
    let sure = profile.declared && said && minded && every && leg != Leg::Unknown;
    let says = match (profile.max_version, profile.server_name) {
        _ if shown => {
            "the origin shows another certificate to a handshake without a server name, and the proxy sends none"
        }
        (TlsVersion::TLS12, ServerNameUse::Sent) => {
            "the origin refuses TLS 1.2, which is the most that the proxy offers"
        }
        (TlsVersion::TLS13, ServerNameUse::NotSent) => {
            "the origin refuses a handshake without a server name, and the proxy sends none"
        }
        _ => "the origin refuses a handshake as the proxy makes it, and accepts another",
    };
    let mut found = Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing(refused.iter().map(|(_, r)| Exhibit::Fact(r.fact)))
        .showing(refused.iter().filter_map(|(o, _)| o.exhibit()))
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .or([Cause::ProxyBlocked].into_iter().filter(|_| !sure))
        .or((!sure && view.subject.verifies != Verifies::Never).then_some(Cause::OriginCertUntrusted))
        .decided_by(Next::TlsProfile);
    found.weight = refused.len();
    if !every {
        found.origins = refused.iter().map(|(o, _)| o.address.ip()).collect();
    }
    Some(found)
}

/// Without a server name the origin shows a certificate that a proxy which verifies refuses, and with one a good one.
fn other_certificate(view: &View<'_>, origin: &OriginAddress<'_>, replayed: &Probe) -> bool {
    let good = |c: &crate::evidence::probe::Certificate| c.verdict == CertVerdict::Valid;
    view.subject.verifies != Verifies::Never
        && view.subject.origin_tls.server_name == ServerNameUse::NotSent
        && origin.certificate.is_some_and(|(_, c)| good(c))
        && replayed.certificate.as_ref().is_some_and(|c| !good(c))
}

/// The origin wants a client certificate. Relayed by the proxy in the origin's own words that is certain; where it only
/// turns *us* away, the proxy may well have one and fail otherwise, so it is Medium; but an origin that lets strangers come
/// as far as its handshake keeps nobody out by address.
fn wants_certificate<'c>(view: &View<'c>, fault: &EdgeFault<'c>) -> Option<Match<'c>> {
    let mine: Vec<&OriginAddress<'c>> =
        view.origins.iter().filter(|o| o.judged().is_some_and(|(_, probe)| asks_for_certificate(probe))).collect();
    let shown = [Exhibit::Probe(fault.track, fault.probe)];
    if let Seen::Answer { trouble: Trouble::WantsCertificate, hop, .. } = fault.seen {
        // An edge that speaks TLS to visitors may ask them for one, in the same words as the origin.
        let told = matches!(hop.proof, Proof::Marker | Proof::ProxyStatus) || fault.probe.timings.tls_ms.is_none();
        let sure = hop.origin() && told && !mine.is_empty();
        let says = "the origin wants a client certificate, and the proxy presents none";
        return Some(
            Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
                .showing(shown)
                .showing(mine.iter().filter_map(|o| o.exhibit()))
                .or([Cause::ProxyPolicyDenied].into_iter().filter(|_| !sure))
                .decided_by(Next::Marker),
        );
    }
    if mine.is_empty() || !gives_up_early(fault) || fault.wavers {
        return None;
    }
    let says = "the origin wants a client certificate, and the proxy's connections to it fail";
    let mut found = Match::new(Confidence::Medium, Ground::Observed, says)
        .showing(mine.iter().filter_map(|o| o.exhibit()))
        .showing(shown)
        .or([Cause::ProxyBlocked, Cause::ProxyOriginMisconfigured])
        .decided_by(Next::TlsProfile);
    found.weight = mine.len();
    Some(found)
}

/// Our own handshake, made as the spec says that the proxy's is, is refused with an alert.
fn alerted<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let mine = blamed(view, place, |t| matches!(t, Trouble::Alert(_)));
    if mine.is_empty() {
        return Err("no handshake with the origin is refused");
    }
    let locked = mine.iter().any(|(_, f)| asks_for_certificate(f.probe));
    let unnamed = mine.iter().any(|(_, f)| f.probe.alert == Some(UNRECOGNIZED_NAME));
    let says = if locked {
        "the origin refuses handshakes without a client certificate"
    } else if unnamed {
        "the origin does not know the server name of the handshake"
    } else {
        "the origin refuses the handshake with an alert"
    };
    let mut found = observed(view, place, &mine, says).decided_by(Next::TlsProfile);
    if let Locus::Edge(Edge { fault: Some(fault), .. }) = place {
        // What the origin sent is evidence from anywhere.
        let agrees = mine.iter().all(|(_, f)| super::fit::fit(f.trouble, fault) == super::fit::Fit::Agrees);
        if agrees && !fault.wavers && found.origins.is_empty() {
            found.confidence = Confidence::High;
        }
    }
    if locked || unnamed {
        found = found.at_most(Confidence::Medium);
    }
    if found.confidence < Confidence::High && !found.alternatives.contains(&Cause::ProxyBlocked) {
        found.alternatives.push(Cause::ProxyBlocked);
    }
    Ok(found)
}

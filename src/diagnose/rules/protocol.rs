//! The proxy and the origin speak different protocols on the same port.

use super::fit::{Fit, blamed, fit, observed};
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::origin::OriginAddress;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;

pub const MISMATCH: Rule = Rule {
    cause: Cause::OriginProtocolMismatch,
    looks_for: "plain HTTP to a port that wants TLS, or TLS to one that does not speak it",
    judge: mismatch,
};

/// An HTTPS port answers plain HTTP with a 400 that says so, and proxies relay it: that names the
/// cause from any vantage. The other way round the proxy's handshake fails and it answers 502 at once;
/// then our own handshake, made as the spec says that the proxy does, must fail the same way.
fn mismatch<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    if let Locus::Edge(Edge { fault: Some(fault), .. }) = place
        && let Seen::Answer { trouble: Trouble::WantsTls, .. } = fault.seen
    {
        let says = "the proxy speaks plain HTTP to an origin port that wants TLS";
        return Ok(Match::new(Confidence::High, Ground::Fact, says)
            .showing([Exhibit::Probe(fault.track, fault.probe)])
            .showing(view.origins.iter().filter_map(OriginAddress::exhibit)));
    }
    let mine = blamed(view, place, |t| matches!(t, Trouble::NotTls | Trouble::WantsTls));
    if mine.is_empty() {
        return Err("neither the origin nor the relayed answer speaks of another protocol");
    }
    let to_tls = mine.iter().any(|(_, f)| f.trouble == Trouble::WantsTls);
    let says = if to_tls {
        "the origin's port wants TLS, but is spoken to in plain HTTP"
    } else {
        "the origin's port does not speak TLS, but is spoken to with it"
    };
    let mut found = observed(view, place, &mine, says);
    // What the origin sent is evidence from anywhere; only the proxy's agreement is needed.
    if let Locus::Edge(Edge { fault: Some(fault), .. }) = place {
        let agrees = mine.iter().all(|(_, f)| fit(f.trouble, fault) == Fit::Agrees);
        if agrees && found.origins.is_empty() && !fault.wavers {
            found.confidence = Confidence::High;
        }
    } else {
        found.confidence = Confidence::Medium;
    }
    if found.confidence < Confidence::High {
        found.alternatives.extend([Cause::ProxyBlocked, Cause::ProxyOriginMisconfigured]);
    }
    Ok(found.decided_by(Next::ProxySettings))
}

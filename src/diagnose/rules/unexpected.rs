//! The answer arrives and is not as expected, and no other cause fits.

use super::fit::{blamed, observed};
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::origin::{OriginAddress, Standing};
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;

pub const UNEXPECTED: Rule = Rule {
    cause: Cause::UnexpectedResponse,
    looks_for: "the same unexpected answer directly and through the proxy",
    judge: unexpected,
};

/// High when both paths show it, or the origin is proven to have made it and gives nothing better from
/// here. An answer that only the proxy's path shows, while the origin answers well, is somebody
/// else's.
fn unexpected<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let rules = [&super::vhost::MISMATCH, &super::preamble::MISSING, &super::preamble::UNEXPECTED];
    if rules.iter().any(|rule| (rule.judge)(view, place).is_ok()) {
        return Err("the answer is explained by the host name or the preamble that the proxy sends");
    }
    let ours = |t| matches!(t, Trouble::Status(..500) | Trouble::Body | Trouble::Slow);
    let Locus::Edge(Edge { fault: Some(fault), .. }) = place else {
        let mine = blamed(view, place, ours);
        if mine.is_empty() {
            return Err("no origin address gives an unexpected answer");
        }
        return Ok(observed(view, place, &mine, "an origin address gives an answer that is not the expected one")
            .at_most(Confidence::Medium)
            .decided_by(Next::Expectation));
    };
    let works = view.origins.iter().any(|o| matches!(o.standing, Standing::Works(_)));
    let base = |confidence, ground, says: String| {
        Match::new(confidence, ground, says)
            .showing([Exhibit::Probe(fault.track, fault.probe)])
            .showing(view.origins.iter().filter_map(OriginAddress::exhibit))
            .decided_by(Next::Expectation)
    };
    let (trouble, hop) = match fault.seen {
        Seen::Loop => return Err("visitors are sent round in a circle"),
        Seen::Late if works => return Err("the origin answers in time, only the proxy's path is slow"),
        Seen::Late => {
            let seen = !blamed(view, place, |t| matches!(t, Trouble::NoAnswer(_) | Trouble::Slow)).is_empty();
            let confidence = if seen { Confidence::High } else { Confidence::Medium };
            return Ok(base(confidence, Ground::Inferred, "the site answers later than a probe waits for".to_owned()));
        }
        Seen::Answer { trouble, hop, .. } if ours(trouble) => (trouble, hop),
        _ => return Err("there is no whole answer, or it is a server error"),
    };
    let says = match trouble {
        Trouble::Status(status) => format!("the site answers with status {status}, which is not expected"),
        Trouble::Body => "the site's answer lacks the expected text".to_owned(),
        _ => "the site's answer comes later than expected".to_owned(),
    };
    if hop.edge() {
        return Err("the edge made the answer, and the origin is not asked");
    }
    let same = |o: &OriginAddress<'_>| match (o.standing, trouble) {
        (Standing::Fails(f), _) => f.trouble == trouble,
        (Standing::Guarded(_, probe), Trouble::Status(s)) => probe.response.as_ref().is_some_and(|r| r.status == s),
        _ => false,
    };
    let lock = matches!(trouble, Trouble::Status(401 | 403 | 405 | 429));
    let alternatives = if lock {
        [Cause::ProxyBlocked, Cause::AllowlistWrongAddress]
    } else {
        [Cause::ProxyPolicyDenied, Cause::ProxyOriginMisconfigured]
    };
    let alike = view.origins.iter().any(same);
    if alike && !works {
        let guarded = view.origins.iter().any(|o| matches!(o.standing, Standing::Guarded(..)));
        let confidence = if guarded { Confidence::Medium } else { Confidence::High };
        let mut found = base(confidence, Ground::Observed, says);
        found.alternatives.extend(alternatives.into_iter().filter(|_| guarded));
        return Ok(found);
    }
    if works {
        // The same request is answered well from here.
        return if hop.origin() && hop.firm() && !lock {
            Ok(base(Confidence::Medium, Ground::Inferred, says).or([Cause::ProxyOriginMisconfigured]))
        } else {
            Err("the origin answers the same request well from here")
        };
    }
    if hop.origin() && hop.firm() {
        return Ok(base(if lock { Confidence::Medium } else { Confidence::High }, Ground::Inferred, says)
            .or(alternatives.into_iter().filter(|_| lock)));
    }
    if lock {
        return Err("nothing shows whether the edge or the origin refuses");
    }
    Ok(base(Confidence::Medium, Ground::Inferred, says).or(alternatives).decided_by(Next::ListedVantage))
}

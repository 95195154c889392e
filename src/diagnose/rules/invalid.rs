//! The origin's answer is no valid HTTP, or ends before its own length.

use super::fit::{Fit, blamed, fit, observed};
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;

pub const INVALID: Rule = Rule {
    cause: Cause::OriginResponseInvalid,
    looks_for: "an origin response that is malformed, contradicts itself or is cut short",
    judge: invalid,
};

/// What the origin sent is evidence from anywhere. Proxies differ in what they tolerate: the same short
/// body comes through as a 200 at some and as a 502 at others, so either agrees.
fn invalid<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let mine = blamed(view, place, |t| matches!(t, Trouble::Malformed | Trouble::Truncated));
    if !mine.is_empty() && (super::preamble::MISSING.judge)(view, place).is_ok() {
        return Err("it answers as soon as the PROXY protocol preamble is changed");
    }
    if !mine.is_empty() {
        let cut = mine.iter().all(|(_, f)| f.trouble == Trouble::Truncated);
        let says = if cut { "the origin's response is cut short" } else { "the origin's response is not valid HTTP" };
        let mut found = observed(view, place, &mine, says);
        if let Locus::Edge(Edge { fault: Some(fault), .. }) = place {
            let agrees = mine.iter().any(|(_, f)| fit(f.trouble, fault) == Fit::Agrees);
            let alike = mine.iter().all(|(_, f)| f.wavers == fault.wavers);
            if agrees && alike && found.origins.is_empty() {
                found.confidence = Confidence::High;
            }
        }
        if found.confidence < Confidence::High {
            found.alternatives.push(Cause::OriginClosedEarly);
        }
        return Ok(found.decided_by(Next::OriginLog));
    }
    let Locus::Edge(Edge { fault: Some(fault), .. }) = place else {
        return Err("no origin address sends such a response");
    };
    match fault.seen {
        Seen::Broken { trouble: Trouble::Truncated | Trouble::Malformed, hop } if hop.origin() => {}
        _ => return Err("no response of the origin is seen to be malformed or short"),
    }
    if view.working_origins().next().is_some() || view.failing_origins().next().is_some() {
        return Err("the origin's own response is whole, or it fails otherwise");
    }
    Ok(Match::new(Confidence::Medium, Ground::Inferred, "a response of the origin arrives broken through the proxy")
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .or([Cause::OriginClosedEarly])
        .decided_by(Next::ListedVantage))
}

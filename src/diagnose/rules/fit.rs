//! Whether a failure seen at the origin explains what the proxy answers: the agreement that lifts
//! an observation to High.

use super::{Ground, Locus, Match};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::View;
use crate::diagnose::view::edge::{Edge, EdgeFault, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::{Failure, OriginAddress};
use crate::diagnose::view::trouble::Trouble;

/// How well they agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// The proxy shows something that this failure cannot cause.
    Contradicts,
    /// The proxy shows nothing that decides.
    Neutral,
    Agrees,
}

/// Compares a failure at the origin with what the edge shows.
pub fn fit(trouble: Trouble, fault: &EdgeFault<'_>) -> Fit {
    match fault.seen {
        Seen::Answer { trouble: Trouble::Status(status), hop, leg, .. } if status >= 500 => {
            if hop.origin() {
                // The origin answered, so it was reached and spoke.
                return match trouble {
                    Trouble::Status(_) | Trouble::Body | Trouble::Slow => Fit::Agrees,
                    _ => Fit::Contradicts,
                };
            }
            of_leg(trouble, leg)
        }
        Seen::Answer { hop, .. } if hop.origin() && trouble.at_connect() => Fit::Contradicts,
        Seen::Silent { .. } => match trouble {
            Trouble::Refused | Trouble::Closed(_) | Trouble::Malformed | Trouble::Truncated => Fit::Contradicts,
            _ => Fit::Neutral,
        },
        Seen::Broken { trouble: seen, .. } => match (trouble, seen) {
            (Trouble::Truncated | Trouble::Malformed, Trouble::Truncated | Trouble::Malformed)
            | (Trouble::NoAnswer(_), Trouble::NoAnswer(_))
            | (Trouble::Closed(_), Trouble::Closed(_)) => Fit::Agrees,
            _ => Fit::Neutral,
        },
        _ => Fit::Neutral,
    }
}

/// What the proxy's own attempt shows of the same failure.
const fn of_leg(trouble: Trouble, leg: Leg) -> Fit {
    if matches!(leg, Leg::Exhausted) {
        // A slow origin keeps the proxy's connections busy until none is free.
        let fills = matches!(trouble, Trouble::Silent | Trouble::NoAnswer(_) | Trouble::Slow | Trouble::Dead);
        return if fills { Fit::Neutral } else { Fit::Contradicts };
    }
    let at_once = matches!(leg, Leg::AtOnce);
    let agrees = match trouble {
        Trouble::Refused => at_once || matches!(leg, Leg::Refused | Leg::Unknown),
        Trouble::Silent | Trouble::Dead | Trouble::NoRoute | Trouble::Prohibited => {
            matches!(leg, Leg::ConnectTimeout | Leg::SomeTimeout | Leg::Unreachable | Leg::Unknown)
        }
        Trouble::NoAnswer(_) => matches!(leg, Leg::ReadTimeout | Leg::SomeTimeout),
        Trouble::Closed(_) => at_once || matches!(leg, Leg::Terminated | Leg::Tls | Leg::Unknown),
        Trouble::NotTls | Trouble::WantsTls | Trouble::Alert(_) => {
            at_once || matches!(leg, Leg::Tls | Leg::Terminated | Leg::Unknown)
        }
        Trouble::Malformed | Trouble::Truncated => at_once || matches!(leg, Leg::Terminated | Leg::Unknown),
        Trouble::Status(_) | Trouble::Body | Trouble::Slow | Trouble::WantsCertificate | Trouble::Odd => {
            return if matches!(leg, Leg::AtOnce | Leg::Unknown) { Fit::Neutral } else { Fit::Contradicts };
        }
    };
    if agrees {
        Fit::Agrees
    } else if at_once || matches!(leg, Leg::Unknown) {
        Fit::Neutral
    } else {
        Fit::Contradicts
    }
}

/// The failing origin addresses that a rule may blame at a place, if they show its kind of trouble.
pub fn blamed<'v, 'c>(
    view: &'v View<'c>,
    place: Locus<'v, 'c>,
    mine: impl Fn(Trouble) -> bool,
) -> Vec<(&'v OriginAddress<'c>, &'v Failure<'c>)> {
    let take = |o: &'v OriginAddress<'c>| o.failure().filter(|f| mine(f.trouble)).map(|f| (o, f));
    match place {
        Locus::Edge(edge) if beyond_the_edge(edge) => view.failing_origins().filter_map(take).collect(),
        Locus::Origin(origin) => take(origin).into_iter().collect(),
        Locus::Site | Locus::Edge(_) => Vec::new(),
    }
}

/// How well the failures agree with what the edge shows: as well as the best of them.
pub fn best(blamed: &[(&OriginAddress<'_>, &Failure<'_>)], fault: &EdgeFault<'_>) -> Fit {
    blamed.iter().map(|(_, f)| fit(f.trouble, fault)).max().unwrap_or(Fit::Neutral)
}

/// Whether the edge itself was fine: it accepted, shook hands and took the request.
pub const fn beyond_the_edge(edge: &Edge<'_>) -> bool {
    matches!(
        &edge.fault,
        Some(EdgeFault { seen: Seen::Silent { .. } | Seen::Late | Seen::Broken { .. } | Seen::Answer { .. }, .. })
    )
}

/// A match on failing origin addresses, with the confidence that their agreement earns: High when a
/// vantage that nothing keeps out sees it, the proxy's answer agrees, and both fail alike.
pub fn observed<'v, 'c>(
    view: &'v View<'c>,
    place: Locus<'v, 'c>,
    blamed: &[(&'v OriginAddress<'c>, &'v Failure<'c>)],
    says: impl Into<String>,
) -> Match<'c> {
    let others_work = view.working_origins().next().is_some();
    let firm = blamed.iter().any(|(_, f)| f.firm);
    let all_waver = blamed.iter().all(|(_, f)| f.wavers);
    let (high, contradicts) = match place {
        Locus::Edge(Edge { fault: Some(fault), .. }) => {
            let fit = best(blamed, fault);
            // One of several addresses being dead makes a proxy fail now and then, not always.
            let alike = if fault.wavers { all_waver || others_work } else { !all_waver && !others_work };
            (firm && fit == Fit::Agrees && alike, fit == Fit::Contradicts)
        }
        _ => (firm && others_work && !all_waver, false),
    };
    let confidence = if high { Confidence::High } else { Confidence::Medium };
    let mut found = Match::new(confidence, Ground::Observed, says);
    // What the proxy's answer contradicts explains no address: another observation comes first.
    found.weight = if contradicts { 0 } else { blamed.len() };
    if others_work || view.failing_origins().count() > blamed.len() {
        found.origins = blamed.iter().map(|(o, _)| o.address.ip()).collect();
    }
    let locked_out = !firm && blamed.iter().any(|(_, f)| f.trouble.at_connect());
    if !high && matches!(place, Locus::Edge(_)) && (others_work || contradicts || locked_out) {
        found.alternatives.push(Cause::ProxyBlocked);
    }
    found.showing(blamed.iter().filter_map(|(o, _)| o.exhibit()))
}

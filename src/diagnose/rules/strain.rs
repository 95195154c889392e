//! What an origin under too much load shows, whatever it is that is too much: the signs that rules
//! about load share, and whether one of them explains a silence already.

use super::fit::{Fit, blamed, fit};
use super::{Locus, accept, attacked, overloaded, uplink};
use crate::diagnose::view::View;
use crate::diagnose::view::edge::{Edge, EdgeFault, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::{Failure, OriginAddress, Standing};
use crate::diagnose::view::trouble::Trouble;

/// Signs of strain at a place.
#[derive(Debug)]
pub struct Signs<'v, 'c> {
    /// Origin addresses that show them directly.
    pub direct: Vec<(&'v OriginAddress<'c>, &'v Failure<'c>)>,
    /// A vantage that nothing keeps out saw it directly.
    pub firm: bool,
    /// What visitors see is such a sign as well.
    pub proxied: bool,
    /// Visitors see something that the direct failure cannot cause.
    pub contradicts: bool,
}

/// Looks for them: `mine` is the trouble that counts as one.
pub fn signs<'v, 'c>(view: &'v View<'c>, place: Locus<'v, 'c>, mine: impl Fn(Trouble) -> bool) -> Signs<'v, 'c> {
    let direct = blamed(view, place, mine);
    let fault = match place {
        Locus::Edge(Edge { fault: Some(fault), .. }) => Some(fault),
        _ => None,
    };
    Signs {
        firm: direct.iter().any(|(_, f)| f.firm),
        proxied: fault.is_some_and(|fault| late(view, fault)),
        contradicts: fault.is_some_and(|fault| {
            !direct.is_empty() && direct.iter().all(|(_, f)| fit(f.trouble, fault) == Fit::Contradicts)
        }),
        direct,
    }
}

/// Whether the proxy shows an origin that is late or lets connections time out: one of its timers ran out, alone or behind
/// a connection that took its time.
fn late(view: &View<'_>, fault: &EdgeFault<'_>) -> bool {
    let waits = u32::from(view.subject.read_timeout_seconds) * 1000;
    let waited = fault.probe.timings.first_byte_ms.is_some_and(|took| took >= waits);
    match fault.seen {
        Seen::Silent { .. }
        | Seen::Late
        | Seen::Broken { trouble: Trouble::NoAnswer(_) | Trouble::Truncated, .. }
        | Seen::Answer { trouble: Trouble::Slow, .. } => true,
        Seen::Answer { trouble: Trouble::Status(500..), hop, leg, .. } => {
            leg.is_timeout() || leg == Leg::Exhausted || leg == Leg::Unknown && waited && !hop.origin()
        }
        _ => false,
    }
}

/// Whether every origin address that answers does so in time, so that no load shows there.
pub fn answers_in_time(view: &View<'_>) -> bool {
    let waits = u32::from(view.subject.read_timeout_seconds) * 1000;
    let quick = |o: &OriginAddress<'_>| match o.standing {
        Standing::Works(track) => track.last.timings.first_byte_ms.is_none_or(|took| took < waits),
        _ => true,
    };
    view.origin_works() && view.working_origins().all(quick)
}

/// Whether a fact about load explains the silence at this place, so that the silence is no cause of its own.
pub fn explains<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> bool {
    [attacked::ATTACKED, accept::SATURATED, overloaded::OVERLOADED, uplink::CONGESTED]
        .iter()
        .any(|rule| (rule.judge)(view, place).is_ok())
}

//! The origin limits per source address, and the proxy's few addresses carry all visitors.

use super::fit::beyond_the_edge;
use super::policy::origin_explains;
use super::{Finding, Ground, Locus, Match, OriginAddress, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, EdgeFault, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::Standing;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::{Arrived, Trend};

/// Refusals a minute from which on a counter tells something.
const TELLING: u32 = 10;

pub const LIMITED: Rule = Rule {
    cause: Cause::ProxyRateLimited,
    looks_for: "a limit per address at the origin that turns the proxy away while others are answered",
    judge: limited,
};

/// High when a counter or a record of the limit stands beside an origin that answers everybody else. Failures that come
/// with load are a pattern: Medium, because a proxy without free connections makes the same one.
fn limited<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(edge @ Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    if !beyond_the_edge(edge) || !turned_away(fault) {
        return Err("what visitors see is not what such a limit does");
    }
    if origin_explains(view, fault) {
        return Err("the origin fails for others as well, so no limit on the proxy explains it");
    }
    let works = view.origins.iter().any(|o| matches!(o.standing, Standing::Works(_)));
    let records = view.cluster.arrivals(Arrived::Limited);
    let counters = view.load.limits();
    let contrasts = if works && fault.wavers { view.load.contrasts() } else { Vec::new() };
    let by_itself = works && origins_own(fault) == Some(429);
    // Under a flood the limit may well turn the flood away, and not the proxy.
    let flooded = !view.load.trend(Trend::OriginAlone).is_empty();
    // Some client or other is always limited: it takes a limit's own answer to the proxy, and more than a few of them.
    let many = view.load.limits_at_least(TELLING);
    let says_so = matches!(origins_own(fault), Some(429 | 503));
    let shows_itself = many && says_so;
    // A proxy that always fails at its connect timer is blocked, whomever else a limit turns away.
    let fits = says_so || many && (fault.wavers || may_be_own(fault));
    let (confidence, says) = if !records.is_empty() || !counters.is_empty() && !flooded && shows_itself {
        (
            if works { Confidence::High } else { Confidence::Medium },
            "a limit per address at the origin turns the proxy away",
        )
    } else if !counters.is_empty() && fits {
        (Confidence::Medium, "limits per address at the origin turn requests away, and the proxy's fail")
    } else if !contrasts.is_empty() {
        (
            Confidence::Medium,
            "the proxy's requests fail in busy times and work in quiet ones, while others are answered",
        )
    } else if by_itself {
        (Confidence::Medium, "the origin answers the proxy with 429, and the same request well from here")
    } else {
        return Err("no counter, record or comparison of busy and quiet times shows a limit");
    };
    let open = [
        (records.is_empty() && counters.is_empty() && !by_itself).then_some(Cause::ProxyEgressExhausted),
        (records.is_empty() && counters.is_empty() && !by_itself).then_some(Cause::AcceptSaturated),
        by_itself.then_some(Cause::UnexpectedResponse),
        (flooded || !shows_itself || !works).then_some(Cause::ProxyBlocked),
        (!counters.is_empty() && !shows_itself).then_some(Cause::AcceptSaturated),
    ];
    let sure = confidence == Confidence::High;
    Ok(Match::new(confidence, Ground::Fact, says)
        .showing(records)
        .showing(counters)
        .showing(contrasts)
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .showing(view.working_origins().filter_map(OriginAddress::exhibit))
        .or(open.into_iter().flatten().filter(|_| !sure))
        .decided_by(if works { Next::LimitCounters } else { Next::ListedVantage }))
}

/// Whether a limit would look like this: the origin says so with a status, or the proxy's connections are dropped, reset
/// or kept waiting.
fn turned_away(fault: &EdgeFault<'_>) -> bool {
    match fault.seen {
        Seen::Silent { .. } => true,
        Seen::Answer { trouble: Trouble::Status(status), hop, leg, .. } => {
            let own_page = matches!(status, 403 | 429 | 500..) && !(hop.edge() && hop.firm());
            let kept_out = status >= 500 && !hop.origin() && leg.fits_block() && leg != Leg::Unreachable;
            own_page || kept_out
        }
        _ => false,
    }
}

/// Whether it may be a limit's own status, of a hop that is not proven.
fn may_be_own(fault: &EdgeFault<'_>) -> bool {
    matches!(
        fault.seen,
        Seen::Answer { trouble: Trouble::Status(429 | 503), hop, leg: Leg::AtOnce, .. } if !(hop.edge() && hop.firm())
    )
}

/// The status that the origin itself answered, where that is proven.
fn origins_own(fault: &EdgeFault<'_>) -> Option<u16> {
    match fault.seen {
        Seen::Answer { trouble: Trouble::Status(status), hop, .. } if hop.origin() && hop.firm() => Some(status),
        _ => None,
    }
}

//! The proxy has no connection left for the origin.

use super::policy::origin_explains;
use super::{Finding, Ground, Locus, Match, OriginAddress, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::Standing;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::Arrived;

pub const EXHAUSTED: Rule = Rule {
    cause: Cause::ProxyEgressExhausted,
    looks_for: "a proxy that says it had no free connection, and an origin that is idle",
    judge: exhausted,
};

/// The proxy says so itself (`Proxy-Status`, its own page, its log), and the origin is not what keeps its connections
/// busy: a slow origin fills every pool, and then the origin is the cause.
fn exhausted<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    let Seen::Answer { trouble: Trouble::Status(500..), hop, leg, .. } = fault.seen else {
        return Err("the proxy did not answer with an error of its own");
    };
    let told = leg == Leg::Exhausted;
    let records = view.cluster.arrivals(Arrived::Exhausted);
    if !told && records.is_empty() {
        return Err("nothing says that the proxy had no free connection");
    }
    if hop.origin() {
        return Err("the origin made the answer");
    }
    let waited = matches!(leg, Leg::AtOnce | Leg::Unknown | Leg::ConnectTimeout | Leg::SomeTimeout);
    if !told && !waited {
        return Err("the proxy's answer shows an attempt to connect");
    }
    if origin_explains(view, fault) {
        return Err("the origin itself is late or fails, which fills every pool");
    }
    let idle = view.origins.iter().any(|o| matches!(o.standing, Standing::Works(_))) && view.origin_works();
    let full = view.load.full(|r| r.slows_answers() || r.stops_connections());
    let sure = idle && full.is_empty() && (told && hop.edge() && hop.firm() || !records.is_empty());
    let says = "the proxy has no connection left for the origin, which is idle";
    let unseen = "the proxy has no connection left for the origin";
    let open = [
        (!idle || !full.is_empty()).then_some(Cause::OriginOverloaded),
        (!idle).then_some(Cause::OriginTimeout),
        (idle && full.is_empty()).then_some(Cause::ProxyBlocked),
    ];
    Ok(Match::new(
        if sure { Confidence::High } else { Confidence::Medium },
        Ground::Fact,
        if idle && full.is_empty() { says } else { unseen },
    )
    .showing(records)
    .showing([Exhibit::Probe(fault.track, fault.probe)])
    .showing(full.into_iter().map(|(exhibit, _)| exhibit))
    .showing(view.load.spare(|_| true).into_iter().map(|(exhibit, _)| exhibit))
    .showing(view.working_origins().filter_map(OriginAddress::exhibit))
    .or(open.into_iter().flatten().filter(|_| !sure))
    .decided_by(if idle { Next::ProxyLog } else { Next::ListedVantage }))
}

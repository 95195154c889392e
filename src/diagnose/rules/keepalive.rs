//! A reused connection dies under a request, because the origin closes idle ones sooner than the proxy does.

use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::{OriginAddress, Standing};
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;

pub const RACE: Rule = Rule {
    cause: Cause::KeepAliveRace,
    looks_for: "an origin that closes idle connections sooner than the proxy, and a proxy that fails at once now and then",
    judge: race,
};

/// Fresh connections cannot show it, so it needs the measured time after which the origin closes an idle one. Many
/// origins close sooner than their proxy without harm, so it is High only where the proxy also says that its connection
/// ended, against a declared time; Medium against a time that is known; Low where the proxy's is not known.
fn race<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    let Seen::Answer { trouble: Trouble::Status(500..), hop, leg: leg @ (Leg::AtOnce | Leg::Terminated), .. } =
        fault.seen
    else {
        return Err("the proxy does not fail at once");
    };
    if hop.origin() || !fault.wavers {
        return Err("the failures are steady, or the origin's own");
    }
    let good = view.origins.iter().filter(|o| matches!(o.standing, Standing::Works(_)));
    let never_fails = good.clone().all(|o| o.tracks.iter().all(|t| t.failures == 0));
    if good.count() == 0 || !never_fails || view.failing_origins().next().is_some() {
        return Err("fresh connections to the origin fail as well, or were not tried");
    }
    let Some((fact, idle)) = view.replays.closes_idle() else {
        return Err("no idle connection was seen to be closed by the origin");
    };
    let known = view.subject.origin_idle;
    if known.is_some_and(|k| idle.held_ms >= u32::from(k.seconds) * 1000) {
        return Err("the proxy closes idle connections first");
    }
    let confidence = match known {
        Some(k) if k.declared && leg == Leg::Terminated => Confidence::High,
        Some(_) => Confidence::Medium,
        None => Confidence::Low,
    };
    let seconds = idle.held_ms.div_ceil(1000);
    let says = match known {
        Some(k) => format!(
            "the origin closes idle connections within {seconds} s, the proxy keeps them for {} s, and requests fail at once",
            k.seconds
        ),
        None => format!("the origin closes idle connections within {seconds} s, and requests fail at once"),
    };
    Ok(Match::new(confidence, Ground::Inferred, says)
        .showing([Exhibit::Probe(fault.track, fault.probe), Exhibit::Fact(fact)])
        .showing(view.working_origins().filter_map(OriginAddress::exhibit))
        .or([Cause::ProxyRateLimited, Cause::RolloutRace, Cause::ProxyBlocked])
        .decided_by(Next::KeepAlive))
}

//! The origin accepts and then takes too long.

use super::fit::{blamed, observed};
use super::links::lossy;
use super::{Finding, Ground, Locus, Match, Rule, strain};
use crate::api::{Cause, Confidence, Phase};
use crate::diagnose::view::edge::{Edge, EdgeFault, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::{Failure, OriginAddress};
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;

pub const TIMEOUT: Rule = Rule {
    cause: Cause::OriginTimeout,
    looks_for: "an origin that accepts and stays silent, or a proxy that gives up at its read timer",
    judge: timeout,
};

/// Accepted, then silence, seen directly; High when the proxy gave up at its read timer as well,
/// because then its request was delivered. A full accept queue can look like an accepted connection
/// that stays silent, so without the timer it is Medium. Without a direct sight the read timer
/// alone says that requests arrive and answers do not: Medium.
fn timeout<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    if strain::explains(view, place) {
        return Err("counters show what keeps the origin from answering");
    }
    let mine = blamed(view, place, |t| matches!(t, Trouble::NoAnswer(_)));
    let lost = |(o, f): &(&OriginAddress<'c>, &Failure<'c>)| f.wavers && lossy(o).is_some();
    if !mine.is_empty() && mine.iter().all(lost) {
        return Err("it comes and goes, with packets that are lost on the way");
    }
    if !mine.is_empty() && (super::mtu::BLACKHOLE.judge)(view, place).is_ok() {
        return Err("it answers in time in small segments");
    }
    if !mine.is_empty() {
        let phase = match mine.first() {
            Some((_, f)) if f.trouble == Trouble::NoAnswer(Phase::Tls) => "stays silent in the handshake",
            Some((_, f)) if f.trouble == Trouble::NoAnswer(Phase::Body) => "stalls in the middle of its answer",
            _ => "does not answer in time",
        };
        let mut found = observed(view, place, &mine, format!("the origin accepts connections and then {phase}"));
        if found.confidence < Confidence::High {
            found.alternatives.push(Cause::AcceptSaturated);
        }
        return Ok(found.decided_by(Next::LongProbe).showing(view.load.unmeasured().iter().copied()));
    }
    let Locus::Edge(Edge { fault: Some(fault), .. }) = place else {
        return Err("no origin address accepts and stays silent");
    };
    if let Some(found) = slower_than_the_proxy_waits(view, fault) {
        return Ok(found);
    }
    match fault.seen {
        Seen::Answer { trouble: Trouble::Status(status), hop, leg: Leg::ReadTimeout, .. }
            if status >= 500 && hop.edge() => {}
        _ => return Err("neither the origin nor the proxy's read timer shows a slow origin"),
    }
    if view.failing_origins().next().is_some() {
        return Err("the origin fails otherwise");
    }
    let says = "the proxy connects to the origin and gives up when its read timer runs out";
    Ok(Match::new(Confidence::Medium, Ground::Inferred, says)
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .showing(view.origins.iter().filter_map(OriginAddress::exhibit))
        .or([Cause::ProxyBlocked])
        .decided_by(if view.origin_works() { Next::OriginLog } else { Next::ListedVantage }))
}

/// The proxy gives up at a timer, and every origin address that answers takes longer than the proxy waits for an
/// answer. The two agree, so this is High; where the proxy's timers are alike it may not even have connected: Medium.
fn slower_than_the_proxy_waits<'c>(view: &View<'c>, fault: &EdgeFault<'c>) -> Option<Match<'c>> {
    let Seen::Answer { trouble: Trouble::Status(500..), hop, leg: leg @ (Leg::ReadTimeout | Leg::SomeTimeout), .. } =
        fault.seen
    else {
        return None;
    };
    let waits = u32::from(view.subject.read_timeout_seconds) * 1000;
    let slow = |o: &OriginAddress<'c>| {
        o.judged().and_then(|(_, probe)| probe.timings.first_byte_ms).is_some_and(|took| took >= waits)
    };
    if !hop.edge() || !view.origin_works() || !view.working_origins().all(slow) {
        return None;
    }
    let sure = leg == Leg::ReadTimeout;
    let says = "the origin answers later than the proxy waits, and the proxy gives up at its timer";
    let found = Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Observed, says)
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .showing(view.working_origins().filter_map(OriginAddress::exhibit))
        .decided_by(Next::OriginLog);
    Some(if sure { found } else { found.or([Cause::ProxyBlocked]) })
}

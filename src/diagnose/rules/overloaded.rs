//! The origin has no CPU, memory or worker left.

use super::fit::beyond_the_edge;
use super::strain::{answers_in_time, signs};
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::Resource;

pub const OVERLOADED: Rule = Rule {
    cause: Cause::OriginOverloaded,
    looks_for: "a full resource of the origin, and answers that are late on both paths",
    judge: overloaded,
};

/// Late answers alone are a timeout: a slow query or a lock looks the same. It takes a counter that shows what is full.
/// High when the lateness is seen directly and through the proxy.
fn overloaded<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let full = view.load.full(Resource::slows_answers);
    if full.is_empty() {
        return Err("no counter shows CPU, memory or workers of the origin to be full");
    }
    match place {
        Locus::Site => return Err("nothing fails here"),
        Locus::Edge(edge) if !beyond_the_edge(edge) => return Err("the edge itself fails"),
        _ => {}
    }
    let signs = signs(view, place, |t| matches!(t, Trouble::NoAnswer(_) | Trouble::Slow));
    if signs.contradicts {
        return Err("what visitors see is not what the origin shows");
    }
    let late_but_answers = view.origin_works() && !answers_in_time(view);
    if signs.direct.is_empty() && answers_in_time(view) {
        return Err("the origin answers in time from here, so what is full does not slow it");
    }
    if signs.direct.is_empty() && view.failing_origins().next().is_some() {
        return Err("the origin fails otherwise than by being late");
    }
    if signs.direct.is_empty() && !signs.proxied {
        return Err("neither path shows a late answer");
    }
    let seen = signs.firm || late_but_answers;
    // Memory near its limit is the usual state of many a server; and a counter of the whole says little of one address
    // that is late beside others that are not.
    let telling = full.iter().any(|(_, resource)| *resource != Resource::Memory);
    let apart = view.working_origins().next().is_some() && !late_but_answers;
    let sure = seen && telling && !apart && (signs.proxied || matches!(place, Locus::Origin(_)));
    let says = match full.first().map(|(_, resource)| *resource) {
        Some(Resource::Cpu) => "the origin's CPU limit holds it back, and its answers come late or not at all",
        Some(Resource::Memory) => "the origin's memory is full, and its answers come late or not at all",
        _ => "the origin's workers are all busy, and its answers come late or not at all",
    };
    let mut found = Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing(full.into_iter().map(|(exhibit, _)| exhibit))
        .showing(signs.direct.iter().filter_map(|(o, _)| o.exhibit()))
        .or((!sure).then_some(Cause::OriginTimeout))
        .decided_by(Next::ListedVantage);
    if let Locus::Edge(edge) = place {
        found = found.showing(edge.fault.iter().map(|f| Exhibit::Probe(f.track, f.probe)));
    }
    found.weight = signs.direct.len().max(1);
    if view.working_origins().next().is_some() && !signs.direct.is_empty() {
        found.origins = signs.direct.iter().map(|(o, _)| o.address.ip()).collect();
    }
    Ok(found)
}

//! The origin is flooded past the proxy.

use super::fit::beyond_the_edge;
use super::strain::{answers_in_time, signs};
use super::{Finding, Ground, Locus, Match, OriginAddress, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::Trend;

pub const ATTACKED: Rule = Rule {
    cause: Cause::OriginAttackedDirectly,
    looks_for: "requests at the origin that rose alone, while the proxy's did not, and an origin that suffers",
    judge: attacked,
};

/// The surge alone is no outage, and an outage alone no attack. A campaign raises both counts, so it is none. High when
/// the origin is seen to suffer directly, or its own counters show what the surge fills.
fn attacked<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let rise = view.load.trend(Trend::OriginAlone);
    if rise.is_empty() {
        return Err("no count shows the origin's requests rising without the proxy's");
    }
    match place {
        Locus::Site => return Err("nothing fails here"),
        Locus::Edge(edge) if !beyond_the_edge(edge) => return Err("the edge itself fails"),
        _ => {}
    }
    let suffers = |t| {
        matches!(t, Trouble::Silent | Trouble::NoAnswer(_) | Trouble::Closed(_) | Trouble::Truncated | Trouble::Slow)
    };
    let signs = signs(view, place, suffers);
    if signs.direct.is_empty() && answers_in_time(view) {
        return Err("the origin answers in time from here, so the surge does not hurt it");
    }
    if signs.direct.is_empty() && view.failing_origins().next().is_some() {
        return Err("the origin fails otherwise than by being late or dropping connections");
    }
    if signs.direct.is_empty() && !signs.proxied {
        return Err("neither path shows an origin that is late or drops connections");
    }
    if signs.contradicts {
        return Err("what visitors see is not what the origin shows");
    }
    let full = view.load.full(|_| true);
    let sure = signs.firm || !full.is_empty() && (signs.proxied || !signs.direct.is_empty());
    let says = "the origin is flooded past the proxy: its own requests rose, those that the proxy forwards did not";
    let mut found = Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing(rise)
        .showing(full.into_iter().map(|(exhibit, _)| exhibit))
        .showing(signs.direct.iter().filter_map(|(o, _)| o.exhibit()))
        .or([Cause::OriginOverloaded, Cause::OriginTimeout].into_iter().filter(|_| !sure))
        .decided_by(Next::LoadFacts);
    if let Locus::Edge(edge) = place {
        found = found.showing(edge.fault.iter().map(|f| Exhibit::Probe(f.track, f.probe)));
    }
    if view.working_origins().next().is_some() {
        found.origins = signs.direct.iter().map(|(o, _)| o.address.ip()).collect();
    }
    found.weight = signs.direct.len().max(1);
    Ok(found.showing(view.working_origins().filter_map(OriginAddress::exhibit)))
}

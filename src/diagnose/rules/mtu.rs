//! Large packets from the origin vanish on the way while small ones pass.

use super::fit::{Fit, blamed, fit};
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence, Outcome};
use crate::diagnose::view::edge::Edge;
use crate::diagnose::view::replays::Repeated;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::Probe;
use crate::evidence::fact::Variation;

pub const BLACKHOLE: Rule = Rule {
    cause: Cause::PathMtuBlackhole,
    looks_for: "an answer that stalls, comes at once with small segments, and stalls again without",
    judge: blackhole,
};

fn blackhole<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    match place {
        Locus::Site => large_path(view),
        Locus::Edge(_) | Locus::Origin(_) => whole_site(view, place),
    }
}

/// The tail of a flight arrived without its head: large segments before it are missing.
fn tail_only(probe: &Probe) -> bool {
    probe.tcp.is_some_and(|tcp| tcp.out_of_order > 0)
}

/// A slow origin stalls just so, and may be quick by chance once: so the ordinary request is made again after the one
/// with small segments, and the kernel must have seen the tail of a flight without its head. High when the proxy's
/// answer fits as well; a small segment size may be missing on our path only.
fn whole_site<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let stalled = blamed(view, place, |t| matches!(t, Trouble::NoAnswer(_)));
    if stalled.is_empty() {
        return Err("no origin address accepts and then stalls");
    }
    let mine: Vec<_> = stalled
        .iter()
        .filter(|(_, f)| !f.wavers)
        .filter_map(|(o, f)| {
            let small = view.replays.direct(Variation::SmallSegments, o.address).filter(Repeated::works)?;
            let again = view.replays.direct(Variation::Again, o.address).filter(Repeated::stalls)?;
            Some((*o, *f, small, again))
        })
        .collect();
    if mine.is_empty() {
        return Err("small segments make no difference, or were not tried");
    }
    let seen = mine.iter().all(|(_, f, _, again)| tail_only(f.probe) || tail_only(again.probe));
    let (agrees, contradicts) = match place {
        Locus::Edge(Edge { fault: Some(fault), .. }) => {
            let fits: Vec<Fit> = mine.iter().map(|(_, f, _, _)| fit(f.trouble, fault)).collect();
            (fits.iter().all(|f| *f == Fit::Agrees), fits.contains(&Fit::Contradicts))
        }
        _ => (false, false),
    };
    if contradicts {
        return Err("the proxy shows something that lost packets do not cause");
    }
    let tried = stalled.iter().filter(|(o, _)| view.replays.direct(Variation::SmallSegments, o.address).is_some());
    let every = mine.len() == tried.count() && view.working_origins().next().is_none();
    let sure = seen && agrees && every;
    let says =
        "large packets from the origin vanish on the way: its answer stalls, and comes at once in small segments";
    let mut found = Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing(mine.iter().filter_map(|(o, ..)| o.exhibit()))
        .showing(mine.iter().flat_map(|(_, _, small, again)| [Exhibit::Fact(small.fact), Exhibit::Fact(again.fact)]))
        .or([Cause::OriginTimeout, Cause::NetworkDegraded].into_iter().filter(|_| !sure))
        .decided_by(Next::SegmentSize);
    if let Locus::Edge(Edge { fault: Some(fault), .. }) = place {
        found.exhibits.push(Exhibit::Probe(fault.track, fault.probe));
    }
    found.weight = mine.len();
    if !every {
        found.origins = mine.iter().map(|(o, ..)| o.address.ip()).collect();
    }
    Ok(found)
}

/// Everything works but the large response, on both paths, and small segments bring it.
fn large_path<'c>(view: &View<'c>) -> Finding<'c> {
    let Some(path) = &view.subject.large_path else { return Err("no large response is declared") };
    let Some(proxied) = fails_for_visitors(view) else {
        return Err("visitors get the large response, or fail before it matters");
    };
    let mine: Vec<_> = view
        .replays
        .every(Variation::LargePath)
        .filter(Repeated::stalls)
        .filter_map(|large| {
            let small = view.replays.direct(Variation::LargePathSmallSegments, large.probe.address?)?;
            small.works().then_some((large, small))
        })
        .collect();
    if mine.is_empty() {
        return Err("small segments do not bring the large response");
    }
    // A response of many full packets has no small one at its end that could come through: then the whole comparison must
    // have come out like this more than once.
    let seen =
        |large: &Repeated<'_>, small: &Repeated<'_>| tail_only(large.probe) || large.times >= 2 && small.times >= 2;
    let sure = mine.iter().all(|(large, small)| seen(large, small)) && !answered_early(proxied.probe);
    let says = "large packets from the origin vanish on the way: a large response stalls, and comes in small segments";
    let mut found = Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing(mine.iter().flat_map(|(large, small)| [Exhibit::Fact(large.fact), Exhibit::Fact(small.fact)]))
        .showing([Exhibit::Fact(proxied.fact)])
        .or([Cause::OriginTimeout, Cause::NetworkDegraded].into_iter().filter(|_| !sure))
        .decided_by(Next::SegmentSize);
    found.paths = vec![path.clone()];
    Ok(found)
}

/// Whether the proxy gave a definite answer that no waiting explains.
fn answered_early(probe: &Probe) -> bool {
    probe.outcome != Outcome::TimedOut
        && probe.timings.first_byte_ms.is_some_and(|ms| ms < 1500)
        && probe.outcome != Outcome::Truncated
}

/// The large response fails through the proxy while the site itself works there.
pub fn fails_for_visitors<'c>(view: &View<'c>) -> Option<Repeated<'c>> {
    if view.failing_edges().next().is_some() {
        return None;
    }
    view.replays.proxied(Variation::LargePath).filter(|r| !r.works() && Trouble::of(r.probe).is_some())
}

//! The origin's way out is full.

use super::fit::beyond_the_edge;
use super::strain::{answers_in_time, signs};
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence, Phase};
use crate::diagnose::view::origin::Failure;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::Fact;
use crate::evidence::fact::{Ping, Resource, Tally};

pub const CONGESTED: Rule = Rule {
    cause: Cause::UplinkCongested,
    looks_for: "bytes out of the origin at the declared uplink, or loss and queueing while large answers stall",
    judge: congested,
};

/// A handshake that took so long stood in a queue.
const QUEUED_MS: u32 = 200;

/// With the counter: bytes out stand at the uplink's size, and answers are late. Without it the pattern alone (echoes
/// lost *and* queued, answers that stall in their body) never makes more than Medium: loss on the way looks alike.
fn congested<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let uplink = |r: Resource| r == Resource::Uplink;
    match place {
        Locus::Site => return Err("nothing fails here"),
        Locus::Edge(edge) if !beyond_the_edge(edge) => return Err("the edge itself fails"),
        _ => {}
    }
    let suffers = |t| matches!(t, Trouble::Slow | Trouble::NoAnswer(_) | Trouble::Truncated);
    let signs = signs(view, place, suffers);
    if signs.contradicts {
        return Err("what visitors see is not what the origin shows");
    }
    if signs.direct.is_empty() && (answers_in_time(view) || !signs.proxied) {
        return Err("no answer is late on the way from the origin");
    }
    if signs.direct.is_empty() && view.failing_origins().next().is_some() {
        return Err("the origin fails otherwise than by being late");
    }
    let full = view.load.full(uplink);
    let stalls = signs.direct.iter().any(|(_, f)| matches!(f.trouble, Trouble::Slow | Trouble::NoAnswer(Phase::Body)));
    let queued: Vec<Exhibit<'c>> = signs
        .direct
        .iter()
        .flat_map(|(o, _)| o.life.iter().copied())
        .filter(|e| matches!(e, Exhibit::Fact(Fact::Ping(ping)) if queues(ping)))
        .collect();
    let (confidence, ground, says) = if !full.is_empty() {
        // A handshake crosses the same uplink: one that was quick before a silence speaks for the server's own delay.
        let waits = |f: &Failure<'_>| match f.trouble {
            Trouble::NoAnswer(Phase::FirstByte | Phase::Tls) => {
                f.probe.timings.connect_ms.is_some_and(|took| took >= QUEUED_MS)
            }
            _ => true,
        };
        let sure = signs.firm
            && signs.direct.iter().any(|(_, f)| waits(f))
            && (signs.proxied || matches!(place, Locus::Origin(_)));
        let says = "the origin sends as much as its uplink carries, and answers come late";
        (if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
    } else if !view.load.spare(uplink).is_empty() {
        return Err("the uplink is not full");
    } else if stalls && !queued.is_empty() {
        let says = "packets to the origin are queued and lost while large answers stall, as behind a full uplink";
        (Confidence::Medium, Ground::Observed, says)
    } else {
        return Err("no counter shows a full uplink, and echoes show no queue");
    };
    let open = [Cause::NetworkDegraded, Cause::OriginTimeout].into_iter().filter(|_| confidence < Confidence::High);
    let mut found = Match::new(confidence, ground, says)
        .showing(full.into_iter().map(|(exhibit, _)| exhibit))
        .showing(queued)
        .showing(signs.direct.iter().filter_map(|(o, _)| o.exhibit()))
        .or(open)
        .decided_by(Next::LoadFacts);
    if let Locus::Edge(edge) = place {
        found = found.showing(edge.fault.iter().map(|f| Exhibit::Probe(f.track, f.probe)));
    }
    found.weight = signs.direct.len().max(1);
    if view.working_origins().next().is_some() {
        found.origins = signs.direct.iter().map(|(o, _)| o.address.ip()).collect();
    }
    Ok(found)
}

/// Whether echoes are lost beyond doubt and those that come back stood in a queue.
fn queues(ping: &Ping) -> bool {
    const SURELY: f64 = 0.05;
    /// Microseconds between the quickest and the slowest echo that only a queue makes.
    const WAIT: u32 = 200_000;
    let lost = Tally { probes: ping.sent, failures: ping.sent.saturating_sub(ping.received) };
    let lossy = lost.interval().is_some_and(|(least, _, _)| least > SURELY);
    let waited = ping
        .min_rtt_us
        .zip(ping.max_rtt_us)
        .is_some_and(|(least, most)| most.saturating_sub(least) >= WAIT.max(least.saturating_mul(3)));
    ping.received > 0 && lossy && waited
}

//! The origin does not answer connections: is the host gone, or the port filtered?
//!
//! From outside both are silence. What tells them apart is life beside the port: an echo, an answer on
//! another port, or the last router's word that nobody is there.

use super::drops::comes_and_goes;
use super::fit::{Fit, blamed, fit, observed};
use super::{Finding, Locus, Rule, strain};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::Edge;
use crate::diagnose::view::origin::{Failure, OriginAddress};
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::Fact;
use crate::evidence::fact::{Arrived, Resource};

const fn unanswered(trouble: Trouble) -> bool {
    matches!(trouble, Trouble::Silent | Trouble::Dead | Trouble::NoRoute | Trouble::Prohibited)
}

pub const UNREACHABLE: Rule = Rule {
    cause: Cause::OriginUnreachable,
    looks_for: "an origin host that shows no life to anybody",
    judge: unreachable,
};

/// High only when the last network itself says that nobody answers for the address, and the proxy's
/// timeout agrees. A host whose firewall drops everything, echoes and control port included, looks like
/// a dead one: Medium, and Low where only echoes were tried, because many hosts filter those.
fn unreachable<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let blocked = !view.cluster.arrivals(Arrived::Blocked).is_empty();
    if strain::explains(view, place) {
        return Err("counters show what drops the connections");
    }
    let gone = |o: &OriginAddress<'_>, f: &Failure<'_>| match f.trouble {
        _ if blocked => false,
        Trouble::Dead | Trouble::NoRoute => o.alive != Some(true),
        _ => o.alive == Some(false),
    };
    let silent = blamed(view, place, unanswered);
    if silent.is_empty() {
        return Err("no origin address is silent to a vantage that it should let in");
    }
    let mine: Vec<_> = silent.into_iter().filter(|(o, f)| gone(o, f)).collect();
    if mine.is_empty() {
        return Err("the host shows life, or nobody looked for any");
    }
    let mut found = observed(view, place, &mine, "the origin's host answers nobody, on no port");
    found.exhibits.extend(mine.iter().flat_map(|(o, _)| o.life.iter().copied()));
    let dead = mine.iter().all(|(_, f)| f.trouble == Trouble::Dead);
    let port_tried = mine.iter().any(|(o, _)| o.life.iter().any(|e| matches!(e, Exhibit::Fact(Fact::ControlPort(_)))));
    let limit = if dead {
        Confidence::High
    } else if port_tried || mine.iter().any(|(_, f)| f.trouble == Trouble::NoRoute) {
        Confidence::Medium
    } else {
        Confidence::Low
    };
    found = found.at_most(limit);
    if found.confidence < Confidence::High {
        found.alternatives.push(Cause::PortFiltered);
    }
    Ok(found.decided_by(if port_tried { Next::OriginHost } else { Next::ControlPort }))
}

pub const FILTERED: Rule = Rule {
    cause: Cause::PortFiltered,
    looks_for: "an origin port that is silent or forbidden while the host shows life",
    judge: filtered,
};

/// The host lives and the port is silent. A full accept queue looks the same from outside, so it is
/// High only with a fact about the block itself.
fn filtered<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let silent = blamed(view, place, unanswered);
    if silent.is_empty() {
        return Err("no origin address is silent to a vantage that it should let in");
    }
    // What counts dropped packets is alive, too.
    let records = view.cluster.arrivals(Arrived::Blocked);
    if records.is_empty() && strain::explains(view, place) {
        return Err("counters show what drops the connections");
    }
    let filtered = |o: &OriginAddress<'_>, f: &Failure<'_>| {
        o.alive == Some(true) || !records.is_empty() || f.trouble == Trouble::Prohibited && o.alive.is_none()
    };
    // A filter lets nobody through; a full queue and a lossy way do, now and then.
    let mine: Vec<_> =
        silent.into_iter().filter(|(o, f)| filtered(o, f) && (!comes_and_goes(o) || !records.is_empty())).collect();
    if mine.is_empty() {
        return Err("the host shows no life beside the port, or nobody looked for any");
    }
    let agrees = match place {
        Locus::Edge(Edge { fault: Some(fault), .. }) => {
            mine.iter().any(|(_, f)| fit(f.trouble, fault) != Fit::Contradicts)
        }
        _ => false,
    };
    let sure = agrees && !records.is_empty() && mine.iter().all(|(_, f)| f.firm);
    let forbidden = mine.iter().all(|(_, f)| f.trouble == Trouble::Prohibited);
    let says = if forbidden {
        "a filter in front of the origin forbids connections to its port"
    } else {
        "the origin's port drops connections from everybody while its host is alive"
    };
    let mut found = observed(view, place, &mine, says);
    // A router's word that comes late may as well be about a host that is gone.
    let late = |f: &Failure<'_>| f.probe.timings.connect_ms.is_some_and(|ms| ms >= 500);
    found.confidence = if sure {
        Confidence::High
    } else if forbidden && mine.iter().any(|(o, f)| o.alive.is_none() && late(f)) {
        Confidence::Low
    } else {
        Confidence::Medium
    };
    found.exhibits.extend(records);
    found.exhibits.extend(mine.iter().flat_map(|(o, _)| o.life.iter().copied()));
    // A kernel whose counters stand still drops nothing by itself.
    let counted = !view.load.spare(Resource::stops_connections).is_empty();
    if forbidden && !sure {
        found.alternatives.push(Cause::OriginUnreachable);
    } else if !sure && !counted {
        found.alternatives.push(Cause::AcceptSaturated);
        found.exhibits.extend(view.load.unmeasured().iter().copied());
    }
    Ok(found.decided_by(Next::BlockFact))
}

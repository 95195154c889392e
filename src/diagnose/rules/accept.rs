//! The origin listens, and its kernel drops new connections.

use super::fit::beyond_the_edge;
use super::strain::signs;
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, EdgeFault, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::{Arrived, Resource};

pub const SATURATED: Rule = Rule {
    cause: Cause::AcceptSaturated,
    looks_for: "a kernel that counts dropped connections, and connections that time out",
    judge: saturated,
};

/// From outside it is a filtered port; the kernel's own count of dropped connections tells them apart. A queue drops
/// everybody's connections, so a proxy that always fails beside others that never do is not explained by it.
fn saturated<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let full = view.load.full(Resource::stops_connections);
    if full.is_empty() {
        return Err("no counter of the origin's kernel shows dropped connections");
    }
    let fault = match place {
        Locus::Site => return Err("nothing fails here"),
        Locus::Edge(edge) if !beyond_the_edge(edge) => return Err("the edge itself fails"),
        Locus::Edge(Edge { fault, .. }) => fault.as_ref(),
        Locus::Origin(_) => None,
    };
    // A queue that fills up after the handshake leaves a connection that only looks open.
    let queue = full.iter().any(|(_, r)| *r == Resource::ListenQueue);
    let dropped = |t| matches!(t, Trouble::Silent) || queue && matches!(t, Trouble::NoAnswer(_));
    let signs = signs(view, place, dropped);
    if signs.contradicts {
        return Err("what visitors see is not what the origin shows");
    }
    let times_out = signs.direct.iter().any(|(_, f)| f.trouble == Trouble::Silent);
    let proxied = fault.is_some_and(cannot_connect);
    let sure = signs.firm && times_out && (proxied || fault.is_none());
    if signs.direct.is_empty() {
        if view.failing_origins().next().is_some() {
            return Err("the origin fails otherwise than by dropping connections");
        }
        if !proxied {
            return Err("no connection is seen to time out");
        }
        if view.origin_works() && fault.is_some_and(|f| !f.wavers) {
            return Err("others connect all the time, and a full queue would drop them too");
        }
    }
    let blocked = view.cluster.arrivals(Arrived::Blocked);
    let sure = sure && blocked.is_empty() && view.working_origins().next().is_none();
    let says = match full.first().map(|(_, resource)| *resource) {
        Some(Resource::Conntrack) => "the origin's connection tracking table is full, and new connections are dropped",
        Some(Resource::SynCookies | Resource::SynQueue) => {
            "the origin's kernel takes new connections for a flood, and they time out"
        }
        _ => "the origin's accept queue is full, and its kernel drops new connections",
    };
    let mut found = Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing(full.into_iter().map(|(exhibit, _)| exhibit))
        .showing(signs.direct.iter().filter_map(|(o, _)| o.exhibit()))
        .showing(fault.iter().map(|f| Exhibit::Probe(f.track, f.probe)))
        .or((!sure).then_some(if blocked.is_empty() && view.origin_works() {
            Cause::ProxyRateLimited
        } else {
            Cause::PortFiltered
        }))
        .decided_by(Next::ListedVantage);
    found.weight = signs.direct.len().max(1);
    if view.working_origins().next().is_some() {
        found.origins = signs.direct.iter().map(|(o, _)| o.address.ip()).collect();
    }
    Ok(found)
}

/// Whether the proxy gave up without a connection, as far as it shows.
const fn cannot_connect(fault: &EdgeFault<'_>) -> bool {
    matches!(
        fault.seen,
        Seen::Silent { .. }
            | Seen::Answer { trouble: Trouble::Status(500..), leg: Leg::ConnectTimeout | Leg::SomeTimeout, .. }
    )
}

//! Between a Service and pods that run: readiness that fails, a port on which nobody listens, nodes that are gone, and
//! rollouts that end pods too early.

use super::fit::{Fit, best, beyond_the_edge, blamed, observed};
use super::workload::{explains, running_unready};
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence, Observation, Outcome};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::origin::OriginAddress;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::{Node, Nodes};
use std::net::IpAddr;

pub const READINESS: Rule = Rule {
    cause: Cause::ReadinessFailing,
    looks_for: "pods that run and are not ready, so that the Service has no endpoint",
    judge: readiness,
};

/// High when such a pod answers a direct request well: then it is the probe that is wrong. Medium otherwise, because a
/// pod that is not ready may say so with good reason.
fn readiness<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    if view.cluster.any_ready() != Some(false) || !view.cluster.endpoints.iter().any(|(_, e)| e.port_exists) {
        return Err("the Service has ready endpoints, or no such port, or is not known");
    }
    let mine: Vec<_> = view.cluster.pods.iter().filter(|(_, p)| running_unready(p)).collect();
    if mine.is_empty() {
        return Err("no pod is known to run without being ready");
    }
    if matches!(place, Locus::Origin(_)) || !explains(view, place) {
        return Err("what visitors see is nothing that a Service without endpoints explains");
    }
    if (NODE.judge)(view, place).is_ok() {
        return Err("the pods are not ready because of their nodes");
    }
    let answering: Vec<_> = view
        .working_origins()
        .filter(|o| mine.iter().any(|(_, p)| p.addresses.contains(&o.address.ip())))
        .filter_map(OriginAddress::exhibit)
        .collect();
    let sure = !answering.is_empty() && !matches!(place, Locus::Site);
    let says = if answering.is_empty() {
        format!("{} of {} pods behind the Service run and are not ready", mine.len(), view.cluster.pods.len())
    } else {
        format!("{} of {} pods run and answer, and their readiness probe fails", mine.len(), view.cluster.pods.len())
    };
    Ok(Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing(mine.iter().map(|(fact, _)| Exhibit::Fact(fact)))
        .showing(view.cluster.endpoints.iter().map(|(fact, _)| Exhibit::Fact(fact)))
        .showing(answering)
        .or([Cause::OriginOverloaded, Cause::OriginTimeout].into_iter().filter(|_| !sure))
        .decided_by(if view.unprobed() { Next::Probe } else { Next::PodLogs }))
}

pub const TARGET_PORT: Rule = Rule {
    cause: Cause::TargetPortMismatch,
    looks_for: "ready endpoints that refuse on a port which their containers do not declare",
    judge: target_port,
};

/// Declarations of container ports are only words, so a declared port that answers is what makes it High.
fn target_port<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    if matches!(place, Locus::Site) || !explains(view, place) {
        return Err("what visitors see is nothing that a wrong port explains");
    }
    let refusing: Vec<&OriginAddress<'c>> = view
        .failing_origins()
        .filter(|o| o.failure().is_some_and(|f| f.trouble == Trouble::Refused && !f.wavers))
        .filter(|o| o.tracks.iter().any(|t| t.key.observation == Observation::InCluster))
        .collect();
    let declared = |ip: IpAddr| view.cluster.endpoints.iter().any(|(_, e)| e.declared.iter().any(|d| d.ip() == ip));
    let mine: Vec<_> = refusing.iter().filter(|o| declared(o.address.ip())).collect();
    if mine.is_empty() || mine.len() < refusing.len() || view.working_origins().next().is_some() {
        return Err("no endpoints refuse on a port that their containers do not declare, or others work");
    }
    let answers = |ip: IpAddr| {
        view.cluster.ports.iter().find(|(_, p)| p.address.ip() == ip && p.outcome == Outcome::OK).map(|(fact, _)| *fact)
    };
    let open: Vec<_> = mine.iter().filter_map(|o| answers(o.address.ip())).collect();
    let sure = !open.is_empty();
    let port = mine.first().map_or(0, |o| o.address.port());
    let says = if sure {
        format!("the Service sends to port {port} of its pods, which refuses, while a port that they declare answers")
    } else {
        format!("the Service sends to port {port} of its pods, which refuses and which they do not declare")
    };
    Ok(Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing(mine.iter().filter_map(|o| o.exhibit()))
        .showing(open.into_iter().map(Exhibit::Fact))
        .showing(view.cluster.endpoints.iter().map(|(fact, _)| Exhibit::Fact(fact)))
        .or([Cause::OriginRefused].into_iter().filter(|_| !sure))
        .decided_by(Next::OriginHost))
}

pub const NODE: Rule = Rule {
    cause: Cause::NodeFault,
    looks_for: "a node that is not ready, or gets traffic without an endpoint, under everything that fails",
    judge: node,
};

/// Whether traffic to this node is dropped though other nodes serve. Where no pod is ready at all, it is not the node.
fn left_out(all: &Nodes, node: &Node) -> bool {
    all.local_only && node.ready_pods == 0 && all.nodes.iter().any(|n| n.ready_pods > 0)
}

/// Conditions of nodes are the control plane's word; they are the cause where everything that fails lies on them. A node
/// that the control plane has lost may still serve, so the failures must be seen where nothing keeps out, and agree with
/// what the proxy shows, to make it High.
fn node<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    if view.cluster.nodes.is_empty() {
        return Err("nothing is known of nodes under this origin");
    }
    if !explains(view, place) {
        return Err("what visitors see is nothing that a node explains");
    }
    let bad = |name: Option<&str>, ip: Option<IpAddr>| {
        view.cluster.nodes.iter().any(|(_, f)| {
            f.nodes.iter().any(|n| {
                let here = ip.is_some_and(|ip| n.addresses.contains(&ip));
                let named = name == Some(n.name.as_str());
                (named || here) && (n.ready == Some(false) || here && left_out(f, n))
            })
        })
    };
    let failing = match place {
        Locus::Site => view.failing_origins().filter_map(|o| Some((o, o.failure()?))).collect(),
        _ => blamed(view, place, |_| true),
    };
    let on = |ip: IpAddr| {
        let pod = view.cluster.pods.iter().find(|(_, p)| p.addresses.contains(&ip));
        bad(pod.and_then(|(_, p)| p.node.as_deref()), Some(ip))
    };
    let all_fail_there =
        !failing.is_empty() && failing.iter().all(|(o, f)| on(o.address.ip()) && f.trouble.at_connect());
    let pods = &view.cluster.pods;
    // The control plane takes pods of a lost node out of the Service, so then nothing is left to dial.
    let none_left = view.cluster.any_ready() == Some(false)
        && !pods.is_empty()
        && pods.iter().all(|(_, p)| p.addresses.iter().any(|ip| on(*ip)) || bad(p.node.as_deref(), None));
    if !(all_fail_there || none_left && failing.is_empty()) {
        return Err("what fails does not lie on nodes that are at fault");
    }
    if let Locus::Edge(Edge { fault: Some(fault), .. }) = place
        && best(&failing, fault) == Fit::Contradicts
    {
        return Err("the proxy shows that the origin was reached, or something else that a lost node cannot cause");
    }
    let says = "what fails lies on nodes that are not ready or hold no endpoint";
    let found = if failing.is_empty() {
        Match::new(Confidence::High, Ground::Fact, says)
    } else {
        Match { ground: Ground::Fact, ..observed(view, place, &failing, says) }
    };
    let limit = if matches!(place, Locus::Site) { Confidence::Medium } else { Confidence::High };
    Ok(found
        .at_most(limit)
        .showing(view.cluster.nodes.iter().map(|(fact, _)| Exhibit::Fact(fact)))
        .showing(view.cluster.endpoints.iter().map(|(fact, _)| Exhibit::Fact(fact)))
        .decided_by(if view.unprobed() { Next::Probe } else { Next::OriginHost }))
}

pub const ROLLOUT: Rule =
    Rule { cause: Cause::RolloutRace, looks_for: "failures that come and go while pods end or start", judge: rollout };

/// A start of a pod within this time belongs to a rollout.
const FRESH_SECONDS: u32 = 600;

/// Endpoints that end just now, beside others that always answer, make it High; fresh starts alone are Medium, because a crash starts pods as well.
fn rollout<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(edge @ Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    if !beyond_the_edge(edge) || !fault.wavers {
        return Err("the failures are steady, or the edge's own");
    }
    let fits = match fault.seen {
        Seen::Answer { trouble: Trouble::Status(500..), hop, leg, .. } => !hop.origin() && leg.fits_block(),
        Seen::Broken { .. } => true,
        _ => false,
    };
    let steady = view.failing_origins().filter_map(OriginAddress::failure).any(|f| !f.wavers);
    if !fits || steady || view.cluster.any_ready() != Some(true) {
        return Err("what is seen is not what ending pods make, or no endpoint is ready");
    }
    let ending = view.cluster.endpoints.iter().any(|(_, e)| e.terminating > 0);
    let fresh = view
        .cluster
        .pods
        .iter()
        .any(|(_, p)| p.ready && p.restarts == 0 && p.started_seconds_ago.is_some_and(|s| s <= FRESH_SECONDS));
    if !ending && !fresh {
        return Err("no endpoint ends just now, and no pod is fresh");
    }
    let says = if ending {
        "requests fail now and then while pods end: the proxy still sends to them"
    } else {
        "requests fail now and then, and pods were started within the last ten minutes"
    };
    let sure = ending && view.origin_works();
    Ok(Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .showing(view.cluster.endpoints.iter().map(|(fact, _)| Exhibit::Fact(fact)))
        .showing(view.cluster.pods.first().map(|(fact, _)| Exhibit::Fact(fact)))
        .showing(view.working_origins().filter_map(OriginAddress::exhibit))
        .or([Cause::KeepAliveRace, Cause::PodCrashLoop, Cause::ProxyRateLimited].into_iter().filter(|_| !sure))
        .decided_by(Next::MoreRounds))
}

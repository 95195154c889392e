//! The workload behind the Service: pods that keep dying, and Services without a ready endpoint.

use super::fit::beyond_the_edge;
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{EdgeFault, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::Pod;

pub const CRASH_LOOP: Rule = Rule {
    cause: Cause::PodCrashLoop,
    looks_for: "pods of the Service that restart again and again",
    judge: crash_loop,
};

/// Restarts of one container that count as a loop when the last one is fresh.
const LOOP_RESTARTS: u32 = 3;
/// How fresh.
const LOOP_SECONDS: u32 = 600;

/// What a pod shows of a loop: the kubelet says so, or fresh and repeated restarts do.
fn looping(pod: &Pod) -> Option<Confidence> {
    if pod.waiting.as_deref() == Some("CrashLoopBackOff") {
        return Some(Confidence::High);
    }
    let fresh = pod.started_seconds_ago.is_some_and(|s| s <= LOOP_SECONDS);
    (fresh && pod.restarts >= LOOP_RESTARTS && pod.last_termination.is_some()).then_some(Confidence::Medium)
}

/// Whether a workload without a working pod would explain what visitors see here: the request got
/// past the edge, and what came back is an error, silence or a broken answer.
pub fn explains(view: &View<'_>, place: Locus<'_, '_>) -> bool {
    match place {
        // Files alone, or a proxy of which nothing is known.
        Locus::Site => view.edges.is_empty(),
        Locus::Edge(edge) => {
            beyond_the_edge(edge)
                && match edge.fault {
                    // A refused certificate or handshake needs somebody who answers.
                    Some(EdgeFault { seen: Seen::Answer { trouble: Trouble::Status(status), leg, .. }, .. }) => {
                        status >= 500 && !matches!(leg, Leg::Certificate | Leg::Tls)
                    }
                    Some(EdgeFault { seen: Seen::Answer { .. } | Seen::Late, .. }) | None => false,
                    Some(_) => true,
                }
        }
        Locus::Origin(_) => true,
    }
}

/// Pods that keep dying are the cause only if they leave nothing that works: one of three replicas may loop while the
/// others serve.
fn dying<'c>(
    view: &View<'c>,
    place: Locus<'_, 'c>,
    mine: impl Fn(&Pod) -> Option<Confidence>,
    how: &str,
) -> Finding<'c> {
    let pods: Vec<_> = view.cluster.pods.iter().filter_map(|(fact, p)| Some((*fact, *p, mine(p)?))).collect();
    if pods.is_empty() {
        return Err("no pod is known to end so");
    }
    if !explains(view, place) {
        return Err("what visitors see is nothing that a dying pod explains");
    }
    let own = |address: std::net::IpAddr| pods.iter().any(|(_, p, _)| p.addresses.contains(&address));
    let none_ready = view.cluster.any_ready() == Some(false);
    if let Locus::Origin(origin) = place {
        if !own(origin.address.ip()) {
            return Err("the failing address is not that of a dying pod");
        }
    } else if !none_ready {
        if view.working_origins().next().is_some() {
            return Err("other endpoints of the Service answer");
        }
        if view.failing_origins().next().is_none() || !view.failing_origins().all(|o| own(o.address.ip())) {
            return Err("the Service has ready endpoints, and nothing shows that a dying pod is asked");
        }
    }
    let sure = pods.iter().map(|(_, _, c)| *c).max().unwrap_or(Confidence::Low);
    let says = format!("{} of {} pods behind the Service {how}", pods.len(), view.cluster.pods.len());
    let limit = if matches!(place, Locus::Site) { Confidence::Medium } else { Confidence::High };
    let mut found = Match::new(sure, Ground::Fact, says)
        .at_most(limit)
        .showing(pods.iter().map(|(fact, _, _)| Exhibit::Fact(fact)))
        .showing(view.cluster.endpoints.iter().map(|(fact, _)| Exhibit::Fact(fact)))
        .decided_by(if view.unprobed() { Next::Probe } else { Next::PodLogs });
    if let Locus::Origin(origin) = place {
        found.origins = vec![origin.address.ip()];
    }
    Ok(found)
}

/// A pod that ends again and again for another reason than its memory.
fn crash_loop<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    dying(view, place, |pod| looping(pod).filter(|_| !killed(pod)), "restart again and again")
}

pub const OOM_KILLED: Rule = Rule {
    cause: Cause::PodOomKilled,
    looks_for: "pods of the Service whose containers were killed for their memory",
    judge: oom_killed,
};

/// The kernel's own word. High while the kubelet waits before it tries again; a pod that was killed and now starts may
/// be well in a moment: Medium. Exit code 137 alone is any kill, and an eviction is about the node.
fn oom_killed<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let mine = |pod: &Pod| {
        let again = looping(pod) == Some(Confidence::High);
        (killed(pod) && !pod.ready).then_some(if again { Confidence::High } else { Confidence::Medium })
    };
    dying(view, place, mine, "were killed for their memory")
}

fn killed(pod: &Pod) -> bool {
    pod.last_termination.as_deref() == Some("OOMKilled")
}

/// A pod that runs and is not ready, without any sign of why.
pub fn running_unready(pod: &Pod) -> bool {
    !pod.ready && pod.phase == "Running" && pod.waiting.is_none() && looping(pod).is_none() && !killed(pod)
}

pub const NO_ENDPOINTS: Rule =
    Rule { cause: Cause::NoReadyEndpoints, looks_for: "a Service port without a ready endpoint", judge: no_endpoints };

fn no_endpoints<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    match view.cluster.any_ready() {
        None => return Err("no Service is known behind this origin"),
        Some(true) => return Err("the Service has ready endpoints"),
        Some(false) => {}
    }
    if matches!(place, Locus::Origin(_)) || !explains(view, place) {
        return Err("what visitors see is nothing that a Service without endpoints explains");
    }
    if view.working_origins().next().is_some() {
        return Err("an endpoint answers although none is called ready");
    }
    let ports_exist = view.cluster.endpoints.iter().any(|(_, e)| e.port_exists);
    if ports_exist && view.cluster.pods.iter().any(|(_, p)| running_unready(p)) {
        return Err("pods run, and are only not ready");
    }
    let mut says = String::new();
    for (_, e) in &view.cluster.endpoints {
        let why = if !e.port_exists {
            "has no such port"
        } else if e.selected_pods == 0 {
            "selects no pod"
        } else {
            "has no ready endpoint"
        };
        says =
            format!("the Service {} {why} (pods selected: {}, not ready: {})", e.service, e.selected_pods, e.not_ready);
    }
    let confidence = if matches!(place, Locus::Site) { Confidence::Medium } else { Confidence::High };
    Ok(Match::new(confidence, Ground::Fact, says)
        .showing(view.cluster.endpoints.iter().map(|(fact, _)| Exhibit::Fact(fact)))
        .decided_by(Next::Probe))
}

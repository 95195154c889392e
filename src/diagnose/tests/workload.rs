//! What pods, endpoints and nodes decide, with what looks like it.

use super::build::*;
use super::tables::hold;
use crate::api::spec::OriginType;
use crate::api::{Access, Cause, Confidence, Outcome};
use crate::evidence::fact::{ControlPort, Pod, PolicyVerdict};
use crate::evidence::probe::ProxyStatus;
use crate::evidence::{Fact, Subject};
use Confidence::{High, Low, Medium};
use std::net::SocketAddr;

const POD: &str = "10.0.0.5";
const POD_2: &str = "10.0.0.6";

fn service(s: &mut Subject) {
    s.origin_type = OriginType::Service;
}

/// The proxy is refused at once.
fn refused_at_edge() -> Build {
    Build::new().subject(service).proxy(status(502).says(ProxyStatus::ConnectionRefused))
}

pub const TABLES: &[super::words::Table] = super::words::tables![
    pods_that_end_are_named_for_how_they_ended,
    readiness_is_told_from_absence,
    a_wrong_target_port_is_told_from_a_server_that_is_down,
    a_lost_node_explains_what_lies_on_it,
    a_node_is_not_blamed_for_what_does_not_lie_on_it,
    a_rollout_is_told_from_other_bursts,
];

#[test]
fn pods_that_end_are_named_for_how_they_ended() {
    let none_ready = |pods: Vec<Pod>| refused_at_edge().endpoints(0, 1).pods(pods);
    let evicted = Pod { last_termination: Some("Evicted".to_owned()), ..looping(POD) };
    let any_kill = Pod { exit_code: Some(137), ..looping(POD) };
    hold(vec![
        ("killed for memory", none_ready(vec![killed(POD)]), Cause::PodOomKilled, High),
        (
            "killed for memory, now starting again",
            none_ready(vec![Pod { waiting: None, ..killed(POD) }]),
            Cause::PodOomKilled,
            Medium,
        ),
        (
            "from files alone",
            Build::new().subject(service).endpoints(0, 1).pods(vec![killed(POD)]),
            Cause::PodOomKilled,
            Medium,
        ),
        // Look-alikes.
        ("ends with an error", none_ready(vec![looping(POD)]), Cause::PodCrashLoop, High),
        ("killed by somebody", none_ready(vec![any_kill]), Cause::PodCrashLoop, High),
        ("evicted", none_ready(vec![evicted]), Cause::PodCrashLoop, High),
        (
            "killed for memory once, and well since",
            Build::new().subject(service).proxy(ok()).inside(POD, ok()).endpoints(1, 1).pods(vec![Pod {
                ready: true,
                waiting: None,
                ..killed(POD)
            }]),
            Cause::Healthy,
            High,
        ),
        (
            "one of two was killed, the other serves",
            Build::new()
                .subject(service)
                .proxy(ok())
                .inside(POD_2, ok())
                .endpoints(1, 2)
                .pods(vec![killed(POD), running(POD_2)]),
            Cause::Healthy,
            High,
        ),
    ]);
}

#[test]
fn readiness_is_told_from_absence() {
    let none_ready = |selected| refused_at_edge().endpoints(0, selected);
    hold(vec![
        (
            "runs, is not ready, and answers",
            none_ready(1).pods(vec![unready(POD)]).inside(POD, ok()),
            Cause::ReadinessFailing,
            High,
        ),
        ("runs and is not ready", none_ready(1).pods(vec![unready(POD)]), Cause::ReadinessFailing, Medium),
        // Look-alikes.
        ("selects no pod", none_ready(0), Cause::NoReadyEndpoints, High),
        (
            "no such port",
            none_ready(1).slices(|e| e.port_exists = false).pods(vec![unready(POD)]),
            Cause::NoReadyEndpoints,
            High,
        ),
        (
            "pods that cannot start",
            none_ready(1).pods(vec![Pod { phase: "Pending".to_owned(), ..unready(POD) }]),
            Cause::NoReadyEndpoints,
            High,
        ),
        ("pods that crash", none_ready(1).pods(vec![looping(POD)]), Cause::PodCrashLoop, High),
        (
            "one of two is not ready",
            Build::new()
                .subject(service)
                .proxy(ok())
                .inside(POD, ok())
                .endpoints(1, 2)
                .pods(vec![running(POD), unready(POD_2)]),
            Cause::Healthy,
            High,
        ),
    ]);
}

#[test]
fn a_wrong_target_port_is_told_from_a_server_that_is_down() {
    let declared = |port| SocketAddr::new(ip(POD), port);
    let refusing = || {
        let seen = refused_at_edge().inside(POD, refused()).policy(PolicyVerdict::NotIsolated, 0, 1);
        seen.endpoints(1, 1).pods(vec![running(POD)])
    };
    let wrong = || refusing().slices(|e| e.declared = vec![declared(8080)]);
    let answers = |port, outcome| {
        Fact::ControlPort(ControlPort {
            vantage: "cluster".to_owned(),
            access: crate::api::Access::Unknown,
            address: declared(port),
            outcome,
        })
    };
    hold(vec![
        ("a declared port answers", wrong().fact(answers(8080, Outcome::OK)), Cause::TargetPortMismatch, High),
        ("the port is not declared", wrong(), Cause::TargetPortMismatch, Medium),
        (
            "the declared port refuses as well",
            wrong().fact(answers(8080, Outcome::Refused)),
            Cause::TargetPortMismatch,
            Medium,
        ),
        // Look-alikes.
        ("the port is declared", refusing(), Cause::OriginRefused, High),
        ("another endpoint works on that port", wrong().inside(POD_2, ok()), Cause::OriginRefused, Medium),
    ]);
}

/// A Service whose only pod lies on node-1.
fn pod_on_node_1() -> Build {
    Build::new()
        .subject(service)
        .proxy(status(504).after(10))
        .endpoints(0, 1)
        .pods(vec![Pod { node: Some("node-1".to_owned()), ..unready(POD) }])
}

#[test]
fn a_lost_node_explains_what_lies_on_it() {
    hold(vec![
        (
            "all pods are on a node that is not ready",
            pod_on_node_1().nodes(false, &[("node-1", "192.0.2.1", false, 0)]),
            Cause::NodeFault,
            High,
        ),
        (
            "a declared address is a node's that is not ready",
            Build::new()
                .proxy(status(504).after(10))
                .listed(no_connection())
                .ping(0)
                .nodes(false, &[("node-1", ORIGIN, false, 0)]),
            Cause::NodeFault,
            High,
        ),
        (
            "a node without an endpoint, where only such nodes answer",
            Build::new()
                .proxy(status(504).after(10))
                .listed(no_connection())
                .nodes(true, &[("node-1", ORIGIN, true, 0), ("node-2", ORIGIN_2, true, 1)]),
            Cause::NodeFault,
            High,
        ),
    ]);
}

#[test]
fn a_node_is_not_blamed_for_what_does_not_lie_on_it() {
    hold(vec![
        (
            "no node holds an endpoint",
            Build::new()
                .proxy(status(504).after(10))
                .listed(no_connection())
                .ping(20)
                .nodes(true, &[("node-1", ORIGIN, true, 0), ("node-2", ORIGIN_2, true, 0)]),
            Cause::PortFiltered,
            Medium,
        ),
        (
            "the node is lost, and strangers are kept out anyway",
            Build::new()
                .proxy(status(504).after(10))
                .unlisted(no_connection())
                .ping(0)
                .nodes(false, &[("node-1", ORIGIN, false, 0)]),
            Cause::Inconclusive,
            Low,
        ),
        (
            "one node of two is lost, and the proxy fails always",
            Build::new()
                .proxy(status(504).after(10))
                .listed(no_connection())
                .direct(ORIGIN_2, Access::Listed, ok())
                .nodes(false, &[("node-1", ORIGIN, false, 0), ("node-2", ORIGIN_2, true, 1)]),
            Cause::NodeFault,
            Medium,
        ),
        (
            "the origin answered the proxy with an error of its own",
            Build::new()
                .proxy(status(503).says(ProxyStatus::Relayed))
                .listed(no_connection())
                .ping(0)
                .nodes(false, &[("node-1", ORIGIN, false, 0)]),
            Cause::OriginUnreachable,
            Low,
        ),
        (
            "the node is ready",
            pod_on_node_1().nodes(false, &[("node-1", "192.0.2.1", true, 0)]),
            Cause::ReadinessFailing,
            Medium,
        ),
        (
            "the node has an endpoint",
            Build::new()
                .proxy(status(504).after(10))
                .listed(no_connection())
                .ping(20)
                .nodes(true, &[("node-1", ORIGIN, true, 1)]),
            Cause::PortFiltered,
            Medium,
        ),
        (
            "a node is not ready, and the site works",
            Build::new()
                .subject(service)
                .proxy(ok())
                .inside(POD, ok())
                .endpoints(1, 1)
                .nodes(false, &[("node-2", "192.0.2.2", false, 0)]),
            Cause::Healthy,
            High,
        ),
    ]);
}

#[test]
fn a_rollout_is_told_from_other_bursts() {
    let burst = || {
        Build::new()
            .subject(service)
            .proxy(status(502).says(crate::evidence::probe::ProxyStatus::ConnectionTerminated))
            .sometimes(3)
            .inside(POD, ok())
            .endpoints(1, 1)
    };
    let fresh = Pod { started_seconds_ago: Some(60), ..running(POD) };
    let old = Pod { started_seconds_ago: Some(86_400), ..running(POD) };
    hold(vec![
        (
            "endpoints are ending",
            burst().slices(|e| e.terminating = 1).pods(vec![old.clone()]),
            Cause::RolloutRace,
            High,
        ),
        ("pods were just started", burst().pods(vec![fresh.clone()]), Cause::RolloutRace, Medium),
        // Look-alikes.
        ("nothing ended or started", burst().pods(vec![old]), Cause::Inconclusive, Confidence::Low),
        (
            "it fails always",
            Build::new()
                .subject(service)
                .proxy(at_edge())
                .inside(POD, ok())
                .endpoints(1, 1)
                .slices(|e| e.terminating = 1)
                .pods(vec![fresh]),
            Cause::ProxyBlocked,
            Medium,
        ),
    ]);
}

fn at_edge() -> Saw {
    status(504).after(10)
}

//! Causes that counters show: each row with the fact stands beside one without it, or with another.

use super::build::*;
use super::tables::hold;
use crate::api::{Cause, Confidence, Outcome, Phase, Provider};
use crate::evidence::fact::{Arrived, Level, Measure, Resource, Trend, Why};
use crate::evidence::maker::Maker;
use crate::evidence::probe::{Fault, ProxyStatus};
use Confidence::{High, Medium};

fn read_timeout() -> Saw {
    status(504).after(30)
}

fn connect_timeout() -> Saw {
    status(504).after(10)
}

fn stalls() -> Saw {
    ended(Phase::Body, Outcome::TimedOut, Fault::Deadline)
}

fn slow_on_both() -> Build {
    Build::new().proxy(read_timeout()).listed(silent())
}

fn dropped_on_both() -> Build {
    Build::new().proxy(connect_timeout()).listed(no_connection()).control_port(Outcome::Refused)
}

pub const TABLES: &[super::words::Table] = super::words::tables![
    an_origin_is_overloaded_only_where_a_counter_shows_it,
    a_full_accept_queue_is_a_filtered_port_until_the_kernel_counts,
    an_attack_needs_a_surge_that_the_proxy_does_not_share_and_an_origin_that_suffers,
    an_attack_names_what_it_fills,
    a_full_uplink_shows_in_bytes_or_not_surely,
    a_limit_shows_in_its_counter_or_under_load_only,
    a_proxy_without_free_connections_says_so_while_the_origin_is_idle,
    what_could_not_be_measured_is_said_with_its_price,
];

#[test]
fn an_origin_is_overloaded_only_where_a_counter_shows_it() {
    hold(vec![
        ("late on both paths, CPU throttled", slow_on_both().full(Resource::Cpu), Cause::OriginOverloaded, High),
        ("the same with all workers busy", slow_on_both().full(Resource::Workers), Cause::OriginOverloaded, High),
        ("the same without a counter", slow_on_both(), Cause::OriginTimeout, High),
        (
            "the same with a CPU that has room",
            slow_on_both().resource(Resource::Cpu, Level::Spare),
            Cause::OriginTimeout,
            High,
        ),
        (
            "the counter could not be read",
            slow_on_both().unmeasured(Measure::Cpu, Why::NoData),
            Cause::OriginTimeout,
            High,
        ),
        ("a full queue is not a full CPU", slow_on_both().full(Resource::Conntrack), Cause::OriginTimeout, High),
        (
            "only the proxy's path is seen",
            Build::new().proxy(read_timeout()).full(Resource::Cpu),
            Cause::OriginOverloaded,
            Medium,
        ),
        (
            "throttled, but it answers in time from here",
            Build::new().proxy(connect_timeout()).listed(ok()).full(Resource::Cpu),
            Cause::ProxyBlocked,
            Medium,
        ),
        ("memory alone", slow_on_both().full(Resource::Memory), Cause::OriginOverloaded, Medium),
        (
            "one of two addresses is late",
            slow_on_both().direct(ORIGIN_2, crate::api::Access::Listed, ok()).full(Resource::Cpu),
            Cause::OriginOverloaded,
            Medium,
        ),
        (
            "throttled, and it refuses",
            Build::new().proxy(status(502).says(ProxyStatus::ConnectionRefused)).listed(refused()).full(Resource::Cpu),
            Cause::OriginRefused,
            High,
        ),
        (
            "throttled, and nothing fails",
            Build::new().proxy(ok()).listed(ok()).full(Resource::Cpu),
            Cause::Healthy,
            High,
        ),
        (
            "it answers, later than the proxy waits",
            Build::new().proxy(read_timeout()).listed(ok().after(35)).full(Resource::Cpu),
            Cause::OriginOverloaded,
            High,
        ),
    ]);
}

#[test]
fn a_full_accept_queue_is_a_filtered_port_until_the_kernel_counts() {
    hold(vec![
        ("drops counted", dropped_on_both().full(Resource::ListenQueue), Cause::AcceptSaturated, High),
        ("a full table", dropped_on_both().full(Resource::Conntrack), Cause::AcceptSaturated, High),
        ("SYN cookies", dropped_on_both().full(Resource::SynCookies), Cause::AcceptSaturated, High),
        ("nothing counted", dropped_on_both(), Cause::PortFiltered, Medium),
        (
            "counters that stand still",
            dropped_on_both().resource(Resource::ListenQueue, Level::Spare),
            Cause::PortFiltered,
            Medium,
        ),
        (
            "drops counted, and a firewall that counts as well",
            dropped_on_both().full(Resource::ListenQueue).arrival(Arrived::Blocked),
            Cause::AcceptSaturated,
            Medium,
        ),
        (
            "drops counted, but others always connect",
            Build::new().proxy(connect_timeout()).listed(ok()).full(Resource::ListenQueue),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "now and then, while we connect",
            Build::new().proxy(connect_timeout()).sometimes(4).listed(ok()).full(Resource::ListenQueue),
            Cause::AcceptSaturated,
            Medium,
        ),
        (
            "drops counted, and only the proxy's path is seen",
            Build::new().proxy(connect_timeout()).full(Resource::ListenQueue),
            Cause::AcceptSaturated,
            Medium,
        ),
        (
            "drops counted, and an origin that refuses",
            Build::new()
                .proxy(status(502).says(ProxyStatus::ConnectionRefused))
                .listed(refused())
                .full(Resource::ListenQueue),
            Cause::OriginRefused,
            High,
        ),
    ]);
    let verdict = dropped_on_both().resource(Resource::ListenQueue, Level::Spare).verdict();
    assert!(!verdict.alternatives.contains(&Cause::AcceptSaturated), "{verdict:?}");
    assert!(dropped_on_both().verdict().alternatives.contains(&Cause::AcceptSaturated));
}

#[test]
fn an_attack_needs_a_surge_that_the_proxy_does_not_share_and_an_origin_that_suffers() {
    hold(vec![
        ("late", slow_on_both().traffic(Trend::OriginAlone), Cause::OriginAttackedDirectly, High),
        ("dropping", dropped_on_both().traffic(Trend::OriginAlone), Cause::OriginAttackedDirectly, High),
        ("a campaign", slow_on_both().traffic(Trend::Together), Cause::OriginTimeout, High),
        (
            "a campaign that is too much",
            slow_on_both().traffic(Trend::Together).full(Resource::Cpu),
            Cause::OriginOverloaded,
            High,
        ),
        ("as always", slow_on_both().traffic(Trend::Usual), Cause::OriginTimeout, High),
        (
            "a surge that hurts nobody",
            Build::new().proxy(ok()).listed(ok()).traffic(Trend::OriginAlone),
            Cause::Healthy,
            High,
        ),
        (
            "a surge, and the proxy kept out of an origin that answers",
            Build::new().proxy(connect_timeout()).listed(ok()).traffic(Trend::OriginAlone),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "a surge, and a process that is down",
            Build::new()
                .proxy(status(502).says(ProxyStatus::ConnectionRefused))
                .listed(refused())
                .traffic(Trend::OriginAlone),
            Cause::OriginRefused,
            High,
        ),
        (
            "only the proxy's path is seen",
            Build::new().proxy(read_timeout()).traffic(Trend::OriginAlone),
            Cause::OriginAttackedDirectly,
            Medium,
        ),
        (
            "two counts that contradict each other",
            slow_on_both().traffic(Trend::OriginAlone).traffic(Trend::Usual),
            Cause::OriginTimeout,
            High,
        ),
    ]);
}

#[test]
fn an_attack_names_what_it_fills() {
    let verdict = slow_on_both().traffic(Trend::OriginAlone).full(Resource::Cpu).verdict();
    assert_eq!((verdict.cause, verdict.confidence), (Cause::OriginAttackedDirectly, High));
    assert_eq!(verdict.contributing, [Cause::OriginOverloaded]);
    let verdict = dropped_on_both().traffic(Trend::OriginAlone).full(Resource::SynCookies).verdict();
    assert_eq!(verdict.cause, Cause::OriginAttackedDirectly);
    assert_eq!(verdict.contributing, [Cause::AcceptSaturated]);
}

#[test]
fn a_full_uplink_shows_in_bytes_or_not_surely() {
    let stalling = || Build::new().proxy(status(200).after(20)).with(slow).listed(stalls());
    let mut queued = stalling().ping(12);
    if let Some(crate::evidence::Fact::Ping(ping)) = queued.case.facts.last_mut() {
        (ping.min_rtt_us, ping.max_rtt_us) = (Some(20_000), Some(900_000));
    }
    hold(vec![
        ("bytes out at the uplink", stalling().full(Resource::Uplink), Cause::UplinkCongested, High),
        (
            "bytes out, and silence behind a quick handshake",
            slow_on_both().full(Resource::Uplink),
            Cause::UplinkCongested,
            Medium,
        ),
        ("echoes lost and queued", queued.clone(), Cause::UplinkCongested, Medium),
        (
            "echoes lost and queued, and an uplink with room",
            queued.resource(Resource::Uplink, Level::Spare),
            Cause::OriginTimeout,
            Medium,
        ),
        ("echoes lost, none queued", stalling().ping(12), Cause::OriginTimeout, Medium),
        (
            "bytes out at the uplink, and everything in time",
            Build::new().proxy(ok()).listed(ok()).full(Resource::Uplink),
            Cause::Healthy,
            High,
        ),
        (
            "bytes out at the uplink, and the proxy kept out",
            Build::new().proxy(connect_timeout()).listed(ok()).full(Resource::Uplink),
            Cause::ProxyBlocked,
            Medium,
        ),
        ("bytes out and CPU", slow_on_both().full(Resource::Uplink).full(Resource::Cpu), Cause::OriginOverloaded, High),
    ]);
}

fn slow(track: &mut crate::evidence::Track) {
    for probe in std::iter::once(&mut track.last).chain(track.last_failure.as_mut()) {
        probe.outcome = Outcome::TooSlow;
    }
}

#[test]
fn a_limit_shows_in_its_counter_or_under_load_only() {
    let limited = || status(503).marked(true);
    let pair = |saw| Build::new().proxy(saw).listed(ok().marked(true));
    let now_and_then = |saw| Build::new().proxy(saw).sometimes(4).listed(ok().marked(true));
    hold(vec![
        ("the origin's 503 and its counter", pair(limited()).limits(120), Cause::ProxyRateLimited, High),
        ("now and then", now_and_then(limited()).limits(120), Cause::ProxyRateLimited, High),
        ("a handful, as always", now_and_then(limited()).limits(3), Cause::ProxyRateLimited, Medium),
        (
            "a counter, and the edge's own errors now and then",
            now_and_then(status(502).marked(false)).limits(120),
            Cause::ProxyRateLimited,
            Medium,
        ),
        ("a record of the limit", pair(connect_timeout()).arrival(Arrived::Limited), Cause::ProxyRateLimited, High),
        ("a counter that stands still", pair(limited()).limits(0), Cause::OriginReturns5xx, Medium),
        ("no counter", pair(limited()), Cause::OriginReturns5xx, Medium),
        ("the origin's 429", pair(status(429).marked(true)), Cause::ProxyRateLimited, Medium),
        ("the edge's own 429", pair(status(429).says(ProxyStatus::IntermediaryError)), Cause::ProxyPolicyDenied, High),
        ("429 for everybody", Build::new().proxy(status(429)).listed(status(429)), Cause::UnexpectedResponse, High),
        (
            "503 for everybody",
            Build::new().proxy(limited()).listed(limited()).limits(120),
            Cause::OriginReturns5xx,
            High,
        ),
        (
            "a counter, and a proxy that never gets through",
            pair(connect_timeout()).limits(120),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "a counter, and a 503 of an unknown hop",
            Build::new().proxy(status(503)).listed(ok()).limits(120),
            Cause::ProxyRateLimited,
            Medium,
        ),
        (
            "a counter under a flood",
            pair(limited()).limits(120).traffic(Trend::OriginAlone),
            Cause::ProxyRateLimited,
            Medium,
        ),
        (
            "failures that come with load",
            now_and_then(status(502).marked(false)).contrast((1, 200), (30, 60)),
            Cause::ProxyRateLimited,
            Medium,
        ),
        (
            "failures that come with load, and an origin that fails as well",
            Build::new().proxy(read_timeout()).listed(silent()).contrast((1, 200), (30, 60)),
            Cause::OriginTimeout,
            High,
        ),
        (
            "failures at any load",
            now_and_then(status(502).marked(false)).contrast((30, 200), (12, 60)),
            Cause::Inconclusive,
            Confidence::Low,
        ),
    ]);
}

#[test]
fn a_proxy_without_free_connections_says_so_while_the_origin_is_idle() {
    let limit = || status(503).says(ProxyStatus::ConnectionLimit);
    let overflow = |marked| status(503).page(Maker::Envoy, ProxyStatus::ConnectionLimit).marked(marked);
    hold(vec![
        (
            "Proxy-Status, and an idle origin",
            Build::new().proxy(limit()).listed(ok()),
            Cause::ProxyEgressExhausted,
            High,
        ),
        (
            "Envoy's circuit breaker, and the marker is missing",
            Build::new().subject(|s| s.provider = Provider::Envoy).proxy(overflow(false)).listed(ok().marked(true)),
            Cause::ProxyEgressExhausted,
            High,
        ),
        (
            "the circuit breaker of an Envoy at the origin",
            Build::new().proxy(overflow(true)).listed(ok().marked(true)),
            Cause::OriginReturns5xx,
            Medium,
        ),
        (
            "a record of the proxy's queue",
            Build::new().proxy(status(503).after(10)).listed(ok()).arrival(Arrived::Exhausted),
            Cause::ProxyEgressExhausted,
            High,
        ),
        (
            "the same without the record",
            Build::new().proxy(status(503).after(10)).listed(ok()),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "the origin is late, and fills the pool",
            Build::new().proxy(limit()).listed(silent()),
            Cause::OriginTimeout,
            Medium,
        ),
        (
            "the origin is overloaded, and fills the pool",
            Build::new().proxy(limit()).listed(silent()).full(Resource::Cpu),
            Cause::OriginOverloaded,
            High,
        ),
        ("nobody saw the origin", Build::new().proxy(limit()), Cause::ProxyEgressExhausted, Medium),
        (
            "the origin works, its workers are all busy",
            Build::new().proxy(limit()).listed(ok()).full(Resource::Workers),
            Cause::ProxyEgressExhausted,
            Medium,
        ),
    ]);
}

#[test]
fn what_could_not_be_measured_is_said_with_its_price() {
    let verdict = dropped_on_both().unmeasured(Measure::ListenQueue, Why::TimedOut).verdict();
    assert_eq!((verdict.cause, verdict.confidence), (Cause::PortFiltered, Medium));
    let next = verdict.next_observation.unwrap();
    assert!(next.ends_with("drops of the accept queue: unknown, the metrics server did not answer in time), which keeps the confidence down."), "{next}");
    assert!(verdict.evidence.iter().any(|e| e.result == Outcome::Unavailable), "{:?}", verdict.evidence);
}

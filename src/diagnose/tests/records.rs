//! What metrics, providers' records and measured loss decide, with what looks like it.

use super::build::*;
use super::tables::hold;
use crate::api::{Access, Cause, Confidence, Outcome, Phase};
use crate::evidence::Fact;
use crate::evidence::fact::{Arrived, EdgeReason, ProviderRecord, Resource, Trend};
use crate::evidence::probe::{Fault, Maker, ProxyStatus};
use Confidence::{High, Low, Medium};

/// The proxy waits for its connect timer, and everybody else does too.
fn silent_everywhere() -> Build {
    Build::new().proxy(status(504).after(10)).listed(no_connection())
}

fn slow_everywhere() -> Build {
    Build::new().proxy(status(504).after(30)).listed(silent())
}

#[test]
fn what_is_full_explains_what_is_slow() {
    hold(vec![
        ("workers used up", slow_everywhere().full(Resource::Workers), Cause::OriginOverloaded, High),
        ("CPU used up", slow_everywhere().full(Resource::Cpu), Cause::OriginOverloaded, High),
        (
            "CPU used up, and only the proxy's side is seen",
            Build::new().proxy(status(504).after(30)).full(Resource::Cpu),
            Cause::OriginOverloaded,
            Medium,
        ),
        // Look-alikes.
        ("slow with CPU to spare", slow_everywhere().measured(Resource::Cpu, 400), Cause::OriginTimeout, High),
        ("slow without a measure", slow_everywhere(), Cause::OriginTimeout, High),
        (
            "CPU used up, and nothing fails",
            Build::new().proxy(ok()).listed(ok()).full(Resource::Cpu),
            Cause::Healthy,
            High,
        ),
        (
            "CPU used up, and the edge's own certificate is what fails",
            Build::new()
                .proxy(ok().cert(crate::evidence::probe::CertVerdict::Expired))
                .listed(ok())
                .full(Resource::Cpu),
            Cause::ProxyCertInvalid,
            High,
        ),
        (
            "CPU used up, and the port refuses",
            Build::new().proxy(at_once_refused()).listed(refused()).full(Resource::Cpu),
            Cause::OriginRefused,
            High,
        ),
        ("the uplink is full", slow_everywhere().full(Resource::Uplink), Cause::UplinkCongested, High),
        (
            "the uplink is full, and only the proxy's side is seen",
            Build::new().proxy(status(504).after(30)).full(Resource::Uplink),
            Cause::UplinkCongested,
            Medium,
        ),
        ("the uplink has room", slow_everywhere().measured(Resource::Uplink, 300), Cause::OriginTimeout, High),
    ]);
}

fn at_once_refused() -> Saw {
    status(502).says(ProxyStatus::ConnectionRefused)
}

#[test]
fn full_queues_are_told_from_filters_by_a_measure_or_by_what_gets_through() {
    hold(vec![
        ("queues overflow", silent_everywhere().ping(20).full(Resource::AcceptQueue), Cause::AcceptSaturated, High),
        ("connection tracking is full", silent_everywhere().full(Resource::Conntrack), Cause::AcceptSaturated, High),
        (
            "some connections get through",
            Build::new().proxy(status(504).after(10)).sometimes(4).listed(no_connection()).sometimes(4).ping(20),
            Cause::AcceptSaturated,
            Medium,
        ),
        // Look-alikes.
        ("no connection gets through", silent_everywhere().ping(20), Cause::PortFiltered, Medium),
        (
            "queues with room",
            silent_everywhere().ping(20).measured(Resource::AcceptQueue, 100),
            Cause::PortFiltered,
            Medium,
        ),
        (
            "packets counted as dropped by a filter",
            silent_everywhere().ping(20).arrival(Arrived::Blocked),
            Cause::PortFiltered,
            High,
        ),
        (
            "only the proxy is silent",
            Build::new().proxy(status(504).after(10)).listed(ok()),
            Cause::ProxyBlocked,
            Medium,
        ),
    ]);
}

#[test]
fn an_attack_past_the_proxy_is_told_from_a_campaign() {
    hold(vec![
        ("a surge past the proxy", slow_everywhere().traffic(Trend::PastProxy), Cause::OriginAttackedDirectly, High),
        (
            "a surge that fills the uplink",
            slow_everywhere().traffic(Trend::PastProxy).full(Resource::Uplink),
            Cause::OriginAttackedDirectly,
            High,
        ),
        (
            "a surge, and only the proxy's side is seen",
            Build::new().proxy(status(504).after(30)).traffic(Trend::PastProxy),
            Cause::OriginAttackedDirectly,
            Medium,
        ),
        // Look-alikes.
        ("both rise", slow_everywhere().traffic(Trend::Together).full(Resource::Cpu), Cause::OriginOverloaded, High),
        ("both rise, without a measure", slow_everywhere().traffic(Trend::Together), Cause::OriginTimeout, High),
        ("traffic as usual", slow_everywhere().traffic(Trend::Usual), Cause::OriginTimeout, High),
        (
            "a surge that the origin bears",
            Build::new().proxy(ok()).listed(ok()).traffic(Trend::PastProxy),
            Cause::Healthy,
            High,
        ),
    ]);
}

#[test]
fn limits_are_told_from_blocks() {
    let kept_out = || Build::new().proxy(status(504).after(10)).listed(ok());
    hold(vec![
        (
            "requests of the proxy were refused by a limit",
            kept_out().arrival(Arrived::Limited),
            Cause::ProxyRateLimited,
            High,
        ),
        (
            "the origin's own 429 for the proxy",
            Build::new().proxy(status(429).marked(true)).listed(ok().marked(true)),
            Cause::ProxyRateLimited,
            Medium,
        ),
        (
            "failures grow with the load",
            Build::new().proxy(status(504).after(10)).sometimes(5).listed(ok()).contrast((1, 60), (30, 60)),
            Cause::ProxyRateLimited,
            High,
        ),
        // Look-alikes.
        ("no record at all", kept_out(), Cause::ProxyBlocked, Medium),
        ("as many failures in quiet times", kept_out().contrast((25, 60), (30, 60)), Cause::ProxyBlocked, Medium),
        ("too few probes to tell", kept_out().contrast((0, 10), (8, 10)), Cause::ProxyBlocked, Medium),
        (
            "the edge's own 429",
            Build::new().proxy(status(429).page_of(Maker::Cloudflare)).listed(ok()),
            Cause::ProxyPolicyDenied,
            High,
        ),
        (
            "a limit, and an origin that is silent for everybody",
            slow_everywhere().arrival(Arrived::Limited),
            Cause::OriginTimeout,
            High,
        ),
        (
            "the proxy may open no further connection",
            Build::new().proxy(status(503).says(ProxyStatus::ConnectionLimit)).listed(ok()),
            Cause::ProxyEgressExhausted,
            High,
        ),
        (
            "the same while the origin is full",
            Build::new().proxy(status(503).says(ProxyStatus::ConnectionLimit)).listed(silent()).full(Resource::Workers),
            Cause::OriginOverloaded,
            High,
        ),
        (
            "the provider recorded it",
            kept_out().recorded(None, Some(0), Some(EdgeReason::ConnectionLimit)),
            Cause::ProxyEgressExhausted,
            High,
        ),
    ]);
}

#[test]
fn an_edge_without_a_network_is_told_from_a_vantage_without_one() {
    let dark = || Build::new().proxy(no_connection());
    hold(vec![
        (
            "silent, and the provider scrubs it",
            dark().listed(ok()).recorded(Some(EDGE), None, Some(EdgeReason::Scrubbing)),
            Cause::ProxyUnderAttack,
            High,
        ),
        ("silent while the origin answers", dark().listed(ok()), Cause::ProxyUnderAttack, Medium),
        ("silent while only a control target answers", dark().control(Outcome::OK), Cause::Inconclusive, Low),
        ("nothing is reached at all", dark().control(Outcome::TimedOut), Cause::VantageFault, High),
        ("refused while the origin answers", Build::new().proxy(refused()).listed(ok()), Cause::ProxyFault, Medium),
        ("one edge address of two is silent", dark().proxy_at(EDGE_2, ok()).listed(ok()), Cause::ProxyFault, Medium),
        (
            "the same with a record of scrubbing at that address",
            dark().proxy_at(EDGE_2, ok()).listed(ok()).recorded(Some(EDGE), None, Some(EdgeReason::BlackHole)),
            Cause::ProxyUnderAttack,
            High,
        ),
        (
            "a record of another address is none of this one",
            dark().proxy_at(EDGE_2, ok()).listed(ok()).recorded(Some(EDGE_2), None, Some(EdgeReason::BlackHole)),
            Cause::ProxyFault,
            Medium,
        ),
        (
            "the edge's own error, with its provider's record of an incident",
            Build::new().proxy(status(502)).listed(ok()).recorded(None, Some(0), Some(EdgeReason::Incident)),
            Cause::ProxyFault,
            High,
        ),
        (
            "the edge says so itself",
            Build::new().proxy(status(500).says(ProxyStatus::ProxyInternal)).listed(ok()),
            Cause::ProxyFault,
            Medium,
        ),
    ]);
}

#[test]
fn a_null_route_is_seen_from_both_sides() {
    let both = || Build::new().proxy(status(504).after(10)).listed(no_connection()).ping(0).inside("10.0.0.5", ok());
    hold(vec![
        ("silent outside, answering inside", both(), Cause::OriginBlackholed, Medium),
        ("the same after a surge past the proxy", both().traffic(Trend::PastProxy), Cause::OriginBlackholed, High),
        (
            "its provider says so",
            Build::new()
                .proxy(status(504).after(10))
                .recorded(Some(ORIGIN), None, Some(EdgeReason::BlackHole))
                .listed(no_connection()),
            Cause::OriginBlackholed,
            High,
        ),
        // Look-alikes.
        ("silent on both sides", silent_everywhere().ping(0), Cause::OriginUnreachable, Low),
        (
            "echoes come back: only the port is closed",
            Build::new().proxy(status(504).after(10)).listed(no_connection()).ping(20).inside("10.0.0.5", ok()),
            Cause::PortFiltered,
            Medium,
        ),
        (
            "an unlisted vantage proves nothing",
            Build::new().proxy(status(504).after(10)).unlisted(no_connection()).ping(0).inside("10.0.0.5", ok()),
            Cause::ProxyBlocked,
            Medium,
        ),
    ]);
}

#[test]
fn loss_counts_where_tcp_and_echoes_agree() {
    let wavering = || Build::new().proxy(status(504).after(10)).sometimes(3).listed(no_connection()).sometimes(3);
    hold(vec![
        ("echoes and segments are lost", wavering().lossy(3, 10).ping(14), Cause::NetworkDegraded, Medium),
        ("many segments are lost", wavering().lossy(12, 40), Cause::NetworkDegraded, Medium),
        (
            "the way to the edge loses them",
            Build::new()
                .proxy(ended(Phase::FirstByte, Outcome::TimedOut, Fault::Deadline))
                .sometimes(3)
                .lossy(20, 60)
                .listed(ok())
                .lossy(0, 60),
            Cause::NetworkDegraded,
            Low,
        ),
        // Look-alikes.
        (
            "echoes alone are lost, and nothing fails",
            Build::new().proxy(ok()).listed(ok()).ping(10),
            Cause::Healthy,
            High,
        ),
        (
            "echoes alone are lost while the proxy is kept out",
            Build::new().proxy(status(504).after(10)).listed(ok()).ping(10),
            Cause::ProxyBlocked,
            Medium,
        ),
        ("no loss at all", wavering().lossy(0, 40).ping(20), Cause::AcceptSaturated, Medium),
        ("one lost echo of twenty", wavering().lossy(0, 10).ping(19), Cause::AcceptSaturated, Medium),
    ]);
}

#[test]
fn visitors_reports_make_a_healthy_site_worth_a_look() {
    hold(vec![
        ("everything works from here", Build::new().proxy(ok()).listed(ok()).visitors(5), Cause::ClientSubset, Low),
        ("something fails here as well", slow_everywhere().visitors(5), Cause::OriginTimeout, High),
        ("nobody reports anything", Build::new().proxy(ok()).listed(ok()).visitors(0), Cause::Healthy, High),
    ]);
    let verdict = Build::new().proxy(ok()).listed(ok()).visitors(5).verdict();
    assert_eq!(verdict.healthy, Some(true));
    assert!(verdict.next_observation.is_some());
}

#[test]
fn a_providers_record_says_which_hop_made_an_answer() {
    hold(vec![
        (
            "the origin never answered the edge",
            Build::new().proxy(status(502)).listed(ok()).recorded(None, Some(0), Some(EdgeReason::Refused)),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "the origin gave the edge the very status",
            Build::new().proxy(status(502)).recorded(None, Some(502), None),
            Cause::OriginReturns5xx,
            High,
        ),
        (
            "two records that contradict each other",
            Build::new().proxy(status(502)).recorded(None, Some(502), None).recorded(None, Some(0), None),
            Cause::Inconclusive,
            Low,
        ),
        (
            "it waited in vain for an answer",
            Build::new().proxy(status(502)).listed(silent()).recorded(None, Some(0), Some(EdgeReason::ReadTimeout)),
            Cause::OriginTimeout,
            High,
        ),
    ]);
    let far = Build::new().proxy_at(EDGE, status(504).after(10)).direct(ORIGIN_2, Access::Listed, ok());
    assert_eq!(far.verdict().cause, Cause::ProxyBlocked);
}

#[test]
fn a_proxy_that_forwards_elsewhere_is_known_by_its_record() {
    let kept_out = || Build::new().proxy(status(504).after(10)).listed(ok());
    let to = |address: &str| {
        Fact::ProviderRecord(ProviderRecord {
            source: "console".to_owned(),
            address: None,
            edge_status: None,
            origin_status: None,
            reason: None,
            forwards_to: Some(ip(address)),
        })
    };
    hold(vec![
        ("another address than declared", kept_out().fact(to(ORIGIN_2)), Cause::ProxyOriginMisconfigured, High),
        ("no packet arrives", kept_out().arrival(Arrived::Nothing), Cause::ProxyOriginMisconfigured, Medium),
        // Look-alikes.
        ("the declared address", kept_out().fact(to(ORIGIN)), Cause::ProxyBlocked, Medium),
        ("packets are dropped", kept_out().arrival(Arrived::Blocked), Cause::ProxyBlocked, High),
        (
            "another address, and the site works",
            Build::new().proxy(ok()).listed(ok()).fact(to(ORIGIN_2)),
            Cause::Healthy,
            High,
        ),
    ]);
}

#[test]
fn a_complete_list_that_refuses_compares_with_another_address() {
    let refused = || Build::new().proxy(status(403).marked(true)).listed(ok().marked(true));
    hold(vec![
        (
            "it holds everything, and the origin refuses",
            refused().allowlist("Ingress shop/web", 0, 22),
            Cause::AllowlistWrongAddress,
            Medium,
        ),
        // Look-alikes.
        ("it lacks everything", refused().allowlist("Ingress shop/web", 22, 22), Cause::ProxyBlocked, High),
        ("nothing is known of a list", refused(), Cause::ProxyBlocked, Medium),
        (
            "it holds everything, and the edge refuses",
            Build::new().proxy(status(403).page_of(Maker::Cloudflare)).listed(ok()).allowlist(
                "Ingress shop/web",
                0,
                22,
            ),
            Cause::ProxyPolicyDenied,
            High,
        ),
        (
            "it holds everything, and the origin refuses everybody",
            Build::new().proxy(status(403).marked(true)).listed(status(403).marked(true)).allowlist(
                "Ingress shop/web",
                0,
                22,
            ),
            Cause::UnexpectedResponse,
            High,
        ),
    ]);
}

//! What metrics, providers' records and measured loss decide, with what looks like it.

use super::build::*;
use super::tables::hold;
use crate::api::{Access, Cause, Confidence, Outcome, Phase};
use crate::evidence::Fact;
use crate::evidence::fact::{Arrived, EdgeReason, ProviderRecord, Trend};
use crate::evidence::maker::Maker;
use crate::evidence::probe::{Fault, ProxyStatus};
use Confidence::{High, Low, Medium};

/// The proxy waits for its connect timer, and everybody else does too.
fn silent_everywhere() -> Build {
    Build::new().proxy(status(504).after(10)).listed(no_connection())
}

fn slow_everywhere() -> Build {
    Build::new().proxy(status(504).after(30)).listed(silent())
}

pub const TABLES: &[super::words::Table] = super::words::tables![
    an_edge_without_a_network_is_told_from_a_vantage_without_one,
    a_null_route_is_seen_from_both_sides,
    loss_counts_where_tcp_and_echoes_agree,
    visitors_reports_make_a_healthy_site_worth_a_look,
    a_providers_record_says_which_hop_made_an_answer,
    a_proxy_that_forwards_elsewhere_is_known_by_its_record,
    a_complete_list_that_refuses_compares_with_another_address,
];

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
            "the same beside the failure of a vantage that the origin may keep out",
            Build::new().proxy(status(502)).direct(ORIGIN, Access::Unlisted, refused()).recorded(
                None,
                Some(0),
                Some(EdgeReason::Incident),
            ),
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
        ("the same after a surge past the proxy", both().traffic(Trend::OriginAlone), Cause::OriginBlackholed, High),
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
        (
            "its provider says so, and it is reached from outside all the same",
            Build::new()
                .proxy(status(504).after(10))
                .recorded(Some(ORIGIN), None, Some(EdgeReason::BlackHole))
                .listed(ok()),
            Cause::OriginBlackholed,
            Medium,
        ),
        (
            "its provider says so, and the proxy waited for nothing",
            Build::new()
                .proxy(status(502))
                .recorded(Some(ORIGIN), None, Some(EdgeReason::BlackHole))
                .listed(no_connection()),
            Cause::OriginBlackholed,
            Medium,
        ),
        (
            "its provider says so, and the proxy is refused",
            Build::new()
                .proxy(status(502).says(ProxyStatus::ConnectionRefused))
                .recorded(Some(ORIGIN), None, Some(EdgeReason::BlackHole))
                .listed(refused()),
            Cause::OriginRefused,
            High,
        ),
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
        (
            "an address that never answers here is a closed door",
            Build::new().proxy(status(504).after(10)).sometimes(3).unlisted(no_connection()).lossy(40, 40),
            Cause::Inconclusive,
            Low,
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

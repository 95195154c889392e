//! What name servers say, with what looks like it.

use super::build::*;
use super::tables::hold;
use crate::api::status::ScopeType;
use crate::api::{Cause, Confidence, Outcome};
use crate::evidence::fact::EdgeReason;
use crate::evidence::probe::ProxyStatus;
use Confidence::{High, Medium};

const V6: &str = "2001:db8::1";

pub const TABLES: &[super::words::Table] = super::words::tables![
    the_proxy_cannot_resolve_the_origin,
    families_and_resolvers_may_disagree,
    the_zone_s_own_name_servers_are_heard,
    an_inner_view_of_a_zone_is_not_taken_for_a_bypass,
];

#[test]
fn the_proxy_cannot_resolve_the_origin() {
    let says = || Build::new().proxy(status(502).says(ProxyStatus::NameFailed));
    hold(vec![
        ("it says so, and the origin answers", says().listed(ok()), Cause::ProxyOriginDnsFailed, High),
        (
            "it says so, and the name is gone",
            says().origin_dns("a", Outcome::NXDomain),
            Cause::ProxyOriginDnsFailed,
            High,
        ),
        ("it says so, and nothing else is known", says(), Cause::ProxyOriginDnsFailed, Medium),
        (
            "the name is gone beside an error of the proxy",
            Build::new().proxy(status(502)).origin_dns("a", Outcome::NXDomain).origin_dns("b", Outcome::NXDomain),
            Cause::ProxyOriginDnsFailed,
            Medium,
        ),
        (
            "its provider recorded it",
            Build::new().proxy(status(502)).recorded(None, Some(0), Some(EdgeReason::NameFailed)),
            Cause::ProxyOriginDnsFailed,
            High,
        ),
        // Look-alikes.
        (
            "one resolver knows the name",
            Build::new()
                .proxy(status(502))
                .listed(refused())
                .origin_dns("a", Outcome::NXDomain)
                .origin_dns("b", Outcome::OK),
            Cause::OriginRefused,
            High,
        ),
        (
            "the name is gone, and the proxy relays the origin's answer",
            Build::new().proxy(status(503).marked(true)).origin_dns("a", Outcome::NXDomain),
            Cause::OriginReturns5xx,
            High,
        ),
        (
            "the name is gone, and the proxy has its address",
            Build::new().proxy(ok()).origin_dns("a", Outcome::NXDomain),
            Cause::Healthy,
            High,
        ),
    ]);
}

#[test]
fn families_and_resolvers_may_disagree() {
    let stale = Build::new().proxy(ok()).listed(ok()).proxy_at(V6, no_connection());
    hold(vec![
        ("the IPv6 address is dead, IPv4 works", stale.clone(), Cause::DnsInconsistent, Medium),
        (
            "one resolver denies the name",
            Build::new().proxy(ok()).dns("a", Outcome::NXDomain, &[]).dns("b", Outcome::OK, &[EDGE]),
            Cause::DnsInconsistent,
            Medium,
        ),
        // Look-alikes.
        (
            "both families are dead",
            Build::new().proxy(no_connection()).proxy_at(V6, no_connection()).listed(ok()),
            Cause::ProxyUnderAttack,
            Medium,
        ),
        (
            "one resolver is merely silent",
            Build::new().proxy(ok()).dns("a", Outcome::TimedOut, &[]).dns("b", Outcome::OK, &[EDGE]),
            Cause::Healthy,
            High,
        ),
        (
            "one of two IPv4 addresses is dead",
            Build::new().proxy(ok()).listed(ok()).proxy_at(EDGE_2, no_connection()),
            Cause::ProxyFault,
            Medium,
        ),
        (
            "the IPv6 edge answers with an error of its own",
            Build::new().proxy(ok()).listed(ok()).proxy_at(V6, status(504).after(10)),
            Cause::ProxyBlocked,
            Medium,
        ),
    ]);
    let scope = stale.verdict().scope;
    assert_eq!((scope.kind, scope.families), (ScopeType::Partial, vec!["IPv6".to_owned()]));
}

#[test]
fn the_zone_s_own_name_servers_are_heard() {
    const NS: &str = "192.0.2.54";
    let denied = || Build::new().proxy(ok()).dns("a", Outcome::NXDomain, &[]);
    let failed = || Build::new().proxy(ok()).dns("a", Outcome::ServFail, &[]);
    let origin = || Build::new().proxy(ok()).dns("a", Outcome::OK, &[ORIGIN]);
    hold(vec![
        (
            "it denies the name, too",
            denied().dns("ns1", Outcome::NXDomain, &[]).by_authority(NS),
            Cause::DnsFailed,
            High,
        ),
        (
            "it answers, and the resolver fails",
            failed().dns("ns1", Outcome::OK, &[EDGE]).by_authority(NS),
            Cause::DnsFailed,
            Medium,
        ),
        (
            "it answers, and two resolvers fail",
            failed().dns("b", Outcome::ServFail, &[]).dns("ns1", Outcome::OK, &[EDGE]).by_authority(NS),
            Cause::DnsFailed,
            Medium,
        ),
        // Look-alikes.
        ("the resolver alone denies it", denied(), Cause::DnsFailed, Medium),
        (
            "it denies the name inside of a company",
            denied().dns("ns1", Outcome::NXDomain, &[]).by_authority("10.0.0.53"),
            Cause::DnsFailed,
            Medium,
        ),
        (
            "it answers, and the resolver denies",
            denied().dns("ns1", Outcome::OK, &[EDGE]).by_authority(NS),
            Cause::DnsInconsistent,
            Medium,
        ),
        (
            "an inner view has a name server of its own",
            origin().dns("ns1", Outcome::OK, &[ORIGIN]).by_authority(NS),
            Cause::DnsBypassesProxy,
            Medium,
        ),
        (
            "two resolvers remember the origin, and it leads to the proxy",
            origin().dns("b", Outcome::OK, &[ORIGIN]).dns("ns1", Outcome::OK, &[EDGE]).by_authority(NS),
            Cause::DnsBypassesProxy,
            Medium,
        ),
    ]);
}

#[test]
fn an_inner_view_of_a_zone_is_not_taken_for_a_bypass() {
    hold(vec![
        (
            "one resolver answers with the origin",
            Build::new().proxy(ok()).dns("a", Outcome::OK, &[ORIGIN]),
            Cause::DnsBypassesProxy,
            Medium,
        ),
        (
            "two of them do",
            Build::new().proxy(ok()).dns("a", Outcome::OK, &[ORIGIN]).dns("b", Outcome::OK, &[ORIGIN]),
            Cause::DnsBypassesProxy,
            High,
        ),
        (
            "another answers with the proxy",
            Build::new().proxy(ok()).dns("a", Outcome::OK, &[ORIGIN]).dns("b", Outcome::OK, &[EDGE]),
            Cause::DnsBypassesProxy,
            Medium,
        ),
    ]);
}

//! One row per situation: what was seen, and what must be said. Rows that differ in one fact stand
//! together.

use super::build::*;
use crate::api::spec::{Lockdown, OriginType, Scheme, Verifies};
use crate::api::status::ScopeType;
use crate::api::{Access, Cause, Confidence, Outcome, Pattern, Phase, Provider};
use crate::evidence::fact::{Arrived, PolicyVerdict};
use crate::evidence::maker::Maker;
use crate::evidence::probe::{CertVerdict, Fault, ProxyStatus};
use Confidence::{High, Low, Medium};

pub type Row = (&'static str, Build, Cause, Confidence);

pub fn hold(rows: Vec<Row>) {
    let wrong: Vec<String> = rows
        .into_iter()
        .filter_map(|(name, build, cause, confidence)| {
            super::words::title(name);
            let verdict = build.verdict();
            (verdict.cause != cause || verdict.confidence != confidence).then(|| {
                format!(
                    "{name}: {} {} instead of {cause} {confidence}\n    {}",
                    verdict.cause, verdict.confidence, verdict.summary
                )
            })
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn at_edge_502() -> Saw {
    status(502).says(ProxyStatus::ConnectionRefused)
}

fn at_edge_504() -> Saw {
    status(504).after(10)
}

pub const TABLES: &[super::words::Table] = super::words::tables![
    nothing_fails,
    the_proxy_is_kept_out,
    what_looks_like_a_block,
    a_list_has_gaps,
    a_policy_keeps_the_proxy_out,
    a_name_may_lead_to_the_proxy_by_way_of_another,
    the_name_is_wrong,
    the_origin_refuses,
    the_origin_is_silent,
    the_origin_hangs_up_or_hangs,
    the_origin_answers_badly,
    certificates_count_only_where_they_are_verified,
    protocols_differ,
    the_edge_itself_is_the_matter,
    the_workload_is_the_matter,
    an_origin_is_exposed,
    this_vantage_may_be_the_matter,
    parts_fail,
    failures_now_and_then_are_said_to_be_so,
];

#[test]
fn nothing_fails() {
    hold(vec![
        ("both paths work", Build::new().proxy(ok()).listed(ok()), Cause::Healthy, High),
        ("only the proxy is seen", Build::new().proxy(ok()), Cause::Healthy, High),
        (
            "a closed direct path from an unlisted vantage",
            Build::new().proxy(ok()).unlisted(no_connection()),
            Cause::Healthy,
            High,
        ),
        (
            "the same with lockdown",
            Build::new().subject(|s| s.lockdown = Lockdown::Required).proxy(ok()).unlisted(refused()),
            Cause::Healthy,
            High,
        ),
        (
            "an origin locked by a header",
            Build::new().subject(|s| s.lockdown = Lockdown::Required).proxy(ok()).unlisted(status(403)),
            Cause::Healthy,
            High,
        ),
        (
            "an origin that refuses strangers without a declared lockdown",
            Build::new().proxy(ok()).unlisted(status(403)),
            Cause::Healthy,
            High,
        ),
        ("only a cache answers", Build::new().plain(ok().cached()), Cause::Healthy, Medium),
        (
            "a declared address fails for a listed vantage, but the proxy reaches the origin",
            Build::new().proxy(ok()).listed(no_connection()),
            Cause::Healthy,
            Medium,
        ),
        (
            "an application that sends itself back with a cookie",
            Build::new().proxy(ok().sent_back(true)).listed(ok().sent_back(true)),
            Cause::Healthy,
            High,
        ),
    ]);
}

#[test]
fn the_proxy_is_kept_out() {
    let listed_works = |saw| Build::new().proxy(saw).listed(ok());
    hold(vec![
        ("dropped: the proxy's connect timer, listed works", listed_works(at_edge_504()), Cause::ProxyBlocked, Medium),
        ("rejected: refused at once, listed works", listed_works(at_edge_502()), Cause::ProxyBlocked, Medium),
        (
            "a plain 502 at once while we are answered",
            listed_works(status(502).page_of(Maker::Nginx)),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "from an unlisted vantage that is answered",
            Build::new().proxy(at_edge_504()).unlisted(ok()),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "from inside the cluster",
            Build::new().proxy(at_edge_504()).inside("10.0.0.5", ok()),
            Cause::ProxyBlocked,
            Medium,
        ),
        ("reset", listed_works(status(502).says(ProxyStatus::ConnectionTerminated)), Cause::ProxyBlocked, Medium),
        (
            "Cloudflare's own 522",
            Build::new()
                .subject(|s| s.provider = Provider::Cloudflare)
                .proxy(status(522).page(Maker::Cloudflare, ProxyStatus::ConnectionTimeout))
                .listed(ok()),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "packets counted as dropped",
            listed_works(at_edge_504()).arrival(Arrived::Blocked),
            Cause::ProxyBlocked,
            High,
        ),
        (
            "the same without a direct path",
            Build::new().proxy(at_edge_504()).arrival(Arrived::Blocked),
            Cause::ProxyBlocked,
            High,
        ),
        (
            "an allowlist without any prefix of the proxy",
            listed_works(at_edge_504()).allowlist("Service shop/shop", 22, 22),
            Cause::ProxyBlocked,
            High,
        ),
        (
            "an Ingress list without any, and its 403",
            listed_works(status(403).marked(true)).allowlist("Ingress shop/web", 22, 22),
            Cause::ProxyBlocked,
            High,
        ),
    ]);
}

#[test]
fn what_looks_like_a_block() {
    let listed_works = |saw| Build::new().proxy(saw).listed(ok());
    hold(vec![
        (
            "an Ingress list cannot drop packets, so the gap adds nothing",
            listed_works(at_edge_504()).allowlist("Ingress shop/web", 22, 22),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "the proxy's requests arrive",
            listed_works(at_edge_504()).arrival(Arrived::Delivered),
            Cause::Inconclusive,
            Low,
        ),
        (
            "no packet arrives: blocked on the way, or sent elsewhere",
            listed_works(at_edge_504()).arrival(Arrived::Nothing),
            Cause::ProxyOriginMisconfigured,
            Medium,
        ),
        ("now and then only", Build::new().proxy(at_edge_504()).sometimes(4).listed(ok()), Cause::Inconclusive, Low),
        ("our own deadline ended it", listed_works(silent()), Cause::Inconclusive, Low),
        (
            "until the long probe sees the connect timer",
            listed_works(silent()).long(at_edge_504()),
            Cause::ProxyBlocked,
            Medium,
        ),
        ("the long probe's deadline as well", listed_works(silent()).long(silent()), Cause::Inconclusive, Low),
        (
            "a closed direct path proves nothing",
            Build::new().proxy(at_edge_504()).unlisted(no_connection()),
            Cause::Inconclusive,
            Low,
        ),
        ("nor does a refused one", Build::new().proxy(at_edge_502()).unlisted(refused()), Cause::Inconclusive, Low),
        (
            "nor silence about the maker without a direct path",
            Build::new().proxy(status(502)),
            Cause::Inconclusive,
            Low,
        ),
        (
            "the origin's server refuses the proxy alone",
            listed_works(status(403).marked(true)),
            Cause::ProxyBlocked,
            Medium,
        ),
    ]);
    let verdict = Build::new().proxy(at_edge_504()).listed(ok()).verdict();
    assert!(verdict.alternatives.contains(&Cause::ProxyOriginMisconfigured));
    assert!(verdict.next_observation.is_some());
}

#[test]
fn a_list_has_gaps() {
    let gap = |b: Build| b.allowlist("Service shop/shop", 3, 22);
    hold(vec![
        (
            "only a part of the edge fails",
            gap(Build::new().proxy(ok()).proxy_at(EDGE_2, at_edge_504()).listed(ok())),
            Cause::AllowlistIncomplete,
            High,
        ),
        (
            "everything fails, and some prefixes are missing",
            gap(Build::new().proxy(at_edge_504()).listed(ok())),
            Cause::AllowlistIncomplete,
            Medium,
        ),
        (
            "now and then",
            gap(Build::new().proxy(at_edge_504()).sometimes(4).listed(ok())),
            Cause::AllowlistIncomplete,
            High,
        ),
        (
            "a policy with gaps",
            Build::new().proxy(ok()).proxy_at(EDGE_2, at_edge_504()).inside("10.0.0.5", ok()).policy(
                PolicyVerdict::AdmitsSome,
                3,
                22,
            ),
            Cause::AllowlistIncomplete,
            High,
        ),
        ("files alone", gap(Build::new()), Cause::AllowlistIncomplete, Medium),
        // Look-alikes.
        ("while all is well it is a risk", gap(Build::new().proxy(ok()).listed(ok())), Cause::Healthy, High),
        (
            "the origin refuses everybody",
            gap(Build::new().proxy(at_edge_502()).listed(refused())),
            Cause::OriginRefused,
            High,
        ),
        (
            "the origin itself answers 500",
            gap(Build::new().proxy(status(500)).listed(status(500))),
            Cause::OriginReturns5xx,
            High,
        ),
    ]);
    let healthy = gap(Build::new().proxy(ok()).listed(ok())).verdict();
    assert_eq!(healthy.risks, [Cause::AllowlistIncomplete]);
    let partial = gap(Build::new().proxy(ok()).proxy_at(EDGE_2, at_edge_504()).listed(ok())).verdict();
    assert_eq!((partial.scope.kind, partial.scope.edge_addresses), (ScopeType::Partial, vec![EDGE_2.to_owned()]));
}

#[test]
fn a_policy_keeps_the_proxy_out() {
    let denies = |b: Build| b.policy(PolicyVerdict::AdmitsNone, 22, 22).endpoints(1, 1);
    hold(vec![
        (
            "the pod answers from inside",
            denies(Build::new().proxy(at_edge_504()).inside("10.0.0.5", ok())),
            Cause::NetworkPolicyBlocks,
            High,
        ),
        (
            "the pod is ready, and we are kept out as well",
            denies(Build::new().proxy(at_edge_504()).inside("10.0.0.5", no_connection())),
            Cause::NetworkPolicyBlocks,
            High,
        ),
        (
            "an engine that rejects",
            denies(Build::new().proxy(at_edge_502()).inside("10.0.0.5", refused()).answered(2)),
            Cause::NetworkPolicyBlocks,
            High,
        ),
        ("files alone", Build::new().policy(PolicyVerdict::AdmitsNone, 22, 22), Cause::NetworkPolicyBlocks, Medium),
        // Look-alikes.
        (
            "a policy lets no connection come about, so it does not end one",
            denies(Build::new().proxy(status(502).says(ProxyStatus::ConnectionTerminated)).inside("10.0.0.5", ok())),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "while all is well it is a risk",
            denies(Build::new().proxy(ok()).inside("10.0.0.5", ok())),
            Cause::Healthy,
            High,
        ),
        (
            "the origin answers the proxy itself",
            denies(Build::new().proxy(status(500).marked(true))),
            Cause::OriginReturns5xx,
            High,
        ),
        (
            "no policy isolates the pod, so its refusal counts",
            Build::new()
                .proxy(at_edge_502())
                .inside("10.0.0.5", refused())
                .policy(PolicyVerdict::NotIsolated, 0, 22)
                .endpoints(1, 1),
            Cause::OriginRefused,
            High,
        ),
        (
            "an undefined policy says nothing",
            Build::new().proxy(at_edge_504()).inside("10.0.0.5", ok()).policy(PolicyVerdict::Undefined, 0, 22),
            Cause::ProxyBlocked,
            Medium,
        ),
    ]);
}

#[test]
fn a_name_may_lead_to_the_proxy_by_way_of_another() {
    let declared = |b: Build| b.subject(|s| s.edge_aliases = vec!["cdn.example.net".to_owned()]);
    let both = |b: Build| declared(b).subject(|s| s.edge = vec!["198.51.100.0/24".parse().unwrap()]);
    let asked = |a: &str| Build::new().proxy(ok()).listed(ok()).dns("a", Outcome::OK, &[a]);
    hold(vec![
        (
            "by no declared name, where no prefix is declared",
            declared(asked("192.0.2.9")),
            Cause::DnsBypassesProxy,
            Medium,
        ),
        ("by no declared name, and outside the prefixes", both(asked("192.0.2.9")), Cause::DnsBypassesProxy, High),
        (
            "the origin itself, whatever the name is",
            declared(asked(ORIGIN)).by_way_of("cdn.example.net"),
            Cause::DnsBypassesProxy,
            Medium,
        ),
        // Look-alikes.
        ("by a declared name", declared(asked("192.0.2.9")).by_way_of("cdn.example.net"), Cause::Healthy, High),
        (
            "by a declared name, outside the prefixes",
            both(asked("192.0.2.9")).by_way_of("cdn.example.net"),
            Cause::Healthy,
            High,
        ),
        ("flattened, and within the prefixes", both(asked(EDGE)), Cause::Healthy, High),
    ]);
}

#[test]
fn the_name_is_wrong() {
    let two = |o, a: &[&str]| Build::new().proxy(ok()).dns("192.0.2.53:53", o, a).dns("192.0.2.54:53", o, a);
    let edge = |b: Build| b.subject(|s| s.edge = vec!["198.51.100.0/24".parse().unwrap()]);
    hold(vec![
        ("the origin itself", two(Outcome::OK, &[ORIGIN]), Cause::DnsBypassesProxy, High),
        ("outside the declared edge", edge(two(Outcome::OK, &["192.0.2.9"])), Cause::DnsBypassesProxy, High),
        (
            "only one resolver says so",
            Build::new().proxy(ok()).dns("a", Outcome::OK, &[EDGE]).dns("b", Outcome::OK, &[ORIGIN]),
            Cause::DnsBypassesProxy,
            Medium,
        ),
        (
            "even while the site fails",
            Build::new().proxy(at_edge_504()).listed(ok()).dns("a", Outcome::OK, &[ORIGIN]),
            Cause::DnsBypassesProxy,
            Medium,
        ),
        ("no such name, say two", two(Outcome::NXDomain, &[]), Cause::DnsFailed, High),
        ("no such name, says one", Build::new().proxy(ok()).dns("a", Outcome::NXDomain, &[]), Cause::DnsFailed, Medium),
        ("a broken zone", two(Outcome::ServFail, &[]), Cause::DnsFailed, High),
        ("silence, while others are reached", two(Outcome::TimedOut, &[]), Cause::DnsFailed, Medium),
        // Look-alikes.
        ("an unknown address without a declared edge", two(Outcome::OK, &["192.0.2.9"]), Cause::Healthy, High),
        ("the declared edge", edge(two(Outcome::OK, &[EDGE])), Cause::Healthy, High),
        (
            "one of two resolvers fails",
            Build::new().proxy(ok()).dns("a", Outcome::ServFail, &[]).dns("b", Outcome::OK, &[EDGE]),
            Cause::Healthy,
            High,
        ),
        (
            "silence, and nothing else is reached",
            Build::new().proxy(no_connection()).dns("a", Outcome::TimedOut, &[]),
            Cause::Inconclusive,
            Low,
        ),
        (
            "the same with a failed control target",
            Build::new().proxy(no_connection()).dns("a", Outcome::TimedOut, &[]).control(Outcome::TimedOut),
            Cause::VantageFault,
            High,
        ),
    ]);
}

#[test]
fn the_origin_refuses() {
    hold(vec![
        (
            "a listed vantage is refused, and the proxy at once",
            Build::new().proxy(status(502)).listed(refused()),
            Cause::OriginRefused,
            High,
        ),
        ("the proxy says so itself", Build::new().proxy(at_edge_502()).listed(refused()), Cause::OriginRefused, High),
        (
            "a vantage that was answered before",
            Build::new().proxy(status(502)).direct(ORIGIN, Access::Unknown, refused()).answered(3),
            Cause::OriginRefused,
            High,
        ),
        (
            "an unlisted vantage that was answered before: the door may have been locked since",
            Build::new().proxy(status(502)).unlisted(refused()).answered(3),
            Cause::OriginRefused,
            Medium,
        ),
        (
            "the proxy times out instead",
            Build::new().proxy(at_edge_504()).listed(refused()),
            Cause::OriginRefused,
            Medium,
        ),
        (
            "the proxy is not seen",
            Build::new().listed(refused()).dns("a", Outcome::OK, &[EDGE]).control(Outcome::OK),
            Cause::OriginRefused,
            Medium,
        ),
        // Look-alikes.
        ("an unlisted vantage", Build::new().proxy(status(502)).unlisted(refused()), Cause::Inconclusive, Low),
        (
            "answered, but too long ago",
            Build::new().proxy(status(502)).unlisted(refused()).answered(30),
            Cause::Inconclusive,
            Low,
        ),
        ("only the proxy is refused", Build::new().proxy(at_edge_502()).listed(ok()), Cause::ProxyBlocked, Medium),
        (
            "a single failure",
            Build::new()
                .proxy(status(502))
                .with(|t| {
                    t.samples = 1;
                    t.failures = 1;
                })
                .listed(refused()),
            Cause::OriginRefused,
            Medium,
        ),
    ]);
}

#[test]
fn the_origin_is_silent() {
    let dark = || Build::new().proxy(at_edge_504()).listed(no_connection());
    hold(vec![
        (
            "nobody answers for the address",
            Build::new().proxy(at_edge_504()).listed(dead_neighbour()).ping(0),
            Cause::OriginUnreachable,
            High,
        ),
        ("no echo, no other port", dark().ping(0).control_port(Outcome::TimedOut), Cause::OriginUnreachable, Medium),
        ("no echo is weak", dark().ping(0), Cause::OriginUnreachable, Low),
        ("echoes come back", dark().ping(20), Cause::PortFiltered, Medium),
        (
            "another port refuses, so the host lives",
            dark().ping(0).control_port(Outcome::Refused),
            Cause::PortFiltered,
            Medium,
        ),
        ("a filter says so", Build::new().proxy(at_edge_504()).listed(prohibited()), Cause::PortFiltered, Medium),
        ("and drops are counted", dark().ping(20).arrival(Arrived::Blocked), Cause::PortFiltered, High),
        // Look-alikes.
        ("nobody looked for life", dark(), Cause::Inconclusive, Low),
        (
            "an unlisted vantage",
            Build::new().proxy(at_edge_504()).unlisted(no_connection()).ping(20),
            Cause::Inconclusive,
            Low,
        ),
        (
            "a listed one is answered",
            Build::new().proxy(at_edge_504()).listed(ok()).ping(20),
            Cause::ProxyBlocked,
            Medium,
        ),
    ]);
    assert!(dark().ping(20).verdict().alternatives.contains(&Cause::AcceptSaturated));
}

#[test]
fn the_origin_hangs_up_or_hangs() {
    hold(vec![
        ("closed before an answer", Build::new().proxy(status(502)).listed(hangs_up()), Cause::OriginClosedEarly, High),
        ("from inside", Build::new().proxy(status(502)).inside("10.0.0.5", hangs_up()), Cause::OriginClosedEarly, High),
        (
            "to a stranger, who may be meant",
            Build::new().proxy(status(502)).unlisted(hangs_up()),
            Cause::OriginClosedEarly,
            Medium,
        ),
        (
            "in the handshake",
            Build::new().proxy(status(502)).listed(ended(Phase::Tls, Outcome::Reset, Fault::ConnectionReset)),
            Cause::OriginClosedEarly,
            Medium,
        ),
        (
            "silent, and the proxy's read timer",
            Build::new().proxy(silent()).long(status(504).after(30)).listed(silent()),
            Cause::OriginTimeout,
            High,
        ),
        (
            "answered, but after the read timer",
            Build::new().proxy(status(504).after(30)).listed(ok().after(40)),
            Cause::OriginTimeout,
            High,
        ),
        (
            "answered before it, so something else keeps the proxy waiting",
            Build::new().proxy(status(504).after(30)).listed(ok().after(20)),
            Cause::OriginTimeout,
            Medium,
        ),
        ("silent on both paths", Build::new().proxy(silent()).listed(silent()), Cause::OriginTimeout, Medium),
        (
            "silent in the handshake",
            Build::new().proxy(status(504).after(30)).listed(ended(Phase::Tls, Outcome::TimedOut, Fault::Deadline)),
            Cause::OriginTimeout,
            High,
        ),
        (
            "the read timer alone",
            Build::new().proxy(silent()).long(status(504).after(30)).unlisted(no_connection()),
            Cause::OriginTimeout,
            Medium,
        ),
        // Look-alikes.
        (
            "with lockdown, hanging up on strangers is a lock",
            Build::new().subject(|s| s.lockdown = Lockdown::Required).proxy(status(502)).unlisted(hangs_up()),
            Cause::Inconclusive,
            Low,
        ),
        (
            "the connect timer with an origin that answers",
            Build::new().proxy(silent()).long(status(504).after(10)).listed(ok()),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "timers that are alike",
            Build::new()
                .subject(|s| s.connect_timeout_seconds = 30)
                .proxy(silent())
                .long(status(504).after(30))
                .listed(ok()),
            Cause::ProxyBlocked,
            Medium,
        ),
    ]);
}

#[test]
fn the_origin_answers_badly() {
    hold(vec![
        (
            "the same error on both paths",
            Build::new().proxy(status(500)).unlisted(status(500)),
            Cause::OriginReturns5xx,
            High,
        ),
        ("the marker alone", Build::new().proxy(status(503).marked(true)), Cause::OriginReturns5xx, High),
        (
            "relayed, says Proxy-Status",
            Build::new().proxy(status(500).says(ProxyStatus::Relayed)),
            Cause::OriginReturns5xx,
            High,
        ),
        (
            "another body, but a listed vantage",
            Build::new().proxy(status(500).body("aa")).listed(status(500)),
            Cause::OriginReturns5xx,
            High,
        ),
        (
            "another status, an unlisted vantage",
            Build::new().proxy(status(502)).unlisted(status(500)),
            Cause::OriginReturns5xx,
            Medium,
        ),
        ("not HTTP", Build::new().proxy(status(502)).listed(garbage()), Cause::OriginResponseInvalid, High),
        (
            "cut short on both paths, with status 200",
            Build::new().proxy(truncated()).listed(truncated()),
            Cause::OriginResponseInvalid,
            High,
        ),
        (
            "cut short, and a proxy that minds",
            Build::new().proxy(status(502)).unlisted(truncated()),
            Cause::OriginResponseInvalid,
            High,
        ),
        (
            "not the expected page, on both paths",
            Build::new().proxy(status(404)).listed(status(404)),
            Cause::UnexpectedResponse,
            High,
        ),
        (
            "the text is missing on both",
            Build::new().proxy(wrong_body()).listed(wrong_body()),
            Cause::UnexpectedResponse,
            High,
        ),
        ("a 404 without a direct path", Build::new().proxy(status(404)), Cause::UnexpectedResponse, Medium),
        // Look-alikes.
        (
            "an error for the proxy only",
            Build::new().proxy(status(503).marked(true)).listed(ok()),
            Cause::OriginReturns5xx,
            Medium,
        ),
        (
            "the marker is missing where the origin sends it",
            Build::new().proxy(status(502).marked(false)).listed(ok().marked(true)),
            Cause::ProxyBlocked,
            Medium,
        ),
        ("cut short through the proxy only", Build::new().proxy(truncated()).listed(ok()), Cause::Inconclusive, Low),
        ("a 404 that only the proxy gives", Build::new().proxy(status(404)).listed(ok()), Cause::Inconclusive, Low),
        ("a 403 without proof of its maker", Build::new().proxy(status(403)), Cause::Inconclusive, Low),
    ]);
}

#[test]
fn certificates_count_only_where_they_are_verified() {
    let expired =
        |v| Build::new().subject(|s| s.verifies = v).proxy(status(502)).listed(ok().cert(CertVerdict::Expired));
    let bad =
        |verdict| Build::new().subject(|s| s.verifies = Verifies::Always).proxy(status(502)).listed(ok().cert(verdict));
    hold(vec![
        ("expired, always verified", expired(Verifies::Always), Cause::OriginCertExpired, High),
        ("expired, perhaps verified", expired(Verifies::Unknown), Cause::OriginCertExpired, Medium),
        (
            "the proxy names the certificate",
            Build::new().proxy(status(502).says(ProxyStatus::CertificateError)).listed(ok().cert(CertVerdict::Expired)),
            Cause::OriginCertExpired,
            High,
        ),
        ("mismatch", bad(CertVerdict::Mismatch), Cause::OriginCertMismatch, High),
        ("untrusted by us, perhaps not by the proxy", bad(CertVerdict::Untrusted), Cause::OriginCertUntrusted, Medium),
        (
            "signed by itself, which a proxy may have been told to trust",
            bad(CertVerdict::Untrusted).with(|t| t.last.certificate.iter_mut().for_each(|c| c.self_signed = true)),
            Cause::OriginCertUntrusted,
            Medium,
        ),
        (
            "untrusted, and the proxy says so",
            Build::new()
                .subject(|s| s.verifies = Verifies::Always)
                .proxy(status(526).page(Maker::Cloudflare, ProxyStatus::CertificateError))
                .listed(ok().cert(CertVerdict::Untrusted)),
            Cause::OriginCertUntrusted,
            High,
        ),
        (
            "a bad certificate beside a failing outcome of its own",
            Build::new().subject(|s| s.verifies = Verifies::Always).proxy(status(502)).listed(Saw(
                crate::evidence::Probe {
                    outcome: Outcome::CertInvalid,
                    phase: Some(Phase::Tls),
                    ..ok().cert(CertVerdict::Expired).0
                },
            )),
            Cause::OriginCertExpired,
            High,
        ),
        // Look-alikes.
        ("expired, never verified", expired(Verifies::Never), Cause::ProxyBlocked, Medium),
        (
            "expired, but the proxy timed out connecting",
            Build::new()
                .subject(|s| s.verifies = Verifies::Always)
                .proxy(at_edge_504())
                .listed(ok().cert(CertVerdict::Expired)),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "expired, but the origin's own answer came through",
            Build::new()
                .subject(|s| s.verifies = Verifies::Always)
                .proxy(status(500).marked(true))
                .listed(status(500).marked(true).cert(CertVerdict::Expired)),
            Cause::OriginReturns5xx,
            High,
        ),
        (
            "expired, and all is well",
            Build::new().subject(|s| s.verifies = Verifies::Always).proxy(ok()).listed(ok().cert(CertVerdict::Expired)),
            Cause::Healthy,
            High,
        ),
        (
            "valid, but the proxy names the certificate",
            Build::new().proxy(status(502).says(ProxyStatus::CertificateError)).listed(ok().cert(CertVerdict::Valid)),
            Cause::Inconclusive,
            Low,
        ),
        (
            "plain HTTP has no certificate",
            Build::new()
                .subject(|s| {
                    s.verifies = Verifies::Always;
                    s.origin_scheme = Scheme::HTTP;
                })
                .proxy(status(502))
                .listed(ok()),
            Cause::ProxyBlocked,
            Medium,
        ),
    ]);
    assert_eq!(expired(Verifies::Never).verdict().risks, [Cause::OriginCertExpired]);
    assert_eq!(Build::new().proxy(ok()).listed(ok().cert_days_left(10)).verdict().risks, [Cause::OriginCertExpiring]);
    assert!(Build::new().proxy(ok()).listed(ok().cert_days_left(20)).verdict().risks.is_empty());
}

#[test]
fn protocols_differ() {
    hold(vec![
        (
            "the port wants TLS, and the proxy relays that",
            Build::new().proxy(wants_tls()).listed(ok()),
            Cause::OriginProtocolMismatch,
            High,
        ),
        (
            "both of us speak plain HTTP to it",
            Build::new().subject(|s| s.origin_scheme = Scheme::HTTP).proxy(wants_tls()).listed(wants_tls()),
            Cause::OriginProtocolMismatch,
            High,
        ),
        (
            "the port does not speak TLS",
            Build::new().proxy(status(502)).unlisted(no_tls()),
            Cause::OriginProtocolMismatch,
            High,
        ),
        (
            "the same, but the proxy's connections time out",
            Build::new().proxy(at_edge_504()).listed(no_tls()),
            Cause::OriginProtocolMismatch,
            Medium,
        ),
        // Look-alikes.
        (
            "the proxy gets through, so the declared scheme is wrong",
            Build::new().proxy(ok()).listed(no_tls()),
            Cause::Healthy,
            Medium,
        ),
        ("an ordinary 400", Build::new().proxy(status(400)).listed(ok()), Cause::Inconclusive, Low),
    ]);
}

#[test]
fn the_edge_itself_is_the_matter() {
    hold(vec![
        (
            "expired at the edge",
            Build::new().proxy(ok().cert(CertVerdict::Expired)).listed(ok()),
            Cause::ProxyCertInvalid,
            High,
        ),
        (
            "another name at the edge",
            Build::new().proxy(ok().cert(CertVerdict::Mismatch)),
            Cause::ProxyCertInvalid,
            High,
        ),
        ("untrusted here", Build::new().proxy(ok().cert(CertVerdict::Untrusted)), Cause::ProxyCertInvalid, Medium),
        (
            "a cached error",
            Build::new().proxy(ok()).plain(status(502).cached()).listed(ok()),
            Cause::StaleErrorCached,
            High,
        ),
        (
            "a difference without a word of a cache",
            Build::new().proxy(ok()).plain(status(502)).listed(ok()),
            Cause::StaleErrorCached,
            Medium,
        ),
        (
            "a refusal by the edge",
            Build::new().proxy(status(403).page_of(Maker::Cloudflare)).listed(ok()),
            Cause::ProxyPolicyDenied,
            High,
        ),
        (
            "a refusal without the marker that the origin sends",
            Build::new().proxy(status(429).marked(false)).listed(ok().marked(true)),
            Cause::ProxyPolicyDenied,
            High,
        ),
        ("a challenge", Build::new().proxy(ok().sent_back(true)).listed(ok()), Cause::ProxyPolicyDenied, High),
        // Look-alikes.
        ("valid at the edge", Build::new().proxy(ok().cert(CertVerdict::Valid)).listed(ok()), Cause::Healthy, High),
        (
            "cached, but the origin fails as well",
            Build::new().proxy(status(500)).plain(status(500).cached()).listed(status(500)),
            Cause::OriginReturns5xx,
            High,
        ),
        (
            "a cache masks the outage",
            Build::new().proxy(status(502)).plain(ok().cached()).listed(refused()),
            Cause::OriginRefused,
            High,
        ),
        ("a refusal by nobody knows whom", Build::new().proxy(status(403)).listed(ok()), Cause::Inconclusive, Low),
        ("a refusal by both", Build::new().proxy(status(403)).listed(status(403)), Cause::UnexpectedResponse, High),
        (
            "a page of nginx names no hop",
            Build::new().proxy(status(403).page_of(Maker::Nginx)).listed(ok()),
            Cause::Inconclusive,
            Low,
        ),
        ("a loop without a cookie", Build::new().proxy(ok().sent_back(false)).listed(ok()), Cause::RedirectLoop, High),
    ]);
    let masked = Build::new().proxy(status(502)).plain(ok().cached()).listed(refused()).verdict();
    assert!(masked.summary.contains("masks"), "{}", masked.summary);
    assert_eq!(Build::new().proxy(status(403).page_of(Maker::Cloudflare)).listed(ok()).verdict().healthy, None);
}

#[test]
fn the_workload_is_the_matter() {
    let service = |b: Build| b.subject(|s| s.origin_type = OriginType::Service);
    hold(vec![
        (
            "no endpoint is ready",
            service(Build::new().proxy(status(503)).endpoints(0, 2)),
            Cause::NoReadyEndpoints,
            High,
        ),
        (
            "the ingress says so with the marker",
            service(Build::new().proxy(status(503).marked(true)).endpoints(0, 0)),
            Cause::NoReadyEndpoints,
            High,
        ),
        ("files alone", service(Build::new().endpoints(0, 0)), Cause::NoReadyEndpoints, Medium),
        (
            "a crash loop leaves none",
            service(Build::new().proxy(status(503)).endpoints(0, 1).pods(vec![looping("10.0.0.5")])),
            Cause::PodCrashLoop,
            High,
        ),
        (
            "a crash loop that is called ready and refuses",
            service(
                Build::new()
                    .proxy(status(502))
                    .inside("10.0.0.5", refused())
                    .answered(1)
                    .endpoints(1, 1)
                    .pods(vec![looping("10.0.0.5")]),
            ),
            Cause::PodCrashLoop,
            High,
        ),
        // Look-alikes.
        (
            "no endpoint is ready, but visitors are served",
            service(Build::new().proxy(ok()).endpoints(0, 2)),
            Cause::Healthy,
            High,
        ),
        (
            "ready endpoints",
            service(Build::new().proxy(status(503).marked(true)).endpoints(2, 2)),
            Cause::OriginReturns5xx,
            High,
        ),
        (
            "one of two loops while the other serves",
            service(
                Build::new()
                    .proxy(at_edge_504())
                    .inside("10.0.0.6", ok())
                    .endpoints(1, 2)
                    .pods(vec![looping("10.0.0.5"), running("10.0.0.6")]),
            ),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "the edge refuses, whatever the pods do",
            service(Build::new().proxy(ok().cert(CertVerdict::Expired)).endpoints(0, 1)),
            Cause::ProxyCertInvalid,
            High,
        ),
    ]);
    let both = service(Build::new().proxy(status(503)).endpoints(0, 1).pods(vec![looping("10.0.0.5")])).verdict();
    assert_eq!(both.contributing, [Cause::NoReadyEndpoints]);
}

#[test]
fn an_origin_is_exposed() {
    let seen = |matches| Build::new().proxy(ok()).unlisted(ok()).with(move |t| t.content_matches = matches);
    assert_eq!(seen(2).verdict().risks, [Cause::OriginExposed]);
    assert_eq!(seen(2).verdict().cause, Cause::Healthy);
    assert!(seen(1).verdict().risks.is_empty(), "once may be chance");
    let listed = Build::new().proxy(ok()).listed(ok()).with(|t| t.content_matches = 9).verdict();
    assert!(listed.risks.is_empty(), "a listed vantage is meant to get in");
    let own = seen(2).subject(|s| s.cluster_addresses = vec![ip(ORIGIN)]).verdict();
    assert!(own.risks.is_empty(), "an address of this cluster proves nothing");
    let inside = Build::new().proxy(ok()).inside(ORIGIN, ok()).with(|t| t.content_matches = 9).verdict();
    assert!(inside.risks.is_empty());
    let locked = seen(2).subject(|s| s.lockdown = Lockdown::Required).verdict();
    assert_eq!((locked.healthy, locked.contributing), (Some(true), vec![Cause::OriginExposed]));
}

#[test]
fn this_vantage_may_be_the_matter() {
    let dark = || Build::new().proxy(no_connection()).unlisted(no_connection());
    hold(vec![
        ("nothing is reached", dark(), Cause::Inconclusive, Low),
        ("nor is the control target", dark().control(Outcome::TimedOut), Cause::VantageFault, High),
        ("the control target is reached", dark().control(Outcome::OK), Cause::Inconclusive, Low),
        ("the control target alone fails", Build::new().proxy(ok()).control(Outcome::TimedOut), Cause::Healthy, High),
        ("nothing was seen at all", Build::new(), Cause::Inconclusive, Low),
    ]);
    assert!(dark().verdict().next_observation.unwrap().contains("--control"));
    assert_eq!(dark().control(Outcome::TimedOut).verdict().healthy, None);
}

#[test]
fn parts_fail() {
    let one_of_two =
        || Build::new().proxy(ok()).direct(ORIGIN, Access::Listed, ok()).direct(ORIGIN_2, Access::Listed, refused());
    let verdict = one_of_two().verdict();
    assert_eq!((verdict.cause, verdict.confidence, verdict.healthy), (Cause::OriginRefused, High, Some(false)));
    assert_eq!(verdict.scope.origin_addresses, [ORIGIN_2]);

    let half = Build::new()
        .proxy(status(502))
        .sometimes(5)
        .direct(ORIGIN, Access::Listed, ok())
        .direct(ORIGIN_2, Access::Listed, refused())
        .verdict();
    assert_eq!((half.cause, half.pattern), (Cause::OriginRefused, Pattern::Intermittent));

    let steady = Build::new()
        .proxy(status(502))
        .direct(ORIGIN, Access::Listed, ok())
        .direct(ORIGIN_2, Access::Listed, refused())
        .verdict();
    assert_eq!((steady.cause, steady.confidence), (Cause::OriginRefused, Medium));
    assert!(steady.alternatives.contains(&Cause::ProxyBlocked), "one dead address of two does not fail always");

    let v6 = Build::new().proxy(ok()).proxy_at("2001:db8::1", at_edge_504()).listed(ok()).verdict();
    assert_eq!((v6.scope.kind, v6.scope.families), (ScopeType::Partial, vec!["IPv6".to_owned()]));
    assert_eq!(v6.healthy, Some(false));

    let shares = Build::new()
        .proxy(status(502))
        .direct(ORIGIN, Access::Listed, hangs_up())
        .direct(ORIGIN_2, Access::Listed, refused())
        .direct("203.0.113.12", Access::Listed, hangs_up())
        .verdict();
    assert_eq!((shares.cause, shares.contributing), (Cause::OriginClosedEarly, vec![Cause::OriginRefused]));
}

#[test]
fn failures_now_and_then_are_said_to_be_so() {
    let both = Build::new().proxy(status(500)).sometimes(4).listed(status(500)).sometimes(4).verdict();
    assert_eq!((both.cause, both.pattern, both.healthy), (Cause::OriginReturns5xx, Pattern::Intermittent, Some(false)));
    let once = Build::new().proxy(status(500)).sometimes(1).listed(status(500)).sometimes(1).verdict();
    assert_eq!((once.cause, once.confidence), (Cause::OriginReturns5xx, Medium));
    let flapping = Build::new().proxy(status(502)).with(|t| t.pattern = Pattern::Flapping).listed(refused()).verdict();
    assert_eq!(flapping.pattern, Pattern::Flapping);
}

//! What holds for any evidence at all.

use super::build::*;
use crate::api::spec::{Lockdown, Verifies};
use crate::api::{Access, Cause, Confidence, Observation, Outcome, Pattern, Phase};
use crate::diagnose::{diagnose, explain};
use crate::evidence::fact::{Arrived, EdgeReason, Level, PolicyVerdict, Resource, Trend, Variation};
use crate::evidence::maker::Maker;
use crate::evidence::probe::{CertVerdict, Fault, ProxyStatus, Variant};
use crate::evidence::{Case, Fact, Health};
use proptest::prelude::*;
use proptest::sample::select;
use strum::IntoEnumIterator;

/// Anything that a path may show.
pub fn saw() -> impl Strategy<Value = Saw> {
    let shown = prop_oneof![
        4 => Just(ok()),
        4 => select(vec![200_u16, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504, 521, 522, 526]).prop_map(status),
        1 => Just(ok().cached()),
        1 => Just(ok().sent_back(true)),
        1 => Just(ok().sent_back(false)),
        6 => select(vec![
            refused(), no_connection(), dead_neighbour(), prohibited(), silent(), hangs_up(), no_tls(), garbage(),
            truncated(), wants_tls(), wrong_body(), wants_certificate(), alert(40), alert(116),
            ended(Phase::Dns, Outcome::NXDomain, Fault::NxDomain),
            ended(Phase::Tls, Outcome::TimedOut, Fault::Deadline),
            ended(Phase::Tls, Outcome::TLSAlert, Fault::TlsAlert),
            ended(Phase::Tls, Outcome::CertInvalid, Fault::TlsProtocol),
            ended(Phase::Body, Outcome::TimedOut, Fault::Deadline),
            ended(Phase::Connect, Outcome::Unavailable, Fault::NoLocalRoute),
        ]),
    ];
    let dress = (
        proptest::option::of(any::<bool>()),
        proptest::option::of(select(vec![Maker::Nginx, Maker::HAProxy, Maker::Cloudflare, Maker::Other])),
        proptest::option::weighted(
            0.3,
            select(vec![
                ProxyStatus::ConnectionRefused,
                ProxyStatus::ConnectionTimeout,
                ProxyStatus::ConnectionTerminated,
                ProxyStatus::CertificateError,
                ProxyStatus::TlsError,
                ProxyStatus::HeaderTooLarge,
                ProxyStatus::LoopDetected,
                ProxyStatus::Relayed,
            ]),
        ),
        proptest::option::of(select(vec![
            CertVerdict::Valid,
            CertVerdict::Expired,
            CertVerdict::Mismatch,
            CertVerdict::Untrusted,
        ])),
        select(vec![0_u32, 1, 3, 10, 30]),
    );
    (shown, dress).prop_map(|(mut saw, (marker, maker, proxy_status, verdict, seconds))| {
        if let Some(r) = saw.0.response.as_mut() {
            r.marker = marker;
            r.maker = maker;
            r.proxy_status = proxy_status;
            saw = saw.after(seconds);
        }
        match verdict {
            Some(verdict) if saw.0.phase.is_none_or(|p| p > Phase::Tls) => saw.cert(verdict),
            _ => saw,
        }
    })
}

pub fn fact() -> impl Strategy<Value = Vec<Fact>> {
    let resolved =
        select(vec![Outcome::OK, Outcome::NXDomain, Outcome::ServFail, Outcome::TimedOut, Outcome::Unavailable]);
    prop_oneof![
        (resolved, select(vec![EDGE, ORIGIN]), select(vec!["a", "b"])).prop_map(|(o, a, r)| {
            let addresses: &[&str] = if o == Outcome::OK { &[a] } else { &[] };
            Build::new().dns(r, o, addresses).case.facts
        }),
        (0_u32..20).prop_map(|n| Build::new().ping(n).case.facts),
        select(vec![Outcome::OK, Outcome::Refused, Outcome::TimedOut])
            .prop_map(|o| Build::new().control_port(o).case.facts),
        select(vec![Outcome::OK, Outcome::TimedOut, Outcome::Unavailable])
            .prop_map(|o| Build::new().control(o).case.facts),
        (0_u32..3, 0_u32..3).prop_map(|(r, s)| Build::new().endpoints(r, s).case.facts),
        select(vec![vec![looping(ORIGIN)], vec![looping("10.0.0.5"), running("10.0.0.6")], vec![]])
            .prop_map(|p| Build::new().pods(p).case.facts),
        select(vec![
            PolicyVerdict::NotIsolated,
            PolicyVerdict::AdmitsAll,
            PolicyVerdict::AdmitsSome,
            PolicyVerdict::AdmitsNone,
            PolicyVerdict::Undefined
        ])
        .prop_map(|v| Build::new().policy(v, 3, 22).case.facts),
        (0_u32..=22, select(vec!["Service shop/shop", "Ingress shop/web"]))
            .prop_map(|(n, o)| Build::new().allowlist(o, n, 22).case.facts),
        (
            select(vec![Resource::Cpu, Resource::Uplink, Resource::ListenQueue, Resource::Conntrack]),
            select(vec![Level::Saturated, Level::Spare]),
        )
            .prop_map(|(r, l)| Build::new().resource(r, l).case.facts),
        select(vec![Trend::Usual, Trend::Together, Trend::OriginAlone])
            .prop_map(|t| Build::new().traffic(t).case.facts),
        (0_u32..60, 0_u32..60).prop_map(|(q, b)| Build::new().contrast((q, 60), (b, 60)).case.facts),
        (0_u32..5).prop_map(|n| Build::new().visitors(n).case.facts),
        select(vec![Outcome::OK, Outcome::NXDomain]).prop_map(|o| Build::new().origin_dns("a", o).case.facts),
        (
            select(vec![None, Some(EDGE), Some(ORIGIN)]),
            select(vec![None, Some(0_u16), Some(502)]),
            proptest::option::of(select(EdgeReason::iter().collect::<Vec<_>>())),
        )
            .prop_map(|(a, s, r)| Build::new().recorded(a, s, r).case.facts),
        (any::<bool>(), any::<bool>(), 0_u32..2)
            .prop_map(|(local, ready, n)| Build::new().nodes(local, &[("node-1", ORIGIN, ready, n)]).case.facts),
        select(vec![Arrived::Blocked, Arrived::Delivered, Arrived::Limited, Arrived::Nothing])
            .prop_map(|a| Build::new().arrival(a).case.facts),
        (select(Variation::iter().collect::<Vec<_>>()), any::<bool>(), saw()).prop_map(|(v, proxied, saw)| {
            let build = if proxied { Build::new().replay_proxied(v, saw) } else { Build::new().replay(v, saw) };
            build.case.facts
        }),
        (1_u32..100).prop_map(|seconds| Build::new().closes_idle(seconds).case.facts),
    ]
}

fn path() -> impl Strategy<Value = Build> {
    (
        saw(),
        select(vec![EDGE, EDGE_2, "2001:db8::1"]),
        select(vec![ORIGIN, ORIGIN_2, "10.0.0.5"]),
        select(vec![Access::Listed, Access::Unlisted, Access::Unknown]),
        0_u8..6,
        select(vec![Pattern::Steady, Pattern::Steady, Pattern::Intermittent, Pattern::Flapping]),
        0_u32..5,
        proptest::option::of(0_i64..60),
    )
        .prop_map(|(saw, edge, origin, access, way, pattern, count, answered)| {
            let build = match way {
                0 => Build::new().proxy_at(edge, saw),
                1 => Build::new().plain(saw),
                2 => Build::new().long(saw),
                3 => Build::new().inside(origin, saw),
                _ => Build::new().direct(origin, access, saw),
            };
            build.with(|t| {
                t.pattern = pattern;
                t.samples = 3 + count;
                t.failures = t.failures.min(count.max(1));
                t.content_matches = count;
                t.last_connected = answered.map(ago);
                if pattern == Pattern::Intermittent && count % 2 == 0 {
                    t.health = Health::OK;
                }
            })
        })
}

/// Any case, with at most one track for each path.
pub fn any_case() -> impl Strategy<Value = Case> {
    (
        proptest::collection::vec(path(), 0..6),
        proptest::collection::vec(fact(), 0..5),
        select(vec![Verifies::Always, Verifies::Never, Verifies::Unknown]),
        any::<bool>(),
    )
        .prop_map(|(paths, facts, verifies, locked)| {
            let mut case = Build::new().case;
            for track in paths.into_iter().flat_map(|b| b.case.tracks) {
                if !case.tracks.iter().any(|t| t.key == track.key) {
                    case.tracks.push(track);
                }
            }
            case.facts = facts.into_iter().flatten().collect();
            case.subject.verifies = verifies;
            case.subject.lockdown = if locked { Lockdown::Required } else { Lockdown::NotRequired };
            case
        })
}

fn known(fact: &Fact) -> bool {
    !matches!(fact, Fact::Dns(d) if d.outcome == Outcome::Unavailable)
        && !matches!(fact, Fact::Control(c) if c.outcome == Outcome::Unavailable)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_evidence_gives_a_verdict_within_its_bounds(case in any_case()) {
        let verdict = diagnose(&case);
        prop_assert!(verdict.summary.len() <= 1024 && !verdict.summary.is_empty());
        prop_assert!(verdict.evidence.len() <= 16);
        prop_assert!(verdict.evidence.iter().all(|e| e.vantage.len() <= 63 && e.detail.as_ref().is_none_or(|d| d.len() <= 512)));
        prop_assert!(verdict.next_observation.as_ref().is_none_or(|n| n.len() <= 512));
        prop_assert!(verdict.remedy.as_ref().is_none_or(|r| r.action.len() <= 512));
        let meta = matches!(verdict.cause, Cause::Inconclusive | Cause::VantageFault | Cause::ProxyPolicyDenied);
        prop_assert_eq!(verdict.healthy.is_none(), meta);
        let fine = matches!(verdict.cause, Cause::Healthy | Cause::ClientSubset);
        prop_assert_eq!(verdict.healthy == Some(true), fine);
        for list in [&verdict.contributing, &verdict.alternatives, &verdict.risks] {
            prop_assert!(!list.contains(&verdict.cause), "{} is also in {:?}", verdict.cause, list);
            let mut unique = list.clone();
            unique.sort();
            unique.dedup();
            prop_assert_eq!(unique.len(), list.len());
        }
        explain::chain(&case);
    }

    #[test]
    fn a_saved_case_gives_the_same_verdict(case in any_case()) {
        let text = serde_json::to_string(&case).unwrap();
        let again: Case = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(diagnose(&case), diagnose(&again));
    }

    #[test]
    fn the_order_of_tracks_and_facts_makes_no_difference(case in any_case(), seed in any::<u64>()) {
        let mut other = case.clone();
        let turn = |len: usize| if len == 0 { 0 } else { usize::try_from(seed % len as u64).unwrap() };
        let (t, f) = (turn(other.tracks.len()), turn(other.facts.len()));
        other.tracks.rotate_left(t);
        other.facts.rotate_left(f);
        other.tracks.reverse();
        prop_assert_eq!(diagnose(&case), diagnose(&other));
    }

    #[test]
    fn unknown_is_as_good_as_absent(case in any_case()) {
        let mut without = case.clone();
        without.tracks.retain(|t| t.last.definite());
        without.facts.retain(known);
        let mut vague = without.clone();
        vague.tracks.extend(Build::new().direct("203.0.113.77", Access::Listed, refused()).with(|t| t.health = Health::Unknown).case.tracks);
        vague.facts.extend(Build::new().dns("c", Outcome::Unavailable, &[]).case.facts);
        prop_assert_eq!(diagnose(&case), diagnose(&without));
        prop_assert_eq!(diagnose(&vague), diagnose(&without));
    }

    #[test]
    fn below_high_something_would_decide(case in any_case()) {
        let verdict = diagnose(&case);
        prop_assert_eq!(verdict.confidence < Confidence::High, verdict.next_observation.is_some());
    }

    #[test]
    fn proxy_blocked_is_high_only_with_a_fact_about_the_block(case in any_case()) {
        let verdict = diagnose(&case);
        let fact = case.facts.iter().any(|f| match f {
            Fact::Arrival(a) => a.arrived == Arrived::Blocked,
            Fact::Allowlist(l) => l.missing_prefixes >= l.proxy_prefixes,
            _ => false,
        });
        if matches!(verdict.cause, Cause::ProxyBlocked | Cause::PortFiltered) && verdict.confidence == Confidence::High {
            prop_assert!(fact, "{}", verdict.summary);
        }
    }

    #[test]
    fn a_strangers_failure_to_connect_changes_no_cause(case in any_case(), saw in select(vec![refused(), no_connection(), dead_neighbour()])) {
        // An address that nobody tried before, from a vantage that the origin may keep out.
        let mut more = case.clone();
        more.tracks.extend(Build::new().direct("203.0.113.99", Access::Unlisted, saw).case.tracks);
        let (before, after) = (diagnose(&case), diagnose(&more));
        if !case.tracks.is_empty() {
            prop_assert_eq!(before.healthy, after.healthy);
        }
        prop_assert!(after.cause == before.cause || before.cause == Cause::Inconclusive || after.confidence <= before.confidence, "{} became {}", before.summary, after.summary);
    }

    #[test]
    fn no_status_code_decides_alone(code in 400_u16..600) {
        // The same status without any proof of its maker: never High, and an error never a named block.
        let verdict = Build::new().proxy(status(code)).verdict();
        prop_assert!(verdict.confidence < Confidence::High, "{}", verdict.summary);
        prop_assert_ne!(verdict.cause, Cause::ProxyBlocked);
    }

    #[test]
    fn a_single_failure_makes_no_high_cause(saw in saw(), direct in saw()) {
        let verdict = Build::new()
            .proxy(saw)
            .with(|t| { t.samples = 1; t.failures = t.failures.min(1); })
            .listed(direct)
            .with(|t| { t.samples = 1; t.failures = t.failures.min(1); })
            .verdict();
        let exempt = matches!(verdict.cause, Cause::Healthy | Cause::ClientSubset | Cause::ProxyCertInvalid);
        prop_assert!(exempt || verdict.confidence < Confidence::High, "{} {}", verdict.cause, verdict.summary);
    }
}

/// Evidence that speaks for a cause, added to a case that names it.
#[test]
fn supporting_evidence_never_lowers_a_verdict() {
    let dropped = || Build::new().proxy(status(504).after(10)).listed(ok());
    let refused_by_all = || Build::new().proxy(status(502)).listed(refused());
    let silent_host = || Build::new().proxy(status(504).after(10)).listed(no_connection()).ping(0);
    let pairs: Vec<(Cause, Build, Build)> = vec![
        (Cause::ProxyBlocked, dropped(), dropped().arrival(Arrived::Blocked)),
        (Cause::ProxyBlocked, dropped(), dropped().allowlist("Service shop/shop", 22, 22)),
        (Cause::ProxyBlocked, dropped(), dropped().ping(20)),
        (Cause::ProxyBlocked, dropped(), dropped().proxy_at(EDGE_2, status(504).after(10))),
        (Cause::ProxyBlocked, dropped(), dropped().inside("10.0.0.5", ok())),
        (Cause::OriginRefused, refused_by_all(), refused_by_all().ping(20)),
        (Cause::OriginRefused, refused_by_all(), refused_by_all().proxy_at(EDGE_2, status(502))),
        (Cause::OriginRefused, refused_by_all(), refused_by_all().direct(ORIGIN_2, Access::Listed, refused())),
        (Cause::OriginUnreachable, silent_host(), silent_host().control_port(Outcome::TimedOut)),
        (
            Cause::OriginReturns5xx,
            Build::new().proxy(status(500)).unlisted(status(500)),
            Build::new().proxy(status(500).marked(true)).unlisted(status(500).marked(true)),
        ),
        (
            Cause::OriginTimeout,
            Build::new().proxy(silent()).listed(silent()),
            Build::new().proxy(silent()).listed(silent()).long(status(504).after(30)),
        ),
    ];
    for (cause, before, after) in pairs {
        let (before, after) = (before.verdict(), after.verdict());
        assert_eq!((before.cause, after.cause), (cause, cause), "{} | {}", before.summary, after.summary);
        assert!(after.confidence >= before.confidence, "{cause}: {} | {}", before.summary, after.summary);
    }
}

#[test]
fn the_variant_of_a_path_is_kept_apart() {
    let build = Build::new().proxy(ok()).plain(status(502).cached());
    assert!(build.case.tracks.iter().any(|t| t.key.variant == Variant::Plain));
    assert!(build.case.tracks.iter().all(|t| t.key.observation == Observation::ViaProxy));
    assert_eq!(build.verdict().cause, Cause::StaleErrorCached);
}

/// A cause that no rule names can never be told, whatever its page says.
#[test]
fn every_cause_has_a_rule_or_is_told_without_one() {
    use crate::diagnose::rules::CHAIN;
    use strum::IntoEnumIterator;
    let apart = [
        Cause::Healthy,
        Cause::Inconclusive,
        Cause::VantageFault,
        Cause::ClientSubset,
        // Risks: they explain no failure.
        Cause::OriginExposed,
        Cause::OriginCertExpiring,
    ];
    let without: Vec<Cause> = Cause::iter().filter(|cause| CHAIN.iter().all(|rule| rule.cause != *cause)).collect();
    assert_eq!(without.len(), apart.len(), "{without:?}");
    assert!(apart.iter().all(|cause| without.contains(cause)), "{without:?}");
}

//! Situations that are met seldom, for what is said in no other: each stands beside the sentence in the snapshots of
//! [`super::words`].

use super::build::*;
use super::words::title;
use crate::api::spec::{OriginType, Scheme, Verifies};
use crate::api::validated::TlsProfile;
use crate::api::{Access, Outcome, Phase};
use crate::evidence::fact::{Arrived, Change, Changed, PolicyVerdict, Resource, Trend, Variation};
use crate::evidence::maker::Maker;
use crate::evidence::probe::{CertVerdict, Fault, ProxyStatus};
use crate::evidence::{Fact, Onset};
use jiff::SignedDuration;

pub const TABLES: &[super::words::Table] = super::words::tables![
    edges_that_give_nothing,
    answers_that_are_odd,
    origins_that_are_odd,
    counters_beside_another_failure,
    changes_of_every_kind,
];

fn judge(rows: Vec<(&'static str, Build)>) {
    for (name, build) in rows {
        title(name);
        let verdict = build.verdict();
        assert!(!verdict.summary.is_empty(), "{name}");
    }
}

fn slow() -> Saw {
    let mut saw = ok();
    (saw.0.outcome, saw.0.phase) = (Outcome::TooSlow, Some(Phase::FirstByte));
    saw
}

#[test]
fn edges_that_give_nothing() {
    judge(vec![
        (
            "its name is not resolved in time",
            Build::new().proxy(ended(Phase::Dns, Outcome::TimedOut, Fault::Deadline)).listed(ok()),
        ),
        (
            "its handshake is not answered",
            Build::new().proxy(ended(Phase::Tls, Outcome::TimedOut, Fault::Deadline)).listed(ok()),
        ),
        ("it ends the handshake with an alert", Build::new().proxy(alert(40)).listed(ok())),
        (
            "its name is not resolved where a resolver answers",
            Build::new().proxy(ended(Phase::Dns, Outcome::TimedOut, Fault::Deadline)).listed(ok()).dns(
                "192.0.2.53",
                Outcome::OK,
                &[EDGE],
            ),
        ),
        ("its certificate is from tomorrow", Build::new().proxy(ok().cert(CertVerdict::NotYetValid)).listed(ok())),
        ("its certificate is nonsense", Build::new().proxy(ok().cert(CertVerdict::Invalid)).listed(ok())),
        ("its certificate is good and it fails", Build::new().proxy(status(502).cert(CertVerdict::Valid)).listed(ok())),
        (
            "there is no way to it, and the origin was not looked at",
            Build::new().proxy(ended(Phase::Connect, Outcome::Unavailable, Fault::NoLocalRoute)).listed(ok()),
        ),
        ("it is late and the origin is not", Build::new().proxy(slow()).listed(ok())),
        ("it is late and so is the origin", Build::new().proxy(slow()).listed(slow())),
        ("it is silent and so is a slow origin", Build::new().proxy(silent()).listed(silent())),
        ("it sends the probe back", Build::new().proxy(status(302).sent_back(true)).listed(ok())),
        ("it sends the probe back, and the origin is not seen", Build::new().proxy(status(302).sent_back(true))),
        (
            "it sends the probe back and so does the origin",
            Build::new().proxy(status(302).sent_back(false)).listed(status(302).redirects()),
        ),
        ("it sends the probe in a circle", Build::new().proxy(status(302).sent_back(false)).listed(ok().redirects())),
        (
            "it answers after the long wait, and the origin in time",
            Build::new().proxy(silent()).long(ok()).listed(ok()),
        ),
        (
            "it answers after the long wait, and the origin late",
            Build::new().proxy(silent()).long(ok()).listed(silent()),
        ),
        ("it answers after the long wait, and the origin is not seen", Build::new().proxy(silent()).long(ok())),
        (
            "its name does not exist",
            Build::new().proxy(ended(Phase::Dns, Outcome::NXDomain, Fault::NxDomain)).listed(ok()),
        ),
        ("one visitor complains", Build::new().proxy(ok()).listed(ok()).visitors(1)),
    ]);
}

#[test]
fn answers_that_are_odd() {
    let tls = |profile: TlsProfile| {
        Build::new()
            .subject(move |s| s.origin_tls = profile)
            .proxy(status(502))
            .listed(ok())
            .replay(Variation::ProxyTls, alert(40))
    };
    judge(vec![
        (
            "the proxy's handshake with the origin fails",
            Build::new().proxy(status(502).says(ProxyStatus::TlsError)).listed(ok()),
        ),
        ("the proxy has no route", Build::new().proxy(status(502).says(ProxyStatus::Unroutable)).listed(ok())),
        ("only the marker is missing", Build::new().proxy(status(502).marked(false)).listed(ok().marked(true))),
        ("the header is too large, says the proxy", Build::new().proxy(status(502).says(ProxyStatus::HeaderTooLarge))),
        ("a broken response, and no direct path", Build::new().proxy(truncated().marked(true))),
        ("a malformed response, and no direct path", Build::new().proxy(garbage())),
        (
            "the port wants TLS",
            Build::new().subject(|s| s.origin_scheme = Scheme::HTTP).proxy(status(502)).listed(wants_tls()),
        ),
        (
            "the port wants TLS, and nobody else is seen",
            Build::new().subject(|s| s.origin_scheme = Scheme::HTTP).proxy(ok()).listed(wants_tls()),
        ),
        (
            "the proxy offers TLS 1.2 at most",
            tls(TlsProfile { max_version: crate::api::spec::TlsVersion::TLS12, ..TlsProfile::default() }),
        ),
        ("the proxy's own profile", tls(TlsProfile::default())),
        (
            "the edge serves something that no cache holds",
            Build::new().proxy(ok()).plain(ended(Phase::FirstByte, Outcome::TimedOut, Fault::Deadline)).listed(ok()),
        ),
        (
            "the plain URL fails beside a failing origin",
            Build::new().proxy(ok()).plain(status(502)).direct(ORIGIN, Access::Listed, ok()).direct(
                ORIGIN_2,
                Access::Listed,
                refused(),
            ),
        ),
        (
            "no connection left, and an attempt that was refused",
            Build::new()
                .proxy(status(502).says(ProxyStatus::ConnectionRefused))
                .listed(ok())
                .arrival(Arrived::Exhausted),
        ),
        (
            "no packet arrives, and the origin is not seen",
            Build::new().proxy(status(504).after(10)).arrival(Arrived::Nothing),
        ),
        (
            "a bad certificate beside an answer that breaks off",
            Build::new()
                .subject(|s| s.verifies = Verifies::Always)
                .proxy(truncated())
                .listed(ok().cert(CertVerdict::Expired)),
        ),
        (
            "a large response with another status on each path",
            Build::new()
                .proxy(ok())
                .listed(ok())
                .replay(Variation::LargePath, status(404))
                .replay_proxied(Variation::LargePath, status(500)),
        ),
        (
            "a name that the origin's page does not show",
            Build::new().proxy(status(503).page_of(Maker::Nginx)).listed(wrong_body()),
        ),
    ]);
}

#[test]
fn origins_that_are_odd() {
    let service = |b: Build| b.subject(|s| s.origin_type = OriginType::Service);
    judge(vec![
        ("an address answers with another status", Build::new().listed(status(404))),
        ("an address ends the handshake with an alert", Build::new().listed(alert(40))),
        ("an address wants a certificate of the client", Build::new().listed(wants_certificate())),
        ("an address asks for a certificate of the client with an alert", Build::new().listed(alert(116))),
        ("it redirects itself, over HTTPS", Build::new().proxy(ok().sent_back(false)).listed(ok().redirects())),
        (
            "nothing but its missing header says who gave up",
            Build::new().subject(|s| s.marker = true).proxy(status(502).marked(false).body("other")).listed(ok()),
        ),
        (
            "an address is silent in the handshake",
            Build::new().listed(ended(Phase::Tls, Outcome::TimedOut, Fault::Deadline)),
        ),
        (
            "an address breaks its handshake",
            Build::new().listed(ended(Phase::Tls, Outcome::TLSAlert, Fault::TlsProtocol)),
        ),
        ("an address is reset", Build::new().listed(ended(Phase::Connect, Outcome::Reset, Fault::ConnectionReset))),
        (
            "an address answers with another status, beside a way that is not seen",
            Build::new().proxy(ended(Phase::Connect, Outcome::Unavailable, Fault::NoLocalRoute)).listed(status(404)),
        ),
        (
            "an address fails, and the edge is not seen",
            Build::new()
                .proxy(ended(Phase::Connect, Outcome::Unavailable, Fault::NoLocalRoute))
                .listed(no_connection()),
        ),
        (
            "an address has no route, and the edge is not seen",
            Build::new().listed(ended(Phase::Connect, Outcome::Unreachable, Fault::NetworkUnreachable)),
        ),
        (
            "an address is silent now and then, beside loss",
            Build::new().proxy(silent()).sometimes(5).listed(silent()).sometimes(5).lossy(6, 10).ping(12),
        ),
        (
            "an address loses packets, and its pod answers inside",
            Build::new()
                .proxy(silent())
                .sometimes(5)
                .listed(no_connection())
                .sometimes(5)
                .lossy(6, 10)
                .ping(12)
                .inside("10.0.0.5", ok()),
        ),
        (
            "an address drops now and then, and visitors read a refusal",
            Build::new().proxy(status(403)).listed(no_connection()).sometimes(4),
        ),
        (
            "another pod dies than the one that fails",
            service(
                Build::new()
                    .inside("10.0.0.6", refused())
                    .endpoints(1, 2)
                    .pods(vec![looping("10.0.0.5"), running("10.0.0.6")]),
            ),
        ),
        (
            "a pod dies, and the ready one fails",
            service(
                Build::new()
                    .proxy(status(502))
                    .inside("10.0.0.6", refused())
                    .endpoints(1, 2)
                    .pods(vec![looping("10.0.0.5"), running("10.0.0.6")]),
            ),
        ),
        (
            "it answers after a second with a refusal",
            Build::new().proxy(ok()).listed({
                let mut saw = refused();
                saw.0.timings.connect_ms = Some(1000);
                saw
            }),
        ),
    ]);
}

#[test]
fn counters_beside_another_failure() {
    let denied = |b: Build| b.proxy(status(403).marked(true));
    judge(vec![
        (
            "a full queue beside a refusal that visitors read",
            denied(Build::new()).listed(no_connection()).full(Resource::ListenQueue),
        ),
        (
            "small segments pass beside a refusal",
            denied(Build::new())
                .listed(silent())
                .replay(Variation::Again, silent())
                .replay(Variation::SmallSegments, ok()),
        ),
        (
            "small segments pass beside a proxy that is refused",
            Build::new()
                .proxy(status(502).says(ProxyStatus::ConnectionRefused))
                .listed(silent().tail_only())
                .replay(Variation::Again, silent().tail_only())
                .replay(Variation::SmallSegments, ok()),
        ),
        (
            "an address that fails is no dying pod's",
            Build::new()
                .subject(|s| s.origin_type = OriginType::Service)
                .proxy(ok())
                .direct("10.0.0.5", Access::Listed, refused())
                .direct("10.0.0.6", Access::Listed, ok())
                .endpoints(1, 2)
                .pods(vec![looping("10.0.0.7"), running("10.0.0.6")]),
        ),
        (
            "a policy does not admit the one address of the proxy",
            Build::new().proxy(status(504).after(10)).inside("10.0.0.5", ok()).endpoints(1, 1).policy(
                PolicyVerdict::AdmitsNone,
                1,
                1,
            ),
        ),
        (
            "one policy admits nobody and another everybody",
            Build::new()
                .proxy(status(504).after(10))
                .inside("10.0.0.5", ok())
                .endpoints(1, 1)
                .policy(PolicyVerdict::AdmitsNone, 22, 22)
                .policy(PolicyVerdict::AdmitsAll, 0, 22),
        ),
        ("a full queue, and no direct path", denied(Build::new()).full(Resource::ListenQueue)),
        (
            "a surge beside a refusal that visitors read",
            denied(Build::new()).listed(no_connection()).traffic(Trend::OriginAlone),
        ),
        ("a surge, and no direct path", denied(Build::new()).traffic(Trend::OriginAlone)),
        ("no CPU beside a refusal that visitors read", denied(Build::new()).listed(silent()).full(Resource::Cpu)),
        ("no CPU, and no direct path", denied(Build::new()).full(Resource::Cpu)),
        (
            "a full uplink beside a refusal that visitors read",
            denied(Build::new()).listed(silent()).full(Resource::Uplink),
        ),
    ]);
}

/// What changed before is told for every kind of change, where the failure fits it.
#[test]
fn changes_of_every_kind() {
    let before = |seconds: i64| now() - SignedDuration::from_secs(seconds);
    let began = |b: Build| {
        let onset = Onset { first_failure: before(100), last_success: before(130) };
        b.with(move |t| t.onset = Some(onset))
    };
    let changed = |b: Build, what: Changed, object: &str| {
        b.fact(Fact::Change(Change { what, object: object.to_owned(), at: before(170) }))
    };
    let expired = || {
        began(Build::new().subject(|s| s.verifies = Verifies::Always).proxy(status(502)))
            .listed(ok().cert(CertVerdict::Expired))
    };
    let bypassed = || began(Build::new().proxy(status(502))).listed(ok()).dns("a", Outcome::OK, &[ORIGIN]);
    let gap = || began(Build::new().proxy(status(504).after(10))).listed(ok()).allowlist("Service shop/shop", 3, 22);
    judge(vec![
        ("another certificate", changed(expired(), Changed::Certificate, "Secret shop/web-tls")),
        ("other addresses", changed(bypassed(), Changed::Name, "shop.example.com")),
        ("another list", changed(gap(), Changed::ProxyRanges, "ProxyNetwork edge")),
    ]);
}

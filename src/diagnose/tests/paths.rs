//! What repeated requests, held connections and header sizes decide, with what looks like it.

use super::build::*;
use super::tables::hold;
use crate::api::spec::{Lockdown, ProxyProtocol, Scheme, ServerNameUse, TlsVersion, Verifies};
use crate::api::status::ScopeType;
use crate::api::validated::{Idle, TlsProfile};
use crate::api::{Access, Cause, Confidence, Outcome, Phase, Provider};
use crate::evidence::Subject;
use crate::evidence::fact::Variation;
use crate::evidence::probe::{CertVerdict, Fault, ProxyStatus};
use Confidence::{High, Low, Medium};

fn no_server_name(declared: bool) -> impl FnOnce(&mut Subject) {
    move |s| {
        s.origin_tls = TlsProfile { max_version: TlsVersion::TLS13, server_name: ServerNameUse::NotSent, declared };
    }
}

/// The proxy gives up at once, and our own handshake works.
fn at_once() -> Build {
    Build::new().proxy(status(502)).listed(ok())
}

pub const TABLES: &[super::words::Table] = super::words::tables![
    a_handshake_as_the_proxy_makes_it_fails,
    a_client_certificate_is_wanted,
    a_handshake_that_nobody_gets,
    a_preamble_is_missing_or_not_wanted,
    http2_is_broken,
    the_host_is_not_known,
    headers_are_too_large,
    large_packets_vanish,
    a_reused_connection_dies,
    visitors_are_sent_round,
    addresses_that_were_tried_speak_for_the_others,
    of_two_faults_the_one_that_the_proxys_answer_contradicts_comes_second,
];

#[test]
fn a_handshake_as_the_proxy_makes_it_fails() {
    let replayed = |saw| at_once().subject(no_server_name(true)).replay(Variation::ProxyTls, saw);
    hold(vec![
        ("refused without a server name, as declared", replayed(alert(112)), Cause::TlsIncompatible, High),
        (
            "closed without one",
            replayed(ended(Phase::Tls, Outcome::ClosedEarly, Fault::ClosedBeforeHeaders)),
            Cause::TlsIncompatible,
            Medium,
        ),
        (
            "the profile is only the provider's default",
            at_once().subject(no_server_name(false)).replay(Variation::ProxyTls, alert(112)),
            Cause::TlsIncompatible,
            Medium,
        ),
        (
            "without a name it shows another certificate, and the proxy always verifies",
            Build::new()
                .subject(no_server_name(true))
                .subject(|s| s.verifies = Verifies::Always)
                .proxy(status(502))
                .listed(ok().cert(CertVerdict::Valid))
                .replay(Variation::ProxyTls, ok().cert(CertVerdict::Mismatch)),
            Cause::TlsIncompatible,
            High,
        ),
        (
            "the same where nobody says whether it verifies",
            Build::new()
                .subject(no_server_name(true))
                .proxy(status(502))
                .listed(ok().cert(CertVerdict::Valid))
                .replay(Variation::ProxyTls, ok().cert(CertVerdict::Mismatch)),
            Cause::TlsIncompatible,
            Medium,
        ),
        // Look-alikes.
        (
            "another certificate for a proxy that never verifies",
            Build::new()
                .subject(no_server_name(true))
                .subject(|s| s.verifies = Verifies::Never)
                .proxy(status(502))
                .listed(ok().cert(CertVerdict::Valid))
                .replay(Variation::ProxyTls, ok().cert(CertVerdict::Mismatch)),
            Cause::ProxyBlocked,
            Medium,
        ),
        ("the proxy's profile works as well", replayed(ok()), Cause::ProxyBlocked, Medium),
        ("it works, and the answer is another", replayed(status(404)), Cause::ProxyBlocked, Medium),
        (
            "the proxy waits for its connect timer",
            Build::new()
                .subject(no_server_name(true))
                .proxy(status(504).after(10))
                .listed(ok())
                .replay(Variation::ProxyTls, alert(112)),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "a certificate that the proxy refuses comes first",
            Build::new()
                .subject(|s| s.verifies = Verifies::Always)
                .subject(no_server_name(true))
                .proxy(status(502))
                .listed(ok().cert(CertVerdict::Expired))
                .replay(Variation::ProxyTls, ok()),
            Cause::OriginCertExpired,
            High,
        ),
        (
            "the proxy speaks HTTP",
            at_once()
                .subject(no_server_name(true))
                .subject(|s| s.origin_scheme = Scheme::HTTP)
                .replay(Variation::ProxyTls, alert(112)),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "it fails now and then only",
            Build::new()
                .subject(no_server_name(true))
                .proxy(status(502))
                .sometimes(3)
                .listed(ok())
                .replay(Variation::ProxyTls, alert(112)),
            Cause::Inconclusive,
            Low,
        ),
    ]);
}

#[test]
fn a_client_certificate_is_wanted() {
    let locked = |s: &mut Subject| s.lockdown = Lockdown::Required;
    let guarded = || {
        let mut saw = wants_certificate();
        saw.0.outcome = Outcome::Guarded;
        saw
    };
    let guarded_alert = || {
        let mut saw = alert(116);
        saw.0.outcome = Outcome::Guarded;
        saw
    };
    let relayed = || {
        let mut saw = wants_certificate();
        saw.0.timings.tls_ms = None;
        saw
    };
    hold(vec![
        (
            "the same words on both paths",
            Build::new().proxy(relayed()).unlisted(wants_certificate()),
            Cause::TlsIncompatible,
            High,
        ),
        (
            "the same, but the edge may ask visitors as well",
            Build::new().proxy(wants_certificate()).unlisted(wants_certificate()),
            Cause::TlsIncompatible,
            Medium,
        ),
        (
            "the same with a lock that is declared",
            Build::new().subject(locked).proxy(relayed()).unlisted(guarded()),
            Cause::TlsIncompatible,
            High,
        ),
        (
            "an alert for us, an error at once for the proxy",
            Build::new().proxy(status(502)).unlisted(alert(116)),
            Cause::TlsIncompatible,
            Medium,
        ),
        (
            "the same from a listed vantage",
            Build::new().proxy(status(502)).listed(alert(116)),
            Cause::TlsIncompatible,
            Medium,
        ),
        (
            "the proxy says that its handshake fails",
            Build::new().subject(locked).proxy(status(502).says(ProxyStatus::TlsError)).unlisted(guarded_alert()),
            Cause::TlsIncompatible,
            Medium,
        ),
        // Look-alikes.
        (
            "a lock that is declared, and a proxy whose connections are refused",
            Build::new()
                .subject(locked)
                .proxy(status(502).says(ProxyStatus::ConnectionRefused))
                .unlisted(guarded_alert()),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "a lock that is declared, and a proxy that fails at once",
            Build::new().subject(locked).proxy(status(502)).unlisted(guarded_alert()),
            Cause::TlsIncompatible,
            Medium,
        ),
        (
            "a lock that is declared, and all is well",
            Build::new().subject(locked).proxy(ok()).unlisted(guarded_alert()),
            Cause::Healthy,
            High,
        ),
        (
            "a lock that nobody declared, and all is well",
            Build::new().proxy(ok()).unlisted(wants_certificate()),
            Cause::Healthy,
            High,
        ),
        (
            "the edge wants one of visitors",
            Build::new().proxy(wants_certificate()).listed(ok()),
            Cause::TlsIncompatible,
            Medium,
        ),
    ]);
}

#[test]
fn a_handshake_that_nobody_gets() {
    hold(vec![
        (
            "a name that the origin does not know",
            Build::new().proxy(status(502)).listed(alert(112)),
            Cause::TlsIncompatible,
            Medium,
        ),
        (
            "after the origin's own certificate: it may want ours",
            Build::new().proxy(status(502)).listed(alert(40).cert(CertVerdict::Valid)),
            Cause::TlsIncompatible,
            Medium,
        ),
        ("an alert for everybody", Build::new().proxy(status(502)).listed(alert(40)), Cause::TlsIncompatible, High),
        (
            "an alert, while the proxy waits for its timer",
            Build::new().proxy(status(504).after(10)).listed(alert(40)),
            Cause::Inconclusive,
            Low,
        ),
    ]);
}

#[test]
fn a_preamble_is_missing_or_not_wanted() {
    let declared = |s: &mut Subject| s.proxy_protocol = ProxyProtocol::V1;
    let closes = || status(502).says(ProxyStatus::ConnectionTerminated);
    hold(vec![
        (
            "the origin answers with a preamble, the proxy's connection ends",
            Build::new()
                .proxy(closes())
                .listed(hangs_up())
                .replay(Variation::Preamble, ok())
                .replay(Variation::Again, hangs_up()),
            Cause::OriginProtocolMismatch,
            High,
        ),
        (
            "the same without the proxy's word",
            Build::new()
                .proxy(status(502))
                .listed(hangs_up())
                .replay(Variation::Preamble, ok())
                .replay(Variation::Again, hangs_up()),
            Cause::OriginProtocolMismatch,
            Medium,
        ),
        (
            "the declared one is not wanted, and the proxy relays the same",
            Build::new()
                .subject(declared)
                .proxy(status(400).marked(true))
                .listed(status(400).marked(true))
                .replay(Variation::NoPreamble, ok())
                .replay(Variation::Again, status(400)),
            Cause::OriginProtocolMismatch,
            High,
        ),
        (
            "one that is not declared gets the very answer that the proxy relays",
            Build::new()
                .proxy(status(400).body("bad request").marked(true))
                .listed(ok().marked(true))
                .replay(Variation::Preamble, status(400).body("bad request").marked(true)),
            Cause::OriginProtocolMismatch,
            Medium,
        ),
        // Look-alikes.
        (
            "the same request is answered as well: it was chance",
            Build::new()
                .proxy(closes())
                .listed(hangs_up())
                .replay(Variation::Preamble, ok())
                .replay(Variation::Again, ok()),
            Cause::OriginClosedEarly,
            High,
        ),
        (
            "it hangs up now and then",
            Build::new()
                .proxy(closes())
                .sometimes(3)
                .listed(hangs_up())
                .sometimes(3)
                .replay(Variation::Preamble, ok())
                .replay(Variation::Again, hangs_up()),
            Cause::OriginClosedEarly,
            High,
        ),
        (
            "a crash closes with and without",
            Build::new().proxy(closes()).listed(hangs_up()).replay(Variation::Preamble, hangs_up()),
            Cause::OriginClosedEarly,
            High,
        ),
        (
            "another page than the preamble gets",
            Build::new()
                .proxy(status(400).body("bad request").marked(true))
                .listed(ok().marked(true))
                .replay(Variation::Preamble, status(400).body("other").marked(true)),
            Cause::UnexpectedResponse,
            Medium,
        ),
    ]);
}

#[test]
fn http2_is_broken() {
    hold(vec![
        (
            "HTTP/1.1 works, HTTP/2 ends",
            at_once().replay(Variation::Http2, hangs_up()),
            Cause::OriginProtocolMismatch,
            Medium,
        ),
        ("HTTP/2 works too", at_once().replay(Variation::Http2, ok()), Cause::ProxyBlocked, Medium),
        (
            "the proxy waits for its connect timer",
            Build::new().proxy(status(504).after(10)).listed(ok()).replay(Variation::Http2, hangs_up()),
            Cause::ProxyBlocked,
            Medium,
        ),
    ]);
}

#[test]
fn the_host_is_not_known() {
    let lost = || status(404).body("default").marked(true);
    let unknown = || Build::new().proxy(lost()).listed(lost()).replay(Variation::OtherHost, ok());
    hold(vec![
        (
            "a stranger gets the same, at the root too",
            unknown().replay(Variation::StrangeHost, lost()).replay(Variation::Root, lost()),
            Cause::VhostMismatch,
            High,
        ),
        ("nobody asked for a stranger", unknown(), Cause::VhostMismatch, Medium),
        (
            "there is something at the root",
            unknown().replay(Variation::StrangeHost, lost()).replay(Variation::Root, ok()),
            Cause::VhostMismatch,
            Medium,
        ),
        (
            "the proxy sends another Host than declared",
            Build::new().proxy(lost()).listed(ok()).replay(Variation::OtherHost, lost()),
            Cause::VhostMismatch,
            Medium,
        ),
        // Look-alikes.
        (
            "a stranger gets another answer: the page is missing",
            unknown().replay(Variation::StrangeHost, status(421).body("who")),
            Cause::UnexpectedResponse,
            High,
        ),
        (
            "no other Host is better",
            Build::new().proxy(lost()).listed(lost()).replay(Variation::OtherHost, lost()),
            Cause::UnexpectedResponse,
            High,
        ),
        (
            "the other Host gets another answer than the proxy",
            Build::new().proxy(lost()).listed(ok()).replay(Variation::OtherHost, status(404).body("other")),
            Cause::UnexpectedResponse,
            Medium,
        ),
    ]);
}

#[test]
fn headers_are_too_large() {
    let nginx = |s: &mut Subject| s.provider = Provider::Nginx;
    let large = || Build::new().subject(nginx).proxy(status(502)).listed(ok().headers(9000));
    let passes = || status(404).body("none").marked(true);
    hold(vec![
        ("over the default", large(), Cause::OriginHeaderTooLarge, Medium),
        (
            "and another path comes through",
            large().replay(Variation::StrangePath, passes()).replay_proxied(Variation::StrangePath, passes()),
            Cause::OriginHeaderTooLarge,
            High,
        ),
        (
            "the proxy says so",
            Build::new().proxy(status(502).says(ProxyStatus::HeaderTooLarge)).listed(ok()),
            Cause::OriginHeaderTooLarge,
            High,
        ),
        // Look-alikes.
        (
            "and no other path comes through either",
            large().replay(Variation::StrangePath, passes()).replay_proxied(Variation::StrangePath, status(502)),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "under the default",
            Build::new().subject(nginx).proxy(status(502)).listed(ok().headers(3000)),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "the limit is not known",
            Build::new().proxy(status(502)).listed(ok().headers(9000)),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "a timer ends it",
            Build::new().subject(nginx).proxy(status(504).after(10)).listed(ok().headers(9000)),
            Cause::ProxyBlocked,
            Medium,
        ),
    ]);
}

#[test]
fn large_packets_vanish() {
    let stalls = || ended(Phase::Body, Outcome::TimedOut, Fault::Deadline);
    let site = |again: Saw, small: Saw| {
        Build::new()
            .proxy(status(504).after(30))
            .listed(silent().tail_only())
            .replay(Variation::SmallSegments, small)
            .replay(Variation::Again, again)
    };
    hold(vec![
        (
            "small segments arrive, the same again stalls",
            site(silent().tail_only(), ok()),
            Cause::PathMtuBlackhole,
            High,
        ),
        (
            "the kernel saw no tail",
            Build::new()
                .proxy(status(504).after(30))
                .listed(silent())
                .replay(Variation::SmallSegments, ok())
                .replay(Variation::Again, silent()),
            Cause::PathMtuBlackhole,
            Medium,
        ),
        // Look-alikes: a slow origin.
        ("small segments stall too", site(silent(), silent()), Cause::OriginTimeout, High),
        ("it was chance: the same again is answered", site(ok(), ok()), Cause::OriginTimeout, High),
        (
            "the proxy fails at once",
            Build::new()
                .proxy(status(502))
                .listed(silent().tail_only())
                .replay(Variation::SmallSegments, ok())
                .replay(Variation::Again, silent().tail_only()),
            Cause::PathMtuBlackhole,
            Medium,
        ),
    ]);
    let declared = |s: &mut Subject| s.large_path = Some("/big".to_owned());
    let large = |direct: Saw, small: Saw, proxied: Saw| {
        Build::new()
            .subject(declared)
            .proxy(ok())
            .listed(ok())
            .replay(Variation::LargePath, direct)
            .replay(Variation::LargePathSmallSegments, small)
            .replay_proxied(Variation::LargePath, proxied)
    };
    hold(vec![
        (
            "only the large response, on both paths",
            large(stalls().tail_only(), ok(), stalls()),
            Cause::PathMtuBlackhole,
            High,
        ),
        ("no tail, once", large(stalls(), ok(), stalls()), Cause::PathMtuBlackhole, Medium),
        (
            "no tail, but again and again",
            Build::new()
                .subject(declared)
                .proxy(ok())
                .listed(ok())
                .replay(Variation::LargePath, stalls())
                .times(2)
                .replay(Variation::LargePathSmallSegments, ok())
                .times(2)
                .replay_proxied(Variation::LargePath, stalls()),
            Cause::PathMtuBlackhole,
            High,
        ),
        ("visitors get it", large(stalls().tail_only(), ok(), ok()), Cause::Healthy, High),
        ("the origin is slow with it", large(stalls(), stalls(), stalls()), Cause::OriginTimeout, Medium),
        ("it is missing", large(status(404), status(404), status(404)), Cause::UnexpectedResponse, Medium),
        ("all is well", large(ok(), ok(), ok()), Cause::Healthy, High),
        ("the proxy's path only", large(ok(), ok(), stalls()), Cause::PathMtuBlackhole, Low),
    ]);
    let verdict = large(stalls().tail_only(), ok(), stalls()).verdict();
    assert_eq!((verdict.scope.kind, verdict.scope.paths), (ScopeType::Partial, vec!["/big".to_owned()]));
    assert_eq!(verdict.healthy, Some(false));
}

#[test]
fn a_reused_connection_dies() {
    let idle = |seconds, declared| move |s: &mut Subject| s.origin_idle = Some(Idle { seconds, declared });
    let ends = || status(502).says(ProxyStatus::ConnectionTerminated);
    let now_and_then = |saw| Build::new().proxy(saw).sometimes(3).listed(ok());
    hold(vec![
        (
            "the proxy says so, against a declared time",
            now_and_then(ends()).closes_idle(5).subject(idle(60, true)),
            Cause::KeepAliveRace,
            High,
        ),
        (
            "at once, against a declared time",
            now_and_then(status(502)).closes_idle(5).subject(idle(60, true)),
            Cause::KeepAliveRace,
            Medium,
        ),
        (
            "against the provider's time",
            now_and_then(ends()).closes_idle(5).subject(idle(60, false)),
            Cause::KeepAliveRace,
            Medium,
        ),
        ("the proxy's time is not known", now_and_then(status(502)).closes_idle(5), Cause::KeepAliveRace, Low),
        // Look-alikes.
        ("nobody measured", now_and_then(status(502)).subject(idle(60, true)), Cause::Inconclusive, Low),
        (
            "the proxy closes first",
            now_and_then(status(502)).closes_idle(75).subject(idle(60, true)),
            Cause::Inconclusive,
            Low,
        ),
        (
            "it fails always",
            Build::new().proxy(status(502)).listed(ok()).closes_idle(5).subject(idle(60, true)),
            Cause::ProxyBlocked,
            Medium,
        ),
        (
            "fresh connections fail now and then as well: the origin crashes",
            Build::new()
                .proxy(ends())
                .sometimes(3)
                .listed(hangs_up())
                .sometimes(3)
                .closes_idle(5)
                .subject(idle(60, true)),
            Cause::OriginClosedEarly,
            High,
        ),
        (
            "it waits for a timer",
            now_and_then(status(504).after(10)).closes_idle(5).subject(idle(60, true)),
            Cause::Inconclusive,
            Low,
        ),
    ]);
}

#[test]
fn visitors_are_sent_round() {
    let verdict = Build::new()
        .subject(|s| s.origin_scheme = Scheme::HTTP)
        .proxy(ok().sent_back(false))
        .listed(ok().redirects())
        .verdict();
    assert_eq!((verdict.cause, verdict.confidence), (Cause::RedirectLoop, High));
    assert!(verdict.summary.contains("over HTTP"), "{}", verdict.summary);
    hold(vec![
        (
            "the proxy meets itself",
            Build::new().proxy(status(502).says(ProxyStatus::LoopDetected)).listed(ok()),
            Cause::RedirectLoop,
            High,
        ),
        // Look-alikes.
        ("a challenge", Build::new().proxy(ok().sent_back(true)).listed(ok()), Cause::ProxyPolicyDenied, High),
        (
            "a login that sets a cookie",
            Build::new().proxy(ok().sent_back(true)).listed(ok().redirects()),
            Cause::Healthy,
            High,
        ),
        (
            "a redirect that arrives",
            Build::new().proxy(ok()).direct(ORIGIN, Access::Listed, ok().redirects()),
            Cause::Healthy,
            High,
        ),
    ]);
}

#[test]
fn addresses_that_were_tried_speak_for_the_others() {
    let many = Build::new()
        .subject(no_server_name(true))
        .proxy(status(502))
        .direct(ORIGIN, Access::Listed, ok())
        .direct(ORIGIN_2, Access::Listed, ok())
        .direct("203.0.113.12", Access::Listed, ok())
        .replay_at(ORIGIN, Variation::ProxyTls, alert(112));
    let all = many.clone().replay_at(ORIGIN_2, Variation::ProxyTls, alert(112)).verdict();
    assert_eq!((all.cause, all.confidence, all.scope.kind), (Cause::TlsIncompatible, High, ScopeType::All));
    let one = many.replay_at(ORIGIN_2, Variation::ProxyTls, ok()).verdict();
    assert_eq!((one.cause, one.confidence, one.scope.kind), (Cause::TlsIncompatible, Medium, ScopeType::Partial));
    assert_eq!(one.scope.origin_addresses, [ORIGIN]);
}

#[test]
fn of_two_faults_the_one_that_the_proxys_answer_contradicts_comes_second() {
    let two = |answer: Saw| {
        Build::new()
            .proxy(answer)
            .listed(refused())
            .direct(ORIGIN_2, Access::Listed, status(500).marked(true))
            .verdict()
    };
    // The proxy tried the next address, and relays what that one answered.
    let relayed = two(status(500).marked(true));
    assert_eq!((relayed.cause, relayed.contributing), (Cause::OriginReturns5xx, vec![Cause::OriginRefused]));
    // It gave up at the first one.
    let own = two(status(502).says(ProxyStatus::ConnectionRefused));
    assert_eq!((own.cause, own.contributing), (Cause::OriginRefused, vec![Cause::OriginReturns5xx]));
}

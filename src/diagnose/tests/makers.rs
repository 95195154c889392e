//! Error pages whose maker is known: what they prove, and under which declared provider.

use super::build::*;
use super::tables::hold;
use crate::api::{Cause, Confidence, Provider};
use crate::evidence::maker::Maker;
use crate::evidence::probe::ProxyStatus;
use Confidence::{High, Medium};

fn behind(provider: Provider, saw: Saw) -> Build {
    Build::new().subject(|s| s.provider = provider).proxy(saw)
}

pub const TABLES: &[super::words::Table] = super::words::tables![
    a_provider_says_that_the_origin_made_the_error,
    a_provider_numbers_its_own_errors,
    a_reason_is_heard_from_the_declared_software_only,
];

#[test]
fn a_provider_says_that_the_origin_made_the_error() {
    let relayed = |maker| status(503).page(maker, ProxyStatus::Relayed);
    hold(vec![
        (
            "Azure, and the origin fails directly",
            behind(Provider::AzureFrontDoor, relayed(Maker::AzureFrontDoor)).listed(status(503).body("other")),
            Cause::OriginReturns5xx,
            High,
        ),
        (
            "Alibaba CDN, and nobody else was asked",
            behind(Provider::AlibabaCDN, relayed(Maker::AlibabaCDN)),
            Cause::OriginReturns5xx,
            High,
        ),
    ]);
    // Look-alike: the same header from an inner CDN, in front of which another proxy stands.
    let inner = behind(Provider::Cloudflare, relayed(Maker::AlibabaCDN)).verdict();
    assert_ne!((inner.cause, inner.confidence), (Cause::OriginReturns5xx, High), "{}", inner.summary);
}

#[test]
fn a_provider_numbers_its_own_errors() {
    let page = |number, says| status(number).page(Maker::TencentEdgeOne, says);
    let edgeone = |saw| behind(Provider::TencentEdgeOne, saw).listed(ok());
    hold(vec![
        (
            "it does not know the site",
            edgeone(page(418, ProxyStatus::NotConfigured)),
            Cause::ProxyOriginMisconfigured,
            High,
        ),
        ("it meets itself", edgeone(page(423, ProxyStatus::LoopDetected)), Cause::RedirectLoop, High),
        ("its firewall", edgeone(page(567, ProxyStatus::RequestDenied)), Cause::ProxyPolicyDenied, High),
        ("it cannot connect", edgeone(page(552, ProxyStatus::ConnectionTimeout)), Cause::ProxyBlocked, Medium),
        ("it cannot resolve", edgeone(page(553, ProxyStatus::NameFailed)), Cause::ProxyOriginDnsFailed, High),
        // Look-alikes.
        (
            "the same page from the origin's side",
            behind(Provider::TencentEdgeOne, page(418, ProxyStatus::NotConfigured))
                .listed(page(418, ProxyStatus::NotConfigured).body("other")),
            Cause::UnexpectedResponse,
            High,
        ),
        (
            "a teapot of nobody known",
            behind(Provider::TencentEdgeOne, status(418)).listed(ok()),
            Cause::Inconclusive,
            Confidence::Low,
        ),
    ]);
}

#[test]
fn a_reason_is_heard_from_the_declared_software_only() {
    let late = || status(504).page(Maker::HAProxy, ProxyStatus::ResponseTimeout);
    hold(vec![
        (
            "HAProxy is the proxy, and the origin is silent",
            behind(Provider::HAProxy, late()).listed(silent()),
            Cause::OriginTimeout,
            High,
        ),
        // Look-alike: HAProxy at the origin says the same of its own servers, behind a proxy of another kind.
        ("HAProxy is at the origin", behind(Provider::Fastly, late()).listed(late()), Cause::OriginReturns5xx, High),
    ]);
}

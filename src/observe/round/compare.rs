//! Judgements that need more than one probe, or the declared lockdown.

use crate::api::spec::Lockdown;
use crate::api::{Observation, Outcome};
use crate::evidence::Probe;
use crate::evidence::maker::Maker;
use crate::evidence::probe::{Fault, Response};
use std::net::SocketAddr;

/// TLS alerts of a server that wants a client certificate: `certificate_required` of TLS 1.3, and what
/// OpenSSL sends in TLS 1.2 (`handshake_failure`, `bad_certificate`), which means that only after the
/// server has shown its own certificate.
const CERTIFICATE_REQUIRED: u8 = 116;
const ONLY_AFTER_CERTIFICATE: &[u8] = &[40, 42];

/// An origin with `lockdown: Required` that turns this vantage away by a header or a client certificate
/// does what it should.
pub(super) fn guard(probe: &mut Probe, lockdown: Lockdown) {
    if lockdown != Lockdown::Required || probe.observation != Observation::Direct || probe.outcome == Outcome::OK {
        return;
    }
    let refused_request = probe.response.as_ref().is_some_and(|response| match response.status {
        401 | 403 => true,
        // nginx: no certificate was sent.
        400 | 496 => response.maker == Some(Maker::Nginx) && probe.fault != Some(Fault::PlainHttpToHttps),
        _ => false,
    });
    let wants_certificate = probe.fault == Some(Fault::TlsAlert)
        && probe.alert.is_some_and(|alert| {
            alert == CERTIFICATE_REQUIRED || (ONLY_AFTER_CERTIFICATE.contains(&alert) && probe.certificate.is_some())
        });
    if refused_request || wants_certificate {
        probe.outcome = Outcome::Guarded;
    }
}

/// Origin addresses that served the site itself to this vantage: their good answer equals the proxy's
/// of the same round.
pub(super) fn matching(probes: &[Probe]) -> Vec<SocketAddr> {
    let good = |observation| {
        probes
            .iter()
            .filter(move |probe| probe.observation == observation && probe.outcome == Outcome::OK)
            .filter_map(|probe| Some((probe.address?, probe.response.as_ref()?)))
    };
    let proxied: Vec<&Response> = good(Observation::ViaProxy).map(|(_, response)| response).collect();
    good(Observation::Direct)
        .filter(|(_, direct)| proxied.iter().any(|proxied| same(proxied, direct)))
        .map(|(address, _)| address)
        .collect()
}

/// The marker decides where one is declared; else the same bytes. An empty body equals every other and
/// shows nothing.
fn same(proxied: &Response, direct: &Response) -> bool {
    if proxied.marker == Some(true) && direct.marker == Some(true) {
        return true;
    }
    proxied.status == direct.status
        && direct.body_bytes > 0
        && proxied.body_bytes == direct.body_bytes
        && proxied.body_hash == direct.body_hash
}

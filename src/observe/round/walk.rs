//! Where a redirect leads a visitor: further probes, each one request at the same edge, until something
//! other than a redirect answers, a URL comes back, or another host takes over.

use super::gate::{Gate, Via};
use crate::api::spec::Scheme;
use crate::api::validated::Deadlines;
use crate::evidence::Probe;
use crate::evidence::probe::Redirect;
use crate::observe::probe::{ProbeRequest, Prober};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use url::Url;

/// Most further probes; browsers give up somewhat later.
const STEPS: usize = 5;

/// Asks for the plain URL and walks on while the site stays on its host. The result stands for the whole
/// visit: the last answer, or the first with [`Redirect::Itself`] where a URL came back.
pub(super) async fn visit(prober: &Prober, gate: Option<&Arc<dyn Gate>>, request: &ProbeRequest) -> Probe {
    let started = Instant::now();
    let (first, mut next) = prober.visit(request).await;
    let mut seen = BTreeSet::new();
    let mut at = request.clone();
    let mut probe = first.clone();
    let mut cookies = false;
    for _ in 0..STEPS {
        let response = probe.response.as_ref();
        cookies |= response.is_some_and(|r| r.sets_cookie);
        let same_host = response.is_some_and(|r| r.redirect == Redirect::SameHost);
        seen.insert((at.scheme == Scheme::HTTPS, at.address.port(), at.path.clone()));
        let Some((step, url)) = next.take().filter(|_| same_host).and_then(|url| Some((follow(&at, &url)?, url)))
        else {
            return probe;
        };
        if seen.contains(&(step.scheme == Scheme::HTTPS, step.address.port(), step.path.clone())) {
            return returned(first, cookies);
        }
        let host = url.host_str().unwrap_or_default();
        if let Some(gate) = gate {
            let allowed = gate.admit(step.address, Via::Edge, host).is_ok();
            if !allowed || gate.spend(step.address, Via::Edge, host).await.is_err() {
                return probe;
            }
        }
        // The whole visit has the time of one probe.
        let Some(left) = request.deadlines.total.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) else {
            return probe;
        };
        at = ProbeRequest { deadlines: Deadlines { total: left, ..step.deadlines }, ..step };
        (probe, next) = prober.visit(&at).await;
    }
    // Still on the way: a chain this long is no loop yet, and no failure.
    probe
}

/// A URL came back: the visit never arrives.
fn returned(mut first: Probe, cookies: bool) -> Probe {
    if let Some(response) = &mut first.response {
        response.redirect = Redirect::Itself;
        response.sets_cookie |= cookies;
    }
    first
}

/// The request for the next URL, at the same edge.
fn follow(at: &ProbeRequest, url: &Url) -> Option<ProbeRequest> {
    let scheme = match url.scheme() {
        "http" => Scheme::HTTP,
        "https" => Scheme::HTTPS,
        _ => return None,
    };
    let host = url.host_str()?;
    let port = url.port_or_known_default()?;
    let host_header = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    Some(ProbeRequest { scheme, host_header, path, address: SocketAddr::new(at.address.ip(), port), ..at.clone() })
}

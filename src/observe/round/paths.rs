//! The requests of a round: the same site, asked for through the proxy and at the origin.

use super::plan::Plan;
use crate::api::spec::CacheBypass;
use crate::api::validated::Deadlines;
use crate::api::{Access, Observation};
use crate::evidence::Variant;
use crate::observe::probe::{Manner, ProbeRequest, Prober, Trust};
use std::net::SocketAddr;
use std::sync::Arc;

/// The variant that every round sends through the proxy.
pub(super) fn standing_variant(plan: &Plan) -> Variant {
    match plan.validated.probe.bypass {
        CacheBypass::Query => Variant::Bypass,
        CacheBypass::None => Variant::Plain,
    }
}

/// The site through the proxy, at one edge address.
pub(super) fn via_proxy(plan: &Plan, edge: SocketAddr, variant: Variant) -> ProbeRequest {
    let v = &plan.validated;
    ProbeRequest {
        observation: Observation::ViaProxy,
        variant,
        access: Access::Unknown,
        address: edge,
        scheme: v.url.scheme,
        host_header: v.url.authority(),
        server_name: v.url.host.clone(),
        path: v.url.path.clone(),
        method: v.probe.method,
        deadlines: v.probe.deadlines,
        expect: Arc::new(v.expect.clone()),
        marker: v.origin.marker.clone(),
        trust: None,
        manner: Manner { debug_header: plan.provider.debug_header(), ..Manner::default() },
    }
}

/// The same with a deadline past the proxy's own timers towards the origin.
pub(super) fn long(plan: &Plan, edge: SocketAddr) -> ProbeRequest {
    let mut request = via_proxy(plan, edge, standing_variant(plan));
    let patience = plan.long_deadline();
    let short = request.deadlines;
    request.observation = Observation::ViaProxyLong;
    request.deadlines =
        Deadlines { first_byte: patience, total: patience + short.connect + short.tls + short.body, ..short };
    request
}

/// The site straight at the origin, with the proxy's Host and SNI.
pub(super) fn direct(plan: &Plan, prober: &Prober, origin: SocketAddr, trust: Option<Trust>) -> ProbeRequest {
    let v = &plan.validated;
    let own = plan.endpoints.is_some() || plan.cluster_addresses.contains(&origin.ip());
    ProbeRequest {
        observation: if own { Observation::InCluster } else { Observation::Direct },
        variant: Variant::Plain,
        access: plan.access(prober.vantage()),
        address: origin,
        scheme: v.origin.scheme,
        host_header: v.origin.host_header.clone(),
        server_name: v.origin.server_name.clone(),
        path: v.url.path.clone(),
        method: v.probe.method,
        deadlines: v.probe.deadlines,
        expect: Arc::new(v.expect.clone()),
        marker: v.origin.marker.clone(),
        trust,
        manner: Manner { preamble: v.origin.proxy_protocol, ..Manner::default() },
    }
}

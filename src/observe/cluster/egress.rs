//! What the egress guard must know of a cluster: where its API server, Pods, Services and Nodes are, and which hosts its
//! namespaces may name. The operator and `leeward diagnose --guard` refuse alike because both ask here.

use super::addresses::addresses_of_node;
use super::{ClusterSource, Kind};
use crate::api::names::ALLOWED_HOSTS_ANNOTATION;
use crate::net::guard::{AllowedHosts, ClusterFacts};
use crate::net::{Prefix, RangeSet};
use std::net::IpAddr;

/// The API server as every pod finds it.
const API_SERVICE: (&str, &str) = ("default", "kubernetes");

/// What the cluster shows now. `configured` are the addresses by which this process itself reaches the
/// API server.
pub fn egress_facts(source: &dyn ClusterSource, configured: &[IpAddr]) -> ClusterFacts {
    let (own, services) = service_addresses(source);
    let mut api: Vec<IpAddr> = configured.to_vec();
    api.extend(own);
    let (namespace, name) = API_SERVICE;
    for slice in source.endpoint_slices(namespace, name) {
        let endpoints = slice.endpoints.iter().flatten();
        api.extend(endpoints.flat_map(|e| &e.addresses).filter_map(|a| a.parse::<IpAddr>().ok()));
    }
    let (nodes, mut pods) = node_addresses(source);
    pods.extend(pod_addresses(source).map(Prefix::single));
    ClusterFacts {
        api_servers: single(api),
        pods: pods.into_iter().collect(),
        services: single(services),
        nodes: single(nodes),
        allowed_hosts: source
            .namespaces()
            .iter()
            .filter_map(|n| {
                let annotation = n.metadata.annotations.as_ref()?.get(ALLOWED_HOSTS_ANNOTATION)?;
                Some((n.metadata.name.clone()?, AllowedHosts::parse(annotation)))
            })
            .collect(),
    }
}

/// Whether the facts are made of this kind.
pub const fn egress_kind(kind: Kind) -> bool {
    matches!(kind, Kind::Namespace | Kind::Node | Kind::Service | Kind::EndpointSlice | Kind::Pod)
}

fn single(list: Vec<IpAddr>) -> RangeSet {
    list.into_iter().collect()
}

/// Cluster IPs: of the API server's Service, and of all.
fn service_addresses(source: &dyn ClusterSource) -> (Vec<IpAddr>, Vec<IpAddr>) {
    let (mut api, mut all) = (Vec::new(), Vec::new());
    for service in source.services(None) {
        let Some(spec) = &service.spec else { continue };
        let named = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
        let own: Vec<IpAddr> = named.filter_map(|ip| ip.parse().ok()).collect();
        let meta = &service.metadata;
        if (meta.namespace.as_deref(), meta.name.as_deref()) == (Some(API_SERVICE.0), Some(API_SERVICE.1)) {
            api.extend(&own);
        }
        all.extend(own);
    }
    (api, all)
}

/// Addresses of Nodes, and the ranges that they give to their pods.
fn node_addresses(source: &dyn ClusterSource) -> (Vec<IpAddr>, Vec<Prefix>) {
    let (mut nodes, mut pods) = (Vec::new(), Vec::new());
    for node in source.nodes() {
        let spec = node.spec.as_ref();
        let ranges = spec.and_then(|s| s.pod_cidrs.as_ref()).into_iter().flatten();
        let ranges = ranges.chain(spec.and_then(|s| s.pod_cidr.as_ref()));
        pods.extend(ranges.filter_map(|c| Prefix::parse(c).ok()));
        nodes.extend(addresses_of_node(&node));
    }
    (nodes, pods)
}

/// Addresses of pods, since some may lie outside the Nodes' ranges (some networks give none). Not those on the host's
/// network: their address is the Node's.
fn pod_addresses(source: &dyn ClusterSource) -> impl Iterator<Item = IpAddr> {
    source.shelves().pods.all().into_iter().flat_map(|pod| {
        let host = pod.spec.as_ref().and_then(|s| s.host_network).unwrap_or(false);
        let own = pod.status.as_ref().and_then(|s| s.pod_ips.as_ref()).into_iter().flatten();
        own.filter(|_| !host).filter_map(|ip| ip.ip.parse::<IpAddr>().ok()).collect::<Vec<_>>()
    })
}

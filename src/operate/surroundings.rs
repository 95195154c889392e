//! The cluster's own addresses, for the egress guard: rebuilt when a watch brings news.

use crate::api::names::ALLOWED_HOSTS_ANNOTATION;
use crate::net::guard::{AllowedHosts, ClusterFacts};
use crate::net::{Prefix, RangeSet};
use crate::observe::cluster::{ClusterSource, Kind, cluster_addresses};
use parking_lot::RwLock;
use std::net::IpAddr;
use std::sync::Arc;

/// Addresses that connections from inside never leave the cluster for. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Surroundings(Arc<RwLock<Arc<Vec<IpAddr>>>>);

impl Surroundings {
    pub fn cluster_addresses(&self) -> Arc<Vec<IpAddr>> {
        Arc::clone(&self.0.read())
    }

    /// Looks again. True when something changed.
    pub fn refresh(&self, source: &dyn ClusterSource) -> bool {
        let found = cluster_addresses(source);
        let changed = *self.cluster_addresses() != found;
        if changed {
            *self.0.write() = Arc::new(found);
        }
        changed
    }
}

/// The API server as every pod finds it.
const API_SERVICE: (&str, &str) = ("default", "kubernetes");

/// What the cluster shows now. `configured` are the addresses by which this process itself reaches the
/// API server.
pub fn facts(source: &dyn ClusterSource, configured: &[IpAddr]) -> ClusterFacts {
    let mut api: Vec<IpAddr> = configured.to_vec();
    let (namespace, name) = API_SERVICE;
    for slice in source.endpoint_slices(namespace, name) {
        let endpoints = slice.endpoints.iter().flatten();
        api.extend(endpoints.flat_map(|e| &e.addresses).filter_map(|a| a.parse::<IpAddr>().ok()));
    }
    let mut services: Vec<IpAddr> = Vec::new();
    for service in source.services(None) {
        let Some(spec) = &service.spec else { continue };
        let own: Vec<IpAddr> = spec
            .cluster_ips
            .iter()
            .flatten()
            .chain(&spec.cluster_ip)
            .filter_map(|ip| ip.parse::<IpAddr>().ok())
            .collect();
        let is_api =
            service.metadata.namespace.as_deref() == Some(namespace) && service.metadata.name.as_deref() == Some(name);
        if is_api {
            api.extend(&own);
        }
        services.extend(own);
    }
    let mut pods: Vec<Prefix> = Vec::new();
    let mut nodes: Vec<IpAddr> = Vec::new();
    for node in source.nodes() {
        let spec = node.spec.as_ref();
        let ranges = spec.and_then(|s| s.pod_cidrs.as_ref()).into_iter().flatten();
        let ranges = ranges.chain(spec.and_then(|s| s.pod_cidr.as_ref()));
        pods.extend(ranges.filter_map(|c| Prefix::parse(c).ok()));
        let addresses = node.status.as_ref().and_then(|s| s.addresses.as_ref()).into_iter().flatten();
        nodes.extend(addresses.filter_map(|a| a.address.parse::<IpAddr>().ok()));
    }
    // Pods outside the Nodes' ranges (some networks give none), but not those on the host's network:
    // their address is the Node's.
    for namespace in source.namespaces() {
        for pod in source.pods(namespace.metadata.name.as_deref().unwrap_or_default()) {
            let host = pod.spec.as_ref().and_then(|s| s.host_network).unwrap_or(false);
            let own = pod.status.as_ref().and_then(|s| s.pod_ips.as_ref()).into_iter().flatten();
            if !host {
                pods.extend(own.filter_map(|ip| ip.ip.parse().ok()).map(Prefix::single));
            }
        }
    }
    let single = |list: Vec<IpAddr>| list.into_iter().collect::<RangeSet>();
    let allowed_hosts = source
        .namespaces()
        .iter()
        .filter_map(|n| {
            let annotation = n.metadata.annotations.as_ref()?.get(ALLOWED_HOSTS_ANNOTATION)?;
            Some((n.metadata.name.clone()?, AllowedHosts::parse(annotation)))
        })
        .collect();
    ClusterFacts {
        api_servers: single(api),
        pods: pods.into_iter().collect(),
        services: single(services),
        nodes: single(nodes),
        allowed_hosts,
    }
}

/// Whether a change of this kind can change the rules.
pub const fn matters(kind: Kind) -> bool {
    matches!(kind, Kind::Namespace | Kind::Node | Kind::Service | Kind::EndpointSlice | Kind::Pod)
}

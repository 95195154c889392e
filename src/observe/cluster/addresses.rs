//! Addresses that belong to the cluster itself. A connection to one of them from inside is short-circuited: it proves
//! neither a firewall nor an exposure.

use super::ClusterSource;
use k8s_openapi::api::core::v1::Node;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Addresses of Nodes, and of Services in their load-balancer status or `externalIPs`; sorted.
pub fn cluster_addresses(source: &dyn ClusterSource) -> Vec<IpAddr> {
    let mut found: BTreeSet<IpAddr> = BTreeSet::new();
    for node in source.nodes() {
        found.extend(addresses_of_node(&node));
    }
    for service in source.services(None) {
        let external = service.spec.as_ref().and_then(|s| s.external_ips.as_ref());
        found.extend(external.into_iter().flatten().filter_map(|ip| ip.parse::<IpAddr>().ok()));
        let balancer = service.status.as_ref().and_then(|s| s.load_balancer.as_ref()).and_then(|l| l.ingress.as_ref());
        found.extend(balancer.into_iter().flatten().filter_map(|i| i.ip.as_ref()?.parse::<IpAddr>().ok()));
    }
    found.into_iter().collect()
}

/// Addresses that a Node has in its status; host names are left out.
pub(super) fn addresses_of_node(node: &Node) -> impl Iterator<Item = IpAddr> {
    let addresses = node.status.as_ref().and_then(|s| s.addresses.as_ref());
    addresses.into_iter().flatten().filter_map(|a| a.address.parse().ok())
}

//! The nodes that carry the origin: their condition, and how many of its pods they hold.

use super::selection::pods_behind;
use super::{ClusterSource, Kind};
use crate::api::validated::{Validated, Whereabouts};
use crate::evidence::fact;
use k8s_openapi::api::core::v1::{Node, Pod};
use std::net::IpAddr;
use std::sync::Arc;

/// Most nodes that one fact carries; those that are not ready come first.
const MOST_NODES: usize = 32;

/// Nodes under the origin. `None` while nodes are not known, or none of them has to do with it.
pub(super) fn fact(source: &dyn ClusterSource, origin: &Validated) -> Option<fact::Nodes> {
    if !source.knows(Kind::Node) {
        return None;
    }
    let service = match &origin.origin.whereabouts {
        Whereabouts::Service { name, .. } => source.service(&origin.namespace, name),
        _ => None,
    };
    let pods = match &service {
        Some(service) if source.knows(Kind::Pod) => pods_behind(source, &origin.namespace, service),
        _ => Vec::new(),
    };
    let own: &[IpAddr] = match &origin.origin.whereabouts {
        Whereabouts::Addresses { ips, .. } => ips,
        _ => &[],
    };
    let mut nodes: Vec<fact::Node> = source
        .nodes()
        .iter()
        .map(|node| one(node, &pods))
        .filter(|node| node.pods > 0 || node.addresses.iter().any(|a| own.contains(a)))
        .collect();
    nodes.sort_by(|a, b| (a.ready, &a.name).cmp(&(b.ready, &b.name)));
    nodes.truncate(MOST_NODES);
    let policy = service.as_ref().and_then(|s| s.spec.as_ref()?.external_traffic_policy.clone());
    (!nodes.is_empty()).then(|| fact::Nodes { nodes, local_only: policy.as_deref() == Some("Local") })
}

fn one(node: &Node, pods: &[Arc<Pod>]) -> fact::Node {
    let name = node.metadata.name.clone().unwrap_or_default();
    let here = |pod: &&Arc<Pod>| pod.spec.as_ref().and_then(|s| s.node_name.as_deref()) == Some(name.as_str());
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let status = node.status.as_ref();
    let addresses = status.and_then(|s| s.addresses.as_ref());
    let ready = status.and_then(|s| s.conditions.as_ref()?.iter().find(|c| c.type_ == "Ready"));
    fact::Node {
        addresses: addresses.into_iter().flatten().filter_map(|a| a.address.parse().ok()).collect(),
        // "Unknown" is what the control plane writes when a node has not been heard of.
        ready: ready.map(|c| c.status == "True"),
        pods: count(pods.iter().filter(here).count()),
        ready_pods: count(pods.iter().filter(here).filter(|p| super::pods::is_ready(p)).count()),
        name,
    }
}

//! The nodes that carry the origin: their condition, and how many of its pods they hold.

use super::addresses::addresses_of_node;
use super::selection::{is_tcp, pods_behind};
use super::{ClusterSource, Kind};
use crate::api::validated::{Validated, Whereabouts};
use crate::evidence::fact;
use k8s_openapi::api::core::v1::{Node, Pod, Service, ServicePort};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Most nodes that one fact carries; those that are not ready come first.
const MOST_NODES: usize = 32;

/// Nodes under the origin. `None` while nodes are not known, or none of them has to do with it.
pub(super) fn fact(source: &dyn ClusterSource, origin: &Validated) -> Option<fact::Nodes> {
    if !source.knows(Kind::Node) {
        return None;
    }
    let (service, declared): (_, &[IpAddr]) = match &origin.origin.whereabouts {
        Whereabouts::Service { name, .. } => (source.service(&origin.namespace, name), &[]),
        Whereabouts::Addresses { ips, port } => (behind_node_port(source, &origin.namespace, *port), ips),
        Whereabouts::Hostname { .. } => (None, &[]),
    };
    let knows_pods = source.knows(Kind::Pod);
    let pods = match &service {
        Some(service) if knows_pods => pods_behind(source, &origin.namespace, service),
        _ => Vec::new(),
    };
    if pods.is_empty() && declared.is_empty() {
        return None;
    }
    let held = held(&pods);
    let mut nodes: Vec<fact::Node> = source
        .nodes()
        .iter()
        .filter_map(|node| {
            let held = held.get(node.metadata.name.as_deref()?).copied();
            let mine = held.is_some() || addresses_of_node(node).any(|ip| declared.contains(&ip));
            mine.then(|| one(node, held.unwrap_or_default()))
        })
        .collect();
    nodes.sort_by(|a, b| (a.ready, &a.name).cmp(&(b.ready, &b.name)));
    nodes.truncate(MOST_NODES);
    let policy = service.as_ref().and_then(|s| s.spec.as_ref()?.external_traffic_policy.as_deref());
    (!nodes.is_empty()).then_some(fact::Nodes { nodes, local_only: knows_pods && policy == Some("Local") })
}

/// The Service that a port of the nodes leads to: addresses that are declared may be those of nodes. Only of the origin's own
/// namespace, so that an origin tells nothing of others.
fn behind_node_port(source: &dyn ClusterSource, namespace: &str, port: u16) -> Option<Arc<Service>> {
    let leads = |p: &ServicePort| p.node_port == Some(i32::from(port)) && is_tcp(p.protocol.as_deref());
    let ports = |s: &Service| s.spec.as_ref().and_then(|spec| spec.ports.as_ref()).is_some_and(|p| p.iter().any(leads));
    source.services(Some(namespace)).into_iter().find(|s| ports(s))
}

/// Pods of the origin on one node.
#[derive(Clone, Copy, Default)]
struct Held {
    pods: u32,
    ready: u32,
}

/// By the name of their node; pods that have none yet are on no node.
fn held(pods: &[Arc<Pod>]) -> HashMap<&str, Held> {
    let mut held: HashMap<&str, Held> = HashMap::new();
    for pod in pods {
        let Some(node) = pod.spec.as_ref().and_then(|s| s.node_name.as_deref()) else { continue };
        let here = held.entry(node).or_default();
        here.pods += 1;
        here.ready += u32::from(super::pods::is_ready(pod));
    }
    held
}

fn one(node: &Node, held: Held) -> fact::Node {
    let conditions = node.status.as_ref().and_then(|s| s.conditions.as_ref());
    let ready = conditions.into_iter().flatten().find(|c| c.type_ == "Ready");
    fact::Node {
        name: node.metadata.name.clone().unwrap_or_default(),
        addresses: addresses_of_node(node).collect(),
        // "Unknown" is what the control plane writes when a node has not been heard of.
        ready: ready.map(|c| c.status == "True"),
        pods: held.pods,
        ready_pods: held.ready,
    }
}

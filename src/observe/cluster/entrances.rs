//! Ways from outside to pods: Services that open ports of nodes or of a load balancer, and pods that use ports of their
//! node. And whether whoever comes that way keeps his address.

use super::ClusterSource;
use super::controllers::{balanced_at, unvouched};
use super::selection::{lives, tcp_ports};
use k8s_openapi::api::core::v1::{Pod, Service};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// Why pods behind a Service see another address than that of whoever connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Nodes forward to pods of other nodes in their own name.
    TrafficPolicy,
    /// The load balancer opens a connection of its own, and says in a preamble for whom.
    Preamble,
}

/// A way to some pods.
#[derive(Clone, Debug, PartialEq)]
pub enum Entrance {
    Service(Arc<Service>),
    /// Ports of the node that a pod's containers take.
    HostPorts {
        pod: Arc<Pod>,
        ports: Vec<i32>,
    },
    /// The pod has no network of its own.
    HostNetwork(Arc<Pod>),
}

/// Whether a Service lets somebody in from outside.
pub fn is_outward(service: &Service) -> bool {
    let Some(spec) = &service.spec else { return false };
    matches!(spec.type_.as_deref(), Some("LoadBalancer" | "NodePort"))
        || spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty())
}

/// Ports that it opens on every node.
pub fn node_ports(service: &Service) -> Vec<i32> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    ports.filter_map(|port| port.node_port).filter(|port| *port != 0).collect()
}

/// Whether the address of whoever comes through this Service is lost on the way, as far as the Service shows it.
pub fn lost(service: &Service) -> Option<Lost> {
    if !is_outward(service) {
        return None;
    }
    if service.metadata.annotations.iter().flatten().any(|(key, value)| asks_for_preamble(key, value)) {
        return Some(Lost::Preamble);
    }
    let local = service.spec.as_ref().and_then(|s| s.external_traffic_policy.as_deref()) == Some("Local");
    (!local).then_some(Lost::TrafficPolicy)
}

/// Every cloud has an annotation of its own, and all of them are called alike.
fn asks_for_preamble(key: &str, value: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    (name.contains("proxy-protocol") || name.contains("proxyprotocol"))
        && !matches!(value, "" | "false" | "off" | "none" | "0")
}

/// Services that select this pod.
pub fn services_of(source: &dyn ClusterSource, pod: &Pod) -> Vec<Arc<Service>> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let has = |(label, value): (&String, &String)| pod.metadata.labels.as_ref()?.get(label).filter(|own| *own == value);
    let selects = |service: &Arc<Service>| {
        let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        selector.is_some_and(|labels| !labels.is_empty() && labels.iter().all(|label| has(label).is_some()))
    };
    source.services(Some(namespace)).into_iter().filter(selects).collect()
}

/// Every way from outside to pods: Services first, by name, each once.
pub fn entrances(source: &dyn ClusterSource, pods: &[Arc<Pod>]) -> Vec<Entrance> {
    let mut found: Vec<Entrance> = Vec::new();
    let mut seen = BTreeSet::new();
    for service in pods.iter().flat_map(|pod| services_of(source, pod)).filter(|s| is_outward(s)) {
        if seen.insert(service.metadata.name.clone()) {
            found.push(Entrance::Service(service));
        }
    }
    for pod in pods.iter().filter(|pod| lives(pod)) {
        if pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true)) {
            found.push(Entrance::HostNetwork(Arc::clone(pod)));
            continue;
        }
        let ports: Vec<i32> = tcp_ports(pod).filter_map(|port| port.host_port).filter(|port| *port != 0).collect();
        if !ports.is_empty() {
            found.push(Entrance::HostPorts { pod: Arc::clone(pod), ports });
        }
    }
    found
}

/// Services through which the proxy comes to pods: those that hold an address of the origin, or else all that lead there
/// from outside.
pub fn ways_in(source: &dyn ClusterSource, pods: &[Arc<Pod>], origin: &[IpAddr]) -> Vec<Arc<Service>> {
    let services = entrances(source, pods).into_iter().filter_map(|entrance| match entrance {
        Entrance::Service(service) => Some(service),
        Entrance::HostPorts { .. } | Entrance::HostNetwork(_) => None,
    });
    let all: Vec<Arc<Service>> = services.collect();
    let named: Vec<Arc<Service>> =
        all.iter().filter(|s| balanced(s).iter().any(|ip| origin.contains(ip))).cloned().collect();
    if named.is_empty() { all } else { named }
}

/// Services of ingress controllers whose load balancer an Ingress says to be reached through.
pub fn in_front_of(source: &dyn ClusterSource, ingress: &Value) -> Vec<Arc<Service>> {
    balanced_at(source, &points(ingress), true)
}

/// What to do about Services with that load balancer, in namespaces that nobody vouches for.
pub fn unvouched_in_front_of(source: &dyn ClusterSource, ingress: &Value) -> Option<String> {
    let services = balanced_at(source, &points(ingress), false);
    unvouched("a Service has the same load balancer", services.iter().map(|service| &service.metadata))
}

/// Where an Ingress says to be reached: addresses and names.
fn points(ingress: &Value) -> BTreeSet<String> {
    let points = ingress.pointer("/status/loadBalancer/ingress").and_then(Value::as_array);
    let text = |point: &Value, key: &str| point.get(key).and_then(Value::as_str).map(str::to_owned);
    points.into_iter().flatten().flat_map(|p| [text(p, "ip"), text(p, "hostname")]).flatten().collect()
}

/// Addresses of its load balancer.
fn balanced(service: &Service) -> Vec<IpAddr> {
    let status = service.status.as_ref().and_then(|s| s.load_balancer.as_ref()).and_then(|l| l.ingress.as_ref());
    let external = service.spec.iter().flat_map(|s| s.external_ips.iter().flatten());
    let points = status.into_iter().flatten().filter_map(|p| p.ip.as_ref());
    points.chain(external).filter_map(|ip| ip.parse().ok()).collect()
}

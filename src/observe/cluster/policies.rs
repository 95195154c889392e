//! What the `NetworkPolicies` of the namespace say of the proxy's addresses, for each pod behind the origin.
//!
//! A policy sees the address that is left when a packet reaches the pod. Where that is not the proxy's (an ingress
//! controller stands between, or a node rewrites it) policies say nothing of the proxy, and the fact says why.

use super::addresses::addresses_of_node;
use super::allowlists::MOST_PREFIXES;
use super::callers::leads;
use super::endpoints::{addresses_of, port_of};
use super::entrances::{Lost, lost};
use super::selection::{Guarded, pods_behind, pods_of, selector_and_ports, translated};
use super::{ClusterSource, Kind};
use crate::allow::evaluate::{DestinationPod, Evaluator, PodPort};
use crate::api::validated::{ValidTarget, Validated, Whereabouts};
use crate::evidence::fact::{Policy, PolicyVerdict};
use crate::net::{Family, RangeSet};
use k8s_openapi::api::core::v1::{Pod, Service};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most facts for one origin. Pods with the same answer share one, so more would be a strange Service.
const MOST_FACTS: usize = 16;

/// One fact for each different answer; pods with equal answers are spoken for by the first.
pub(super) fn facts(source: &dyn ClusterSource, origin: &Validated, proxy: &RangeSet) -> Vec<Policy> {
    if !source.knows(Kind::NetworkPolicy) || !source.knows(Kind::Pod) {
        return Vec::new();
    }
    let (pods, hidden) = match &origin.origin.whereabouts {
        Whereabouts::Service { name, port } => behind_service(source, origin, name, *port),
        Whereabouts::Addresses { .. } | Whereabouts::Hostname { .. } => (guarded(source, origin), None),
    };
    let mut distinct: BTreeMap<(PolicyVerdictOrder, Vec<String>, u16, Vec<String>), Policy> = BTreeMap::new();
    for (pod, port) in pods {
        let fact = judge(source, &origin.namespace, &pod, port, proxy, hidden.as_deref());
        let key = (order(fact.verdict), fact.isolating.clone(), port, fact.denied.clone());
        distinct.entry(key).or_insert(fact);
    }
    distinct.into_values().take(MOST_FACTS).collect()
}

/// Worst first, so that the limit drops what explains least.
type PolicyVerdictOrder = u8;

const fn order(verdict: PolicyVerdict) -> PolicyVerdictOrder {
    match verdict {
        PolicyVerdict::AdmitsNone => 0,
        PolicyVerdict::AdmitsSome => 1,
        PolicyVerdict::Undefined => 2,
        PolicyVerdict::AdmitsAll => 3,
        PolicyVerdict::NotIsolated => 4,
    }
}

type PodAndPort = (Arc<Pod>, u16);

/// Pods behind the Service, on the port that it means, and why their policies may not see the proxy.
fn behind_service(
    source: &dyn ClusterSource,
    origin: &Validated,
    name: &str,
    port: u16,
) -> (Vec<PodAndPort>, Option<String>) {
    let Some(service) = source.service(&origin.namespace, name) else { return (Vec::new(), None) };
    let Some(service_port) = port_of(&service, port) else { return (Vec::new(), None) };
    let pods = pods_behind(source, &origin.namespace, &service).into_iter();
    let pods = pods.filter_map(|p| translated(service_port, &p).map(|n| (p, n))).collect();
    (pods, hidden(source, origin, &service))
}

/// Pods that a `NetworkPolicy` target names, where the origin is no Service.
fn guarded(source: &dyn ClusterSource, origin: &Validated) -> Vec<PodAndPort> {
    let targets = origin.allowlist.targets.iter();
    let known = targets.filter_map(|t| selector_and_ports(source, origin, t).ok().flatten());
    known
        .flat_map(|Guarded { selector, ports }| {
            let pods = pods_of(source, &origin.namespace, &selector);
            pods.into_iter().flat_map(move |p| ports.clone().into_iter().map(move |n| (Arc::clone(&p), n)))
        })
        .collect()
}

/// Why the pods may not see the proxy's address. A declared `NetworkPolicy` target says that they do.
fn hidden(source: &dyn ClusterSource, origin: &Validated, service: &Service) -> Option<String> {
    if origin.allowlist.targets.iter().any(|t| matches!(t, ValidTarget::NetworkPolicy { .. })) {
        return None;
    }
    match lost(service) {
        Some(Lost::TrafficPolicy) => {
            return Some(
                "the Service has externalTrafficPolicy Cluster: nodes replace the proxy's address with their own"
                    .to_owned(),
            );
        }
        Some(Lost::Preamble) => {
            return Some(
                "the Service's load balancer speaks the PROXY protocol: the pods see its address, not the proxy's"
                    .to_owned(),
            );
        }
        None => {}
    }
    let name = service.metadata.name.as_deref()?;
    let ingress = source.ingresses(&origin.namespace).into_iter().find(|ingress| leads(ingress, name))?;
    let between = ingress.metadata.name.clone().unwrap_or_default();
    Some(format!("Ingress {between} forwards to the Service: its pods see the ingress controller's address"))
}

fn judge(
    source: &dyn ClusterSource,
    namespace: &str,
    pod: &Pod,
    port: u16,
    proxy: &RangeSet,
    hidden: Option<&str>,
) -> Policy {
    let evaluator = evaluator(source, namespace, pod);
    let isolating: Vec<String> = evaluator.isolating().map(|name| format!("{namespace}/{name}")).collect();
    let proxy = &of_families(proxy, pod);
    let denied = evaluator.missing(proxy, PodPort::tcp(port));
    let undefined = match (&denied, hidden) {
        (Err(why), _) => Some(why.to_string()),
        // Without isolation every source is admitted, whoever it is.
        (Ok(_), Some(why)) if !isolating.is_empty() => Some(why.to_owned()),
        (Ok(_), _) if proxy.is_empty() => Some("the pod has no address of a family that the proxy uses".to_owned()),
        (Ok(_), _) => None,
    };
    let denied = denied.unwrap_or_else(|_| RangeSet::empty());
    let verdict = if undefined.is_some() {
        PolicyVerdict::Undefined
    } else if isolating.is_empty() {
        PolicyVerdict::NotIsolated
    } else if denied.is_empty() {
        PolicyVerdict::AdmitsAll
    } else if denied == *proxy {
        PolicyVerdict::AdmitsNone
    } else {
        PolicyVerdict::AdmitsSome
    };
    let denied = if verdict == PolicyVerdict::Undefined { Vec::new() } else { denied.texts() };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Policy {
        pod: format!("{namespace}/{}", pod.metadata.name.as_deref().unwrap_or_default()),
        port,
        verdict,
        isolating,
        denied_prefixes: count(denied.len()),
        denied: denied.into_iter().take(MOST_PREFIXES).collect(),
        proxy_prefixes: count(proxy.prefixes().len()),
        undefined,
    }
}

/// The proxy's addresses of the families that the pod has; the others cannot reach it anyway.
fn of_families(proxy: &RangeSet, pod: &Pod) -> RangeSet {
    let families: BTreeSet<Family> = addresses_of(pod).into_iter().map(Family::of).collect();
    if families.is_empty() {
        return proxy.clone();
    }
    families.into_iter().fold(RangeSet::empty(), |sum, family| sum.union(&proxy.only(family)))
}

/// The policies that isolate a pod, ready to be asked.
fn evaluator(source: &dyn ClusterSource, namespace: &str, pod: &Pod) -> Evaluator {
    let policies = source.network_policies(namespace);
    let node = DestinationPod::of(pod, node_addresses(source, pod));
    Evaluator::new(node, policies.iter().map(AsRef::as_ref))
}

/// Addresses of the node that a pod runs on, as far as both are known. A node always reaches its own pods.
pub fn node_addresses(source: &dyn ClusterSource, pod: &Pod) -> RangeSet {
    let Some(name) = pod.spec.as_ref().and_then(|s| s.node_name.as_deref()) else { return RangeSet::empty() };
    source.node(name).iter().flat_map(|node| addresses_of_node(node)).collect()
}

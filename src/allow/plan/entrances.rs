//! What stays open beside the targets: second entrances to the same pods, and policies that let others in.

use super::PlanInput;
use crate::allow::desired::Desired;
use crate::allow::evaluate::{DestinationPod, Evaluator, PodPort};
use crate::api::conditions::cut;
use crate::api::field::Field;
use crate::api::names::owned_name;
use crate::api::proxy_network::shut_down;
use crate::api::targets::TargetType;
use crate::api::validated::{ValidTarget, Whereabouts};
use crate::net::RangeSet;
use crate::observe::cluster::{
    Entrance, Guarded, Lost, entrances, leading_to, lost, matches, node_ports, pods_behind, pods_of,
    selector_and_ports, unread_policies,
};
use k8s_openapi::api::core::v1::{Pod, Service};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most ways that are named, and the longest, as the schema has it.
const MOST: usize = 8;
const LONGEST: usize = 256;

/// Prefixes that are spelt out.
const SPELT_OUT: usize = 3;

/// One way a line.
pub(super) fn stay_open(input: &PlanInput<'_>, desired: Option<&Desired>) -> Vec<String> {
    if input.origin.allowlist.targets.is_empty() || input.origin.suspend {
        return Vec::new();
    }
    let guard = Guard::of(input);
    let network = input.origin.network.as_ref().and_then(|name| input.source.proxy_network(name));
    let gone = network.as_deref().and_then(|network| Some((network.metadata.name.as_deref()?, shut_down(network)?)));
    let strangers = |(network, provider)| {
        format!(
            "ProxyNetwork {network} names {provider}, which has shut down: if these are its addresses, others have them now \
             and are let in"
        )
    };
    let mut found: Vec<String> = gone.map(strangers).into_iter().collect();
    let pods: Vec<Arc<Pod>> = guard.pods.values().cloned().collect();
    // Pods come and go: one of each sort stands for all.
    let mut on_nodes = None;
    let mut host_ports: BTreeMap<Vec<i32>, Arc<Pod>> = BTreeMap::new();
    for entrance in entrances(input.source, &pods) {
        match entrance {
            Entrance::Service(service) => found.extend(guard.service(&service)),
            Entrance::HostNetwork(pod) => on_nodes = on_nodes.or(Some(pod)),
            Entrance::HostPorts { pod, ports } if !guard.holds(&pod) => {
                host_ports.entry(ports).or_insert(pod);
            }
            Entrance::HostPorts { .. } => {}
        }
    }
    found.extend(on_nodes.map(|pod| {
        format!(
            "pods on the network of their node, such as {}: no NetworkPolicy holds there, and their ports are open at the \
             node's address",
            key(&pod)
        )
    }));
    found.extend(
        host_ports
            .iter()
            .map(|(ports, pod)| format!("{} of nodes, taken by pods such as {}", numbered("port", ports), key(pod))),
    );
    found.extend(guard.routes(input));
    if !guard.policies.is_empty() {
        let unread = unread_policies(input.source).into_iter();
        found.extend(unread.map(|whose| format!("policies of {whose} are not read: they may let others in as well")));
    }
    found.extend(desired.into_iter().flat_map(|desired| guard.policies(input, desired.ranges.ranges())));
    let more = found.len().saturating_sub(MOST);
    if more > 0 {
        found.truncate(MOST - 1);
        found.push(format!("{} more", more + 1));
    }
    found.into_iter().map(|line| cut(&line, LONGEST)).collect()
}

/// The origin's pods, and what the targets put in front of them.
struct Guard {
    /// By name, of the origin's namespace.
    pods: BTreeMap<String, Arc<Pod>>,
    /// What NetworkPolicy targets select.
    policies: Vec<Guarded>,
    /// Names of their objects.
    own: BTreeSet<String>,
    /// Services whose load balancer keeps the list.
    balancers: BTreeSet<String>,
    /// A target keeps the list where it may hold for the pods too, by rules that are not read.
    elsewhere: bool,
    /// Objects that keep the list at an ingress controller, such as `Ingress shop/web`.
    routes: BTreeSet<String>,
}

impl Guard {
    fn of(input: &PlanInput<'_>) -> Self {
        let (source, origin) = (input.source, input.origin);
        let namespace = origin.namespace.as_str();
        let targets = &origin.allowlist.targets;
        let own = targets.iter().filter_map(|target| match target {
            ValidTarget::NetworkPolicy { name, first, .. } => Some(owned_name(&origin.name, name, *first)),
            ValidTarget::Field { .. } | ValidTarget::ConfigMap { .. } => None,
        });
        let lists = targets.iter().filter(|target| !target.kind().is_trust());
        let fields: Vec<&Field> = lists.filter_map(ValidTarget::field).collect();
        let is_service = |field: &Field| field.object.api.group.is_empty() && field.object.api.kind == "Service";
        let balancers: BTreeSet<String> =
            fields.iter().filter(|field| is_service(field)).map(|field| field.object.name.clone()).collect();
        let policies: Vec<Guarded> =
            targets.iter().filter_map(|target| selector_and_ports(source, origin, target).ok().flatten()).collect();
        let mut services: BTreeSet<&str> = balancers.iter().map(String::as_str).collect();
        if let Whereabouts::Service { name, .. } = &origin.origin.whereabouts {
            services.insert(name);
        }
        let services = services.into_iter().filter_map(|name| source.service(namespace, name));
        let behind = services.flat_map(|service| pods_behind(source, namespace, &service));
        let selected = policies.iter().flat_map(|guarded| pods_of(source, namespace, &guarded.selector));
        let pods = behind.chain(selected).filter_map(|pod| Some((pod.metadata.name.clone()?, pod))).collect();
        let routes = fields.iter().filter(|field| !is_service(field)).map(|field| field.object.key(namespace));
        let routes = routes.collect();
        let elsewhere = targets.iter().any(|target| may_hold_anywhere(target.kind()));
        Self { pods, own: own.collect(), policies, balancers, elsewhere, routes }
    }

    /// Whether a policy of ours selects the pod, or rules that are not read may guard it.
    fn holds(&self, pod: &Pod) -> bool {
        self.elsewhere || self.policies.iter().any(|guarded| matches(&guarded.selector, pod.metadata.labels.as_ref()))
    }

    fn service(&self, service: &Service) -> Option<String> {
        let name = service.metadata.name.clone().unwrap_or_default();
        let namespace = service.metadata.namespace.as_deref().unwrap_or_default();
        let selector = service.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default();
        let selects = |pod: &&Arc<Pod>| {
            let labels = pod.metadata.labels.as_ref();
            selector.iter().all(|(label, value)| labels.and_then(|l| l.get(label)) == Some(value))
        };
        let bare = self.pods.values().filter(selects).any(|pod| !self.holds(pod));
        let ports = node_ports(service);
        let nodes = if ports.is_empty() { String::new() } else { numbered("node port", &ports) };
        if !bare {
            let own_node = lost(service) == Some(Lost::TrafficPolicy) && !nodes.is_empty() && !self.policies.is_empty();
            return own_node.then(|| {
                format!(
                    "{nodes} of Service {namespace}/{name} on nodes that run its pods: with externalTrafficPolicy Cluster a \
                     pod sees its own node, which no policy shuts out"
                )
            });
        }
        if self.balancers.contains(&name) {
            let what = "its list holds at the load balancer, not on nodes";
            return (!nodes.is_empty()).then(|| format!("{nodes} of Service {namespace}/{name}: {what}"));
        }
        let kind = service.spec.as_ref().and_then(|spec| spec.type_.clone()).unwrap_or_default();
        let nodes = if nodes.is_empty() { nodes } else { format!(", {nodes}") };
        Some(format!("Service {namespace}/{name} ({kind}{nodes}) leads to the pods past every target"))
    }

    /// Other routes to the origin's Service, where routes keep the list.
    fn routes(&self, input: &PlanInput<'_>) -> Vec<String> {
        let Whereabouts::Service { name, .. } = &input.origin.origin.whereabouts else { return Vec::new() };
        if self.routes.is_empty() || self.pods.values().all(|pod| self.holds(pod)) {
            return Vec::new();
        }
        let routes = leading_to(input.source, &input.origin.namespace, name).into_iter();
        let others = routes.filter(|route| !self.routes.contains(route));
        others.map(|route| format!("{route} leads to Service {}/{name} too", input.origin.namespace)).collect()
    }

    /// Other policies that let further addresses in: policies add up.
    fn policies(&self, input: &PlanInput<'_>, listed: &RangeSet) -> Vec<String> {
        let namespace = &input.origin.namespace;
        let all = input.source.network_policies(namespace);
        let mut found = BTreeSet::new();
        for policy in all.iter().filter(|p| p.metadata.name.as_ref().is_none_or(|name| !self.own.contains(name))) {
            for (pod, port) in self.guarded_ports() {
                let facts = DestinationPod::of(pod, RangeSet::empty());
                let alone = Evaluator::new(facts, [policy.as_ref()]);
                if alone.isolating().next().is_none() {
                    continue;
                }
                let name = policy.metadata.name.as_deref().unwrap_or_default();
                match alone.admitted(PodPort::tcp(port)) {
                    Ok(admitted) => {
                        let further = admitted.prefixes().into_iter().filter(|prefix| !listed.covers(*prefix));
                        let mut texts: Vec<String> = further.map(|prefix| prefix.to_string()).collect();
                        if texts.is_empty() {
                            continue;
                        }
                        let more = texts.len().saturating_sub(SPELT_OUT);
                        texts.truncate(SPELT_OUT);
                        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                        found.insert(format!(
                            "NetworkPolicy {namespace}/{name} lets in {}{more} on port {port}: policies add up",
                            texts.join(", ")
                        ));
                    }
                    Err(why) => {
                        found.insert(format!("NetworkPolicy {namespace}/{name} cannot be read: {why}"));
                    }
                }
            }
        }
        found.into_iter().collect()
    }

    /// One pod of each set of labels: policies tell no others apart.
    fn guarded_ports(&self) -> impl Iterator<Item = (&Arc<Pod>, u16)> {
        let alike: BTreeMap<_, _> = self.pods.values().map(|pod| (pod.metadata.labels.as_ref(), pod)).collect();
        self.policies.iter().flat_map(move |guarded| {
            let of_it = |pod: &&Arc<Pod>| !on_node(pod) && matches(&guarded.selector, pod.metadata.labels.as_ref());
            let pods: Vec<&Arc<Pod>> = alike.values().copied().filter(of_it).collect();
            let pods = pods.into_iter();
            pods.flat_map(|pod| guarded.ports.iter().map(move |port| (pod, *port)))
        })
    }
}

/// Lists that policies of other projects, a mesh, or somebody outside of the cluster hold pods against.
const fn may_hold_anywhere(kind: TargetType) -> bool {
    matches!(
        kind,
        TargetType::CiliumCIDRGroup
            | TargetType::CalicoNetworkSet
            | TargetType::CalicoGlobalNetworkSet
            | TargetType::IstioAuthorizationPolicy
            | TargetType::ObjectField
            | TargetType::ConfigMap
    )
}

/// Where no policy holds, none lets anybody in.
fn on_node(pod: &Pod) -> bool {
    pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true))
}

fn key(pod: &Pod) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}/{}", text(&pod.metadata.namespace), text(&pod.metadata.name))
}

/// `node port 30443` or `node ports 30080, 30443`.
fn numbered(noun: &str, numbers: &[i32]) -> String {
    let texts: Vec<String> = numbers.iter().map(i32::to_string).collect();
    format!("{noun}{} {}", if texts.len() == 1 { "" } else { "s" }, texts.join(", "))
}

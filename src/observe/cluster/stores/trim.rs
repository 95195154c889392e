//! What is kept of an object: what facts and plans read. The rest costs memory, and its changes would wake the
//! reconciler for nothing.

use super::super::callers::SCRAPE;
use super::super::{controllers, ingress_nginx, traefik};
use crate::api::field;
use k8s_openapi::api::core::v1::{Container, Node, NodeCondition, NodeSpec, NodeStatus, Pod, PodSpec, PodStatus};
use k8s_openapi::api::networking::v1::{IngressClass, IngressClassSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// What `kubectl apply` without `--server-side` leaves: the whole object once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Of all kinds. Who holds fields matters only for fields that Leeward writes into objects of others.
pub(super) fn metadata(meta: &mut ObjectMeta) {
    if let Some(entries) = &mut meta.managed_fields {
        entries.retain(field::holds_one_of_kubernetes);
    }
    without_versions(meta);
}

/// What changes with each write, whatever was written.
pub(in crate::observe::cluster) fn without_versions(meta: &mut ObjectMeta) {
    meta.resource_version = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove(LAST_APPLIED);
    }
    if let Some(entries) = &mut meta.managed_fields {
        // Whoever writes a status holds nothing of the rest.
        entries.retain(|entry| entry.subresource.as_deref() != Some("status"));
        for entry in entries {
            entry.time = None;
        }
    }
    if meta.managed_fields.as_ref().is_some_and(Vec::is_empty) {
        meta.managed_fields = None;
    }
}

/// Of a Node: its addresses, whether it is ready, and the ranges that its pods get theirs from.
pub(super) fn node(node: &mut Node) {
    node.spec =
        node.spec.take().map(|s| NodeSpec { pod_cidr: s.pod_cidr, pod_cidrs: s.pod_cidrs, ..NodeSpec::default() });
    node.status = node.status.take().map(|s| NodeStatus {
        addresses: s.addresses,
        conditions: s.conditions.map(|c| c.into_iter().filter(|c| c.type_ == "Ready").map(without_times).collect()),
        ..NodeStatus::default()
    });
    node.metadata.annotations = None;
}

/// A condition without its heartbeat, which would be a change each time.
fn without_times(condition: NodeCondition) -> NodeCondition {
    NodeCondition { type_: condition.type_, status: condition.status, ..NodeCondition::default() }
}

/// Of an IngressClass: its controller, and where Helm put that.
pub(super) fn ingress_class(class: &mut IngressClass) {
    if let Some(annotations) = &mut class.metadata.annotations {
        annotations.retain(|key, _| key == controllers::RELEASE_NAMESPACE);
    }
    class.spec = class.spec.take().map(|s| IngressClassSpec { controller: s.controller, parameters: None });
}

/// Of a Pod: ports, addresses, how its containers fare, who scrapes it, and the settings of an ingress controller.
pub(super) fn pod(pod: &mut Pod) {
    let ports = |c: Container| Container {
        args: ingress_nginx::arguments(&c).or_else(|| traefik::arguments(&c)),
        name: c.name,
        ports: c.ports,
        restart_policy: c.restart_policy,
        ..Container::default()
    };
    if let Some(annotations) = &mut pod.metadata.annotations {
        annotations.retain(|key, _| key == SCRAPE);
    }
    pod.metadata.annotations = pod.metadata.annotations.take().filter(|kept| !kept.is_empty());
    pod.spec = pod.spec.take().map(|s| PodSpec {
        containers: s.containers.into_iter().map(ports).collect(),
        init_containers: s.init_containers.map(|c| c.into_iter().map(ports).collect()),
        host_network: s.host_network,
        node_name: s.node_name,
        ..PodSpec::default()
    });
    pod.status = pod.status.take().map(|s| PodStatus {
        conditions: s.conditions.map(|c| c.into_iter().filter(|c| c.type_ == "Ready").collect()),
        container_statuses: s.container_statuses,
        init_container_statuses: s.init_container_statuses,
        phase: s.phase,
        pod_ip: s.pod_ip,
        pod_ips: s.pod_ips,
        ..PodStatus::default()
    });
}

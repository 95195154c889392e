//! Which pods and ports something means: a Service's selector, a target's selector, named ports.

use super::{ClusterSource, Kind};
use crate::api::validated::{ValidTarget, Validated, Whereabouts};
use k8s_openapi::api::core::v1::{ContainerPort, Pod, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::{Selector, SelectorExt as _};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Pods and their TCP ports that a `NetworkPolicy` guards.
#[derive(Clone, Debug, PartialEq)]
pub struct Guarded {
    pub selector: LabelSelector,
    /// Ports of the pods, sorted; never empty.
    pub ports: Vec<u16>,
}

/// Why it cannot be said what a `NetworkPolicy` target guards.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardedError {
    #[error("Service {namespace}/{name} does not exist; create it, or correct spec.origin.service.name")]
    NoService { namespace: String, name: String },
    #[error("Service {namespace}/{name} has no selector, so it names no pods; choose a Service that selects pods")]
    NoSelector { namespace: String, name: String },
    #[error(
        "podSelector of target {target} does not keep {missing}, a label that Service {service} selects by: only pods \
         behind the origin's own Service may be guarded; add the label to podSelector.matchLabels"
    )]
    NotASubset { target: String, service: String, missing: String },
    #[error(
        "Service {service} forwards to the port named {port}, which no pod behind it has; start a pod with that \
         containerPort name, or set networkPolicy.ports"
    )]
    UnknownPort { service: String, port: String },
    #[error("Service {service} has no TCP port; set networkPolicy.ports")]
    NoPort { service: String },
}

/// Whether a selector matches these labels; an invalid selector matches nothing.
pub fn matches(selector: &LabelSelector, labels: Option<&BTreeMap<String, String>>) -> bool {
    matcher(selector)(labels)
}

/// The same for many sets of labels.
fn matcher(selector: &LabelSelector) -> impl Fn(Option<&BTreeMap<String, String>>) -> bool {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    let selector = Selector::try_from(selector.clone()).ok();
    move |labels| selector.as_ref().is_some_and(|selector| selector.matches(labels.unwrap_or(&NONE)))
}

/// Pods of a namespace that a selector matches and that are not over, sorted by name.
pub fn pods_of(source: &dyn ClusterSource, namespace: &str, selector: &LabelSelector) -> Vec<Arc<Pod>> {
    let matches = matcher(selector);
    source.pods(namespace).into_iter().filter(|p| lives(p) && matches(p.metadata.labels.as_ref())).collect()
}

/// Pods that a Service's selector matches, running or not. A Service without selector matches none.
pub fn pods_behind(source: &dyn ClusterSource, namespace: &str, service: &Service) -> Vec<Arc<Pod>> {
    selector_of(service).map_or_else(Vec::new, |selector| pods_of(source, namespace, &selector))
}

/// A pod that ended is guarded by nothing, and its address may be another pod's by now.
pub(super) fn lives(pod: &Pod) -> bool {
    !matches!(pod.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Succeeded" | "Failed"))
}

/// The Service's selector in the form that policies use.
fn selector_of(service: &Service) -> Option<LabelSelector> {
    let labels = service.spec.as_ref()?.selector.as_ref().filter(|s| !s.is_empty())?;
    Some(LabelSelector { match_labels: Some(labels.clone()), match_expressions: None })
}

/// The number of a pod's port that a Service's port means. `None`: this pod does not have the named port.
pub(super) fn translated(port: &ServicePort, pod: &Pod) -> Option<u16> {
    match &port.target_port {
        None | Some(IntOrString::Int(0)) => u16::try_from(port.port).ok(),
        Some(IntOrString::Int(number)) => u16::try_from(*number).ok(),
        Some(IntOrString::String(name)) => {
            let mut named = tcp_ports(pod).filter(|p| p.name.as_deref() == Some(name));
            named.find_map(|p| u16::try_from(p.container_port).ok())
        }
    }
}

/// TCP ports that a pod's containers declare, those of sidecars too: init containers that run on.
pub(super) fn tcp_ports(pod: &Pod) -> impl Iterator<Item = &ContainerPort> {
    pod.spec.iter().flat_map(|spec| {
        let sidecars = spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
        let ports = spec.containers.iter().chain(sidecars).flat_map(|c| c.ports.iter().flatten());
        ports.filter(|p| is_tcp(p.protocol.as_deref()))
    })
}

pub(super) fn is_tcp(protocol: Option<&str>) -> bool {
    protocol.is_none_or(|p| p == "TCP")
}

/// What a `NetworkPolicy` target guards, after the defaults that the Service gives.
pub fn selector_and_ports(
    source: &dyn ClusterSource,
    origin: &Validated,
    target: &ValidTarget,
) -> Result<Option<Guarded>, GuardedError> {
    let ValidTarget::NetworkPolicy { name: target, selector, ports, .. } = target else { return Ok(None) };
    let Whereabouts::Service { name, .. } = &origin.origin.whereabouts else {
        // The validated spec has both where the origin is no Service.
        return Ok(selector.clone().map(|selector| Guarded { selector, ports: sorted(ports.iter().copied()) }));
    };
    let namespace = &origin.namespace;
    let key = format!("{namespace}/{name}");
    let service = source
        .service(namespace, name)
        .ok_or_else(|| GuardedError::NoService { namespace: namespace.clone(), name: name.clone() })?;
    let own = selector_of(&service)
        .ok_or_else(|| GuardedError::NoSelector { namespace: namespace.clone(), name: name.clone() })?;
    let behind = own.clone();
    let selector = match selector {
        None => own,
        Some(narrower) => match lost_label(&own, narrower) {
            None => narrower.clone(),
            Some(missing) => {
                return Err(GuardedError::NotASubset { target: target.clone(), service: key, missing });
            }
        },
    };
    let ports =
        if ports.is_empty() { target_ports(source, namespace, &service, &behind, &key)? } else { ports.clone() };
    Ok(Some(Guarded { selector, ports: sorted(ports.into_iter()) }))
}

/// Whether every pod that `narrower` matches is matched by `wider` too, as far as labels alone show it.
pub fn within(narrower: &LabelSelector, wider: &LabelSelector) -> bool {
    let expressions = |s: &LabelSelector| s.match_expressions.clone().unwrap_or_default();
    let kept = expressions(narrower);
    lost_label(wider, narrower).is_none() && expressions(wider).iter().all(|e| kept.contains(e))
}

/// A label of the wider selector that the narrower one does not demand.
fn lost_label(wider: &LabelSelector, narrower: &LabelSelector) -> Option<String> {
    let demanded = |key: &String, value: &String| {
        let by_label = narrower.match_labels.as_ref().and_then(|l| l.get(key)) == Some(value);
        by_label
            || narrower.match_expressions.iter().flatten().any(|e| {
                e.key == *key
                    && e.operator == "In"
                    && e.values.as_ref().is_some_and(|v| v == std::slice::from_ref(value))
            })
    };
    let labels = wider.match_labels.iter().flatten();
    labels.filter(|(k, v)| !demanded(k, v)).map(|(k, v)| format!("{k}={v}")).next()
}

fn target_ports(
    source: &dyn ClusterSource,
    namespace: &str,
    service: &Service,
    selector: &LabelSelector,
    key: &str,
) -> Result<Vec<u16>, GuardedError> {
    let declared = service.spec.as_ref().and_then(|s| s.ports.as_ref());
    let pods = if source.knows(Kind::Pod) { pods_of(source, namespace, selector) } else { Vec::new() };
    let mut found = BTreeSet::new();
    for port in declared.into_iter().flatten().filter(|p| is_tcp(p.protocol.as_deref())) {
        let numbers: BTreeSet<u16> = match &port.target_port {
            Some(IntOrString::String(_)) => pods.iter().filter_map(|p| translated(port, p)).collect(),
            _ => translated(port, &Pod::default()).into_iter().collect(),
        };
        if let (true, Some(IntOrString::String(name))) = (numbers.is_empty(), &port.target_port) {
            return Err(GuardedError::UnknownPort { service: key.to_owned(), port: name.clone() });
        }
        found.extend(numbers);
    }
    if found.is_empty() {
        return Err(GuardedError::NoPort { service: key.to_owned() });
    }
    Ok(found.into_iter().collect())
}

fn sorted(ports: impl Iterator<Item = u16>) -> Vec<u16> {
    ports.collect::<BTreeSet<_>>().into_iter().collect()
}

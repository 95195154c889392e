//! Who is known to connect to pods from inside of the cluster: what routes lead to them, what scrapes them, whose egress
//! names them. Nobody writes down all of it, so whoever is not named here may call all the same.

use super::ClusterSource;
use super::entrances::services_of;
use super::marks::{Mark, towards};
use super::routes::{forwards_to, leads_to};
use super::selection::matches;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy, NetworkPolicyPeer};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// By convention, what Prometheus scrapes.
pub(super) const SCRAPE: &str = "prometheus.io/scrape";

/// In words, each once, sorted; those of the namespace itself first, so that nobody else crowds them out of a message.
pub fn callers(source: &dyn ClusterSource, namespace: &str, pods: &[Arc<Pod>]) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut services: Vec<Arc<Service>> = pods.iter().flat_map(|pod| services_of(source, pod)).collect();
    services.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    services.dedup_by(|a, b| a.metadata.name == b.metadata.name);
    for service in &services {
        let name = service.metadata.name.as_deref().unwrap_or_default();
        let routes = leading_to(source, namespace, name);
        found.extend(routes.into_iter().map(|route| format!("the ingress controller of {route}")));
        found.extend(aliases(source, namespace, name));
        if is_scraped(service.metadata.annotations.as_ref()) {
            found.insert(format!("Prometheus ({SCRAPE} on Service {namespace}/{name})"));
        }
    }
    if let Some(pod) = pods.iter().find(|pod| is_scraped(pod.metadata.annotations.as_ref())) {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        found.insert(format!("Prometheus ({SCRAPE} on Pod {namespace}/{name})"));
    }
    let own = source.namespace(namespace);
    let own_labels = own.as_ref().and_then(|n| n.metadata.labels.as_ref());
    let names = |policy: &NetworkPolicy| {
        let inside = policy.metadata.namespace.as_deref() == Some(namespace);
        let rules = policy.spec.iter().flat_map(|spec| spec.egress.iter().flatten());
        rules.flat_map(|rule| rule.to.iter().flatten()).any(|peer| {
            let there = match &peer.namespace_selector {
                None => inside,
                Some(selector) => matches(selector, own_labels),
            };
            let meant =
                |pod: &Arc<Pod>| peer.pod_selector.as_ref().is_none_or(|s| matches(s, pod.metadata.labels.as_ref()));
            is_particular(peer) && there && pods.iter().any(meant)
        })
    };
    let labels = pods.iter().filter_map(|pod| pod.metadata.labels.as_ref());
    let others = source.shelves().policies.marked(towards(own_labels, labels));
    let policies = source.network_policies(namespace).into_iter().chain(others);
    for policy in policies.filter(|policy| names(policy)) {
        let (at, name) = (policy.metadata.namespace.as_deref(), policy.metadata.name.as_deref());
        let (at, name) = (at.unwrap_or_default(), name.unwrap_or_default());
        found.insert(format!("the pods of NetworkPolicy {at}/{name} (its egress names them)"));
    }
    let own = format!(" {namespace}/");
    let (mut callers, others): (Vec<String>, Vec<String>) = found.into_iter().partition(|text| text.contains(&own));
    callers.extend(others);
    callers
}

/// Ingresses and `HTTPRoutes` that lead to a Service; those of its namespace first.
pub fn leading_to(source: &dyn ClusterSource, namespace: &str, service: &str) -> Vec<String> {
    let ingresses = source.ingresses(namespace).into_iter().filter(|ingress| leads(ingress, service));
    let ingresses =
        ingresses.map(|o| format!("Ingress {namespace}/{}", o.metadata.name.as_deref().unwrap_or_default()));
    let mut routes = source.shelves().http_routes.marked([Mark::Backend(namespace.to_owned(), service.to_owned())]);
    routes.sort_by_key(|route| route.metadata.namespace.as_deref() != Some(namespace));
    let routes = routes.into_iter().filter(|route| forwards_to(route, namespace, service)).map(|route| {
        let at = route.metadata.namespace.as_deref().unwrap_or("default");
        format!("HTTPRoute {at}/{}", route.metadata.name.as_deref().unwrap_or_default())
    });
    ingresses.chain(routes).collect()
}

/// Whether an Ingress leads to a Service of its namespace.
pub(super) fn leads(ingress: &Ingress, service: &str) -> bool {
    ingress.spec.as_ref().is_some_and(|spec| leads_to(spec, service))
}

/// Namespaces that have a name of their own for the Service.
fn aliases(source: &dyn ClusterSource, namespace: &str, name: &str) -> Vec<String> {
    let aliases = source.shelves().services.marked([Mark::Alias(namespace.to_owned(), name.to_owned())]).into_iter();
    aliases
        .map(|service| {
            let at = service.metadata.namespace.as_deref().unwrap_or_default();
            format!(
                "whoever uses Service {at}/{} (a name for it)",
                service.metadata.name.as_deref().unwrap_or_default()
            )
        })
        .collect()
}

fn is_scraped(annotations: Option<&BTreeMap<String, String>>) -> bool {
    annotations.and_then(|all| all.get(SCRAPE)).map(String::as_str) == Some("true")
}

/// A peer that means everything names nobody.
pub(super) fn is_particular(peer: &NetworkPolicyPeer) -> bool {
    let says = |selector: &LabelSelector| {
        selector.match_labels.as_ref().is_some_and(|labels| !labels.is_empty())
            || selector.match_expressions.as_ref().is_some_and(|list| !list.is_empty())
    };
    [&peer.pod_selector, &peer.namespace_selector].into_iter().flatten().any(says)
}

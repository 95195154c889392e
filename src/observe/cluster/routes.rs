//! Which Ingresses and `HTTPRoutes` lead to the origin, for which hosts, and whose certificate they show. Of a Secret only
//! the name is read, from the object that refers to it.

use super::ClusterSource;
use super::gateway_api::{Gateway, HTTPRoute, Listener, ParentRef};
use crate::api::validated::{Validated, Whereabouts, without_port};
use crate::evidence::fact::Route;
use k8s_openapi::api::networking::v1::{Ingress, IngressBackend, IngressSpec};
use std::sync::Arc;

/// Most routes of an origin, and most hosts of a route, that facts carry.
const MOST: usize = 16;

/// What a wildcard stands for.
#[derive(Clone, Copy)]
enum Wildcard {
    /// Exactly one label (Ingress).
    OneLabel,
    /// One label or more (Gateway API).
    Labels,
}

/// One fact for each object that leads to the origin's Service, or that names the host that the proxy asks for.
pub(super) fn facts(source: &dyn ClusterSource, origin: &Validated) -> Vec<Route> {
    // As rules of hosts are compared: without a port, in lower case.
    let host = without_port(&origin.origin.host_header).to_ascii_lowercase();
    let service = match &origin.origin.whereabouts {
        Whereabouts::Service { name, .. } => Some(name.as_str()),
        Whereabouts::Addresses { .. } | Whereabouts::Hostname { .. } => None,
    };
    let ingresses = source.ingresses(&origin.namespace);
    let routes = source.http_routes(&origin.namespace);
    let of_ingresses = ingresses.iter().filter_map(|object| of_ingress(object, &host, service));
    let of_routes = routes.iter().filter_map(|object| of_http_route(source, object, &host, service));
    of_ingresses.chain(of_routes).take(MOST).collect()
}

fn of_ingress(object: &Arc<Ingress>, host: &str, service: Option<&str>) -> Option<Route> {
    let spec = object.spec.as_ref()?;
    let hosts: Vec<String> = hosts_of(spec, service);
    let every = hosts.iter().any(String::is_empty);
    let serves = every || hosts.iter().any(|h| stands_for(h, host, Wildcard::OneLabel));
    let leads = service.is_some_and(|name| leads_to(spec, name));
    if !leads && (every || !serves) {
        return None;
    }
    let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
    let entry = spec.tls.iter().flatten().find(|tls| {
        let hosts = tls.hosts.as_deref().unwrap_or_default();
        hosts.is_empty() || hosts.iter().any(|h| stands_for(h, host, Wildcard::OneLabel))
    });
    Some(Route {
        object: format!("Ingress {namespace}/{}", object.metadata.name.as_deref().unwrap_or_default()),
        leads_to_origin: leads,
        serves,
        hosts: if every { Vec::new() } else { hosts.into_iter().take(MOST).collect() },
        certificate: entry.and_then(|tls| tls.secret_name.as_ref()).map(|name| format!("{namespace}/{name}")),
    })
}

/// Hosts of the rules that lead to the Service, or of all where none is declared; empty text is every host.
fn hosts_of(spec: &IngressSpec, service: Option<&str>) -> Vec<String> {
    let mine = |backend: &IngressBackend| service.is_none_or(|name| is_service(backend, name));
    let mut hosts: Vec<String> = spec
        .rules
        .iter()
        .flatten()
        .filter(|rule| rule.http.iter().flat_map(|http| &http.paths).any(|path| mine(&path.backend)))
        .map(|rule| rule.host.clone().unwrap_or_default().to_ascii_lowercase())
        .collect();
    if service.is_some() && spec.default_backend.as_ref().is_some_and(mine) {
        hosts.push(String::new());
    }
    hosts.sort();
    hosts.dedup();
    hosts
}

pub(super) fn leads_to(spec: &IngressSpec, service: &str) -> bool {
    let paths = spec.rules.iter().flatten().flat_map(|rule| rule.http.iter().flat_map(|http| &http.paths));
    let backends = paths.map(|path| &path.backend).chain(&spec.default_backend);
    backends.into_iter().any(|backend| is_service(backend, service))
}

fn is_service(backend: &IngressBackend, name: &str) -> bool {
    backend.service.as_ref().is_some_and(|service| service.name == name)
}

fn of_http_route(
    source: &dyn ClusterSource,
    object: &Arc<HTTPRoute>,
    host: &str,
    service: Option<&str>,
) -> Option<Route> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
    let leads = service.is_some_and(|name| forwards_to(object, namespace, name));
    let listeners: Vec<Heard> = object.spec.parent_refs.iter().flat_map(|at| heard(source, namespace, at)).collect();
    let mut hosts = object.spec.hostnames.clone();
    if hosts.is_empty() {
        hosts = listeners.iter().filter_map(|heard| heard.listener.hostname.clone()).collect();
        // A Gateway that is not known, or a listener without a host, hears every host.
        if listeners.is_empty() || listeners.iter().any(|heard| heard.listener.hostname.is_none()) {
            hosts.clear();
        }
    }
    let every = hosts.is_empty();
    let serves = every || hosts.iter().any(|h| stands_for(&h.to_ascii_lowercase(), host, Wildcard::Labels));
    if !leads && (every || !serves) {
        return None;
    }
    let certificate = listeners.iter().filter(|heard| heard.hears(host)).find_map(Heard::certificate);
    hosts.sort();
    hosts.dedup();
    hosts.truncate(MOST);
    Some(Route {
        object: format!("HTTPRoute {namespace}/{}", object.metadata.name.as_deref().unwrap_or_default()),
        leads_to_origin: leads,
        serves,
        hosts,
        certificate,
    })
}

/// Whether a route leads to a Service.
pub(super) fn forwards_to(route: &HTTPRoute, service_namespace: &str, service: &str) -> bool {
    let own = route.metadata.namespace.as_deref().unwrap_or("default");
    route.spec.rules.iter().flat_map(|rule| &rule.backend_refs).any(|b| {
        b.name == service
            && b.kind.as_deref().is_none_or(|kind| kind == "Service")
            && b.namespace.as_deref().unwrap_or(own) == service_namespace
    })
}

/// A listener that a route is attached to.
struct Heard {
    /// Of its Gateway.
    namespace: String,
    listener: Listener,
}

impl Heard {
    fn hears(&self, host: &str) -> bool {
        let pattern = self.listener.hostname.as_ref().map(|h| h.to_ascii_lowercase());
        pattern.is_none_or(|pattern| stands_for(&pattern, host, Wildcard::Labels))
    }

    fn certificate(&self) -> Option<String> {
        let secret = self.listener.tls.as_ref()?.certificate_refs.first()?;
        Some(format!("{}/{}", secret.namespace.as_ref().unwrap_or(&self.namespace), secret.name))
    }
}

fn heard(source: &dyn ClusterSource, namespace: &str, at: &ParentRef) -> Vec<Heard> {
    let namespace = at.namespace.as_deref().unwrap_or(namespace);
    let gateway: Option<Arc<Gateway>> =
        at.kind.as_deref().is_none_or(|kind| kind == "Gateway").then(|| source.gateway(namespace, &at.name)).flatten();
    let named = |listener: &&Listener| at.section_name.as_ref().is_none_or(|section| *section == listener.name);
    let listeners = gateway.iter().flat_map(|gateway| &gateway.spec.listeners).filter(named);
    listeners.map(|listener| Heard { namespace: namespace.to_owned(), listener: listener.clone() }).collect()
}

/// Whether a host of a rule, perhaps with `*.` in front, stands for this name. Both in lower case.
fn stands_for(pattern: &str, host: &str, wildcard: Wildcard) -> bool {
    let Some(suffix) = pattern.strip_prefix('*') else { return pattern == host };
    let Some(front) = host.strip_suffix(suffix) else { return false };
    suffix.starts_with('.')
        && !front.is_empty()
        && match wildcard {
            Wildcard::OneLabel => !front.contains('.'),
            Wildcard::Labels => true,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_labels() {
        let one = |pattern, host| stands_for(pattern, host, Wildcard::OneLabel);
        let more = |pattern, host| stands_for(pattern, host, Wildcard::Labels);
        assert!(one("shop.example.com", "shop.example.com") && one("*.example.com", "shop.example.com"));
        assert!(!one("*.example.com", "a.shop.example.com") && more("*.example.com", "a.shop.example.com"));
        assert!(!one("*.example.com", "example.com") && !more("*.example.com", "example.com"));
        assert!(!more("*example.com", "evilexample.com") && !one("", "shop.example.com"));
    }
}

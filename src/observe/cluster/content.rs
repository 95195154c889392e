//! What somebody wrote into an object, as one number: its spec and annotations, without its status, so that a change of
//! it is an edit.

use super::gateway_api::{Gateway, HTTPRoute};
use super::{ClusterSource, Kind};
use kube::Resource;
use serde::Serialize;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

/// The content of an object of a kind that people edit; `None` where there is no such object, or of other kinds.
pub fn content(source: &dyn ClusterSource, kind: Kind, namespace: &str, name: &str) -> Option<u64> {
    let shelves = source.shelves();
    match kind {
        Kind::NetworkPolicy => shelves.policies.get(namespace, name).map(|o| of(&*o, &o.spec)),
        Kind::Service => shelves.services.get(namespace, name).map(|o| of(&*o, &o.spec)),
        Kind::Ingress => shelves.ingresses.get(namespace, name).map(|o| of(&*o, &o.spec)),
        Kind::HTTPRoute => shelves.http_routes.get(namespace, name).map(|o: Arc<HTTPRoute>| of(&*o, &o.spec)),
        Kind::Gateway => shelves.gateways.get(namespace, name).map(|o: Arc<Gateway>| of(&*o, &o.spec)),
        // A pod is not edited: what counts is that it is there.
        Kind::Pod => shelves.pods.get(namespace, name).map(|_| 0),
        // Of a list, what is in use; fetching it again changes the status alone.
        Kind::ProxyNetwork => shelves
            .networks
            .get("", name)
            .and_then(|o| o.status.as_ref()?.active.as_ref().map(|active| number(&active.hash))),
        _ => None,
    }
}

/// The names of all objects of such a kind, with their namespaces.
pub fn names(source: &dyn ClusterSource, kind: Kind) -> Vec<(String, String)> {
    let shelves = source.shelves();
    let keys = match kind {
        Kind::NetworkPolicy => shelves.policies.keys(|_| true),
        Kind::Service => shelves.services.keys(|_| true),
        Kind::Ingress => shelves.ingresses.keys(|_| true),
        Kind::HTTPRoute => shelves.http_routes.keys(|_| true),
        Kind::Gateway => shelves.gateways.keys(|_| true),
        Kind::Pod => shelves.pods.keys(|_| true),
        Kind::ProxyNetwork => shelves.networks.keys(|_| true),
        _ => Vec::new(),
    };
    keys.into_iter().map(|key| (key.namespace, key.name)).collect()
}

fn of<K: Resource>(object: &K, spec: &impl Serialize) -> u64 {
    number(&(spec_text(spec), &object.meta().annotations))
}

fn spec_text(spec: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(spec).unwrap_or_default()
}

fn number(content: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

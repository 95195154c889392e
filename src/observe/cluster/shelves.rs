//! Objects by namespace and name, one shelf a kind: what watches and files fill, and facts are read from.

use super::carriers::Carriers;
use super::gateway_api::{Gateway, HTTPRoute};
use crate::api::ProxyNetwork;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use kube::ResourceExt;
use parking_lot::RwLock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Namespace and name; the namespace of a cluster-scoped object is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub namespace: String,
    pub name: String,
}

impl Key {
    pub fn of<K: ResourceExt>(object: &K) -> Self {
        Self { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
    }
}

/// The objects of one kind, sorted, so that those of a namespace lie together.
#[derive(Debug)]
pub(super) struct Shelf<K> {
    objects: RwLock<BTreeMap<Key, Arc<K>>>,
}

impl<K> Default for Shelf<K> {
    fn default() -> Self {
        Self { objects: RwLock::default() }
    }
}

impl<K> Shelf<K> {
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        let key = Key { namespace: namespace.to_owned(), name: name.to_owned() };
        self.objects.read().get(&key).cloned()
    }

    /// The objects of one namespace.
    pub fn of(&self, namespace: &str) -> Vec<Arc<K>> {
        let first = Key { namespace: namespace.to_owned(), name: String::new() };
        let objects = self.objects.read();
        objects.range(first..).take_while(|(k, _)| k.namespace == namespace).map(|(_, o)| Arc::clone(o)).collect()
    }

    pub fn all(&self) -> Vec<Arc<K>> {
        self.objects.read().values().cloned().collect()
    }

    /// The objects for which `wanted` holds.
    pub fn matching(&self, wanted: impl Fn(&K) -> bool) -> Vec<Arc<K>> {
        self.objects.read().values().filter(|o| wanted(o)).cloned().collect()
    }

    /// Puts an object on the shelf; the one that lay there is returned.
    pub fn put(&self, key: Key, object: K) -> Option<Arc<K>> {
        self.objects.write().insert(key, Arc::new(object))
    }

    pub fn take(&self, key: &Key) -> Option<Arc<K>> {
        self.objects.write().remove(key)
    }

    /// Keys for which `within` holds.
    pub fn keys(&self, within: impl Fn(&Key) -> bool) -> Vec<Key> {
        self.objects.read().keys().filter(|k| within(k)).cloned().collect()
    }
}

/// One shelf for each kind that facts are read from.
#[derive(Debug, Default)]
pub struct Shelves {
    pub(super) networks: Shelf<ProxyNetwork>,
    pub(super) policies: Shelf<NetworkPolicy>,
    pub(super) namespaces: Shelf<Namespace>,
    pub(super) services: Shelf<Service>,
    pub(super) slices: Shelf<EndpointSlice>,
    pub(super) pods: Shelf<Pod>,
    pub(super) nodes: Shelf<Node>,
    pub(super) ingresses: Shelf<Ingress>,
    pub(super) http_routes: Shelf<HTTPRoute>,
    pub(super) gateways: Shelf<Gateway>,
    pub(super) config_maps: Shelf<ConfigMap>,
    pub(super) carriers: Carriers,
    /// API groups that the cluster serves; none while nobody has looked.
    pub(super) groups: RwLock<Option<BTreeSet<String>>>,
}

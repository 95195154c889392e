//! Objects by namespace and name, one shelf a kind: what watches and files fill, and facts are read from.

use super::carriers::Carriers;
use super::controllers::ControllerNamespaces;
use super::gateway_api::{Gateway, HTTPRoute};
use super::marks::{self, Mark};
use crate::api::ProxyNetwork;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
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
    objects: RwLock<Objects<K>>,
    /// By what else than its name an object is found.
    marks: fn(&K) -> Vec<Mark>,
}

#[derive(Debug)]
struct Objects<K> {
    by_key: BTreeMap<Key, Arc<K>>,
    by_mark: BTreeMap<Mark, BTreeSet<Key>>,
}

impl<K> Default for Shelf<K> {
    fn default() -> Self {
        Self::marked_by(|_| Vec::new())
    }
}

impl<K> Shelf<K> {
    fn marked_by(marks: fn(&K) -> Vec<Mark>) -> Self {
        Self { objects: RwLock::new(Objects { by_key: BTreeMap::new(), by_mark: BTreeMap::new() }), marks }
    }

    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        let key = Key { namespace: namespace.to_owned(), name: name.to_owned() };
        self.objects.read().by_key.get(&key).cloned()
    }

    /// The objects of one namespace.
    pub fn of(&self, namespace: &str) -> Vec<Arc<K>> {
        let first = Key { namespace: namespace.to_owned(), name: String::new() };
        let objects = self.objects.read();
        let own = objects.by_key.range(first..).take_while(|(k, _)| k.namespace == namespace);
        own.map(|(_, o)| Arc::clone(o)).collect()
    }

    pub fn all(&self) -> Vec<Arc<K>> {
        self.objects.read().by_key.values().cloned().collect()
    }

    /// The objects that have one of these marks, each once, sorted.
    pub fn marked(&self, marks: impl IntoIterator<Item = Mark>) -> Vec<Arc<K>> {
        let objects = self.objects.read();
        let keys: BTreeSet<&Key> = marks.into_iter().filter_map(|m| objects.by_mark.get(&m)).flatten().collect();
        keys.into_iter().filter_map(|key| objects.by_key.get(key)).cloned().collect()
    }

    /// Whether an object has this mark.
    pub fn has(&self, mark: &Mark) -> bool {
        self.objects.read().by_mark.contains_key(mark)
    }

    /// Puts an object on the shelf; the one that lay there is returned.
    pub fn put(&self, key: Key, object: K) -> Option<Arc<K>> {
        let mut objects = self.objects.write();
        let old = objects.take(&key, self.marks);
        for mark in (self.marks)(&object) {
            objects.by_mark.entry(mark).or_default().insert(key.clone());
        }
        objects.by_key.insert(key, Arc::new(object));
        old
    }

    pub fn take(&self, key: &Key) -> Option<Arc<K>> {
        self.objects.write().take(key, self.marks)
    }

    /// Keys for which `within` holds.
    pub fn keys(&self, within: impl Fn(&Key) -> bool) -> Vec<Key> {
        self.objects.read().by_key.keys().filter(|k| within(k)).cloned().collect()
    }
}

impl<K> Objects<K> {
    fn take(&mut self, key: &Key, marks: fn(&K) -> Vec<Mark>) -> Option<Arc<K>> {
        let old = self.by_key.remove(key)?;
        for mark in marks(&old) {
            if let Some(keys) = self.by_mark.get_mut(&mark) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_mark.remove(&mark);
                }
            }
        }
        Some(old)
    }
}

/// One shelf for each kind that facts are read from.
#[derive(Debug)]
pub struct Shelves {
    pub(super) networks: Shelf<ProxyNetwork>,
    pub(super) policies: Shelf<NetworkPolicy>,
    pub(super) namespaces: Shelf<Namespace>,
    pub(super) services: Shelf<Service>,
    pub(super) slices: Shelf<EndpointSlice>,
    pub(super) pods: Shelf<Pod>,
    pub(super) nodes: Shelf<Node>,
    pub(super) ingresses: Shelf<Ingress>,
    pub(super) ingress_classes: Shelf<IngressClass>,
    pub(super) http_routes: Shelf<HTTPRoute>,
    pub(super) gateways: Shelf<Gateway>,
    pub(super) config_maps: Shelf<ConfigMap>,
    pub(super) carriers: Carriers,
    /// API groups that the cluster serves; none while nobody has looked.
    pub(super) groups: RwLock<Option<BTreeSet<String>>>,
    /// Namespaces of ingress controllers, as far as they were named to this process.
    pub(super) controllers: ControllerNamespaces,
}

impl Default for Shelves {
    fn default() -> Self {
        Self {
            networks: Shelf::default(),
            policies: Shelf::marked_by(marks::policy),
            namespaces: Shelf::default(),
            services: Shelf::marked_by(marks::service),
            slices: Shelf::default(),
            pods: Shelf::marked_by(marks::pod),
            nodes: Shelf::default(),
            ingresses: Shelf::default(),
            ingress_classes: Shelf::marked_by(marks::ingress_class),
            http_routes: Shelf::marked_by(marks::http_route),
            gateways: Shelf::default(),
            config_maps: Shelf::default(),
            carriers: Carriers::default(),
            groups: RwLock::default(),
            controllers: ControllerNamespaces::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_is_found_by_its_marks_as_long_as_it_has_them() {
        let service = |ip: &str| -> Service {
            let status = json!({"loadBalancer": {"ingress": [{"ip": ip}]}});
            serde_json::from_value(json!({"metadata": {"name": "web", "namespace": "shop"}, "status": status})).unwrap()
        };
        let shelf = Shelf::marked_by(marks::service);
        let found = |ip: &str| shelf.marked([Mark::Balanced(ip.to_owned()), Mark::Balanced("::1".to_owned())]).len();
        let key = Key { namespace: "shop".to_owned(), name: "web".to_owned() };
        shelf.put(key.clone(), service("192.0.2.1"));
        assert_eq!((found("192.0.2.1"), found("192.0.2.2")), (1, 0));
        assert!(shelf.put(key.clone(), service("192.0.2.2")).is_some());
        assert_eq!((found("192.0.2.1"), found("192.0.2.2")), (0, 1));
        assert!(shelf.take(&key).is_some() && shelf.objects.read().by_mark.is_empty());
    }
}

//! Objects that may carry a list in one field: of any kind, by name, each with who holds which field.

use super::{ClusterSource, Shelves};
use crate::api::field::ObjectRef;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::core::DynamicObject;
use parking_lot::RwLock;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An object as far as it matters to whoever keeps one field of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Carrier {
    pub metadata: ObjectMeta,
    /// The whole object, metadata included.
    pub value: Value,
}

impl Carrier {
    /// From an object of a known type.
    pub fn of<K: ResourceExt + Serialize>(object: &K) -> Self {
        // A value of these types has no key that JSON cannot say.
        Self { metadata: object.meta().clone(), value: serde_json::to_value(object).unwrap_or_default() }
    }

    /// What is kept of a watched object: neither its status nor the times in its metadata, which change for nothing.
    pub(super) fn trimmed(mut object: DynamicObject) -> Self {
        super::stores::without_versions(&mut object.metadata);
        if let Some(data) = object.data.as_object_mut() {
            data.remove("status");
        }
        Self::of(&object)
    }
}

/// What can be said of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    Found(Arc<Carrier>),
    /// There is none of this name.
    Missing,
    /// The cluster does not have this kind at all.
    NoKind,
    /// Nobody has looked yet.
    Waiting,
    /// It cannot be read, and why.
    Unreadable(String),
}

/// Names one object of any kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct At {
    pub api_version: String,
    pub kind: String,
    /// Empty for a cluster-scoped object.
    pub namespace: String,
    pub name: String,
}

impl At {
    pub fn of(object: &ObjectRef, origin_namespace: &str) -> Self {
        Self {
            api_version: object.api.api_version(),
            kind: object.api.kind.clone(),
            namespace: object.namespace(origin_namespace).unwrap_or_default().to_owned(),
            name: object.name.clone(),
        }
    }
}

/// Objects of kinds that are not watched as a whole.
#[derive(Debug, Default)]
pub(super) struct Carriers(RwLock<BTreeMap<At, Sight>>);

impl Carriers {
    pub fn get(&self, at: &At) -> Option<Sight> {
        self.0.read().get(at).cloned()
    }

    /// API groups of what is there.
    pub fn groups(&self) -> Vec<String> {
        let all = self.0.read();
        all.keys().filter_map(|at| at.api_version.split_once('/')).map(|(group, _)| group.to_owned()).collect()
    }

    /// Notes what is seen now; whether that is something else than before.
    pub fn put(&self, at: &At, sight: Sight) -> bool {
        let mut all = self.0.write();
        if all.get(at) == Some(&sight) {
            return false;
        }
        all.insert(at.clone(), sight);
        true
    }
}

/// An object that a target of an origin names. Those of kinds that facts need anyway lie on their shelves.
pub(super) fn sight(source: &(impl ClusterSource + ?Sized), object: &ObjectRef, origin_namespace: &str) -> Sight {
    let found = |carrier: Option<Carrier>| carrier.map_or(Sight::Missing, |c| Sight::Found(Arc::new(c)));
    match (object.api.group.as_str(), object.api.kind.as_str()) {
        ("networking.k8s.io", "Ingress") => {
            found(source.ingress(origin_namespace, &object.name).map(|o| Carrier::of(o.as_ref())))
        }
        ("", "Service") => found(source.service(origin_namespace, &object.name).map(|o| Carrier::of(o.as_ref()))),
        _ => source.named(object, origin_namespace),
    }
}

/// An object among the shelves; in a manifest the namespace `default` may have been left out.
pub(super) fn on_shelf(shelves: &Shelves, object: &ObjectRef, origin_namespace: &str) -> Sight {
    let at = At::of(object, origin_namespace);
    let unsaid = || (at.namespace == "default").then(|| At { namespace: String::new(), ..at.clone() });
    let found = shelves.carriers.get(&at).or_else(|| shelves.carriers.get(&unsaid()?));
    let map = || {
        let is_map = object.api.group.is_empty() && object.api.kind == "ConfigMap";
        let map = is_map.then(|| shelves.config_maps.get(&at.namespace, &at.name)).flatten()?;
        Some(Sight::Found(Arc::new(Carrier::of(map.as_ref()))))
    };
    found.or_else(map).unwrap_or(Sight::Missing)
}

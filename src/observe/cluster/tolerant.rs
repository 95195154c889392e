//! Objects that do not fit their type, as objects all the same: one of them must not stall the others of its list.
//!
//! `kube` has such a type, which reads each kind from a tree of its own; read from JSON's values, as files are, each kind
//! is in the program once.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;

/// An object of a kind, or what is known of one that cannot be read.
#[derive(Clone, Debug)]
pub struct Tolerant<K>(pub Result<K, Unreadable>);

/// An object that does not fit its type.
#[derive(Clone, Debug)]
pub struct Unreadable {
    pub error: String,
    pub metadata: ObjectMeta,
}

impl<'de, K: Resource + DeserializeOwned> Deserialize<'de> for Tolerant<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        let metadata = object.get("metadata").cloned().unwrap_or_default();
        serde_json::from_value(object)
            .map(Ok)
            .or_else(|error| {
                let metadata = serde_json::from_value(metadata).map_err(D::Error::custom)?;
                Ok(Err(Unreadable { error: error.to_string(), metadata }))
            })
            .map(Self)
    }
}

impl<K: Resource> Resource for Tolerant<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|unreadable| &unreadable.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|unreadable| &mut unreadable.metadata, K::meta_mut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    #[test]
    fn a_list_with_an_object_that_does_not_fit_has_its_name_and_all_the_others() {
        let pod =
            |name: &str, containers: Value| json!({"metadata": {"name": name}, "spec": {"containers": containers}});
        let pods = json!([pod("good", json!([{"name": "c"}])), pod("bad", json!("none"))]);
        let read: Vec<Tolerant<Pod>> = serde_json::from_value(pods).unwrap();
        let names: Vec<_> = read.iter().map(|pod| pod.meta().name.as_deref().unwrap()).collect();
        assert_eq!(names, ["good", "bad"]);
        let errors: Vec<_> = read.iter().filter_map(|pod| pod.0.as_ref().err()).map(|u| u.error.as_str()).collect();
        assert_eq!(errors, ["invalid type: string \"none\", expected a sequence"]);
    }

    #[test]
    fn what_has_no_metadata_is_no_object() {
        assert!(serde_json::from_value::<Tolerant<Pod>>(json!({"spec": 1})).is_err());
    }
}

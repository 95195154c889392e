//! A ProtectedOrigin as it comes from the API server: read, or, where it does not fit the type, what can still be told of it.

use crate::api::ProtectedOrigin;
use crate::api::spec::{Allowlist, Mode, Proxy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;

/// What is known of a resource that cannot be read.
#[derive(Clone, Debug)]
pub struct Malformed {
    /// Without managed fields.
    pub meta: ObjectMeta,
    pub problem: String,
    pub network: Network,
}

/// The ProxyNetwork whose list a resource that cannot be read may be meant to carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// None: it names no network, or enforces nothing.
    None,
    Named(String),
    /// It may be any.
    Unclear,
}

impl Network {
    /// Part by part, so that a field elsewhere hides nothing. What is left open by the parts is unclear.
    fn of(object: &Value) -> Self {
        let part = |name: &str| object.pointer(name).filter(|value| !value.is_null());
        let enforces = part("/spec/allowlist").is_none_or(|allowlist| {
            Allowlist::deserialize(allowlist)
                .map_or(true, |read| read.mode == Mode::Enforce && !read.targets.is_empty())
        });
        // A resource without the part is one of which nothing else is sure either.
        if !enforces {
            return Self::None;
        }
        if let Some(name) = part("/spec/proxy/networkRef/name").and_then(Value::as_str) {
            return Self::Named(name.to_owned());
        }
        let names_none = |proxy: &Value| Proxy::deserialize(proxy).is_ok_and(|read| read.network_ref.is_none());
        if part("/spec/proxy").is_some_and(names_none) { Self::None } else { Self::Unclear }
    }

    /// Whether it is this one, or cannot be ruled out.
    fn may_be(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::Named(named) => named == name,
            Self::Unclear => true,
        }
    }
}

impl Malformed {
    /// Whether it may be meant to carry the list of this network.
    pub fn may_carry(&self, network: &str) -> bool {
        self.meta.deletion_timestamp.is_none() && self.network.may_be(network)
    }
}

/// One that does not fit the type does not stop those that are listed with it.
#[derive(Clone, Debug)]
pub(super) enum Guarded {
    Read(Box<ProtectedOrigin>),
    Malformed(Box<Malformed>),
}

impl<'de> Deserialize<'de> for Guarded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        let problem = match ProtectedOrigin::deserialize(&object) {
            Ok(read) => return Ok(Self::Read(Box::new(read))),
            Err(error) => error.to_string(),
        };
        let meta = object.get("metadata").unwrap_or(&Value::Null);
        let meta = ObjectMeta { managed_fields: None, ..ObjectMeta::deserialize(meta).map_err(D::Error::custom)? };
        Ok(Self::Malformed(Box::new(Malformed { meta, problem, network: Network::of(&object) })))
    }
}

impl Resource for Guarded {
    type DynamicType = ();
    type Scope = <ProtectedOrigin as Resource>::Scope;

    fn kind(dt: &()) -> Cow<'_, str> {
        ProtectedOrigin::kind(dt)
    }

    fn group(dt: &()) -> Cow<'_, str> {
        ProtectedOrigin::group(dt)
    }

    fn version(dt: &()) -> Cow<'_, str> {
        ProtectedOrigin::version(dt)
    }

    fn plural(dt: &()) -> Cow<'_, str> {
        ProtectedOrigin::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Read(object) => &object.metadata,
            Self::Malformed(object) => &object.meta,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Read(object) => &mut object.metadata,
            Self::Malformed(object) => &mut object.meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// An origin that enforces, with one field changed: what its type does not know stands in `at`.
    fn malformed(at: &str, value: Value) -> Malformed {
        let mut object = json!({
            "apiVersion": "leeward.dev/v1alpha1", "kind": "ProtectedOrigin", "metadata": {"name": "shop", "namespace": "shop"},
            "spec": {
                "proxy": {"url": "https://shop.example.com/", "networkRef": {"name": "edgeone"}},
                "origin": {"type": "Addresses", "addresses": {"ips": ["203.0.113.10"]}},
                "allowlist": {"mode": "Enforce", "targets": [{"name": "out", "type": "ConfigMap"}]},
                "readyWhen": "Tomorrow",
            },
        });
        *object.pointer_mut(at).unwrap() = value;
        match serde_json::from_value(object).unwrap() {
            Guarded::Malformed(object) => *object,
            Guarded::Read(_) => panic!("it can be read"),
        }
    }

    #[test]
    fn the_network_is_known_although_the_rest_cannot_be_read() {
        let network = |at: &str, value: Value| malformed(at, value).network;
        let named = Network::Named("edgeone".to_owned());
        assert_eq!(network("/spec/readyWhen", json!("Later")), named);
        assert_eq!(network("/spec/proxy/url", json!(7)), named);
        assert_eq!(network("/spec/allowlist/mode", json!("Tomorrow")), named, "it may enforce");
        assert_eq!(
            network("/spec/allowlist", json!(null)),
            named,
            "where nothing is said, the type of tomorrow may mean it"
        );
        assert_eq!(network("/spec/allowlist/mode", json!("Plan")), Network::None);
        assert_eq!(network("/spec/allowlist/targets", json!([])), Network::None);
        assert_eq!(network("/spec/proxy", json!({"url": "https://shop.example.com/"})), Network::None);
        for unclear in [json!({"url": 7}), json!(null), json!({"url": "https://x.example/", "networkRef": {"name": 7}})]
        {
            assert_eq!(network("/spec/proxy", unclear.clone()), Network::Unclear, "{unclear}");
        }
        assert_eq!(network("/spec", json!("all")), Network::Unclear);
    }

    #[test]
    fn who_may_carry_a_list_is_whoever_cannot_be_ruled_out() {
        let mut object = malformed("/spec/readyWhen", json!("Later"));
        assert!(object.may_carry("edgeone") && !object.may_carry("other"));
        assert!(object.problem.contains("Later"), "{}", object.problem);
        object.network = Network::Unclear;
        assert!(object.may_carry("other"));
        object.meta = serde_json::from_value(json!({"deletionTimestamp": "2026-01-01T00:00:00Z"})).unwrap();
        assert!(!object.may_carry("edgeone"), "it is going");
    }
}

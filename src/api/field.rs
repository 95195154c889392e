//! One field of an object that somebody else created: which object, which field, in which form it carries prefixes, and
//! what its absence means. Every target but the owned objects is one of these.
//!
//! Each project has a file of its own below: data, and the quirks of that project. What reads the field for the diagnosis
//! and what writes it for the allowlist use the same description, so they cannot disagree about what it says.

mod calico;
mod cilium;
mod contour;
mod envoy_gateway;
mod form;
mod ingress;
mod istio;
mod nginx;
mod object;
mod route;
mod service;
mod traefik;
mod trust;

use super::targets::{IngressPreset, ServicePreset, Target, TargetType};
use super::validated::Invalid;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::Value;
use std::fmt;
use std::sync::LazyLock;
use strum::IntoEnumIterator as _;

pub use form::{Entries, Form, Items, Separator};
pub use ingress::annotation_of;

/// A kind of object as the API server names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKind {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    pub kind: String,
    /// Name in URLs and in roles.
    pub plural: String,
    pub namespaced: bool,
    /// What has to be installed for it to exist.
    pub project: String,
}

impl ApiKind {
    fn of(group: &str, version: &str, kind: &str, plural: &str, project: &str) -> Self {
        let text = str::to_owned;
        let (group, version, kind) = (text(group), text(version), text(kind));
        Self { group, version, kind, plural: text(plural), namespaced: true, project: text(project) }
    }

    fn cluster(self) -> Self {
        Self { namespaced: false, ..self }
    }

    /// `apiVersion` as it stands in manifests.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// An object by name, for an origin of some namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    pub api: ApiKind,
    pub name: String,
}

impl ObjectRef {
    /// A ConfigMap.
    pub fn config_map(name: &str) -> Self {
        Self { api: ApiKind::of("", "v1", "ConfigMap", "configmaps", "Kubernetes"), name: name.to_owned() }
    }

    /// Its namespace, for an origin of this one; none if it is cluster-scoped.
    pub fn namespace<'a>(&self, origin: &'a str) -> Option<&'a str> {
        self.api.namespaced.then_some(origin)
    }

    /// Kind, namespace and name, such as `Ingress shop/web`.
    pub fn key(&self, origin_namespace: &str) -> String {
        match self.namespace(origin_namespace) {
            Some(namespace) => format!("{} {namespace}/{}", self.api.kind, self.name),
            None => format!("{} {}", self.api.kind, self.name),
        }
    }
}

/// Where in an object the field is: names of fields, from the top. A key of a map is one name, whatever it holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Vec<String>);

impl Place {
    pub fn annotation(key: &str) -> Self {
        Self(["metadata", "annotations", key].map(str::to_owned).to_vec())
    }

    fn path(dotted: &str) -> Self {
        Self(dotted.split('.').map(str::to_owned).collect())
    }

    /// Names from the top.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The key, if this is an annotation.
    pub fn annotation_key(&self) -> Option<&str> {
        match self.0.as_slice() {
            [metadata, annotations, key] if metadata == "metadata" && annotations == "annotations" => Some(key),
            _ => None,
        }
    }

    /// What stands there.
    pub fn of<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(object, |value, name| value.get(name)).filter(|value| !value.is_null())
    }

    /// Puts a value there, with the maps that lead to it.
    pub fn put(&self, object: &mut Value, value: Value) {
        let mut at = object;
        for name in &self.0 {
            if !at.is_object() {
                *at = Value::Object(serde_json::Map::new());
            }
            let Value::Object(map) = at else { return };
            at = map.entry(name.clone()).or_insert(Value::Null);
        }
        *at = value;
    }

    /// Whether a manager's entry holds the field or anything in it. Whoever holds a map further up may hold all of it or
    /// only that it is there, which looks the same here: the API server knows, and refuses a write where it matters.
    pub fn held_by(&self, entry: &ManagedFieldsEntry) -> bool {
        let Some(mut at) = entry.fields_v1.as_ref().map(|f| &f.0) else { return false };
        for name in &self.0 {
            match at.get(format!("f:{name}")) {
                Some(below) => at = below,
                None => return false,
            }
        }
        true
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.annotation_key() {
            Some(key) => write!(f, "annotation {key}"),
            None => f.write_str(&self.0.join(".")),
        }
    }
}

/// Whether a manager's entry holds a field that targets know of objects of Kubernetes itself.
pub fn holds_one_of_kubernetes(entry: &ManagedFieldsEntry) -> bool {
    // Asked of each manager of each object that changes.
    static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
        let annotations = IngressPreset::iter().map(annotation_of).chain(ServicePreset::iter().map(service::key_of));
        annotations.map(Place::annotation).chain([service::ranges()]).collect()
    });
    PLACES.iter().any(|place| place.held_by(entry))
}

/// What it means for whoever connects that the field is absent or empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// Everybody gets in.
    Opens,
    /// Nobody gets in.
    Closes,
    /// The one or the other, by what else stands there.
    Either,
}

/// How many prefixes fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// As many as an object can hold.
    Object,
    /// So many of each address family.
    EachFamily(usize),
}

/// Whose address is compared with the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// Whoever opened the connection.
    Peer,
    /// The visitor, as a header or a PROXY preamble names him; whoever opened the connection where neither is trusted.
    Client,
    /// The same, and which of the two is read from the settings of ingress-nginx.
    AsIngressNginxIsTold,
    /// Whoever opened the connection, unless something stands at this JSON pointer of the object.
    PeerUnless(&'static str),
}

/// Who says that an origin may keep the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Whoever gives the operator rights in the namespace: the field carries a list, and nothing else can be written.
    Rights,
    /// Whoever may edit the object, by an annotation on it that names the origin: it concerns more than the namespace, the
    /// field is one that Leeward knows nothing of, or it holds rules and not only a list.
    Mark,
}

/// Something that must stand elsewhere in the object, or the list would not do what it is meant to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    pub place: Place,
    /// Texts that may stand there; `absent` for nothing, `present` for anything that is no text.
    pub allowed: Vec<&'static str>,
    /// What is wrong otherwise and what to do, as the rest of a sentence that begins with the object.
    pub otherwise: &'static str,
}

/// One field of an object that somebody else created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub object: ObjectRef,
    pub place: Place,
    pub form: Form,
    pub empty: Empty,
    pub sees: Sees,
    pub capacity: Capacity,
    pub consent: Consent,
    pub needs: Vec<Need>,
    /// Field of the target that names the object, such as `ingressAnnotation.name`.
    pub named_by: &'static str,
}

impl Field {
    /// The field that a target names; `None` for a target that is an object of its own.
    pub fn of(target: &Target) -> Result<Option<Self>, Invalid> {
        let named = |one: &Option<super::targets::NamedTarget>, field: fn(&str) -> Self| {
            one.as_ref().map(|target| field(&target.name))
        };
        Ok(match target.kind {
            TargetType::NetworkPolicy | TargetType::ConfigMap => None,
            TargetType::IngressAnnotation => target.ingress_annotation.as_ref().map(ingress::field),
            TargetType::RouteAnnotation => named(&target.route_annotation, route::field),
            TargetType::ServiceSourceRanges => named(&target.service_source_ranges, service::source_ranges),
            TargetType::ServiceAnnotation => target.service_annotation.as_ref().map(service::annotation),
            TargetType::CiliumCIDRGroup => named(&target.cilium_cidr_group, cilium::field),
            TargetType::CalicoNetworkSet => target.calico_network_set.as_ref().map(calico::namespaced),
            TargetType::CalicoGlobalNetworkSet => target.calico_global_network_set.as_ref().map(calico::global),
            TargetType::TraefikMiddleware => named(&target.traefik_middleware, traefik::field),
            TargetType::NginxPolicy => named(&target.nginx_policy, nginx::field),
            TargetType::EnvoyGatewaySecurityPolicy => {
                named(&target.envoy_gateway_security_policy, envoy_gateway::field)
            }
            TargetType::IstioAuthorizationPolicy => target.istio_authorization_policy.as_ref().map(istio::field),
            TargetType::ContourHTTPProxy => named(&target.contour_http_proxy, contour::field),
            TargetType::TrustedProxies => target.trusted_proxies.as_ref().map(trust::field),
            TargetType::ObjectField => match &target.object_field {
                Some(one) => Some(object::field(one)?),
                None => None,
            },
        })
    }

    /// What stands in the field. An empty list or text is none.
    pub fn current<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.place.of(object).filter(|value| self.form.entries(value) != Entries::Nothing)
    }

    /// Why the object cannot carry the list as it stands.
    pub fn unfit(&self, object: &Value) -> Option<&Need> {
        self.needs.iter().find(|need| {
            let found = match need.place.of(object) {
                None => "absent",
                Some(Value::String(text)) => text.as_str(),
                Some(_) => "present",
            };
            !need.allowed.contains(&found)
        })
    }
}

#[cfg(test)]
mod tests;

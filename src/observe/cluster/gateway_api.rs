//! As much of the Gateway API (`gateway.networking.k8s.io/v1`, GA since 2023) as facts are read from. Fields that are not
//! named here are ignored, in files as well: the kinds grow with each release of that project.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which hosts lead to which Services.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[kube(group = "gateway.networking.k8s.io", version = "v1", kind = "HTTPRoute", namespaced, derive = "PartialEq")]
#[serde(rename_all = "camelCase", default)]
pub struct HTTPRouteSpec {
    /// Empty: those of the Gateway's listeners.
    pub hostnames: Vec<String>,
    pub parent_refs: Vec<ParentRef>,
    pub rules: Vec<RouteRule>,
}

/// Where a route is attached.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct ParentRef {
    /// Absent: a Gateway.
    pub kind: Option<String>,
    pub namespace: Option<String>,
    pub name: String,
    pub section_name: Option<String>,
}

/// One rule of a route.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteRule {
    pub backend_refs: Vec<BackendRef>,
}

/// Where a rule leads.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct BackendRef {
    /// Absent: a Service.
    pub kind: Option<String>,
    pub namespace: Option<String>,
    pub name: String,
}

/// Where requests come in.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[kube(group = "gateway.networking.k8s.io", version = "v1", kind = "Gateway", namespaced, derive = "PartialEq")]
#[serde(rename_all = "camelCase", default)]
pub struct GatewaySpec {
    pub listeners: Vec<Listener>,
}

/// One entrance of a Gateway.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Listener {
    pub name: String,
    /// Absent: every host.
    pub hostname: Option<String>,
    pub tls: Option<ListenerTls>,
}

/// The certificates of a listener.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct ListenerTls {
    pub certificate_refs: Vec<SecretRef>,
}

/// A Secret, of which only the name is read.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretRef {
    pub namespace: Option<String>,
    pub name: String,
}

//! The places where an allowlist can be enforced: one variant of the union per kind of target.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One object that carries the allowlist: exactly the member that `type` names.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.type == 'NetworkPolicy' || !has(self.networkPolicy)").message("allowlist.targets[].networkPolicy may be set only if type is NetworkPolicy"))]
#[x_kube(validation = Rule::new("(self.type == 'IngressAnnotation') == has(self.ingressAnnotation)").message("allowlist.targets[].ingressAnnotation must be set if and only if type is IngressAnnotation"))]
pub struct Target {
    /// Name of the target, unique in this resource.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// Which kind of object it is: `NetworkPolicy` or `IngressAnnotation`.
    #[serde(rename = "type")]
    pub kind: TargetType,
    /// A NetworkPolicy that Leeward creates and owns. Set only when type is `NetworkPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkPolicyTarget>,
    /// One annotation of an Ingress that exists; nothing else of it is touched. Set exactly when type is `IngressAnnotation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_annotation: Option<IngressAnnotationTarget>,
}

/// Kind of a target.
#[derive(
    Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display,
)]
pub enum TargetType {
    NetworkPolicy,
    IngressAnnotation,
}

/// A NetworkPolicy of its own, named `leeward-NAME`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicyTarget {
    /// Pods to guard. With origin type Service the default is the Service's selector, and only a subset of it is accepted; else required. Never empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)").message("allowlist.targets[].networkPolicy.podSelector must not be empty: it would select every pod of the namespace"))]
    pub pod_selector: Option<LabelSelector>,
    /// TCP ports of the pods, after the Service's translation. Default: the Service's target ports. At most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(range(min = 1, max = 65535)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub ports: Vec<i32>,
    /// Whether this may be the first policy that isolates these pods, which closes them to everybody not listed: `Refuse` or `Allow`. Default: Refuse.
    #[serde(default)]
    pub isolation: Isolation,
}

/// Whether a policy may be the first to isolate its pods.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    #[default]
    Refuse,
    Allow,
}

/// One annotation of an existing Ingress of the same namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct IngressAnnotationTarget {
    /// Name of the Ingress.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Which ingress controller reads the annotation; selects its key and format. IngressNginx: nginx.ingress.kubernetes.io/whitelist-source-range.
    pub preset: IngressPreset,
}

/// Ingress controllers whose allowlist annotation is known.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum IngressPreset {
    IngressNginx,
}

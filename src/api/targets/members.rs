//! What each kind of target has to know beside its type.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// An object whose one field is kept.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NamedTarget {
    /// Name of the object; of a kind with namespaces, in the namespace of this resource.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// One annotation of an existing Ingress of the same namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct IngressAnnotationTarget {
    /// Name of the Ingress.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Which ingress controller reads the annotation; selects its key and format. IngressNginx and TraefikIngressNginx: nginx.ingress.kubernetes.io/whitelist-source-range. IngressNginxAllowlist: its other name, allowlist-source-range. HAProxyIngress: haproxy-ingress.github.io/allowlist-source-range. HAProxyTech: haproxy.org/allow-list. APISIX: k8s.apisix.apache.org/allowlist-source-range. AWSALB: alb.ingress.kubernetes.io/inbound-cidrs.
    pub preset: IngressPreset,
}

/// Ingress controllers whose allowlist annotation is known.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter)]
pub enum IngressPreset {
    IngressNginx,
    IngressNginxAllowlist,
    TraefikIngressNginx,
    HAProxyIngress,
    HAProxyTech,
    APISIX,
    AWSALB,
}

/// One annotation of an existing Service of type LoadBalancer.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.preset == 'AlibabaACL') == (has(self.aclID) && size(self.aclID) > 0)").message("allowlist.targets[].serviceAnnotation.aclID must be set if and only if preset is AlibabaACL: the list itself is kept in the cloud"))]
pub struct ServiceAnnotationTarget {
    /// Name of the Service.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Which cloud reads the annotation; selects its key and format. AzureIPRanges: service.beta.kubernetes.io/azure-allowed-ip-ranges, the list. AzureFrontDoor: service.beta.kubernetes.io/azure-allowed-service-tags, Azure's own name for the addresses of Front Door. AlibabaACL: service.beta.kubernetes.io/alibaba-cloud-loadbalancer-acl-id, the name of a list that is kept in the cloud.
    pub preset: ServicePreset,
    /// Identifier of the access control list of Alibaba Cloud SLB. Required unless preset is another one than AlibabaACL.
    #[serde(default, rename = "aclID", skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64), regex(pattern = r"^[A-Za-z0-9-]*$"))]
    pub acl_id: String,
}

/// Clouds whose annotation is known.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter)]
pub enum ServicePreset {
    AzureIPRanges,
    AzureFrontDoor,
    AlibabaACL,
}

/// A network set of Calico.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CalicoTarget {
    /// Name of the set.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Through which API it is written: `V3` is projectcalico.org/v3, served by the Calico API server; `CRD` is crd.projectcalico.org/v1, for clusters that do not run it. Default: V3.
    #[serde(default)]
    pub api: CalicoApi,
}

/// The two APIs of Calico.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CalicoApi {
    #[default]
    V3,
    CRD,
}

/// An AuthorizationPolicy of Istio.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct IstioTarget {
    /// Name of the AuthorizationPolicy.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Action of the policy, as its spec says: `Deny` shuts out whoever is not listed, whatever other policies allow; `Allow` lets in who is listed, beside whom other policies let in. Default: Deny.
    #[serde(default)]
    pub action: IstioAction,
    /// Which address is compared: `Peer`, whoever opened the connection, or `Client`, the visitor as headers that Istio trusts name him. Default: Peer.
    #[serde(default)]
    pub address: IstioAddress,
}

/// What the policy does with whom its rules match.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IstioAction {
    #[default]
    Deny,
    Allow,
}

/// Which address Istio compares.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IstioAddress {
    #[default]
    Peer,
    Client,
}

/// One list of any object of another project.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.format == 'Objects') == (has(self.member) && size(self.member) > 0)").message("allowlist.targets[].objectField.member must be set if and only if format is Objects: it names the member that holds the prefix"))]
#[x_kube(validation = Rule::new("self.format == 'Objects' || !has(self.fixed)").message("allowlist.targets[].objectField.fixed may be set only if format is Objects"))]
pub struct ObjectFieldTarget {
    /// Group and version of the object, such as configuration.konghq.com/v1; never a group of Kubernetes or of Leeward.
    #[schemars(length(min = 1, max = 317), regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?/v[a-z0-9]+$"))]
    #[x_kube(validation = Rule::new("self.split('/')[0].contains('.') && !self.split('/')[0].endsWith('k8s.io') && !self.split('/')[0].endsWith('kubernetes.io') && !self.split('/')[0].endsWith('leeward.dev')").message("allowlist.targets[].objectField.apiVersion must be of another project, such as configuration.konghq.com/v1"))]
    pub api_version: String,
    /// Kind of the object, such as KongPlugin.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Z][A-Za-z0-9]*$"))]
    pub kind: String,
    /// Name of the kind in URLs, such as kongplugins. Default: made from kind by the rules of English.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9]*$"))]
    pub plural: String,
    /// Whether the kind has namespaces: `Namespaced` or `Cluster`. Default: Namespaced.
    #[serde(default)]
    pub scope: ObjectScope,
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The field, as names joined by dots, such as config.allow; never in metadata or status.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z][A-Za-z0-9_-]*)*$"))]
    #[x_kube(validation = Rule::new("!(self.split('.')[0] in ['apiVersion', 'kind', 'metadata', 'status'])").message("allowlist.targets[].objectField.path must name a field that carries a list, not one of metadata or status"))]
    pub path: String,
    /// How the field carries prefixes: `Strings`, a list of texts; `Objects`, a list of objects; `Comma` or `Blank`, one text with that between the prefixes. Default: Strings.
    #[serde(default)]
    pub format: ObjectFormat,
    /// Member of each object that holds the prefix, such as cidr. Required unless format is another one than Objects.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63), regex(pattern = r"^[A-Za-z0-9_-]*$"))]
    pub member: String,
    /// Further members of each object, name and text. At most 8. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fixed: BTreeMap<String, String>,
    /// What it means that the field is empty or absent: `Opens`, everybody gets in, or `Closes`, nobody does. It decides what counts as a narrowing, and whether the field may be given up.
    pub empty_means: EmptyMeans,
}

/// Whether a kind has namespaces.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObjectScope {
    #[default]
    Namespaced,
    Cluster,
}

/// How a field carries prefixes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObjectFormat {
    #[default]
    Strings,
    Objects,
    Comma,
    Blank,
}

/// What an empty or absent field means.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyMeans {
    Opens,
    Closes,
}

/// The list of trusted proxies of an ingress controller.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TrustedProxiesTarget {
    /// Name of the object, in the namespace of this resource.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Whose list it is; selects the kind of the object and the field. IngressNginx: key proxy-real-ip-cidr of the controller's ConfigMap. F5Nginx: key set-real-ip-from of the ConfigMap of F5 NGINX Ingress Controller. EnvoyGateway: spec.clientIPDetection.xForwardedFor.trustedCIDRs of a ClientTrafficPolicy.
    pub preset: TrustPreset,
}

/// Programs whose list of trusted proxies is known.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter)]
pub enum TrustPreset {
    IngressNginx,
    F5Nginx,
    EnvoyGateway,
}

/// A ConfigMap of its own, named `leeward-NAME`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapTarget {
    /// Formats to write, each under a key that is its name in lower case: `JSON`, `Lines`, `Comma`, `Nginx` or `HAProxy`. At most 5. Default: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub formats: Vec<OutputFormat>,
}

/// A format of the list; its name in lower case is the key.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    strum::Display,
    strum::EnumIter,
    strum::EnumString,
)]
#[strum(serialize_all = "lowercase")]
pub enum OutputFormat {
    JSON,
    Lines,
    Comma,
    Nginx,
    HAProxy,
}

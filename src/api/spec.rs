//! `ProtectedOrigin`: one entrance to a site, its proxy, its origin, and the allowlists in front of
//! that origin.

pub use super::probing::{CacheBypass, Expect, Method, ProbeSpec};
use super::provider::Provider;
use super::status::ProtectedOriginStatus;
use super::targets::Target;
pub use super::traffic::TrafficSpec;
use super::vocabulary::Access;
pub use super::wire::{OriginTls, ProxyProtocol, ServerNameUse, TlsVersion};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to probe, how to judge it, and which allowlists to keep.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "leeward.dev",
    version = "v1alpha1",
    kind = "ProtectedOrigin",
    plural = "protectedorigins",
    shortname = "porigin",
    category = "leeward",
    namespaced,
    cel,
    derive = "PartialEq",
    status = "ProtectedOriginStatus",
    doc = "A site behind a protecting proxy: probed through the proxy and straight at its origin, diagnosed, and its allowlists kept in step with the proxy's addresses.",
    validation = Rule::new("size(self.metadata.name) <= 63").message("metadata.name must be at most 63 characters: names of owned objects are made from it"),
    selectable = ".spec.origin.type",
    selectable = ".spec.proxy.networkRef.name",
    selectable = ".spec.allowlist.mode",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status", description = "Leeward has converged on this resource"),
    printcolumn(name = "Healthy", type_ = "string", json_path = ".status.conditions[?(@.type==\"OriginHealthy\")].status", description = "Visitors reach the site"),
    printcolumn(name = "Cause", type_ = "string", json_path = ".status.conditions[?(@.type==\"OriginHealthy\")].reason", description = "Why, in one word; see docs/causes"),
    printcolumn(name = "Allowlist", type_ = "string", json_path = ".spec.allowlist.mode", description = "Observe, Plan or Enforce"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Synced", type_ = "string", json_path = ".status.conditions[?(@.type==\"AllowlistSynced\")].reason", priority = 1, description = "State of the allowlists"),
    printcolumn(name = "Confidence", type_ = "string", json_path = ".status.diagnosis.confidence", priority = 1, description = "How sure the diagnosis is"),
    printcolumn(name = "Proxy", type_ = "string", json_path = ".spec.proxy.url", priority = 1, description = "How visitors reach the site"),
    printcolumn(name = "Origin", type_ = "string", json_path = ".status.origin", priority = 1, description = "Where the proxy forwards to"),
    printcolumn(name = "Ranges", type_ = "integer", json_path = ".status.allowlist.prefixes", priority = 1, description = "Prefixes to be allowed"),
    printcolumn(name = "Summary", type_ = "string", json_path = ".status.diagnosis.summary", priority = 1, description = "What happened, where, and what to do")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.allowlist.mode == 'Observe' || has(self.proxy.networkRef)").message("proxy.networkRef must be set when allowlist.mode is Plan or Enforce: it names the ProxyNetwork whose addresses are allowed"))]
#[x_kube(validation = Rule::new("self.origin.type == 'Service' || !has(self.allowlist.targets) || self.allowlist.targets.all(t, t.type != 'NetworkPolicy' || (has(t.networkPolicy) && has(t.networkPolicy.podSelector)))").message("allowlist.targets[].networkPolicy.podSelector must be set unless origin.type is Service: it names the pods that the policy guards"))]
#[x_kube(validation = Rule::new("self.origin.type == 'Service' || !has(self.allowlist.targets) || self.allowlist.targets.all(t, t.type != 'NetworkPolicy' || (has(t.networkPolicy) && has(t.networkPolicy.ports) && size(t.networkPolicy.ports) > 0))").message("allowlist.targets[].networkPolicy.ports must name at least one pod port unless origin.type is Service"))]
pub struct ProtectedOriginSpec {
    /// Stops probing and writing while true; what was written stays. Default: false.
    #[serde(default)]
    pub suspend: bool,
    /// What the Ready condition waits for: `Converged` (Leeward has looked and the allowlists are in step) or `OriginHealthy` (the site must also be healthy; pipelines then wait for it). Default: Converged.
    #[serde(default)]
    pub ready_when: ReadyWhen,
    /// How visitors reach the site.
    pub proxy: Proxy,
    /// Where the proxy forwards to.
    pub origin: Origin,
    /// Which answer counts as good. Default: any status from 200 to 399.
    #[serde(default)]
    pub expect: Expect,
    /// How often and how patiently to probe.
    #[serde(default)]
    pub probe: ProbeSpec,
    /// What to do with the allowlists in front of the origin. Default: Observe, which writes nothing but status.
    #[serde(default)]
    pub allowlist: Allowlist,
    /// Which counters of the origin's load to read. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<TrafficSpec>,
}

/// What Ready waits for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadyWhen {
    #[default]
    Converged,
    OriginHealthy,
}

/// The protecting proxy, as a visitor sees it and as the origin sees it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Proxy {
    /// URL that visitors use; its scheme, host, port and path are what is probed. A path that the proxy does not cache is best, such as a health check. User information is refused.
    #[schemars(length(min = 10, max = 2048), regex(pattern = r"^https?://[^/?#@\s]+(/[^\s#]*)?$"))]
    pub url: String,
    /// Edge addresses to probe instead of every A and AAAA answer of the URL's host. The name is still resolved and judged. At most 16. Default: every answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 45)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub addresses: Vec<String>,
    /// The ProxyNetwork that holds the addresses from which the proxy connects to the origin. Required unless allowlist.mode is Observe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_ref: Option<NetworkRef>,
    /// The proxy's product, which selects its known timers and error pages. Default: the preset of the network, else Generic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Seconds that the proxy waits for a connection to the origin, 1 to 900. Default: by provider, else 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 900))]
    pub connect_timeout_seconds: Option<i32>,
    /// Seconds that the proxy waits for the origin's answer, 1 to 900. Default: by provider, else 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 900))]
    pub read_timeout_seconds: Option<i32>,
    /// Seconds that the proxy keeps an idle connection to the origin for its next request, 1 to 3600. Default: by provider, else unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub origin_idle_seconds: Option<i32>,
    /// The TLS profile that the proxy uses towards the origin; while something fails, the direct probe is repeated with it. Default: by provider.
    #[serde(default, rename = "originTLS", skip_serializing_if = "Option::is_none")]
    pub origin_tls: Option<OriginTls>,
    /// Whether the proxy checks the origin's certificate: `Always`, `Never` or `Unknown`. With Never a bad certificate is only a risk. Default: Unknown.
    #[serde(default)]
    pub verifies_origin_certificate: Verifies,
}

/// Names a ProxyNetwork.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NetworkRef {
    /// Name of the ProxyNetwork (cluster-scoped).
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Whether a proxy checks the origin's certificate.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verifies {
    Always,
    Never,
    #[default]
    Unknown,
}

/// Where the proxy forwards to: exactly one of `addresses`, `hostname` and `service`, named by `type`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.type == 'Addresses') == has(self.addresses)").message("origin.addresses must be set if and only if origin.type is Addresses"))]
#[x_kube(validation = Rule::new("(self.type == 'Hostname') == has(self.hostname)").message("origin.hostname must be set if and only if origin.type is Hostname"))]
#[x_kube(validation = Rule::new("(self.type == 'Service') == has(self.service)").message("origin.service must be set if and only if origin.type is Service"))]
pub struct Origin {
    /// Which member describes the origin: `Addresses`, `Hostname` or `Service`.
    #[serde(rename = "type")]
    pub kind: OriginType,
    /// Fixed addresses; every one is probed. Set exactly when type is `Addresses`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<OriginAddresses>,
    /// A DNS name; every address it resolves to is probed. Set exactly when type is `Hostname`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<OriginHostname>,
    /// A Service of the same namespace; every ready endpoint is probed. Set exactly when type is `Service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<OriginService>,
    /// What the proxy speaks to the origin: `HTTP` or `HTTPS`. Default: HTTPS.
    #[serde(default)]
    pub scheme: Scheme,
    /// Host header that the proxy sends. Default: the host of proxy.url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 260), regex(pattern = r"^[A-Za-z0-9.:\[\]_-]+$"))]
    pub host: Option<String>,
    /// Server name (SNI) that the proxy sends, and the name its certificate must carry. Default: host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[A-Za-z0-9._-]+$"))]
    pub server_name: Option<String>,
    /// Which vantages may pass the origin's own allowlist. Decides what a failing direct probe proves. `Listed` needs the host in the Namespace's annotation leeward.dev/allowed-hosts. At most 16. Default: none, so every vantage is Unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub vantages: Vec<Vantage>,
    /// Whether the origin should answer nobody but the proxy and listed vantages: `Required` or `NotRequired`. With Required a closed direct path is expected, and an open one is reported. Default: NotRequired.
    #[serde(default)]
    pub lockdown: Lockdown,
    /// Which address the origin's filters see and compare with a list: `Proxy`, whoever opened the connection; `Client`, the visitor, because they trust a header or a preamble; `Unknown`, what the cluster shows decides. With Client no list of the proxy's addresses is written where it would be compared with visitors; with Proxy a Service that seems to hide the proxy's address is no obstacle. What is read from the settings of ingress-nginx counts more than either. Default: Unknown.
    #[serde(default)]
    pub address_seen: AddressSeen,
    /// The PROXY protocol preamble that the origin expects in front of a connection, and that the direct probe sends: `None`, `V1` or `V2`. Default: None.
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
    /// A header that the origin adds to every response, errors included. It proves which responses come from the origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<Marker>,
    /// Trust anchors for the direct probe, in PEM. Default: the system's roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<CaBundle>,
    /// TCP port that is dialled only after the service port timed out: it tells a filtered port from a dead host. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub control_port: Option<i32>,
}

/// Which member of the origin union is set.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginType {
    Addresses,
    Hostname,
    Service,
}

/// Fixed origin addresses.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct OriginAddresses {
    /// IPv4 and IPv6 addresses in canonical form, 1 to 16.
    #[schemars(length(min = 1, max = 16), inner(length(min = 2, max = 45)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub ips: Vec<String>,
    /// TCP port, 1 to 65535. Default: 443 for HTTPS, 80 for HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
}

/// An origin by name.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct OriginHostname {
    /// DNS name of the origin (not the name that visitors use, which resolves to the proxy).
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[A-Za-z0-9._-]+$"))]
    pub name: String,
    /// TCP port, 1 to 65535. Default: 443 for HTTPS, 80 for HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
}

/// A Service of the same namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct OriginService {
    /// Name of the Service; it must have a selector and must not be an ExternalName.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Port of the Service, 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
}

/// What the proxy speaks to the origin.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    HTTP,
    #[default]
    HTTPS,
}

/// A place from which probes leave.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Vantage {
    /// Name of the vantage: `cluster` for the operator (its flag --vantage), `local` for leeward diagnose.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Whether the origin's allowlist lets this vantage in: `Listed`, `Unlisted` or `Unknown`. Default: Unknown.
    #[serde(default)]
    pub access: Access,
}

/// Whether the origin should be closed to everybody but the proxy.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lockdown {
    Required,
    #[default]
    NotRequired,
}

/// Which source address the origin's filters see.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressSeen {
    Proxy,
    Client,
    #[default]
    Unknown,
}

/// A header that proves an answer to be the origin's.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Marker {
    /// Name of the header.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"))]
    pub header: String,
    /// Exact value of the header.
    #[schemars(length(min = 1, max = 256))]
    pub value: String,
}

/// Trust anchors in PEM.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CaBundle {
    /// Key of a ConfigMap of the same namespace.
    pub config_map_ref: ConfigMapKeyRef,
}

/// A key of a ConfigMap of the same namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in its data.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// The allowlists in front of the origin.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Allowlist {
    /// `Observe` writes nothing but status, `Plan` also shows what would be written, `Enforce` writes it; Enforce works only in namespaces with the label leeward.dev/enforce=allowed. Default: Observe.
    #[serde(default)]
    pub mode: Mode,
    /// Prefixes to allow beside the proxy's, each with the reason why. At most 256. Default: none.
    #[serde(default, rename = "extraCIDRs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["cidr".into()]))]
    pub extra_cidrs: Vec<ExtraCidr>,
    /// What happens to written allowlists when this resource is deleted: `Orphan` leaves them as they are, `Delete` removes owned objects and releases fields; with a target in an object that Leeward does not own the finalizer leeward.dev/release makes the deletion wait until that is done. Default: Orphan.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// The objects that carry the allowlist, by name. At most 32. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub targets: Vec<Target>,
}

/// How far Leeward goes with allowlists.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
pub enum Mode {
    #[default]
    Observe,
    Plan,
    Enforce,
}

/// What deletion of the resource does to what was written.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    #[default]
    Orphan,
    Delete,
}

/// A prefix to allow beside the proxy's.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ExtraCidr {
    /// Prefix such as 198.51.100.7/32; not wider than /8 (IPv4) or /20 (IPv6).
    #[schemars(length(min = 3, max = 49))]
    #[x_kube(validation = Rule::new("isCIDR(self)").message("allowlist.extraCIDRs[].cidr must be a prefix such as 198.51.100.7/32 or 2001:db8::/48"))]
    pub cidr: String,
    /// Why it is allowed, for whoever reads this next.
    #[schemars(length(min = 1, max = 256))]
    pub reason: String,
}

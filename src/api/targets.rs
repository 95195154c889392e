//! The places where an allowlist can be enforced: one variant of the union per kind of target.

mod members;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use members::{
    CalicoApi, CalicoTarget, ConfigMapTarget, EmptyMeans, IngressAnnotationTarget, IngressPreset, Isolation,
    IstioAction, IstioAddress, IstioTarget, NamedTarget, NetworkPolicyTarget, ObjectFieldTarget, ObjectFormat,
    ObjectScope, OutputFormat, ServiceAnnotationTarget, ServicePreset, TrustPreset, TrustedProxiesTarget,
};

/// One object that carries the allowlist: exactly the member that `type` names.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.type == 'NetworkPolicy' || !has(self.networkPolicy)").message("allowlist.targets[].networkPolicy may be set only if type is NetworkPolicy"))]
#[x_kube(validation = Rule::new("(self.type == 'IngressAnnotation') == has(self.ingressAnnotation)").message("allowlist.targets[].ingressAnnotation must be set if and only if type is IngressAnnotation"))]
#[x_kube(validation = Rule::new("(self.type == 'RouteAnnotation') == has(self.routeAnnotation)").message("allowlist.targets[].routeAnnotation must be set if and only if type is RouteAnnotation"))]
#[x_kube(validation = Rule::new("(self.type == 'ServiceSourceRanges') == has(self.serviceSourceRanges)").message("allowlist.targets[].serviceSourceRanges must be set if and only if type is ServiceSourceRanges"))]
#[x_kube(validation = Rule::new("(self.type == 'ServiceAnnotation') == has(self.serviceAnnotation)").message("allowlist.targets[].serviceAnnotation must be set if and only if type is ServiceAnnotation"))]
#[x_kube(validation = Rule::new("(self.type == 'CiliumCIDRGroup') == has(self.ciliumCIDRGroup)").message("allowlist.targets[].ciliumCIDRGroup must be set if and only if type is CiliumCIDRGroup"))]
#[x_kube(validation = Rule::new("(self.type == 'CalicoNetworkSet') == has(self.calicoNetworkSet)").message("allowlist.targets[].calicoNetworkSet must be set if and only if type is CalicoNetworkSet"))]
#[x_kube(validation = Rule::new("(self.type == 'CalicoGlobalNetworkSet') == has(self.calicoGlobalNetworkSet)").message("allowlist.targets[].calicoGlobalNetworkSet must be set if and only if type is CalicoGlobalNetworkSet"))]
#[x_kube(validation = Rule::new("(self.type == 'TraefikMiddleware') == has(self.traefikMiddleware)").message("allowlist.targets[].traefikMiddleware must be set if and only if type is TraefikMiddleware"))]
#[x_kube(validation = Rule::new("(self.type == 'NginxPolicy') == has(self.nginxPolicy)").message("allowlist.targets[].nginxPolicy must be set if and only if type is NginxPolicy"))]
#[x_kube(validation = Rule::new("(self.type == 'EnvoyGatewaySecurityPolicy') == has(self.envoyGatewaySecurityPolicy)").message("allowlist.targets[].envoyGatewaySecurityPolicy must be set if and only if type is EnvoyGatewaySecurityPolicy"))]
#[x_kube(validation = Rule::new("(self.type == 'IstioAuthorizationPolicy') == has(self.istioAuthorizationPolicy)").message("allowlist.targets[].istioAuthorizationPolicy must be set if and only if type is IstioAuthorizationPolicy"))]
#[x_kube(validation = Rule::new("(self.type == 'ContourHTTPProxy') == has(self.contourHTTPProxy)").message("allowlist.targets[].contourHTTPProxy must be set if and only if type is ContourHTTPProxy"))]
#[x_kube(validation = Rule::new("(self.type == 'ObjectField') == has(self.objectField)").message("allowlist.targets[].objectField must be set if and only if type is ObjectField"))]
#[x_kube(validation = Rule::new("(self.type == 'TrustedProxies') == has(self.trustedProxies)").message("allowlist.targets[].trustedProxies must be set if and only if type is TrustedProxies"))]
#[x_kube(validation = Rule::new("self.type == 'ConfigMap' || !has(self.configMap)").message("allowlist.targets[].configMap may be set only if type is ConfigMap"))]
pub struct Target {
    /// Name of the target, unique in this resource.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// Which kind of object or field it is; the member of that name describes it. docs/targets.md has them all.
    #[serde(rename = "type")]
    pub kind: TargetType,
    /// A NetworkPolicy that Leeward creates and owns. Set only when type is `NetworkPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkPolicyTarget>,
    /// One annotation of an Ingress that exists; nothing else of it is touched. Set exactly when type is `IngressAnnotation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_annotation: Option<IngressAnnotationTarget>,
    /// Annotation haproxy.router.openshift.io/ip_allowlist of an OpenShift Route that exists. Set exactly when type is `RouteAnnotation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_annotation: Option<NamedTarget>,
    /// Field spec.loadBalancerSourceRanges of a Service of type LoadBalancer that exists. Set exactly when type is `ServiceSourceRanges`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_source_ranges: Option<NamedTarget>,
    /// One annotation, read by a cloud, of a Service of type LoadBalancer that exists. Set exactly when type is `ServiceAnnotation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_annotation: Option<ServiceAnnotationTarget>,
    /// Field spec.externalCIDRs of a CiliumCIDRGroup that exists and carries the annotation leeward.dev/origin: NAMESPACE/NAME of this resource. Set exactly when type is `CiliumCIDRGroup`.
    #[serde(default, rename = "ciliumCIDRGroup", skip_serializing_if = "Option::is_none")]
    pub cilium_cidr_group: Option<NamedTarget>,
    /// Field spec.nets of a Calico NetworkSet that exists. Set exactly when type is `CalicoNetworkSet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calico_network_set: Option<CalicoTarget>,
    /// Field spec.nets of a Calico GlobalNetworkSet that exists and carries the annotation leeward.dev/origin: NAMESPACE/NAME of this resource. Set exactly when type is `CalicoGlobalNetworkSet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calico_global_network_set: Option<CalicoTarget>,
    /// Field spec.ipAllowList.sourceRange of a Traefik Middleware that exists. Set exactly when type is `TraefikMiddleware`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traefik_middleware: Option<NamedTarget>,
    /// Field spec.accessControl.allow of a Policy of F5 NGINX Ingress Controller that exists. Set exactly when type is `NginxPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nginx_policy: Option<NamedTarget>,
    /// Field spec.authorization.rules of a SecurityPolicy of Envoy Gateway that exists and carries the annotation leeward.dev/origin: NAMESPACE/NAME of this resource. Set exactly when type is `EnvoyGatewaySecurityPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envoy_gateway_security_policy: Option<NamedTarget>,
    /// Field spec.rules of an Istio AuthorizationPolicy that exists and carries the annotation leeward.dev/origin: NAMESPACE/NAME of this resource. Set exactly when type is `IstioAuthorizationPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub istio_authorization_policy: Option<IstioTarget>,
    /// Field spec.virtualhost.ipAllowPolicy of a Contour HTTPProxy that exists. Set exactly when type is `ContourHTTPProxy`.
    #[serde(default, rename = "contourHTTPProxy", skip_serializing_if = "Option::is_none")]
    pub contour_http_proxy: Option<NamedTarget>,
    /// Any list of an object of another project that exists and carries the annotation leeward.dev/origin: NAMESPACE/NAME of this resource. Set exactly when type is `ObjectField`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_field: Option<ObjectFieldTarget>,
    /// The list of those whom an ingress controller believes what they say of visitors, in an object that exists and carries the annotation leeward.dev/origin: NAMESPACE/NAME of this resource. It holds the proxy's addresses alone, without extraCIDRs. Set exactly when type is `TrustedProxies`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_proxies: Option<TrustedProxiesTarget>,
    /// A ConfigMap that Leeward creates and owns, with the list in several formats for whoever reads it. Set only when type is `ConfigMap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapTarget>,
}

/// Kind of a target.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::Display,
    strum::EnumIter,
)]
pub enum TargetType {
    NetworkPolicy,
    IngressAnnotation,
    RouteAnnotation,
    ServiceSourceRanges,
    ServiceAnnotation,
    CiliumCIDRGroup,
    CalicoNetworkSet,
    CalicoGlobalNetworkSet,
    TraefikMiddleware,
    NginxPolicy,
    EnvoyGatewaySecurityPolicy,
    IstioAuthorizationPolicy,
    ContourHTTPProxy,
    ObjectField,
    TrustedProxies,
    ConfigMap,
}

impl Target {
    /// Every member with the type that names it, and whether it is set.
    pub(super) fn members(&self) -> [(TargetType, &'static str, bool); 16] {
        use TargetType as T;
        [
            (T::NetworkPolicy, "networkPolicy", self.network_policy.is_some()),
            (T::IngressAnnotation, "ingressAnnotation", self.ingress_annotation.is_some()),
            (T::RouteAnnotation, "routeAnnotation", self.route_annotation.is_some()),
            (T::ServiceSourceRanges, "serviceSourceRanges", self.service_source_ranges.is_some()),
            (T::ServiceAnnotation, "serviceAnnotation", self.service_annotation.is_some()),
            (T::CiliumCIDRGroup, "ciliumCIDRGroup", self.cilium_cidr_group.is_some()),
            (T::CalicoNetworkSet, "calicoNetworkSet", self.calico_network_set.is_some()),
            (T::CalicoGlobalNetworkSet, "calicoGlobalNetworkSet", self.calico_global_network_set.is_some()),
            (T::TraefikMiddleware, "traefikMiddleware", self.traefik_middleware.is_some()),
            (T::NginxPolicy, "nginxPolicy", self.nginx_policy.is_some()),
            (T::EnvoyGatewaySecurityPolicy, "envoyGatewaySecurityPolicy", self.envoy_gateway_security_policy.is_some()),
            (T::IstioAuthorizationPolicy, "istioAuthorizationPolicy", self.istio_authorization_policy.is_some()),
            (T::ContourHTTPProxy, "contourHTTPProxy", self.contour_http_proxy.is_some()),
            (T::ObjectField, "objectField", self.object_field.is_some()),
            (T::TrustedProxies, "trustedProxies", self.trusted_proxies.is_some()),
            (T::ConfigMap, "configMap", self.config_map.is_some()),
        ]
    }
}

impl TargetType {
    /// Whether it says whom to believe, and lets nobody in: the twin of an allowlist.
    pub const fn is_trust(self) -> bool {
        matches!(self, Self::TrustedProxies)
    }

    /// Types whose member may be left out: its defaults are enough.
    pub(super) const fn stands_alone(self) -> bool {
        matches!(self, Self::NetworkPolicy | Self::ConfigMap)
    }
}

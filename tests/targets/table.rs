//! Every target, as one table: a line in it is a test of a whole life, and a type without a line fails.

use crate::life::{CASE, Case, comma};
use crate::site::Site;
use crate::{NEXT, TWO};
use leeward::allow::plan::Direction;
use leeward::api::conditions::Reason;
use leeward::api::targets::{IngressPreset, TargetType};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use strum::IntoEnumIterator as _;

const INGRESS: &str = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web}, spec: {defaultBackend: {service: {name: web, port: {number: 443}}}}}";

/// An Ingress under one of the presets.
const fn ingress(name: &'static str, target: &'static str, pointer: &'static str) -> Case {
    Case { name, object: INGRESS, target, pointer, value: comma, ..CASE }
}

pub const BALANCER: &str = "{apiVersion: v1, kind: Service, metadata: {name: lb}, spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 443}]}}";

fn peers(prefixes: &[&str]) -> Value {
    prefixes.iter().map(|prefix| json!({"cidr": prefix, "source": "Peer"})).collect()
}

pub const PROXY: &str = "{apiVersion: projectcontour.io/v1, kind: HTTPProxy, metadata: {name: web}, spec: {virtualhost: {fqdn: shop.example.com}, routes: [{services: [{name: web, port: 443}]}]}}";

pub const CLIENT_TRAFFIC: &str = "{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: ClientTrafficPolicy, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}, spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: web}]}}";
pub const CLIENT_TRAFFIC_CRD: &str = "envoy-gateway/gateway.envoyproxy.io_clienttrafficpolicies.yaml";

macro_rules! table {
    ($($name:ident => $case:expr;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $case.lives().await;
            }
        )*
        const TABLE: &[Case] = &[$($case),*];
    };
}

table! {
    ingress_nginx => ingress(
        "nginx",
        "type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginx}",
        "/metadata/annotations/nginx.ingress.kubernetes.io~1whitelist-source-range",
    );
    ingress_nginx_by_its_other_name => ingress(
        "nginx-alias",
        "type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginxAllowlist}",
        "/metadata/annotations/nginx.ingress.kubernetes.io~1allowlist-source-range",
    );
    traefiks_ingress_nginx_provider => ingress(
        "nginx-traefik",
        "type: IngressAnnotation, ingressAnnotation: {name: web, preset: TraefikIngressNginx}",
        "/metadata/annotations/nginx.ingress.kubernetes.io~1whitelist-source-range",
    );
    haproxy_ingress => ingress(
        "haproxy",
        "type: IngressAnnotation, ingressAnnotation: {name: web, preset: HAProxyIngress}",
        "/metadata/annotations/haproxy-ingress.github.io~1allowlist-source-range",
    );
    haproxy_technologies => ingress(
        "haproxytech",
        "type: IngressAnnotation, ingressAnnotation: {name: web, preset: HAProxyTech}",
        "/metadata/annotations/haproxy.org~1allow-list",
    );
    apisix => ingress(
        "apisix",
        "type: IngressAnnotation, ingressAnnotation: {name: web, preset: APISIX}",
        "/metadata/annotations/k8s.apisix.apache.org~1allowlist-source-range",
    );
    aws_load_balancer => ingress(
        "alb",
        "type: IngressAnnotation, ingressAnnotation: {name: web, preset: AWSALB}",
        "/metadata/annotations/alb.ingress.kubernetes.io~1inbound-cidrs",
    );
    source_ranges_of_a_service => Case {
        name: "ranges",
        object: BALANCER,
        target: "type: ServiceSourceRanges, serviceSourceRanges: {name: lb}",
        pointer: "/spec/loadBalancerSourceRanges",
        ..CASE
    };
    azures_annotation_of_a_service => Case {
        name: "azure",
        object: BALANCER,
        target: "type: ServiceAnnotation, serviceAnnotation: {name: lb, preset: AzureIPRanges}",
        pointer: "/metadata/annotations/service.beta.kubernetes.io~1azure-allowed-ip-ranges",
        value: comma,
        ..CASE
    };
    calico_network_set => Case {
        name: "calico",
        crds: &["calico/crd.projectcalico.org_networksets.yaml"],
        object: "{apiVersion: crd.projectcalico.org/v1, kind: NetworkSet, metadata: {name: edge, labels: {role: proxy}}}",
        target: "type: CalicoNetworkSet, calicoNetworkSet: {name: edge, api: CRD}",
        pointer: "/spec/nets",
        opens: false,
        first: Direction::Widen,
        ..CASE
    };
    calico_global_network_set => Case {
        name: "calico-global",
        crds: &["calico/crd.projectcalico.org_globalnetworksets.yaml"],
        object: "{apiVersion: crd.projectcalico.org/v1, kind: GlobalNetworkSet, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}}",
        target: "type: CalicoGlobalNetworkSet, calicoGlobalNetworkSet: {name: edge, api: CRD}",
        pointer: "/spec/nets",
        opens: false,
        first: Direction::Widen,
        ..CASE
    };
    traefik_middleware => Case {
        name: "traefik",
        crds: &["traefik/traefik.io_middlewares.yaml"],
        object: "{apiVersion: traefik.io/v1alpha1, kind: Middleware, metadata: {name: edge}, spec: {ipAllowList: {rejectStatusCode: 404}}}",
        target: "type: TraefikMiddleware, traefikMiddleware: {name: edge}",
        pointer: "/spec/ipAllowList/sourceRange",
        opens: false,
        first: Direction::Widen,
        ..CASE
    };
    f5_nginx_policy => Case {
        name: "f5",
        crds: &["nginx/k8s.nginx.org_policies.yaml"],
        object: "{apiVersion: k8s.nginx.org/v1, kind: Policy, metadata: {name: edge}, spec: {}}",
        target: "type: NginxPolicy, nginxPolicy: {name: edge}",
        pointer: "/spec/accessControl/allow",
        opens: false,
        ..CASE
    };
    envoy_gateway_security_policy => Case {
        name: "envoy",
        crds: &["envoy-gateway/gateway.envoyproxy.io_securitypolicies.yaml"],
        object: "{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: SecurityPolicy, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}, spec: {targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}, authorization: {defaultAction: Deny}}}",
        target: "type: EnvoyGatewaySecurityPolicy, envoyGatewaySecurityPolicy: {name: edge}",
        pointer: "/spec/authorization/rules",
        value: |prefixes| json!([{"name": "leeward", "action": "Allow", "principal": {"clientCIDRs": prefixes}}]),
        opens: false,
        ..CASE
    };
    istio_policy_that_denies => Case {
        name: "istio-deny",
        crds: &["istio/customresourcedefinitions.gen.yaml"],
        object: "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}, spec: {action: DENY, selector: {matchLabels: {app: web}}}}",
        target: "type: IstioAuthorizationPolicy, istioAuthorizationPolicy: {name: edge}",
        pointer: "/spec/rules",
        value: |prefixes| json!([{"from": [{"source": {"notIpBlocks": prefixes}}]}]),
        ..CASE
    };
    istio_policy_that_allows => Case {
        name: "istio-allow",
        crds: &["istio/customresourcedefinitions.gen.yaml"],
        object: "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}, spec: {selector: {matchLabels: {app: web}}}}",
        target: "type: IstioAuthorizationPolicy, istioAuthorizationPolicy: {name: edge, action: Allow, address: Client}",
        pointer: "/spec/rules",
        value: |prefixes| json!([{"from": [{"source": {"remoteIpBlocks": prefixes}}]}]),
        opens: false,
        first: Direction::Widen,
        ..CASE
    };
    contour_http_proxy => Case {
        name: "contour",
        crds: &["contour/01-crds.yaml"],
        object: PROXY,
        target: "type: ContourHTTPProxy, contourHTTPProxy: {name: web}",
        pointer: "/spec/virtualhost/ipAllowPolicy",
        value: peers,
        ..CASE
    };
    a_generic_field => Case {
        name: "generic",
        crds: &["contour/01-crds.yaml"],
        object: "{apiVersion: projectcontour.io/v1, kind: HTTPProxy, metadata: {name: web, annotations: {leeward.dev/origin: ORIGIN}}, spec: {virtualhost: {fqdn: shop.example.com}, routes: [{services: [{name: web, port: 443}]}]}}",
        target: "type: ObjectField, objectField: {apiVersion: projectcontour.io/v1, kind: HTTPProxy, plural: httpproxies, name: web, path: spec.virtualhost.ipAllowPolicy, format: Objects, member: cidr, fixed: {source: Peer}, emptyMeans: Opens}",
        pointer: "/spec/virtualhost/ipAllowPolicy",
        value: peers,
        ..CASE
    };
    kong_by_a_generic_field => Case {
        name: "kong",
        shapes: &[["configuration.konghq.com", "v1", "KongPlugin", "kongplugins", "Namespaced"]],
        object: "{apiVersion: configuration.konghq.com/v1, kind: KongPlugin, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}, plugin: ip-restriction, config: {status: 403}}",
        target: "type: ObjectField, objectField: {apiVersion: configuration.konghq.com/v1, kind: KongPlugin, name: edge, path: config.allow, emptyMeans: Opens}",
        pointer: "/config/allow",
        ..CASE
    };
    emissary_by_a_generic_field => Case {
        name: "emissary",
        shapes: &[["getambassador.io", "v3alpha1", "Module", "modules", "Namespaced"]],
        object: "{apiVersion: getambassador.io/v3alpha1, kind: Module, metadata: {name: ambassador, annotations: {leeward.dev/origin: ORIGIN}}, spec: {config: {diagnostics: {enabled: false}}}}",
        target: "type: ObjectField, objectField: {apiVersion: getambassador.io/v3alpha1, kind: Module, name: ambassador, path: spec.config.ip_allow, format: Objects, member: peer, emptyMeans: Opens}",
        pointer: "/spec/config/ip_allow",
        value: |prefixes| prefixes.iter().map(|prefix| json!({"peer": prefix})).collect(),
        ..CASE
    };
    antrea_by_a_generic_field => Case {
        name: "antrea",
        shapes: &[["crd.antrea.io", "v1beta1", "ClusterGroup", "clustergroups", "Cluster"]],
        object: "{apiVersion: crd.antrea.io/v1beta1, kind: ClusterGroup, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}}",
        target: "type: ObjectField, objectField: {apiVersion: crd.antrea.io/v1beta1, kind: ClusterGroup, scope: Cluster, name: edge, path: spec.ipBlocks, format: Objects, member: cidr, emptyMeans: Closes}",
        pointer: "/spec/ipBlocks",
        value: |prefixes| prefixes.iter().map(|prefix| json!({"cidr": prefix})).collect(),
        opens: false,
        first: Direction::Widen,
        ..CASE
    };
    openshift_route => Case {
        name: "route",
        shapes: &[["route.openshift.io", "v1", "Route", "routes", "Namespaced"]],
        object: "{apiVersion: route.openshift.io/v1, kind: Route, metadata: {name: web}, spec: {host: shop.example.com, to: {kind: Service, name: web}}}",
        target: "type: RouteAnnotation, routeAnnotation: {name: web}",
        pointer: "/metadata/annotations/haproxy.router.openshift.io~1ip_allowlist",
        value: |prefixes| json!(prefixes.join(" ")),
        ..CASE
    };
    cilium_cidr_group => Case {
        name: "cilium-group",
        crds: &["cilium/ciliumcidrgroups.yaml"],
        object: "{apiVersion: cilium.io/v2, kind: CiliumCIDRGroup, metadata: {name: table}, spec: {externalCIDRs: []}}",
        // The list is a required field, so whoever creates the group holds it; and what Leeward's manager applied once,
        // its next write would take away again.
        created_by: "leeward-shop",
        marked: "ciliumcidrgroup/table",
        target: "type: CiliumCIDRGroup, ciliumCIDRGroup: {name: table}",
        pointer: "/spec/externalCIDRs",
        opens: false,
        first: Direction::Widen,
        ..CASE
    };
    trusted_proxies_of_ingress_nginx => Case {
        name: "trust-nginx",
        object: "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, annotations: {leeward.dev/origin: ORIGIN}}, data: {use-forwarded-headers: 'true'}}",
        target: "type: TrustedProxies, trustedProxies: {name: settings, preset: IngressNginx}",
        pointer: "/data/proxy-real-ip-cidr",
        value: comma,
        opens: false,
        ..CASE
    };
    trusted_proxies_of_f5_nginx => Case {
        name: "trust-f5",
        object: "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, annotations: {leeward.dev/origin: ORIGIN}}, data: {real-ip-header: X-Forwarded-For}}",
        target: "type: TrustedProxies, trustedProxies: {name: settings, preset: F5Nginx}",
        pointer: "/data/set-real-ip-from",
        value: comma,
        opens: false,
        first: Direction::Widen,
        ..CASE
    };
    trusted_proxies_of_envoy_gateway => Case {
        name: "trust-envoy",
        crds: &[CLIENT_TRAFFIC_CRD],
        object: CLIENT_TRAFFIC,
        target: "type: TrustedProxies, trustedProxies: {name: edge, preset: EnvoyGateway}",
        pointer: "/spec/clientIPDetection/xForwardedFor/trustedCIDRs",
        opens: false,
        first: Direction::Widen,
        ..CASE
    };
}

/// A target that is an object of its own.
struct Own {
    kind: TargetType,
    name: &'static str,
    target: &'static str,
    /// The prefixes that it carries.
    carries: fn(&Site) -> Vec<String>,
}

const OWN: [Own; 2] = [
    Own {
        kind: TargetType::NetworkPolicy,
        name: "crash-policy",
        target: "{name: pods, type: NetworkPolicy}",
        carries: Site::blocks,
    },
    Own {
        kind: TargetType::ConfigMap,
        name: "crash-output",
        target: "{name: out, type: ConfigMap}",
        carries: |site| {
            let map = site.get("configmap", "leeward-shop").unwrap();
            map["data"]["lines"].as_str().unwrap().lines().map(str::to_owned).collect()
        },
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_own_object_outlives_whoever_writes_it() {
    for Own { name, target, carries, .. } in OWN {
        let mut site = Site::new(name, &format!("\n    - {target}"), &TWO).await;
        // Also one that dies right after it created the object.
        site.gate.die_after(1);
        assert!(site.once().await.again);
        site.restart();
        site.settle().await;
        let applied = site.reconcile().await;
        assert_eq!((applied.synced.reason, applied.writes), (Reason::Synced, Vec::new()), "{name}");
        assert_eq!(carries(&site), TWO);
        site.crashes([&NEXT, &TWO, &NEXT], |site, list| assert_eq!(carries(site), list)).await;
    }
}

#[test]
fn every_type_and_every_preset_has_a_line() {
    let listed = TABLE.iter().map(|case| case.target.split([' ', ',']).nth(1).unwrap().to_owned());
    let listed: BTreeSet<String> = listed.chain(OWN.iter().map(|own| own.kind.to_string())).collect();
    assert_eq!(listed, TargetType::iter().map(|kind| kind.to_string()).collect());
    for preset in IngressPreset::iter() {
        let name = serde_json::to_value(preset).unwrap();
        let wanted = format!("preset: {}}}", name.as_str().unwrap());
        assert!(TABLE.iter().any(|case| case.target.ends_with(&wanted)), "no line with {wanted}");
    }
}

//! Every target in somebody else's object, against the real CRD of that project on a real API server: what it writes,
//! that it touches nothing else, how it follows a list, goes back, and ends. Each write passes the gate that holds it
//! against what may be written at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

#[allow(dead_code, reason = "it serves the tests of owned objects too")]
#[path = "allowlist/gate.rs"]
mod gate;
#[allow(dead_code, reason = "it serves the tests of owned objects too")]
#[path = "allowlist/site.rs"]
mod site;

use lab::process::wait_until;
use leeward::allow::plan::Direction;
use leeward::allow::{Applied, Change};
use leeward::api::conditions::{Reason, Truth};
use leeward::api::status::TargetState;
use serde_json::{Value, json};
use site::{SERVER, Site, eventually};
use std::sync::Mutex;
use std::time::Duration;

const TWO: [&str; 2] = ["192.0.2.0/24", "2001:db8::/32"];
const NEXT: [&str; 2] = ["192.0.2.0/24", "198.51.100.0/24"];
const BOTH: [&str; 3] = ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"];

/// No target yet.
const NONE: &str = " []";

/// Installs CRDs of a project, once.
fn install(files: &str) {
    static INSTALLED: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut installed = INSTALLED.lock().unwrap();
    if installed.iter().any(|one| one == files) {
        return;
    }
    let path = lab::tools::crds().unwrap().join(files).display().to_string();
    let text = std::fs::read_to_string(&path).unwrap();
    established(&text);
    installed.push(files.to_owned());
}

/// Applies CRDs and waits until they are served.
fn established(text: &str) {
    SERVER.apply(text).unwrap();
    for document in text.split("\n---") {
        let crd: Value = serde_saphyr::from_str(document).unwrap_or_default();
        if crd["kind"] == "CustomResourceDefinition" {
            let name = format!("crd/{}", crd["metadata"]["name"].as_str().unwrap());
            // Before its first status kubectl does not wait, but fails.
            wait_until(&name, Duration::from_secs(20), || {
                SERVER.kubectl(&["wait", "--for=condition=Established", "--timeout=5s", &name]).is_ok()
            })
            .unwrap();
        }
    }
}

/// One target of a kind.
struct Case {
    name: &'static str,
    /// CRD files of the project, below the folder that holds them all.
    crds: &'static [&'static str],
    /// The object as its owner makes it.
    object: &'static str,
    target: &'static str,
    /// JSON pointer of the field.
    pointer: &'static str,
    /// What the field holds for these prefixes.
    value: fn(&[&str]) -> Value,
    /// What an object that lacks the field means, and so whether it may be given up.
    opens: bool,
    /// Which direction the first write has.
    first: Direction,
}

fn list(prefixes: &[&str]) -> Value {
    json!(prefixes)
}

fn comma(prefixes: &[&str]) -> Value {
    json!(prefixes.join(","))
}

/// The object without the field, and without what the API server keeps of it.
fn rest(object: &Value, pointer: &str) -> Value {
    let mut object = object.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    if let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.remove(&key);
    }
    let metadata = object["metadata"].as_object_mut().unwrap();
    // Its value tells the test when a watch has caught up.
    if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
        labels.remove("beat");
    }
    for kept in ["managedFields", "resourceVersion", "generation"] {
        metadata.remove(kept);
    }
    pruned(object)
}

/// Without empty maps: the way to a field is no field.
fn pruned(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let map = map.into_iter().map(|(k, v)| (k, pruned(v))).filter(|(_, v)| *v != json!({}));
            Value::Object(map.collect())
        }
        other => other,
    }
}

fn ours(object: &Value) -> bool {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    entries.iter().any(|e| e["manager"] == "leeward-shop" && e["operation"] == "Apply")
}

fn synced(applied: &Applied) {
    assert_eq!(
        (applied.synced.status, applied.synced.reason, applied.synced.message.as_str()),
        (Truth::True, Reason::Synced, "1 target carries 2 prefixes"),
        "{:?}",
        applied.targets
    );
}

impl Case {
    async fn site(&self) -> Site {
        for files in self.crds {
            install(files);
        }
        let mut site = Site::new(self.name, NONE, &TWO).await;
        site.apply(&self.object.replace("ORIGIN", &format!("{}/shop", site.namespace)));
        site.origin(&format!("\n    - {{name: t, {}}}", self.target), "Orphan").await;
        site.settle().await;
        site
    }

    fn field(&self, site: &Site) -> Value {
        let mut value = site.object().unwrap().pointer(self.pointer).cloned().unwrap_or_default();
        // Where each entry has an owner of its own, the order is nobody's.
        if let Some(list) = value.as_array_mut().filter(|list| list.iter().all(Value::is_string)) {
            list.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
        }
        value
    }

    /// The whole life of a target.
    async fn lives(&self) {
        let mut site = self.site().await;
        let before = site.object().unwrap();

        let applied = site.reconcile().await;
        synced(&applied);
        let directions: Vec<Direction> = applied.writes.iter().map(|w| w.direction).collect();
        assert_eq!(directions, [self.first]);
        assert_eq!(self.field(&site), (self.value)(&TWO));
        let after = site.object().unwrap();
        assert_eq!(rest(&after, self.pointer), rest(&before, self.pointer), "nothing else is touched");
        assert!(ours(&after));

        // Nothing changes, so nothing is written or even asked.
        site.settle().await;
        let asked = site.gate.requests();
        assert_eq!((site.once().await.writes, site.gate.requests() - asked), (Vec::new(), 0));

        // One prefix comes and one goes: first the one, then the other.
        site.list(&NEXT).await;
        let applied = site.reconcile().await;
        synced(&applied);
        let directions: Vec<Direction> = applied.writes.iter().map(|w| w.direction).collect();
        assert_eq!(directions, [Direction::Widen, Direction::Narrow]);
        assert_eq!(self.field(&site), (self.value)(&NEXT));

        // The site fails after it: what left comes back, and the same is not tried again.
        let narrowing = applied.rollbacks.last().unwrap();
        assert!(site.roll_back(narrowing).await);
        assert_eq!(self.field(&site), (self.value)(&BOTH));
        assert_eq!(site.reconcile().await.synced.reason, Reason::RolledBack);
        site.list(&TWO).await;
        synced(&site.reconcile().await);

        // The end.
        site.origin(&format!("\n    - {{name: t, {}}}", self.target), "Delete").await;
        site.settle().await;
        let end = site.release().await;
        let object = site.object().unwrap();
        if self.opens {
            assert_eq!(end.writes.len(), 1, "{:?}", end.targets);
            assert_eq!((end.writes[0].change, ours(&object)), (Change::Release, false));
            assert_eq!(rest(&object, self.pointer), rest(&before, self.pointer));
            assert_eq!(self.field(&site), before.pointer(self.pointer).cloned().unwrap_or_default());
        } else {
            assert_eq!((end.writes.len(), end.targets[0].state), (0, TargetState::Vetoed), "{:?}", end.targets);
            assert_eq!(self.field(&site), (self.value)(&TWO), "its end would shut everybody out");
        }
    }
}

macro_rules! life {
    ($name:ident, $case:expr) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            $case.lives().await;
        }
    };
}

const INGRESS: &str = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web}, spec: {defaultBackend: {service: {name: web, port: {number: 443}}}}}";

/// An Ingress under one of the presets.
const fn ingress(name: &'static str, target: &'static str, pointer: &'static str) -> Case {
    Case { name, crds: &[], object: INGRESS, target, pointer, value: comma, opens: true, first: Direction::Narrow }
}

life!(
    ingress_nginx_by_its_other_name,
    ingress(
        "nginx-alias",
        "type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginxAllowlist}",
        "/metadata/annotations/nginx.ingress.kubernetes.io~1allowlist-source-range",
    )
);
life!(
    traefiks_ingress_nginx_provider,
    ingress(
        "nginx-traefik",
        "type: IngressAnnotation, ingressAnnotation: {name: web, preset: TraefikIngressNginx}",
        "/metadata/annotations/nginx.ingress.kubernetes.io~1whitelist-source-range",
    )
);
life!(
    haproxy_ingress,
    ingress(
        "haproxy",
        "type: IngressAnnotation, ingressAnnotation: {name: web, preset: HAProxyIngress}",
        "/metadata/annotations/haproxy-ingress.github.io~1allowlist-source-range",
    )
);
life!(
    haproxy_technologies,
    ingress(
        "haproxytech",
        "type: IngressAnnotation, ingressAnnotation: {name: web, preset: HAProxyTech}",
        "/metadata/annotations/haproxy.org~1allow-list",
    )
);
life!(
    apisix,
    ingress(
        "apisix",
        "type: IngressAnnotation, ingressAnnotation: {name: web, preset: APISIX}",
        "/metadata/annotations/k8s.apisix.apache.org~1allowlist-source-range",
    )
);
life!(
    aws_load_balancer,
    ingress(
        "alb",
        "type: IngressAnnotation, ingressAnnotation: {name: web, preset: AWSALB}",
        "/metadata/annotations/alb.ingress.kubernetes.io~1inbound-cidrs",
    )
);

const BALANCER: &str = "{apiVersion: v1, kind: Service, metadata: {name: lb}, spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 443}]}}";

life!(
    source_ranges_of_a_service,
    Case {
        name: "ranges",
        crds: &[],
        object: BALANCER,
        target: "type: ServiceSourceRanges, serviceSourceRanges: {name: lb}",
        pointer: "/spec/loadBalancerSourceRanges",
        value: list,
        opens: true,
        first: Direction::Narrow,
    }
);
life!(
    azures_annotation_of_a_service,
    Case {
        name: "azure",
        crds: &[],
        object: BALANCER,
        target: "type: ServiceAnnotation, serviceAnnotation: {name: lb, preset: AzureIPRanges}",
        pointer: "/metadata/annotations/service.beta.kubernetes.io~1azure-allowed-ip-ranges",
        value: comma,
        opens: true,
        first: Direction::Narrow,
    }
);
life!(
    calico_network_set,
    Case {
        name: "calico",
        crds: &["calico/crd.projectcalico.org_networksets.yaml"],
        object: "{apiVersion: crd.projectcalico.org/v1, kind: NetworkSet, metadata: {name: edge, labels: {role: proxy}}}",
        target: "type: CalicoNetworkSet, calicoNetworkSet: {name: edge, api: CRD}",
        pointer: "/spec/nets",
        value: list,
        opens: false,
        first: Direction::Widen,
    }
);
life!(
    calico_global_network_set,
    Case {
        name: "calico-global",
        crds: &["calico/crd.projectcalico.org_globalnetworksets.yaml"],
        object: "{apiVersion: crd.projectcalico.org/v1, kind: GlobalNetworkSet, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}}",
        target: "type: CalicoGlobalNetworkSet, calicoGlobalNetworkSet: {name: edge, api: CRD}",
        pointer: "/spec/nets",
        value: list,
        opens: false,
        first: Direction::Widen,
    }
);
life!(
    traefik_middleware,
    Case {
        name: "traefik",
        crds: &["traefik/traefik.io_middlewares.yaml"],
        object: "{apiVersion: traefik.io/v1alpha1, kind: Middleware, metadata: {name: edge}, spec: {ipAllowList: {rejectStatusCode: 404}}}",
        target: "type: TraefikMiddleware, traefikMiddleware: {name: edge}",
        pointer: "/spec/ipAllowList/sourceRange",
        value: list,
        opens: false,
        first: Direction::Widen,
    }
);
life!(
    f5_nginx_policy,
    Case {
        name: "f5",
        crds: &["nginx/k8s.nginx.org_policies.yaml"],
        object: "{apiVersion: k8s.nginx.org/v1, kind: Policy, metadata: {name: edge}, spec: {}}",
        target: "type: NginxPolicy, nginxPolicy: {name: edge}",
        pointer: "/spec/accessControl/allow",
        value: list,
        opens: false,
        first: Direction::Narrow,
    }
);
life!(
    envoy_gateway_security_policy,
    Case {
        name: "envoy",
        crds: &["envoy-gateway/gateway.envoyproxy.io_securitypolicies.yaml"],
        object: "{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: SecurityPolicy, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}, spec: {targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}, authorization: {defaultAction: Deny}}}",
        target: "type: EnvoyGatewaySecurityPolicy, envoyGatewaySecurityPolicy: {name: edge}",
        pointer: "/spec/authorization/rules",
        value: |prefixes| json!([{"name": "leeward", "action": "Allow", "principal": {"clientCIDRs": prefixes}}]),
        opens: false,
        first: Direction::Narrow,
    }
);
life!(
    istio_policy_that_denies,
    Case {
        name: "istio-deny",
        crds: &["istio/customresourcedefinitions.gen.yaml"],
        object: "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}, spec: {action: DENY, selector: {matchLabels: {app: web}}}}",
        target: "type: IstioAuthorizationPolicy, istioAuthorizationPolicy: {name: edge}",
        pointer: "/spec/rules",
        value: |prefixes| json!([{"from": [{"source": {"notIpBlocks": prefixes}}]}]),
        opens: true,
        first: Direction::Narrow,
    }
);
life!(
    istio_policy_that_allows,
    Case {
        name: "istio-allow",
        crds: &["istio/customresourcedefinitions.gen.yaml"],
        object: "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}, spec: {selector: {matchLabels: {app: web}}}}",
        target: "type: IstioAuthorizationPolicy, istioAuthorizationPolicy: {name: edge, action: Allow, address: Client}",
        pointer: "/spec/rules",
        value: |prefixes| json!([{"from": [{"source": {"remoteIpBlocks": prefixes}}]}]),
        opens: false,
        first: Direction::Widen,
    }
);

life!(
    trusted_proxies_of_ingress_nginx,
    Case {
        name: "trust-nginx",
        crds: &[],
        object: "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, annotations: {leeward.dev/origin: ORIGIN}}, data: {use-forwarded-headers: 'true'}}",
        target: "type: TrustedProxies, trustedProxies: {name: settings, preset: IngressNginx}",
        pointer: "/data/proxy-real-ip-cidr",
        value: comma,
        opens: false,
        first: Direction::Narrow,
    }
);
life!(
    trusted_proxies_of_f5_nginx,
    Case {
        name: "trust-f5",
        crds: &[],
        object: "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, annotations: {leeward.dev/origin: ORIGIN}}, data: {real-ip-header: X-Forwarded-For}}",
        target: "type: TrustedProxies, trustedProxies: {name: settings, preset: F5Nginx}",
        pointer: "/data/set-real-ip-from",
        value: comma,
        opens: false,
        first: Direction::Widen,
    }
);

const CLIENT_TRAFFIC: &str = "{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: ClientTrafficPolicy, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}, spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: web}]}}";

const CLIENT_TRAFFIC_CRD: &str = "envoy-gateway/gateway.envoyproxy.io_clienttrafficpolicies.yaml";

life!(
    trusted_proxies_of_envoy_gateway,
    Case {
        name: "trust-envoy",
        crds: &[CLIENT_TRAFFIC_CRD],
        object: CLIENT_TRAFFIC,
        target: "type: TrustedProxies, trustedProxies: {name: edge, preset: EnvoyGateway}",
        pointer: "/spec/clientIPDetection/xForwardedFor/trustedCIDRs",
        value: list,
        opens: false,
        first: Direction::Widen,
    }
);

fn peers(prefixes: &[&str]) -> Value {
    prefixes.iter().map(|prefix| json!({"cidr": prefix, "source": "Peer"})).collect()
}

const PROXY: &str = "{apiVersion: projectcontour.io/v1, kind: HTTPProxy, metadata: {name: web}, spec: {virtualhost: {fqdn: shop.example.com}, routes: [{services: [{name: web, port: 443}]}]}}";

life!(
    contour_http_proxy,
    Case {
        name: "contour",
        crds: &["contour/01-crds.yaml"],
        object: PROXY,
        target: "type: ContourHTTPProxy, contourHTTPProxy: {name: web}",
        pointer: "/spec/virtualhost/ipAllowPolicy",
        value: peers,
        opens: true,
        first: Direction::Narrow,
    }
);
life!(
    a_generic_field,
    Case {
        name: "generic",
        crds: &["contour/01-crds.yaml"],
        object: "{apiVersion: projectcontour.io/v1, kind: HTTPProxy, metadata: {name: web, annotations: {leeward.dev/origin: ORIGIN}}, spec: {virtualhost: {fqdn: shop.example.com}, routes: [{services: [{name: web, port: 443}]}]}}",
        target: "type: ObjectField, objectField: {apiVersion: projectcontour.io/v1, kind: HTTPProxy, plural: httpproxies, name: web, path: spec.virtualhost.ipAllowPolicy, format: Objects, member: cidr, fixed: {source: Peer}, emptyMeans: Opens}",
        pointer: "/spec/virtualhost/ipAllowPolicy",
        value: peers,
        opens: true,
        first: Direction::Narrow,
    }
);

/// CRDs in the shape that the projects document, for kinds whose own files are not at hand.
fn kind(group: &str, version: &str, kind: &str, plural: &str, scope: &str) {
    let singular = kind.to_lowercase();
    established(&format!(
        "{{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {{name: {plural}.{group}}}, spec: {{group: {group}, scope: {scope}, names: {{kind: {kind}, plural: {plural}, singular: {singular}}}, versions: [{{name: {version}, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}}}]}}}}"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kong_emissary_and_antrea_by_generic_fields() {
    kind("configuration.konghq.com", "v1", "KongPlugin", "kongplugins", "Namespaced");
    kind("getambassador.io", "v3alpha1", "Module", "modules", "Namespaced");
    kind("crd.antrea.io", "v1beta1", "ClusterGroup", "clustergroups", "Cluster");
    for case in [
        Case {
            name: "kong",
            crds: &[],
            object: "{apiVersion: configuration.konghq.com/v1, kind: KongPlugin, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}, plugin: ip-restriction, config: {status: 403}}",
            target: "type: ObjectField, objectField: {apiVersion: configuration.konghq.com/v1, kind: KongPlugin, name: edge, path: config.allow, emptyMeans: Opens}",
            pointer: "/config/allow",
            value: list,
            opens: true,
            first: Direction::Narrow,
        },
        Case {
            name: "emissary",
            crds: &[],
            object: "{apiVersion: getambassador.io/v3alpha1, kind: Module, metadata: {name: ambassador, annotations: {leeward.dev/origin: ORIGIN}}, spec: {config: {diagnostics: {enabled: false}}}}",
            target: "type: ObjectField, objectField: {apiVersion: getambassador.io/v3alpha1, kind: Module, name: ambassador, path: spec.config.ip_allow, format: Objects, member: peer, emptyMeans: Opens}",
            pointer: "/spec/config/ip_allow",
            value: |prefixes| prefixes.iter().map(|prefix| json!({"peer": prefix})).collect(),
            opens: true,
            first: Direction::Narrow,
        },
        Case {
            name: "antrea",
            crds: &[],
            object: "{apiVersion: crd.antrea.io/v1beta1, kind: ClusterGroup, metadata: {name: edge, annotations: {leeward.dev/origin: ORIGIN}}}",
            target: "type: ObjectField, objectField: {apiVersion: crd.antrea.io/v1beta1, kind: ClusterGroup, scope: Cluster, name: edge, path: spec.ipBlocks, format: Objects, member: cidr, emptyMeans: Closes}",
            pointer: "/spec/ipBlocks",
            value: |prefixes| prefixes.iter().map(|prefix| json!({"cidr": prefix})).collect(),
            opens: false,
            first: Direction::Widen,
        },
    ] {
        case.lives().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calico_network_set_where_each_entry_has_an_owner() {
    // As the Calico API server describes it.
    established(
        "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: networksets.projectcalico.org, annotations: {api-approved.kubernetes.io: unapproved}}, spec: {group: projectcalico.org, scope: Namespaced, names: {kind: NetworkSet, plural: networksets, singular: networkset}, versions: [{name: v3, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {nets: {type: array, x-kubernetes-list-type: set, items: {type: string}}}}}}}}]}}",
    );
    let object = "{apiVersion: projectcalico.org/v3, kind: NetworkSet, metadata: {name: edge}}";
    let case = Case {
        name: "calico-v3",
        crds: &[],
        object,
        target: "type: CalicoNetworkSet, calicoNetworkSet: {name: edge}",
        pointer: "/spec/nets",
        value: list,
        opens: false,
        first: Direction::Widen,
    };
    case.lives().await;

    // An entry of somebody else is not ours to keep or to judge.
    let case = Case { name: "calico-shared", ..case };
    let mut site = case.site().await;
    site.apply(
        "{apiVersion: projectcalico.org/v3, kind: NetworkSet, metadata: {name: edge}, spec: {nets: [203.0.113.0/24]}}",
    );
    site.settle().await;
    let refused = site.reconcile().await;
    assert_eq!((refused.synced.reason, site.gate.writes()), (Reason::FieldConflict, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openshift_route() {
    kind("route.openshift.io", "v1", "Route", "routes", "Namespaced");
    let case = Case {
        name: "route",
        crds: &[],
        object: "{apiVersion: route.openshift.io/v1, kind: Route, metadata: {name: web}, spec: {host: shop.example.com, to: {kind: Service, name: web}}}",
        target: "type: RouteAnnotation, routeAnnotation: {name: web}",
        pointer: "/metadata/annotations/haproxy.router.openshift.io~1ip_allowlist",
        value: |prefixes| json!(prefixes.join(" ")),
        opens: true,
        first: Direction::Narrow,
    };
    case.lives().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_the_cloud_keeps_is_named_and_let_go() {
    let tags = "service.beta.kubernetes.io/azure-allowed-service-tags";
    let mut site = Site::new("front-door", NONE, &TWO).await;
    site.apply(BALANCER);
    let target = "\n    - {name: t, type: ServiceAnnotation, serviceAnnotation: {name: lb, preset: AzureFrontDoor}}";
    site.origin(target, "Delete").await;
    site.settle().await;
    synced(&site.reconcile().await);
    assert_eq!(site.object().unwrap()["metadata"]["annotations"][tags], "AzureFrontDoor.Backend");
    // Another list of prefixes changes nothing here.
    site.list(&NEXT).await;
    assert_eq!(site.reconcile().await.writes, []);
    assert_eq!(site.release().await.writes.len(), 1);
    assert_eq!(site.object().unwrap()["metadata"]["annotations"][tags], Value::Null);

    let mut site = Site::new("alibaba", NONE, &TWO).await;
    site.apply(BALANCER);
    let target =
        "\n    - {name: t, type: ServiceAnnotation, serviceAnnotation: {name: lb, preset: AlibabaACL, aclID: acl-7}}";
    site.origin(target, "Orphan").await;
    site.settle().await;
    let refused = site.reconcile().await;
    assert_eq!(refused.synced.reason, Reason::InvalidTarget);
    let prefix = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-acl";
    assert!(refused.synced.message.contains(&format!("{prefix}-status")), "{}", refused.synced.message);
    site.kubectl(&["annotate", "service", "lb", &format!("{prefix}-status=on"), &format!("{prefix}-type=white")]);
    site.settle().await;
    synced(&site.reconcile().await);
    assert_eq!(site.object().unwrap()["metadata"]["annotations"][format!("{prefix}-id")], "acl-7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_cilium_is_kept_by_whom_the_administrator_names() {
    install("cilium/ciliumcidrgroups.yaml");
    let mut site = Site::new("cilium", NONE, &TWO).await;
    // The list is a required field, so whoever creates the group holds it: an administrator creates it in Leeward's name.
    let group = "{apiVersion: cilium.io/v2, kind: CiliumCIDRGroup, metadata: {name: edge}, spec: {externalCIDRs: []}}";
    SERVER.kubectl_with_input(&["apply", "--server-side", "--field-manager=leeward-shop", "-f", "-"], group).unwrap();
    site.origin("\n    - {name: t, type: CiliumCIDRGroup, ciliumCIDRGroup: {name: edge}}", "Delete").await;
    site.settle().await;
    let refused = site.reconcile().await;
    assert_eq!((refused.synced.status, refused.synced.reason), (Truth::False, Reason::ForeignObject));
    let command =
        format!("kubectl annotate ciliumcidrgroups.cilium.io edge leeward.dev/origin={}/shop", site.namespace);
    assert!(refused.synced.message.ends_with(&command), "{}", refused.synced.message);

    // What the message says to type.
    SERVER.kubectl(&command.split(' ').skip(1).collect::<Vec<_>>()).unwrap();
    site.settle().await;
    let applied = site.reconcile().await;
    synced(&applied);
    assert_eq!(applied.writes[0].direction, Direction::Widen, "an empty group lets nobody in");
    assert_eq!(site.object().unwrap()["spec"]["externalCIDRs"], json!(TWO));
    let end = site.release().await;
    assert_eq!((end.writes.len(), end.targets[0].state), (0, TargetState::Vetoed));

    // It is taken from this origin again: nothing is written any more.
    SERVER.kubectl(&["annotate", "ciliumcidrgroup", "edge", "--overwrite", "leeward.dev/origin=other/shop"]).unwrap();
    site.origin("\n    - {name: t, type: CiliumCIDRGroup, ciliumCIDRGroup: {name: edge}}", "Orphan").await;
    site.list(&BOTH).await;
    site.settle().await;
    assert_eq!(site.reconcile().await.synced.reason, Reason::ForeignObject);
    assert_eq!(site.object().unwrap()["spec"]["externalCIDRs"], json!(TWO));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_that_goes_between_plan_and_write_stops_the_write() {
    install("calico/crd.projectcalico.org_globalnetworksets.yaml");
    let mut site = Site::new("calico-race", NONE, &TWO).await;
    site.apply(&format!(
        "{{apiVersion: crd.projectcalico.org/v1, kind: GlobalNetworkSet, metadata: {{name: race, annotations: {{leeward.dev/origin: {}/shop}}}}}}",
        site.namespace
    ));
    let target = "\n    - {name: t, type: CalicoGlobalNetworkSet, calicoGlobalNetworkSet: {name: race, api: CRD}}";
    site.origin(target, "Orphan").await;
    site.settle().await;
    let plan = site.plan();
    assert!(plan.changes());
    SERVER.kubectl(&["annotate", "globalnetworksets.crd.projectcalico.org", "race", "leeward.dev/origin-"]).unwrap();
    let applied = site.apply_plan(&plan).await;
    assert_eq!((applied.synced.reason, site.gate.writes()), (Reason::ForeignObject, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_else_holds_is_never_taken() {
    install("traefik/traefik.io_middlewares.yaml");
    let mut site = Site::new("traefik-held", NONE, &TWO).await;
    let middleware = |range: &str| {
        format!(
            "{{apiVersion: traefik.io/v1alpha1, kind: Middleware, metadata: {{name: edge}}, spec: {{ipAllowList: {{{range}}}}}}}"
        )
    };
    site.apply(&middleware("sourceRange: [203.0.113.0/24]"));
    site.origin("\n    - {name: t, type: TraefikMiddleware, traefikMiddleware: {name: edge}}", "Orphan").await;
    site.settle().await;
    let refused = site.reconcile().await;
    assert_eq!((refused.synced.reason, refused.targets[0].state), (Reason::FieldConflict, TargetState::Conflict));
    let message = &refused.synced.message;
    assert!(message.contains("spec.ipAllowList.sourceRange") && message.contains("kubectl"), "{message}");
    assert_eq!(site.gate.writes(), 0);
    // Its owner takes it out of what he applies.
    site.apply(&middleware("rejectStatusCode: 404"));
    site.settle().await;
    synced(&site.reconcile().await);
    // And puts in another one, by force.
    let patch = r#"{"spec":{"ipAllowList":{"sourceRange":["203.0.113.0/24"]}}}"#;
    site.kubectl(&["patch", "middleware.traefik.io", "edge", "--type=merge", "-p", patch]);
    site.settle().await;
    assert_eq!(site.reconcile().await.synced.reason, Reason::FieldConflict);
    assert_eq!(site.object().unwrap()["spec"]["ipAllowList"]["sourceRange"], json!(["203.0.113.0/24"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_is_not_installed_is_said_and_found_once_it_is() {
    let mut site = Site::new("absent", NONE, &TWO).await;
    let target = "type: ObjectField, objectField: {apiVersion: late.example.com/v1, kind: Gate, name: edge, path: spec.allow, emptyMeans: Opens}";
    site.origin(&format!("\n    - {{name: t, {target}}}"), "Orphan").await;
    site.settle().await;
    let refused = site.reconcile().await;
    assert_eq!((refused.synced.status, refused.again, refused.writes.len()), (Truth::False, false, 0));
    assert_eq!(
        refused.synced.message,
        "the cluster has no kind Gate (late.example.com/v1): install what brings late.example.com/v1, or remove the target"
    );
    assert_eq!(refused.targets[0].state, TargetState::Unavailable);
    // No loop of errors.
    let asked = site.gate.requests();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(site.gate.requests() - asked, 0);

    kind("late.example.com", "v1", "Gate", "gates", "Namespaced");
    site.apply("{apiVersion: late.example.com/v1, kind: Gate, metadata: {name: edge}}");
    let veto = |site: &Site| site.plan().targets[0].veto.as_ref().map(|v| (v.reason, v.message.clone()));
    eventually("the kind is looked for again", || veto(&site).unwrap().0 != Reason::ReferenceNotFound).await;
    // A field of which nothing is known is filled where its owner says so.
    let command = format!(
        "kubectl annotate -n {ns} gates.late.example.com edge leeward.dev/origin={ns}/shop",
        ns = site.namespace
    );
    let (reason, message) = veto(&site).unwrap();
    assert_eq!(reason, Reason::ForeignObject);
    assert!(message.ends_with(&command), "{message}");
    SERVER.kubectl(&command.split(' ').skip(1).collect::<Vec<_>>()).unwrap();
    site.settle().await;
    synced(&site.reconcile().await);
    assert_eq!(site.object().unwrap()["spec"]["allow"], json!(TWO));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_a_list_useless_is_refused_with_what_to_do() {
    install("envoy-gateway/gateway.envoyproxy.io_securitypolicies.yaml");
    install("istio/customresourcedefinitions.gen.yaml");
    let mut site = Site::new("useless", NONE, &TWO).await;
    site.apply("{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: SecurityPolicy, metadata: {name: edge, annotations: {leeward.dev/origin: allow-useless/shop}}, spec: {targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}, authorization: {defaultAction: Allow}}}");
    site.apply(
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: edge, annotations: {leeward.dev/origin: allow-useless/shop}}, spec: {action: ALLOW}}",
    );
    site.apply(
        "{apiVersion: v1, kind: Service, metadata: {name: inner}, spec: {selector: {app: web}, ports: [{port: 443}]}}",
    );
    let targets = "
    - {name: envoy, type: EnvoyGatewaySecurityPolicy, envoyGatewaySecurityPolicy: {name: edge}}
    - {name: istio, type: IstioAuthorizationPolicy, istioAuthorizationPolicy: {name: edge}}
    - {name: service, type: ServiceSourceRanges, serviceSourceRanges: {name: inner}}";
    site.origin(targets, "Orphan").await;
    site.settle().await;
    let refused = site.reconcile().await;
    let states: Vec<_> = refused.targets.iter().map(|t| t.state).collect();
    assert_eq!((states, site.gate.writes()), (vec![TargetState::Vetoed; 3], 0));
    let said = |i: usize| refused.targets[i].detail.clone().unwrap();
    assert!(said(0).contains("defaultAction Allow"), "{}", said(0));
    assert!(said(1).contains("is not of action DENY"), "{}", said(1));
    assert!(said(2).contains("is not of type LoadBalancer"), "{}", said(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_never_cut_short() {
    let mut site = Site::new("capacity", NONE, &TWO).await;
    let many: Vec<String> = (0..61).map(|i| format!("192.0.{}.0/25", i * 2)).collect();
    site.list(&many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    site.origin("\n    - {name: t, type: IngressAnnotation, ingressAnnotation: {name: web, preset: AWSALB}}", "Orphan")
        .await;
    site.settle().await;
    let refused = site.reconcile().await;
    assert_eq!((refused.synced.reason, site.gate.writes()), (Reason::CapacityExceeded, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_rights_are_told_from_a_missing_kind() {
    let mut site = Site::new("rights-by-name", NONE, &TWO).await;
    install("contour/01-crds.yaml");
    site.apply(PROXY);
    site.watch_restricted().await;
    let targets = "
    - {name: contour, type: ContourHTTPProxy, contourHTTPProxy: {name: web}}
    - {name: absent, type: ObjectField, objectField: {apiVersion: never.example.com/v1, kind: Gate, name: edge, path: spec.allow, emptyMeans: Opens}}";
    site.origin(targets, "Orphan").await;
    let mut said = Vec::new();
    eventually("both were looked at", || {
        let plan = site.plan();
        said = plan.targets.iter().map(|t| t.veto.as_ref().unwrap().message.clone()).collect();
        !said.iter().any(|m| m.ends_with("is being read"))
    })
    .await;
    assert!(said[0].contains("cannot be read") && said[0].contains("deploy/enforce/targets"), "{}", said[0]);
    assert!(said[1].starts_with("the cluster has no kind Gate"), "{}", said[1]);
}

/// The gate holds the order of every write, whatever ends the process in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_let_in_is_believed_before_and_until_after() {
    install(CLIENT_TRAFFIC_CRD);
    let mut site = Site::new("twins", NONE, &TWO).await;
    site.apply(&CLIENT_TRAFFIC.replace("ORIGIN", &format!("{}/shop", site.namespace)));
    // The allowlist stands first in the spec, and is not first to be written.
    let targets = "
    - {name: pods, type: NetworkPolicy}
    - {name: trust, type: TrustedProxies, trustedProxies: {name: edge, preset: EnvoyGateway}}";
    site.origin(targets, "Orphan").await;
    site.settle().await;
    let order = |applied: &Applied| -> Vec<String> {
        applied.writes.iter().map(|w| format!("{:?} {}", w.direction, w.target)).collect()
    };
    let trusted =
        |site: &Site| site.object().unwrap()["spec"]["clientIPDetection"]["xForwardedFor"]["trustedCIDRs"].clone();
    assert_eq!(order(&site.reconcile().await), ["Widen trust", "Widen pods"]);
    let every = ["Widen trust", "Widen pods", "Narrow pods", "Narrow trust"];
    for writes in 0..=every.len() {
        let next = format!("198.51.{writes}.0/24");
        site.list(&["192.0.2.0/24", &next]).await;
        site.claims = writes;
        assert_eq!(order(&site.once().await), every[..writes]);
        site.restart();
        site.settle().await;
        assert_eq!(site.reconcile().await.synced.reason, Reason::Synced);
        assert_eq!(site.blocks(), ["192.0.2.0/24", &next]);
        assert_eq!(trusted(&site), json!(["192.0.2.0/24", next]));
        site.settle().await;
    }
    // Where nobody may be shut out yet, nobody is disbelieved either; and going back, who is let in is believed first.
    site.list(&TWO).await;
    let applied = site.reconcile().await;
    assert_eq!(order(&applied), every);
    let undone: Vec<&str> = applied.rollbacks.iter().map(|rollback| rollback.target()).collect();
    assert_eq!(undone, ["trust", "pods"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_config_map_holds_the_list_in_every_form() {
    let mut site = Site::new("output", "\n    - {name: out, type: ConfigMap}", &TWO).await;
    synced(&site.reconcile().await);
    let map = |site: &Site| site.get("configmap", "leeward-shop");
    let data = map(&site).unwrap()["data"].clone();
    let texts: Vec<String> =
        data.as_object().unwrap().iter().map(|(k, v)| format!("{k}:\n{}", v.as_str().unwrap())).collect();
    insta::assert_snapshot!("output", texts.join("\n").replace(&site.namespace, "NETWORK"));
    site.await_config_map(|map| map["data"] == data).await;
    assert_eq!(site.once().await.writes, []);

    site.list(&NEXT).await;
    let applied = site.reconcile().await;
    let directions: Vec<Direction> = applied.writes.iter().map(|w| w.direction).collect();
    assert_eq!(directions, [Direction::Widen, Direction::Narrow]);
    assert_eq!(map(&site).unwrap()["data"]["comma"], "192.0.2.0/24,198.51.100.0/24\n");
    assert!(site.roll_back(applied.rollbacks.last().unwrap()).await);
    assert_eq!(map(&site).unwrap()["data"]["comma"], "192.0.2.0/24,198.51.100.0/24,2001:db8::/32\n");

    // Fewer keys, and one of another name that somebody put beside them.
    site.kubectl(&["patch", "configmap", "leeward-shop", "--type=merge", "-p", r#"{"data":{"note":"ours"}}"#]);
    site.list(&TWO).await;
    site.origin("\n    - {name: out, type: ConfigMap, configMap: {formats: [Lines]}}", "Delete").await;
    site.await_config_map(|map| map["data"]["note"] == "ours").await;
    synced(&site.reconcile().await);
    let data = map(&site).unwrap()["data"].clone();
    assert_eq!(data, json!({"lines": "192.0.2.0/24\n2001:db8::/32\n", "note": "ours"}));
    assert_eq!(map(&site).unwrap()["metadata"]["ownerReferences"][0]["name"], "shop");

    site.await_config_map(|map| map["metadata"]["ownerReferences"].is_array()).await;
    let end = site.release().await;
    assert_eq!(end.writes.len(), 1);
    assert_eq!(map(&site), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_config_map_of_somebody_else_is_left_alone() {
    let mut site = Site::new("output-foreign", NONE, &TWO).await;
    site.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: leeward-shop}, data: {lines: mine}}");
    site.origin("\n    - {name: out, type: ConfigMap}", "Orphan").await;
    site.await_config_map(|map| map["data"]["lines"] == "mine").await;
    let refused = site.reconcile().await;
    assert_eq!((refused.synced.reason, site.gate.writes()), (Reason::ForeignObject, 0));
}

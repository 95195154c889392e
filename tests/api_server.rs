//! The schema on a real API server: what it takes, what it refuses and in which words, and how
//! `kubectl explain` reads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use lab::control_plane::ControlPlane;
use leeward::api::crds;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;

static SERVER: LazyLock<&'static ControlPlane> = LazyLock::new(|| {
    let server = ControlPlane::shared();
    for (_, crd) in crds::all() {
        server.apply(&crds::yaml(&crd).unwrap()).unwrap();
        let name = format!("crd/{}", crd.metadata.name.unwrap());
        server.kubectl(&["wait", "--for=condition=Established", "--timeout=20s", &name]).unwrap();
    }
    server
});

/// What the API server says of a manifest: nothing, or why not.
fn refusal(manifest: &str) -> Option<String> {
    let arguments = ["create", "--dry-run=server", "-o", "name", "-f", "-"];
    SERVER.kubectl_with_input(&arguments, manifest).err().map(|error| format!("{error:#}"))
}

fn origin(spec: &str) -> String {
    format!("apiVersion: leeward.dev/v1alpha1\nkind: ProtectedOrigin\nmetadata: {{name: shop}}\nspec: {{{spec}}}\n")
}

fn network(spec: &str) -> String {
    format!("apiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork\nmetadata: {{name: cdn}}\nspec: {{{spec}}}\n")
}

const PROXY: &str = "proxy: {url: 'https://shop.example.com/healthz', networkRef: {name: cdn}}";
const ADDRESSES: &str = "origin: {type: Addresses, addresses: {ips: [203.0.113.10]}}";
const SERVICE: &str = "origin: {type: Service, service: {name: shop, port: 443}}";

#[test]
fn good_manifests_are_taken() {
    let long = format!(
        "{PROXY}, {SERVICE}, allowlist: {{mode: Enforce, extraCIDRs: [{{cidr: 198.51.100.7/32, reason: office}}, {{cidr: '2001:db8::/48', reason: office}}], targets: [{{name: pods, type: NetworkPolicy}}, {{name: more, type: NetworkPolicy, networkPolicy: {{podSelector: {{matchExpressions: [{{key: app, operator: In, values: [shop]}}]}}, ports: [8443], isolation: Allow}}}}, {{name: web, type: IngressAnnotation, ingressAnnotation: {{name: shop, preset: IngressNginx}}}}]}}"
    );
    let every = [
        "routeAnnotation: {name: a}, type: RouteAnnotation",
        "serviceSourceRanges: {name: a}, type: ServiceSourceRanges",
        "serviceAnnotation: {name: a, preset: AlibabaACL, aclID: acl-1}, type: ServiceAnnotation",
        "ciliumCIDRGroup: {name: a}, type: CiliumCIDRGroup",
        "calicoNetworkSet: {name: a}, type: CalicoNetworkSet",
        "calicoGlobalNetworkSet: {name: a, api: CRD}, type: CalicoGlobalNetworkSet",
        "traefikMiddleware: {name: a}, type: TraefikMiddleware",
        "nginxPolicy: {name: a}, type: NginxPolicy",
        "envoyGatewaySecurityPolicy: {name: a}, type: EnvoyGatewaySecurityPolicy",
        "istioAuthorizationPolicy: {name: a, action: Allow, address: Client}, type: IstioAuthorizationPolicy",
        "contourHTTPProxy: {name: a}, type: ContourHTTPProxy",
        "objectField: {apiVersion: crd.antrea.io/v1beta1, kind: ClusterGroup, scope: Cluster, name: a, path: spec.ipBlocks, format: Objects, member: cidr, fixed: {a: b}, emptyMeans: Closes}, type: ObjectField",
        "trustedProxies: {name: a, preset: EnvoyGateway}, type: TrustedProxies",
        "configMap: {formats: [JSON, HAProxy]}, type: ConfigMap",
        "type: ConfigMap",
    ];
    let every: Vec<String> = every.iter().enumerate().map(|(i, body)| format!("{{name: t{i}, {body}}}")).collect();
    for manifest in [
        origin(&format!("{PROXY}, {SERVICE}, allowlist: {{mode: Enforce, targets: [{}]}}", every.join(", "))),
        origin(&format!("proxy: {{url: 'http://shop.example.com'}}, {ADDRESSES}")),
        origin(&format!("{PROXY}, origin: {{type: Hostname, hostname: {{name: origin.example.com, port: 8443}}}}")),
        origin(&format!("{PROXY}, {ADDRESSES}, allowlist: {{mode: Plan}}")),
        origin(&format!(
            "{PROXY}, {ADDRESSES}, allowlist: {{mode: Plan, targets: [{{name: pods, type: NetworkPolicy, networkPolicy: {{podSelector: {{matchLabels: {{app: shop}}}}, ports: [8443]}}}}]}}"
        )),
        // A null is an absent field.
        origin(&format!("{PROXY}, {ADDRESSES}, probe: {{periodSeconds: null}}, suspend: null")),
        origin(&long),
        network("source: {type: Preset, preset: {name: Cloudflare}}"),
        network("source: {type: Preset, preset: {name: GoogleCloudInternetNEG}}"),
        network("source: {type: DNSTXT, dnsTXT: {name: _ranges.example.com}}"),
        network(
            "source: {type: HTTP, http: {urls: ['https://example.com/a.csv'], format: CSV, extract: [prefix, '3']}}",
        ),
        network("source: {type: Inline, inline: {cidrs: [192.0.2.0/24, '2001:db8::/32']}}"),
        network("source: {type: ConfigMap, configMap: {name: ranges, key: cidrs}}"),
        network(
            "source: {type: Account, account: {product: AlibabaAntiDDoS, region: Mainland, secretRef: {name: key}}}",
        ),
        network(
            "source: {type: Account, account: {product: TencentEdgeOne, region: International, resourceID: zone-276zs184g93m, secretRef: {name: key}}}, acknowledge: AfterEnforced",
        ),
        network(
            "source: {type: Account, account: {product: HuaweiWAF, resourceID: 0f1e, endpoint: 'https://waf.cn-north-4.myhuaweicloud.com', secretRef: {name: key}}}",
        ),
        network("source: {type: HTTP, http: {urls: ['https://example.com/list']}}"),
        network(
            "source: {type: HTTP, http: {urls: ['https://example.com/a.json'], method: POST, form: {a: b}, format: JSON, extract: ['$.a[*]']}}",
        ),
    ] {
        assert_eq!(refusal(&manifest), None, "{manifest}");
    }
}

/// Wrong targets, each with what the API server must say.
fn bad_targets() -> Vec<(String, &'static str)> {
    let policy = |body: &str| {
        origin(&format!(
            "{PROXY}, {ADDRESSES}, allowlist: {{mode: Plan, targets: [{{name: pods, type: NetworkPolicy, {body}}}]}}"
        ))
    };
    let object_field = |body: &str| {
        origin(&format!(
            "{PROXY}, {SERVICE}, allowlist: {{targets: [{{name: t, type: ObjectField, objectField: {{apiVersion: configuration.konghq.com/v1, kind: KongPlugin, name: edge, path: config.allow, emptyMeans: Opens, {body}}}}}]}}"
        ))
    };
    let target = |body: &str| origin(&format!("{PROXY}, {SERVICE}, allowlist: {{targets: [{{name: t, {body}}}]}}"));
    let members = [
        (
            "IngressAnnotation",
            "allowlist.targets[].ingressAnnotation must be set if and only if type is IngressAnnotation",
        ),
        ("RouteAnnotation", "allowlist.targets[].routeAnnotation must be set if and only if type is RouteAnnotation"),
        (
            "ServiceSourceRanges",
            "allowlist.targets[].serviceSourceRanges must be set if and only if type is ServiceSourceRanges",
        ),
        (
            "ServiceAnnotation",
            "allowlist.targets[].serviceAnnotation must be set if and only if type is ServiceAnnotation",
        ),
        ("CiliumCIDRGroup", "allowlist.targets[].ciliumCIDRGroup must be set if and only if type is CiliumCIDRGroup"),
        (
            "CalicoNetworkSet",
            "allowlist.targets[].calicoNetworkSet must be set if and only if type is CalicoNetworkSet",
        ),
        (
            "CalicoGlobalNetworkSet",
            "allowlist.targets[].calicoGlobalNetworkSet must be set if and only if type is CalicoGlobalNetworkSet",
        ),
        (
            "TraefikMiddleware",
            "allowlist.targets[].traefikMiddleware must be set if and only if type is TraefikMiddleware",
        ),
        ("NginxPolicy", "allowlist.targets[].nginxPolicy must be set if and only if type is NginxPolicy"),
        (
            "EnvoyGatewaySecurityPolicy",
            "allowlist.targets[].envoyGatewaySecurityPolicy must be set if and only if type is EnvoyGatewaySecurityPolicy",
        ),
        (
            "IstioAuthorizationPolicy",
            "allowlist.targets[].istioAuthorizationPolicy must be set if and only if type is IstioAuthorizationPolicy",
        ),
        (
            "ContourHTTPProxy",
            "allowlist.targets[].contourHTTPProxy must be set if and only if type is ContourHTTPProxy",
        ),
        ("ObjectField", "allowlist.targets[].objectField must be set if and only if type is ObjectField"),
        ("TrustedProxies", "allowlist.targets[].trustedProxies must be set if and only if type is TrustedProxies"),
    ];
    let members = members.map(|(kind, message)| (target(&format!("type: {kind}")), message));
    let others = [
        (
            policy("networkPolicy: {ports: [80]}"),
            "allowlist.targets[].networkPolicy.podSelector must be set unless origin.type is Service: it names the pods that the policy guards",
        ),
        (
            policy("networkPolicy: {podSelector: {matchLabels: {app: shop}}}"),
            "allowlist.targets[].networkPolicy.ports must name at least one pod port unless origin.type is Service",
        ),
        (
            policy("networkPolicy: {podSelector: {}, ports: [80]}"),
            "allowlist.targets[].networkPolicy.podSelector must not be empty: it would select every pod of the namespace",
        ),
        (
            target("type: IngressAnnotation, networkPolicy: {}, ingressAnnotation: {name: a, preset: IngressNginx}"),
            "allowlist.targets[].networkPolicy may be set only if type is NetworkPolicy",
        ),
        (
            target("type: NetworkPolicy, configMap: {}"),
            "allowlist.targets[].configMap may be set only if type is ConfigMap",
        ),
        (
            target("type: ServiceAnnotation, serviceAnnotation: {name: a, preset: AlibabaACL}"),
            "allowlist.targets[].serviceAnnotation.aclID must be set if and only if preset is AlibabaACL: the list itself is kept in the cloud",
        ),
        (
            object_field("format: Objects"),
            "allowlist.targets[].objectField.member must be set if and only if format is Objects: it names the member that holds the prefix",
        ),
        (
            object_field("fixed: {source: Peer}"),
            "allowlist.targets[].objectField.fixed may be set only if format is Objects",
        ),
        (
            object_field("").replace("configuration.konghq.com/v1", "gateway.networking.k8s.io/v1"),
            "allowlist.targets[].objectField.apiVersion must be of another project, such as configuration.konghq.com/v1",
        ),
        (
            object_field("").replace("config.allow", "metadata.annotations"),
            "allowlist.targets[].objectField.path must name a field that carries a list, not one of metadata or status",
        ),
    ];
    members.into_iter().chain(others).collect()
}

/// Wrong accounts, each with what the API server must say.
fn bad_accounts() -> Vec<(String, &'static str)> {
    vec![
        (network("source: {type: Account}"), "source.account must be set if and only if source.type is Account"),
        (
            network(
                "source: {type: Account, account: {product: AlibabaWAF, region: Mainland, secretRef: {name: key}}}",
            ),
            "source.account.resourceID must be set for AlibabaWAF (instance), AlibabaESA (site), TencentEdgeOne (zone), AkamaiSiteShield (map) and HuaweiWAF (project), and must not be set for AlibabaAntiDDoS and HuaweiAAD",
        ),
        (
            network(
                "source: {type: Account, account: {product: AlibabaAntiDDoS, region: Mainland, resourceID: a, secretRef: {name: key}}}",
            ),
            "and must not be set for AlibabaAntiDDoS and HuaweiAAD",
        ),
        (
            network("source: {type: Account, account: {product: AlibabaAntiDDoS, secretRef: {name: key}}}"),
            "source.account.region must be set to Mainland or International, and must not be set for AkamaiSiteShield and HuaweiWAF",
        ),
        (
            network(
                "source: {type: Account, account: {product: AkamaiSiteShield, resourceID: '1', secretRef: {name: key}}}",
            ),
            "source.account.endpoint must be set for AkamaiSiteShield (https:// and the host of your API client), HuaweiAAD and HuaweiWAF (the endpoint of your region)",
        ),
        (
            network(
                "source: {type: Account, account: {product: AlibabaAntiDDoS, region: Mainland, endpoint: 'http://api.example.com', secretRef: {name: key}}}",
            ),
            "spec.source.account.endpoint: Invalid value",
        ),
        (
            network(
                "source: {type: Account, account: {product: HuaweiWAF, resourceID: '../a', endpoint: 'https://a.example', secretRef: {name: key}}}",
            ),
            "spec.source.account.resourceID: Invalid value",
        ),
        (
            network(
                "source: {type: Account, account: {product: AlibabaAntiDDoS, region: Mainland, secretRef: {name: key}}}, acknowledge: AfterEnforced",
            ),
            "acknowledge may be set only for a source.account with AlibabaESA, TencentEdgeOne or AkamaiSiteShield: no other provider wants to be told",
        ),
    ]
}

/// Wrong manifests, each with what the API server must say.
fn bad() -> Vec<(String, &'static str)> {
    let target = |body: &str| origin(&format!("{PROXY}, {SERVICE}, allowlist: {{targets: [{{name: t, {body}}}]}}"));
    let mut all = [bad_targets(), bad_accounts()].concat();
    all.extend([
        (
            origin(&format!("proxy: {{url: 'https://a.example/'}}, {ADDRESSES}, allowlist: {{mode: Enforce}}")),
            "proxy.networkRef must be set when allowlist.mode is Plan or Enforce: it names the ProxyNetwork whose addresses are allowed",
        ),
        (
            origin(&format!("{PROXY}, origin: {{type: Service, addresses: {{ips: [203.0.113.10]}}}}")),
            "origin.addresses must be set if and only if origin.type is Addresses",
        ),
        (
            origin(&format!("{PROXY}, origin: {{type: Hostname, addresses: {{ips: [203.0.113.10]}}}}")),
            "origin.hostname must be set if and only if origin.type is Hostname",
        ),
        (
            origin(&format!("{PROXY}, origin: {{type: Service}}")),
            "origin.service must be set if and only if origin.type is Service",
        ),
        (
            origin(&format!("{PROXY}, {ADDRESSES}, allowlist: {{extraCIDRs: [{{cidr: 203.0.113.10, reason: x}}]}}")),
            "allowlist.extraCIDRs[].cidr must be a prefix such as 198.51.100.7/32 or 2001:db8::/48",
        ),
        (
            origin(&format!("{PROXY}, {ADDRESSES}")).replace("name: shop", &format!("name: {}", "a".repeat(64))),
            "metadata.name must be at most 63 characters: names of owned objects are made from it",
        ),
        (
            origin(&format!("{PROXY}, {ADDRESSES}, traffic: {{profile: default, queries: {{memoryRatio: a}}}}")),
            "traffic must have exactly one of profile (queries that the administrator of Leeward wrote) and queries (your own)",
        ),
        (
            network("source: {type: Inline, inline: {cidrs: [192.0.2.0/24]}}, edge: {}"),
            "edge must have at least one of cidrs and cnameSuffixes, or be left out",
        ),
        (network("source: {type: Preset}"), "source.preset must be set if and only if source.type is Preset"),
        (network("source: {type: HTTP}"), "source.http must be set if and only if source.type is HTTP"),
        (network("source: {type: DNSTXT}"), "source.dnsTXT must be set if and only if source.type is DNSTXT"),
        (
            network("source: {type: HTTP, http: {urls: ['https://a.example/'], extract: ['$[*]']}}"),
            "source.http.extract may be set only if format is JSON or CSV",
        ),
        (network("source: {type: DNSTXT, dnsTXT: {name: 'example.com.'}}"), "spec.source.dnsTXT.name"),
        (network("source: {type: Preset, preset: {name: Nobody}}"), "spec.source.preset.name: Unsupported value"),
        (network("source: {type: ConfigMap}"), "source.configMap must be set if and only if source.type is ConfigMap"),
        (
            network("source: {type: Preset, preset: {name: Cloudflare}, inline: {cidrs: [192.0.2.0/24]}}"),
            "source.inline must be set if and only if source.type is Inline",
        ),
        (
            network("source: {type: HTTP, http: {urls: ['https://a.example/'], format: JSON}}"),
            "source.http.extract must name at least one JSONPath when format is JSON, such as $.result.ipv4_cidrs[*]",
        ),
        (
            network("source: {type: HTTP, http: {urls: ['https://a.example/'], form: {a: b}}}"),
            "source.http.form may be set only if method is POST",
        ),
        // Bounds and patterns of the schema itself.
        (origin(&format!("proxy: {{url: 'https://u:p@a.example/'}}, {ADDRESSES}")), "spec.proxy.url: Invalid value"),
        (
            origin(&format!("{PROXY}, {ADDRESSES}, probe: {{periodSeconds: 9}}")),
            "should be greater than or equal to 10",
        ),
        (origin(&format!("{PROXY}, {ADDRESSES}, probe: {{pings: 101}}")), "should be less than or equal to 100"),
        (
            origin(&format!("{PROXY}, {ADDRESSES}, readyWhen: Sometimes")),
            "supported values: \"Converged\", \"OriginHealthy\"",
        ),
        (origin(&format!("{PROXY}, {ADDRESSES}, expect: {{statuses: [all]}}")), "spec.expect.statuses[0]"),
        (origin(&format!("{PROXY}, {ADDRESSES}, probe: {{pingss: 1}}")), "unknown field \"spec.probe.pingss\""),
        (target("type: NetworkPolicy}, {name: t, type: NetworkPolicy"), "spec.allowlist.targets[1]: Duplicate value"),
        (network("source: {type: HTTP, http: {urls: ['http://a.example/']}}"), "spec.source.http.urls[0]"),
    ]);
    all
}

#[test]
fn bad_manifests_are_refused_with_what_to_do() {
    for (manifest, message) in bad() {
        let said = refusal(&manifest);
        assert!(said.as_ref().is_some_and(|said| said.contains(message)), "{manifest}\n{said:#?}");
    }
}

#[test]
fn every_rule_of_the_schema_is_tried() {
    fn messages(value: &serde_json::Value, found: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(map) => {
                for rule in map.get("x-kubernetes-validations").and_then(|v| v.as_array()).into_iter().flatten() {
                    found.insert(rule["message"].as_str().unwrap_or_default().to_owned());
                }
                map.values().for_each(|v| messages(v, found));
            }
            serde_json::Value::Array(list) => list.iter().for_each(|v| messages(v, found)),
            _ => {}
        }
    }
    let mut rules = BTreeSet::new();
    for (_, crd) in crds::all() {
        messages(&serde_json::to_value(crd).unwrap(), &mut rules);
    }
    let tried: BTreeSet<String> = bad().into_iter().map(|(_, message)| message.to_owned()).collect();
    assert_eq!(rules.difference(&tried).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn a_fresh_resource_is_not_taken_for_a_finished_one() {
    let manifest = origin(&format!("{PROXY}, {ADDRESSES}"));
    let arguments = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
    let created: serde_json::Value =
        serde_json::from_str(&SERVER.kubectl_with_input(&arguments, &manifest).unwrap()).unwrap();
    assert_eq!(created["spec"]["probe"]["periodSeconds"], 30);
    assert_eq!(created["spec"]["allowlist"]["mode"], "Observe");
    // The default of a status applies when the object is read back, since a create drops the status.
    SERVER.kubectl_with_input(&["apply", "-f", "-"], &manifest).unwrap();
    let read = SERVER.get("default", "protectedorigin", "shop").unwrap();
    assert_eq!(read["status"]["observedGeneration"], -1);
    let short = SERVER.kubectl(&["get", "porigin", "shop", "-o", "name"]).unwrap();
    assert_eq!(short.trim(), "protectedorigin.leeward.dev/shop");
    let selected =
        SERVER.kubectl(&["get", "protectedorigins", "--field-selector", "spec.allowlist.mode=Enforce", "-o", "name"]);
    assert_eq!(selected.unwrap().trim(), "");
    SERVER.kubectl(&["delete", "protectedorigin", "shop"]).unwrap();
}

#[test]
fn kubectl_explain_reads_as_a_manual() {
    let page = |field: &str| SERVER.kubectl(&["explain", field]).unwrap();
    insta::assert_snapshot!("explain_lockdown", page("protectedorigin.spec.origin.lockdown"));
    insta::assert_snapshot!("explain_origin", page("protectedorigin.spec.origin"));
    insta::assert_snapshot!("explain_guards", page("proxynetwork.spec.guards"));
}

/// What `kubectl explain` shows of an object is the name of each field and all of its words.
#[test]
fn kubectl_explain_has_the_words_of_every_field() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut fields = 0;
    let mut open: Vec<(String, Value)> = crds::all()
        .iter()
        .map(|(_, crd)| {
            let crd = serde_json::to_value(crd).unwrap();
            let name = crd["spec"]["names"]["singular"].as_str().unwrap().to_owned();
            (name, crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone())
        })
        .collect();
    while let Some((path, schema)) = open.pop() {
        let said = words(&SERVER.kubectl(&["explain", &path]).unwrap());
        for (name, field) in schema["properties"].as_object().unwrap() {
            fields += 1;
            let path = format!("{path}.{name}");
            let description = words(field["description"].as_str().unwrap());
            assert!(
                said.contains(&format!(" {name} <")) && said.contains(&description),
                "{path} is not explained: {said}"
            );
            // `explain` walks through lists and maps by the name of the field alone.
            let mut held = field;
            while let Some(inner) = ["items", "additionalProperties"].iter().find_map(|key| held.get(key)) {
                held = inner;
            }
            if held["properties"].is_object() {
                open.push((path, held.clone()));
            }
        }
    }
    assert!(fields > 200, "{fields} fields");
}

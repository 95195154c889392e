use super::*;
use serde_json::json;

fn target(yaml: &str) -> Target {
    serde_saphyr::from_str(&format!("{{name: t, {yaml}}}")).unwrap()
}

fn field(yaml: &str) -> Field {
    Field::of(&target(yaml)).unwrap().unwrap()
}

/// One target of each kind and preset, with what it writes for two prefixes.
const ALL: [&str; 25] = [
    "type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginx}",
    "type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginxAllowlist}",
    "type: IngressAnnotation, ingressAnnotation: {name: web, preset: TraefikIngressNginx}",
    "type: IngressAnnotation, ingressAnnotation: {name: web, preset: HAProxyIngress}",
    "type: IngressAnnotation, ingressAnnotation: {name: web, preset: HAProxyTech}",
    "type: IngressAnnotation, ingressAnnotation: {name: web, preset: APISIX}",
    "type: IngressAnnotation, ingressAnnotation: {name: web, preset: AWSALB}",
    "type: RouteAnnotation, routeAnnotation: {name: web}",
    "type: ServiceSourceRanges, serviceSourceRanges: {name: web}",
    "type: ServiceAnnotation, serviceAnnotation: {name: web, preset: AzureIPRanges}",
    "type: ServiceAnnotation, serviceAnnotation: {name: web, preset: AzureFrontDoor}",
    "type: ServiceAnnotation, serviceAnnotation: {name: web, preset: AlibabaACL, aclID: acl-1}",
    "type: CiliumCIDRGroup, ciliumCIDRGroup: {name: edge}",
    "type: CalicoNetworkSet, calicoNetworkSet: {name: edge}",
    "type: CalicoGlobalNetworkSet, calicoGlobalNetworkSet: {name: edge, api: CRD}",
    "type: TraefikMiddleware, traefikMiddleware: {name: edge}",
    "type: NginxPolicy, nginxPolicy: {name: edge}",
    "type: EnvoyGatewaySecurityPolicy, envoyGatewaySecurityPolicy: {name: edge}",
    "type: IstioAuthorizationPolicy, istioAuthorizationPolicy: {name: edge}",
    "type: ContourHTTPProxy, contourHTTPProxy: {name: web}",
    "type: ObjectField, objectField: {apiVersion: configuration.konghq.com/v1, kind: KongPlugin, name: edge, path: config.allow, emptyMeans: Opens}",
    "type: ObjectField, objectField: {apiVersion: crd.antrea.io/v1beta1, kind: ClusterGroup, scope: Cluster, name: edge, path: spec.ipBlocks, format: Objects, member: cidr, emptyMeans: Closes}",
    "type: TrustedProxies, trustedProxies: {name: settings, preset: IngressNginx}",
    "type: TrustedProxies, trustedProxies: {name: settings, preset: F5Nginx}",
    "type: TrustedProxies, trustedProxies: {name: edge, preset: EnvoyGateway}",
];

#[test]
fn each_target_writes_its_field_in_its_form() {
    let prefixes = ["192.0.2.0/24".to_owned(), "2001:db8::/32".to_owned()];
    let lines: Vec<String> = ALL
        .iter()
        .map(|yaml| {
            let field = field(yaml);
            let value = field.form.value(&prefixes);
            let entries = field.form.entries(&value);
            if field.form.lists() {
                assert_eq!(entries, Entries::These(prefixes.to_vec()), "{yaml} cannot read what it writes");
            }
            let api = &field.object.api;
            let scope = if api.namespaced { "" } else { " (cluster)" };
            format!(
                "{} {}{scope} {}: {value}\n  empty {:?}, sees {:?}, {:?}",
                api.api_version(),
                api.plural,
                field.place,
                field.empty,
                field.sees,
                field.capacity
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_is_empty_is_no_list_and_another_form_is_not_read() {
    let nothing = |yaml: &str, values: &[Value]| {
        let field = field(yaml);
        for value in values {
            assert_eq!(field.form.entries(value), Entries::Nothing, "{yaml} {value}");
        }
    };
    nothing(ALL[0], &[json!(""), json!("  "), json!(" , "), json!(null)]);
    nothing(ALL[8], &[json!([]), json!(null)]);
    nothing(ALL[17], &[json!([])]);
    let other = |yaml: &str, value: Value| matches!(field(yaml).form.entries(&value), Entries::Other(_));
    assert!(other(ALL[8], json!("192.0.2.0/24")));
    assert!(other(ALL[17], json!([{"action": "Allow", "principal": {"jwt": {}}}])));
    // A rule with more conditions lets in fewer than its list says.
    let mut rule = field(ALL[18]).form.value(&["192.0.2.0/24".to_owned()]);
    rule[0]["to"] = json!([{"operation": {"ports": ["80"]}}]);
    assert!(other(ALL[18], rule));
    assert!(other(ALL[19], json!([{"cidr": "192.0.2.0/24", "source": "Remote"}])));
}

#[test]
fn texts_are_read_as_their_readers_do() {
    let read = |yaml: &str, text: &str| field(yaml).form.entries(&json!(text));
    let two = Entries::These(vec!["192.0.2.0/24".to_owned(), "198.51.100.0/24".to_owned()]);
    assert_eq!(read(ALL[0], " 192.0.2.0/24 ,198.51.100.0/24,"), two);
    assert_eq!(read(ALL[7], "192.0.2.0/24  198.51.100.0/24"), two);
    assert_ne!(read(ALL[0], "192.0.2.0/24 198.51.100.0/24"), two);
}

#[test]
fn a_generic_field_names_no_kind_on_which_leeward_holds_other_rights() {
    let refused = |change: fn(&str) -> String| Field::of(&target(&change(ALL[20]))).unwrap_err().field;
    for group in ["v1", "apps/v1", "networking.k8s.io/v1", "leeward.dev/v1alpha1", "gateway.networking.k8s.io/v1"] {
        let yaml = ALL[20].replace("configuration.konghq.com/v1", group);
        assert_eq!(Field::of(&target(&yaml)).unwrap_err().field, "objectField.apiVersion", "{group}");
    }
    for path in ["metadata.annotations", "status.x", "kind"] {
        let yaml = ALL[20].replace("config.allow", path);
        assert_eq!(Field::of(&target(&yaml)).unwrap_err().field, "objectField.path", "{path}");
    }
    assert_eq!(refused(|y| y.replace("emptyMeans", "member: cidr, emptyMeans")), "objectField.member");
    assert_eq!(refused(|y| y.replace("emptyMeans", "format: Objects, emptyMeans")), "objectField.member");
}

#[test]
fn a_field_is_held_with_what_is_in_it() {
    let entry = |fields: Value| -> ManagedFieldsEntry {
        serde_json::from_value(json!({"manager": "x", "operation": "Apply", "fieldsV1": fields})).unwrap()
    };
    let place = Place::path("spec.a.list");
    assert!(place.held_by(&entry(json!({"f:spec": {"f:a": {"f:list": {}}}}))));
    assert!(place.held_by(&entry(json!({"f:spec": {"f:a": {"f:list": {"v:\"192.0.2.0/24\"": {}}}}}))));
    assert!(!place.held_by(&entry(json!({"f:spec": {"f:a": {}}}))), "an empty map");
    assert!(!place.held_by(&entry(json!({"f:spec": {"f:a": {".": {}}}}))));
    assert!(!place.held_by(&entry(json!({"f:spec": {"f:b": {}}}))));
}

#[test]
fn plurals_are_guessed_as_kubectl_guesses_them() {
    for (kind, plural) in [
        ("KongPlugin", "kongplugins"),
        ("SecurityPolicy", "securitypolicies"),
        ("Gateway", "gateways"),
        ("Mesh", "meshes"),
    ] {
        let field = field(&ALL[20].replace("KongPlugin", kind));
        assert_eq!(field.object.api.plural, plural);
    }
}

#[test]
fn the_page_about_targets_has_them_all() {
    let page = include_str!("../../../docs/targets.md");
    for yaml in ALL {
        let (target, field) = (target(yaml), field(yaml));
        let place = field.place.annotation_key().map_or_else(|| field.place.to_string(), str::to_owned);
        for word in [target.kind.to_string(), place] {
            assert!(page.contains(&word), "docs/targets.md lacks {word}");
        }
    }
    for preset in IngressPreset::iter() {
        assert!(page.contains(&format!("`{preset:?}`")), "docs/targets.md lacks {preset:?}");
    }
    for preset in ServicePreset::iter() {
        assert!(page.contains(&format!("`{preset:?}`")), "docs/targets.md lacks {preset:?}");
    }
}

/// The rest of a sentence that begins with the object, and the place that makes it so.
#[test]
fn an_object_that_cannot_carry_the_list_is_told_with_the_way_out() {
    let mut said = std::collections::BTreeSet::new();
    for yaml in ALL.iter().chain(&[
        "type: IstioAuthorizationPolicy, istioAuthorizationPolicy: {name: edge, action: Allow}",
        "type: IstioAuthorizationPolicy, istioAuthorizationPolicy: {name: edge, action: Deny}",
    ]) {
        let field = field(yaml);
        for need in &field.needs {
            let kind = &field.object.api.kind;
            said.insert(format!(
                "{kind}, unless {} is {}: it {}",
                need.place,
                need.allowed.join(" or "),
                need.otherwise
            ));
        }
    }
    insta::assert_snapshot!(said.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_generic_field_that_cannot_be_written_says_what_can() {
    let base = "name: edge, emptyMeans: Opens";
    for (more, said) in [
        (
            "apiVersion: apps/v1, kind: Deployment, path: spec.list",
            "spec.objectField.apiVersion is apps/v1; only kinds of other projects can be named, such as \
             configuration.konghq.com/v1",
        ),
        (
            "apiVersion: configuration.konghq.com/v1, kind: KongPlugin, path: metadata.labels",
            "spec.objectField.path begins with metadata; name a field that carries a list, such as spec.ipBlocks",
        ),
        (
            "apiVersion: configuration.konghq.com/v1, kind: KongPlugin, path: config.allow, format: Objects",
            "spec.objectField.member must name the member that holds the prefix, such as cidr, when format is Objects",
        ),
    ] {
        let target = target(&format!("type: ObjectField, objectField: {{{base}, {more}}}"));
        assert_eq!(Field::of(&target).unwrap_err().to_string(), said);
    }
}

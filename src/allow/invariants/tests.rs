use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::*;
use crate::allow::render::field::{self as render, FieldShape};
use crate::allow::render::network_policy::{self, PolicyShape};
use crate::api::field::Field;

fn typed<T: DeserializeOwned>(text: &str) -> T {
    serde_saphyr::from_str(text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

/// An origin that enforces on two targets, its network, its pods (isolated by another policy) and a permitting namespace.
fn world() -> World {
    World {
        origins: vec![typed(
            "{apiVersion: leeward.dev/v1alpha1, kind: ProtectedOrigin, metadata: {name: shop, namespace: shop},
              spec: {proxy: {url: 'https://shop.example.com/', networkRef: {name: edge}},
                origin: {type: Service, service: {name: shop, port: 443}},
                allowlist: {mode: Enforce, extraCIDRs: [{cidr: 198.51.100.7/32, reason: office}], targets: [
                  {name: pods, type: NetworkPolicy, networkPolicy: {podSelector: {matchLabels: {app: shop}}}},
                  {name: web, type: IngressAnnotation, ingressAnnotation: {name: shop, preset: IngressNginx}}]}}}",
        )],
        networks: vec![typed(
            "{apiVersion: leeward.dev/v1alpha1, kind: ProxyNetwork, metadata: {name: edge},
              spec: {source: {type: HTTP, http: {urls: ['https://lists.example.com/']}}},
              status: {active: {hash: x, shortHash: x, prefixes: 2, ipv4Prefixes: 1, ipv6Prefixes: 1,
                cidrs: [104.16.0.0/13, '2400:cb00::/32']}}}",
        )],
        policies: vec![typed(
            "{metadata: {name: default-deny, namespace: shop}, spec: {podSelector: {}, policyTypes: [Ingress]}}",
        )],
        pods: vec![
            typed("{metadata: {name: shop-1, namespace: shop, labels: {app: shop}}, spec: {containers: []}}"),
            typed("{metadata: {name: db-1, namespace: shop, labels: {app: db}}, spec: {containers: []}}"),
        ],
        objects: Vec::new(),
        namespaces: vec![typed("{metadata: {name: shop, labels: {leeward.dev/enforce: allowed}}}")],
        canaries: vec!["canary-7f3a".to_owned()],
        rolling_back: false,
    }
}

fn ranges(texts: &[&str]) -> AdmittedRanges {
    AdmittedRanges::admit(read(texts.iter().copied()), Provenance::Local).unwrap()
}

const DESIRED: [&str; 3] = ["104.16.0.0/13", "198.51.100.7/32", "2400:cb00::/32"];

/// The policy as the renderer makes it.
fn policy() -> Value {
    let shape = PolicyShape {
        namespace: "shop".to_owned(),
        name: "leeward-shop".to_owned(),
        origin: "shop/shop".to_owned(),
        owner: None,
        selector: LabelSelector {
            match_labels: Some([("app".to_owned(), "shop".to_owned())].into()),
            ..LabelSelector::default()
        },
        ports: vec![8443],
    };
    serde_json::to_value(network_policy::render(&shape, &ranges(&DESIRED))).unwrap()
}

/// The policy as it stands in the cluster.
fn standing() -> Value {
    let mut object = policy();
    object["metadata"]["uid"] = json!("u-1");
    object["metadata"]["resourceVersion"] = json!("7");
    object
}

fn apply_policy(object: &Value) -> Sent {
    let path = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/leeward-shop";
    let body = serde_json::to_vec(object).unwrap();
    Sent::of("PATCH", path, "fieldManager=leeward", "application/apply-patch+yaml", &body).unwrap()
}

fn overwrite_policy(object: &Value) -> Sent {
    Sent { force: true, ..apply_policy(object) }
}

fn delete_policy() -> Sent {
    let path = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/leeward-shop";
    let body = json!({"preconditions": {"uid": "u-1", "resourceVersion": "7"}});
    Sent::of("DELETE", path, "", "application/json", body.to_string().as_bytes()).unwrap()
}

fn ingress() -> Value {
    json!({"metadata": {"name": "shop", "namespace": "shop", "uid": "u-2", "annotations": {"team": "a"}}, "spec": {}})
}

fn apply_ingress(value: Option<&str>) -> Sent {
    let field = Field::of(&world().origins[0].spec.allowlist.targets[1]).unwrap().unwrap();
    let shape = FieldShape::new(&field, "shop", "shop", Some("u-2".to_owned()));
    let body = serde_json::to_vec(&render::patch(&shape, value.map(Value::from).as_ref())).unwrap();
    let path = "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/shop";
    Sent::of("PATCH", path, "fieldManager=leeward-shop", "application/apply-patch+yaml", &body).unwrap()
}

fn broken(sent: &Sent, prior: Option<&Value>, world: &World) -> Vec<Invariant> {
    let mut broken: Vec<Invariant> = violations(sent, prior, world).into_iter().map(|found| found.invariant).collect();
    broken.sort_unstable();
    broken.dedup();
    broken
}

#[test]
fn what_the_renderers_make_breaks_nothing() {
    let world = world();
    assert_eq!(violations(&apply_policy(&policy()), None, &world), []);
    assert_eq!(violations(&overwrite_policy(&standing()), Some(&standing()), &world), []);
    assert_eq!(violations(&delete_policy(), Some(&standing()), &world), []);
    let value = DESIRED.join(",");
    assert_eq!(violations(&apply_ingress(Some(&value)), Some(&ingress()), &world), []);
}

#[test]
fn s1_empty_lists_admit_everybody() {
    let world = world();
    for pointer in ["/spec/ingress/0/from", "/spec/ingress/0/ports", "/spec/ingress"] {
        let mut object = policy();
        *object.pointer_mut(pointer).unwrap() = json!([]);
        assert!(broken(&apply_policy(&object), None, &world).contains(&Invariant::S1), "{pointer}");
        *object.pointer_mut(pointer).unwrap() = Value::Null;
        assert!(broken(&apply_policy(&object), None, &world).contains(&Invariant::S1), "{pointer} absent");
    }
    let mut object = policy();
    object["spec"]["ingress"].as_array_mut().unwrap().push(json!({"ports": [{"port": 8443}]}));
    assert_eq!(broken(&apply_policy(&object), None, &world), [Invariant::S1]);
}

#[test]
fn s2_only_listed_prefixes_are_written() {
    let world = world();
    for cidr in ["104.16.0.0/12", "0.0.0.0/0", "10.0.0.0/8", "104.24.0.1/14", "104.0.0.0/7", "::/0"] {
        let mut object = policy();
        object["spec"]["ingress"][0]["from"][0]["ipBlock"]["cidr"] = json!(cidr);
        assert!(broken(&apply_policy(&object), None, &world).contains(&Invariant::S2), "{cidr}");
        let value = format!("{},{cidr}", DESIRED.join(","));
        assert!(broken(&apply_ingress(Some(&value)), Some(&ingress()), &world).contains(&Invariant::S2), "{cidr}");
    }
    let mut object = policy();
    object["spec"]["ingress"][0]["from"].as_array_mut().unwrap().push(json!({"podSelector": {}}));
    assert_eq!(broken(&apply_policy(&object), None, &world), [Invariant::S2]);
    // A widening keeps what stood before.
    let mut before = standing();
    before["spec"]["ingress"][0]["from"].as_array_mut().unwrap().push(json!({"ipBlock": {"cidr": "192.0.2.0/24"}}));
    assert_eq!(broken(&overwrite_policy(&before), Some(&before), &world), []);
    assert_eq!(broken(&overwrite_policy(&before), Some(&standing()), &world), [Invariant::S2]);
}

#[test]
fn s3_every_address_in_use_stays() {
    let world = world();
    let mut object = policy();
    object["spec"]["ingress"][0]["from"].as_array_mut().unwrap().remove(0);
    assert_eq!(broken(&apply_policy(&object), None, &world), [Invariant::S3]);
    let value = "104.16.0.0/13,198.51.100.7/32";
    assert_eq!(broken(&apply_ingress(Some(value)), Some(&ingress()), &world), [Invariant::S3]);
    // An extra prefix may go with the spec.
    let mut object = policy();
    object["spec"]["ingress"][0]["from"].as_array_mut().unwrap().remove(1);
    assert_eq!(broken(&apply_policy(&object), None, &world), []);
}

/// The status of the network with this list, as an applied configuration.
fn apply_status(cidrs: Option<&[&str]>, failing: Option<&str>) -> Sent {
    let active = cidrs.map(|cidrs| {
        json!({"hash": "x", "shortHash": "x", "prefixes": 1, "ipv4Prefixes": 1, "ipv6Prefixes": 0, "cidrs": cidrs})
    });
    let mut status = json!({"conditions": []});
    if let Some(active) = active {
        status["active"] = active;
    }
    if let Some(kind) = failing {
        status["conditions"] = json!([{"type": kind, "status": "False", "reason": "X", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
    }
    let body = json!({"apiVersion": "leeward.dev/v1alpha1", "kind": "ProxyNetwork", "metadata": {"name": "edge"}, "status": status});
    let path = "/apis/leeward.dev/v1alpha1/proxynetworks/edge/status";
    let body = body.to_string();
    Sent::of("PATCH", path, "fieldManager=leeward-status&force=true", "application/apply-patch+yaml", body.as_bytes())
        .unwrap()
}

#[test]
fn s3_and_s4_a_lists_status_shrinks_late_and_little() {
    let mut world = world();
    let prior = |world: &World| serde_json::to_value(&world.networks[0]).unwrap();
    let all = ["104.16.0.0/13", "2400:cb00::/32"];
    let smaller = ["104.16.0.0/14", "104.20.0.0/15", "2400:cb00::/32"];
    let a_little = ["104.16.0.0/14", "104.20.0.0/15", "104.22.0.0/16", "2400:cb00::/32"];
    let edge = prior(&world);
    assert_eq!(broken(&apply_status(Some(&all), Some("Fetched")), Some(&edge), &world), []);
    assert_eq!(broken(&apply_status(Some(&a_little), None), Some(&edge), &world), []);
    assert_eq!(broken(&apply_status(Some(&a_little), Some("Fetched")), Some(&edge), &world), [Invariant::S3]);
    assert_eq!(broken(&apply_status(Some(&a_little), Some("Plausible")), Some(&edge), &world), [Invariant::S3]);
    assert_eq!(broken(&apply_status(None, None), Some(&edge), &world), [Invariant::S3]);
    assert_eq!(broken(&apply_status(Some(&smaller), None), Some(&edge), &world), [Invariant::S4]);
    assert_eq!(broken(&apply_status(Some(&all[..1]), None), Some(&edge), &world), [Invariant::S4]);
    assert_eq!(
        broken(&apply_status(Some(&["104.0.0.0/7", all[0], all[1]]), None), Some(&edge), &world),
        [Invariant::S2]
    );
    world.networks[0].spec.acknowledged_hash = "sha256:seen".to_owned();
    assert_eq!(broken(&apply_status(Some(&smaller), None), Some(&prior(&world)), &world), []);
}

#[test]
fn s5_nothing_of_anybody_else_is_touched() {
    let world = world();
    let s5 = [Invariant::S5];
    let mut unmarked = standing();
    unmarked["metadata"].as_object_mut().unwrap().remove("annotations");
    assert_eq!(broken(&overwrite_policy(&standing()), Some(&unmarked), &world), s5);
    assert_eq!(broken(&delete_policy(), Some(&unmarked), &world), s5);
    let mut unlabelled = standing();
    unlabelled["metadata"].as_object_mut().unwrap().remove("labels");
    assert_eq!(broken(&delete_policy(), Some(&unlabelled), &world), s5);
    let mut elsewhere = standing();
    elsewhere["metadata"]["annotations"]["leeward.dev/origin"] = json!("shop/other");
    assert_eq!(broken(&overwrite_policy(&standing()), Some(&elsewhere), &world), s5);
    assert_eq!(broken(&apply_policy(&elsewhere), None, &world), s5);
    assert_eq!(broken(&Sent { force: true, ..apply_policy(&policy()) }, None, &world), s5);
    assert_eq!(broken(&Sent { manager: Some("kubectl".to_owned()), ..apply_policy(&policy()) }, None, &world), s5);
    assert_eq!(broken(&Sent { verb: Verb::Update, ..apply_policy(&policy()) }, None, &world), s5);
    let blind = Sent { object: Value::Null, ..delete_policy() };
    assert_eq!(broken(&blind, Some(&standing()), &world), s5);

    let value = DESIRED.join(",");
    let good = apply_ingress(Some(&value));
    assert_eq!(broken(&good, None, &world), s5);
    assert_eq!(broken(&Sent { force: true, ..good.clone() }, Some(&ingress()), &world), s5);
    assert_eq!(
        broken(&Sent { manager: Some("leeward-other".to_owned()), ..good.clone() }, Some(&ingress()), &world),
        s5
    );
    assert_eq!(broken(&Sent { name: "other".to_owned(), ..good.clone() }, Some(&ingress()), &world), s5);
    for (pointer, value) in [
        ("/spec", json!({"rules": []})),
        ("/metadata/labels", json!({"app.kubernetes.io/managed-by": "leeward"})),
        ("/metadata/ownerReferences", json!([])),
        ("/metadata/finalizers", json!(["leeward.dev/x"])),
        ("/metadata/annotations/other", json!("x")),
        ("/metadata/uid", json!("u-3")),
    ] {
        let mut sent = good.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        sent.object.pointer_mut(parent).unwrap()[key] = value;
        assert_eq!(broken(&sent, Some(&ingress()), &world), s5, "{pointer}");
    }
    for path in [
        "/api/v1/namespaces/shop/services/shop",
        "/api/v1/namespaces/shop/secrets/x",
        "/api/v1/nodes/n",
        "/apis/leeward.dev/v1alpha1/namespaces/shop/protectedorigins/shop",
    ] {
        let sent = Sent::of("PATCH", path, "", "application/merge-patch+json", b"{}").unwrap();
        assert_eq!(broken(&sent, None, &world), s5, "{path}");
    }
    let mut with_spec = apply_status(Some(&["104.16.0.0/13", "2400:cb00::/32"]), None);
    with_spec.object["spec"] = json!({});
    assert_eq!(broken(&with_spec, None, &world), s5);
}

fn hold(finalizers: &Value) -> Sent {
    let path = "/apis/leeward.dev/v1alpha1/namespaces/shop/protectedorigins/shop";
    let body = json!({"metadata": {"uid": "u-9", "resourceVersion": "5", "finalizers": finalizers}});
    let query = "fieldManager=leeward-finalizer";
    Sent::of("PATCH", path, query, "application/merge-patch+json", body.to_string().as_bytes()).unwrap()
}

#[test]
fn s5_of_a_resource_itself_only_our_finalizer_is_written() {
    let mut world = world();
    let resource =
        json!({"metadata": {"name": "shop", "uid": "u-9", "resourceVersion": "5", "finalizers": ["theirs"]}});
    let (ours, without) = (json!(["theirs", "leeward.dev/release"]), json!(["theirs"]));
    // An end that gives up nothing is not waited for.
    assert_eq!(broken(&hold(&ours), Some(&resource), &world), [Invariant::Consent]);
    world.origins[0].spec.allowlist.deletion_policy = DeletionPolicy::Delete;
    assert_eq!(broken(&hold(&ours), Some(&resource), &world), []);
    assert_eq!(broken(&hold(&without), Some(&resource), &world), []);
    let s5 = [Invariant::S5];
    for other in [json!([]), json!(["leeward.dev/release"]), json!(["theirs", "mine"])] {
        assert_eq!(broken(&hold(&other), Some(&resource), &world), s5, "{other}");
    }
    assert_eq!(broken(&hold(&ours), None, &world), s5);
    assert_eq!(broken(&Sent { manager: Some("leeward".to_owned()), ..hold(&ours) }, Some(&resource), &world), s5);
    assert_eq!(broken(&Sent { verb: Verb::Apply, ..hold(&ours) }, Some(&resource), &world), s5);
    for (pointer, value) in [
        ("/spec", json!({})),
        ("/metadata/labels", json!({})),
        ("/metadata/uid", json!("u-8")),
        ("/metadata/resourceVersion", json!("4")),
    ] {
        let mut sent = hold(&ours);
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        sent.object.pointer_mut(parent).unwrap()[key] = value;
        assert_eq!(broken(&sent, Some(&resource), &world), s5, "{pointer}");
    }
    world.namespaces.clear();
    assert_eq!(broken(&hold(&ours), Some(&resource), &world), [Invariant::Consent]);
}

#[test]
fn s7_no_byte_of_a_target_is_written_anywhere() {
    let world = world();
    for path in [
        "/apis/leeward.dev/v1alpha1/namespaces/shop/protectedorigins/shop/status",
        "/apis/events.k8s.io/v1/namespaces/shop/events",
    ] {
        let (method, kind) = if path.ends_with("events") {
            ("POST", "application/json")
        } else {
            ("PATCH", "application/apply-patch+yaml")
        };
        let body =
            |text: &str| json!({"metadata": {"name": "e"}, "status": {"diagnosis": {"summary": text}}}).to_string();
        let sent =
            |text: &str| Sent::of(method, path, "fieldManager=leeward-status", kind, body(text).as_bytes()).unwrap();
        assert_eq!(broken(&sent("the origin answers 503"), None, &world), []);
        assert_eq!(broken(&sent("it said canary-7f3a"), None, &world), [Invariant::S7]);
    }
}

#[test]
fn s9_isolation_begins_and_ends_only_when_it_is_meant() {
    let mut open = world();
    open.policies.clear();
    assert_eq!(broken(&apply_policy(&policy()), None, &open), [Invariant::S9]);
    open.policies = vec![serde_json::from_value(standing()).unwrap()];
    assert_eq!(broken(&overwrite_policy(&standing()), Some(&standing()), &open), []);
    assert_eq!(broken(&delete_policy(), Some(&standing()), &open), [Invariant::S9]);
    let mut moved = standing();
    moved["spec"]["podSelector"] = json!({"matchLabels": {"app": "nobody"}});
    assert_eq!(broken(&overwrite_policy(&moved), Some(&standing()), &open), [Invariant::S9]);
    let mut all = policy();
    all["spec"]["podSelector"] = json!({});
    assert_eq!(broken(&apply_policy(&all), None, &world()), [Invariant::S9]);
    assert_eq!(broken(&apply_ingress(None), Some(&ingress()), &world()), [Invariant::S9]);

    open.rolling_back = true;
    assert_eq!(broken(&delete_policy(), Some(&standing()), &open), []);
    assert_eq!(broken(&apply_ingress(None), Some(&ingress()), &open), []);
    open.rolling_back = false;
    let target = &mut open.origins[0].spec.allowlist.targets[0];
    target.network_policy.as_mut().unwrap().isolation = crate::api::targets::Isolation::Allow;
    assert_eq!(broken(&delete_policy(), Some(&standing()), &open), []);
    open.policies.clear();
    assert_eq!(broken(&apply_policy(&policy()), None, &open), []);
}

#[test]
fn consent_is_asked_of_the_mode_and_of_the_namespace() {
    let mut world = world();
    let value = DESIRED.join(",");
    world.namespaces[0].metadata.labels = None;
    assert_eq!(broken(&apply_policy(&policy()), None, &world), [Invariant::Consent]);
    assert_eq!(broken(&apply_ingress(Some(&value)), Some(&ingress()), &world), [Invariant::Consent]);
    world = self::world();
    for mode in [Mode::Observe, Mode::Plan] {
        world.origins[0].spec.allowlist.mode = mode;
        assert_eq!(broken(&apply_policy(&policy()), None, &world), [Invariant::Consent]);
        assert_eq!(broken(&delete_policy(), Some(&standing()), &world), [Invariant::Consent]);
    }
    // A deletion that was asked for needs no mode.
    world.origins[0].spec.allowlist.deletion_policy = DeletionPolicy::Delete;
    world.origins[0].metadata.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
    assert_eq!(broken(&delete_policy(), Some(&standing()), &world), []);
    assert_eq!(broken(&apply_ingress(None), Some(&ingress()), &world), []);
}

#[test]
fn reads_are_not_writes() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        assert_eq!(Sent::of(method, "/api/v1/namespaces/shop/pods", "watch=true", "", b""), None);
    }
    let created = Sent::of(
        "POST",
        "/apis/events.k8s.io/v1/namespaces/shop/events",
        "dryRun=All",
        "",
        br#"{"metadata": {"name": "e"}}"#,
    );
    let created = created.unwrap();
    assert_eq!((created.verb, created.name.as_str(), created.dry_run), (Verb::Create, "e", true));
    assert_eq!(created.to_string(), "Create of events shop/e");
}

/// The world with this target beside the others.
fn with_target(target: &str) -> World {
    let mut world = world();
    world.origins[0].spec.allowlist.targets.push(typed(target));
    world
}

/// What the renderer makes of the last target, on its way to this path.
fn fill(world: &World, path: &str, prefixes: &[&str]) -> Sent {
    let field = Field::of(world.origins[0].spec.allowlist.targets.last().unwrap()).unwrap().unwrap();
    let shape = FieldShape::new(&field, "shop", "shop", Some("u-3".to_owned()));
    let value = field.form.value(&prefixes.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
    let body = serde_json::to_vec(&render::patch(&shape, Some(&value))).unwrap();
    Sent::of("PATCH", path, "fieldManager=leeward-shop", "application/apply-patch+yaml", &body).unwrap()
}

#[test]
fn a_field_of_a_cluster_scoped_object_needs_the_mark_on_it() {
    let world = with_target("{name: group, type: CiliumCIDRGroup, ciliumCIDRGroup: {name: edge}}");
    let sent = fill(&world, "/apis/cilium.io/v2/ciliumcidrgroups/edge", &DESIRED);
    let marked = |mark: &str| json!({"metadata": {"uid": "u-3", "annotations": {"leeward.dev/origin": mark}}});
    assert_eq!(broken(&sent, Some(&marked("shop/shop")), &world), []);
    for mark in ["other/shop", "shop/other", ""] {
        assert_eq!(broken(&sent, Some(&marked(mark)), &world), [Invariant::S5], "{mark}");
    }
    assert_eq!(broken(&sent, Some(&json!({"metadata": {"uid": "u-3"}})), &world), [Invariant::S5]);
    let given_up = Sent { object: json!({"metadata": {"name": "edge", "uid": "u-3"}}), ..sent };
    let mut ending = world;
    ending.origins[0].spec.allowlist.deletion_policy = DeletionPolicy::Delete;
    ending.origins[0].metadata.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
    assert_eq!(broken(&given_up, Some(&marked("shop/shop")), &ending), [Invariant::S9], "an empty group shuts all out");
}

#[test]
fn a_field_that_leeward_knows_nothing_of_needs_the_mark_too() {
    let world = with_target(
        "{name: any, type: ObjectField, objectField: {apiVersion: a.example.com/v1, kind: Gate, name: g, path: spec.allow, emptyMeans: Opens}}",
    );
    let sent = fill(&world, "/apis/a.example.com/v1/namespaces/shop/gates/g", &DESIRED);
    let marked = json!({"metadata": {"uid": "u-3", "annotations": {"leeward.dev/origin": "shop/shop"}}});
    assert_eq!(broken(&sent, Some(&marked), &world), []);
    assert_eq!(broken(&sent, Some(&json!({"metadata": {"uid": "u-3"}})), &world), [Invariant::S5]);
}

#[test]
fn a_field_inside_of_rules_is_held_to_the_same() {
    let world = with_target("{name: istio, type: IstioAuthorizationPolicy, istioAuthorizationPolicy: {name: edge}}");
    let path = "/apis/security.istio.io/v1/namespaces/shop/authorizationpolicies/edge";
    let policy = |action: &str| {
        let marks = json!({"leeward.dev/origin": "shop/shop"});
        json!({"metadata": {"uid": "u-3", "annotations": marks}, "spec": {"action": action}})
    };
    let unmarked = json!({"metadata": {"uid": "u-3"}, "spec": {"action": "DENY"}});
    assert_eq!(broken(&fill(&world, path, &DESIRED), Some(&unmarked), &world), [Invariant::S5]);
    assert_eq!(broken(&fill(&world, path, &DESIRED), Some(&policy("DENY")), &world), []);
    assert_eq!(broken(&fill(&world, path, &DESIRED), Some(&policy("ALLOW")), &world), [Invariant::S9]);
    assert!(broken(&fill(&world, path, &[]), Some(&policy("DENY")), &world).contains(&Invariant::S1));
    assert_eq!(broken(&fill(&world, path, &DESIRED[..2]), Some(&policy("DENY")), &world), [Invariant::S3]);
    let wide = [&DESIRED[..], &["0.0.0.0/0"]].concat();
    assert_eq!(broken(&fill(&world, path, &wide), Some(&policy("DENY")), &world), [Invariant::S2]);
    let mut more = fill(&world, path, &DESIRED);
    more.object["spec"]["action"] = json!("DENY");
    assert_eq!(broken(&more, Some(&policy("DENY")), &world), [Invariant::S5]);
    let mut words = fill(&world, path, &DESIRED);
    words.object["spec"]["rules"][0]["when"] = json!([{"key": "x"}]);
    assert_eq!(broken(&words, Some(&policy("DENY")), &world), [Invariant::S2]);
}

#[test]
fn an_output_config_map_is_held_to_the_same() {
    use crate::allow::render::config_map::{OutputShape, render};
    use crate::api::targets::OutputFormat;
    let mut world = with_target("{name: out, type: ConfigMap}");
    let shape = OutputShape {
        namespace: "shop".to_owned(),
        name: "leeward-shop".to_owned(),
        origin: "shop/shop".to_owned(),
        owner: None,
        network: "edge".to_owned(),
        keys: [OutputFormat::Lines, OutputFormat::Nginx, OutputFormat::JSON].into(),
    };
    let path = "/api/v1/namespaces/shop/configmaps/leeward-shop";
    let apply = |object: &Value| {
        let body = serde_json::to_vec(object).unwrap();
        Sent::of("PATCH", path, "fieldManager=leeward", "application/apply-patch+yaml", &body).unwrap()
    };
    let good = serde_json::to_value(render(&shape, &ranges(&DESIRED))).unwrap();
    assert_eq!(broken(&apply(&good), None, &world), []);
    let less = serde_json::to_value(render(&shape, &ranges(&DESIRED[..2]))).unwrap();
    assert_eq!(broken(&apply(&less), None, &world), [Invariant::S3]);
    let more =
        serde_json::to_value(render(&shape, &ranges(&[DESIRED[0], DESIRED[1], DESIRED[2], "192.0.2.0/24"]))).unwrap();
    assert_eq!(broken(&apply(&more), None, &world), [Invariant::S2]);
    let mut empty = good.clone();
    empty["data"]["lines"] = json!("\n");
    assert_eq!(broken(&apply(&empty), None, &world), [Invariant::S1, Invariant::S2, Invariant::S3]);
    let mut other = good.clone();
    other["data"]["script"] = json!(DESIRED.join("\n"));
    assert_eq!(broken(&apply(&other), None, &world), [Invariant::S5]);
    let foreign = json!({"metadata": {"uid": "u-4"}, "data": {"lines": "mine"}});
    assert_eq!(broken(&apply(&good), Some(&foreign), &world), [Invariant::S5]);
    assert_eq!(broken(&Sent { force: true, ..apply(&good) }, None, &world), [Invariant::S5]);
    let mut standing = good;
    standing["metadata"]["uid"] = json!("u-4");
    let body = json!({"preconditions": {"uid": "u-4"}}).to_string();
    let delete = Sent::of("DELETE", path, "", "application/json", body.as_bytes()).unwrap();
    assert_eq!(broken(&delete, Some(&standing), &world), [Invariant::S9]);
    world.rolling_back = true;
    assert_eq!(broken(&delete, Some(&standing), &world), []);
}

/// A world with a list of trusted proxies that holds these, in an object with or without the mark.
fn with_trust(trusted: Option<&str>, mark: &str) -> World {
    let mut world =
        with_target("{name: trust, type: TrustedProxies, trustedProxies: {name: edge, preset: EnvoyGateway}}");
    let cidrs: Vec<&str> = trusted.into_iter().flat_map(|list| list.split(' ')).collect();
    world.objects = vec![json!({
        "kind": "ClientTrafficPolicy",
        "metadata": {"name": "edge", "namespace": "shop", "uid": "u-3", "annotations": {"leeward.dev/origin": mark}},
        "spec": {"clientIPDetection": {"xForwardedFor": {"trustedCIDRs": cidrs}}},
    })];
    world
}

#[test]
fn whoever_is_let_in_is_believed_before_and_until_after() {
    let (old, new, office) = (DESIRED[0], DESIRED[2], DESIRED[1]);
    let path = "/apis/gateway.envoyproxy.io/v1alpha1/namespaces/shop/clienttrafficpolicies/edge";
    // Letting in: the policy does not stand yet.
    let all = apply_policy(&policy());
    assert_eq!(broken(&all, None, &with_trust(Some(&format!("{old} {new}")), "shop/shop")), []);
    assert_eq!(broken(&all, None, &with_trust(Some(old), "shop/shop")), [Invariant::Order]);
    assert_eq!(broken(&all, None, &with_trust(None, "shop/shop")), [Invariant::Order]);
    assert_eq!(broken(&all, None, &with_trust(None, "shop/other")), [], "not Leeward's to keep");
    // Believing no longer: the policy still lets in a prefix that left the network.
    let narrowed = |world: &World| fill(world, path, &[old, new]);
    let mut world = with_trust(Some(&format!("{old} {new} 192.0.2.0/24")), "shop/shop");
    let prior = world.objects[0].clone();
    let mut standing: NetworkPolicy = serde_json::from_value(standing()).unwrap();
    world.policies.push(standing.clone());
    assert_eq!(broken(&narrowed(&world), Some(&prior), &world), []);
    let peers = standing.spec.as_mut().unwrap().ingress.as_mut().unwrap()[0].from.as_mut().unwrap();
    peers.push(typed("{ipBlock: {cidr: 192.0.2.0/24}}"));
    *world.policies.last_mut().unwrap() = standing;
    assert_eq!(broken(&narrowed(&world), Some(&prior), &world), [Invariant::Order]);
    // Whom the spec lets in for himself was never to be believed.
    assert_eq!(
        broken(&fill(&world, path, &[old, new, office]), Some(&with_trust(None, "shop/shop").objects[0]), &world),
        [Invariant::S2]
    );
}

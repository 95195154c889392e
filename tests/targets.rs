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

#[path = "targets/conflicts.rs"]
mod conflicts;
#[path = "targets/life.rs"]
mod life;
#[path = "targets/rights.rs"]
mod rights;
#[path = "targets/table.rs"]
mod table;

use leeward::allow::plan::Direction;
use leeward::allow::{Applied, Rollback};
use leeward::api::conditions::{Reason, Truth};
use leeward::api::status::TargetState;
use life::{CASE, Case, established, install, shape, synced};
use serde_json::{Value, json};
use site::{SERVER, Site, eventually};
use std::time::Duration;
use table::{CLIENT_TRAFFIC, CLIENT_TRAFFIC_CRD};

const TWO: [&str; 2] = ["192.0.2.0/24", "2001:db8::/32"];
const NEXT: [&str; 2] = ["192.0.2.0/24", "198.51.100.0/24"];
const BOTH: [&str; 3] = ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"];

/// No target yet.
const NONE: &str = " []";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calico_network_set_where_each_entry_has_an_owner() {
    // As the Calico API server describes it.
    established(
        "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: networksets.projectcalico.org, annotations: {api-approved.kubernetes.io: unapproved}}, spec: {group: projectcalico.org, scope: Namespaced, names: {kind: NetworkSet, plural: networksets, singular: networkset}, versions: [{name: v3, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {nets: {type: array, x-kubernetes-list-type: set, items: {type: string}}}}}}}}]}}",
    );
    let object = "{apiVersion: projectcalico.org/v3, kind: NetworkSet, metadata: {name: edge}}";
    let case = Case {
        name: "calico-v3",
        object,
        target: "type: CalicoNetworkSet, calicoNetworkSet: {name: edge}",
        pointer: "/spec/nets",
        opens: false,
        first: Direction::Widen,
        ..CASE
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
async fn a_list_that_the_cloud_keeps_is_named_and_let_go() {
    let tags = "service.beta.kubernetes.io/azure-allowed-service-tags";
    let mut site = Site::new("front-door", NONE, &TWO).await;
    site.apply(table::BALANCER);
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
    site.apply(table::BALANCER);
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

    shape("late.example.com", "v1", "Gate", "gates", "Namespaced");
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
    site.apply(table::PROXY);
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
    let undone: Vec<&str> = applied.rollbacks.iter().map(Rollback::target).collect();
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
    rights::judge(&site);
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

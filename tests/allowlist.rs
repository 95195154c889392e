//! Allowlists on a real API server: both targets, every way in which somebody else gets in between, and what is left
//! when an origin goes. Every write of every test passes a gate that holds it against what may be written at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

#[path = "allowlist/gate.rs"]
mod gate;
#[path = "allowlist/site.rs"]
mod site;

use leeward::allow::{Change, Narrowing, Veto};
use leeward::api::conditions::{Reason, Truth};
use leeward::api::names::INGRESS_NGINX_ALLOWLIST;
use leeward::api::status::TargetState;
use serde_json::Value;
use site::{Site, eventually};

const BOTH: &str = "
    - {name: pods, type: NetworkPolicy}
    - {name: web, type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginx}}";
const PODS: &str = "
    - {name: pods, type: NetworkPolicy}";
const WEB: &str = "
    - {name: web, type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginx}}";

const TWO: [&str; 2] = ["192.0.2.0/24", "2001:db8::/32"];
const THREE: [&str; 3] = ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"];

fn annotation(ingress: &Value) -> Option<&str> {
    ingress["metadata"]["annotations"][INGRESS_NGINX_ALLOWLIST].as_str()
}

fn managers(object: &Value) -> Vec<(String, String)> {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    entries.iter().map(|e| (text(&e["manager"]), text(&e["operation"]))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_targets_carry_the_list_and_nothing_else_is_touched() {
    let mut site = Site::new("both", BOTH, &TWO).await;
    let before = site.ingress();
    let applied = site.reconcile().await;
    assert_eq!((applied.synced.status, applied.synced.reason), (Truth::True, Reason::Synced), "{:?}", applied.synced);
    assert_eq!(applied.synced.message, "2 targets carry 2 prefixes");
    assert!(applied.targets.iter().all(|t| t.state == TargetState::Synced && t.detail.is_none()));
    let mut policy = site.policy().unwrap();
    assert_eq!(managers(&policy), [("leeward".to_owned(), "Apply".to_owned())]);
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "namespace"] {
        policy["metadata"][field].take();
    }
    policy["metadata"]["annotations"]["leeward.dev/origin"] = "NAMESPACE/shop".into();
    insta::assert_yaml_snapshot!("policy", policy);

    let after = site.ingress();
    assert_eq!(annotation(&after), Some("192.0.2.0/24,2001:db8::/32"));
    assert_eq!(after["spec"], before["spec"]);
    for field in ["labels", "ownerReferences", "finalizers", "uid"] {
        assert_eq!(after["metadata"][field], before["metadata"][field], "{field}");
    }
    assert_eq!(after["metadata"]["annotations"]["team"], "shop");
    assert!(managers(&after).contains(&("leeward-shop".to_owned(), "Apply".to_owned())));

    // Nothing changes, so nothing is written or even asked.
    site.settle().await;
    let asked = site.gate.requests();
    let again = site.once().await;
    assert_eq!((again.writes.len(), site.gate.requests() - asked), (0, 0));
    assert_eq!(again.synced, applied.synced);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prefixes_come_at_once_and_go_when_they_may() {
    let mut site = Site::new("prefixes", BOTH, &TWO).await;
    site.reconcile().await;
    site.list(&["192.0.2.0/24", "198.51.100.0/24"]).await;
    site.narrowing = Narrowing::Held("until the site is seen healthy".to_owned());
    let held = site.reconcile().await;
    assert_eq!(annotation(&site.ingress()), Some("192.0.2.0/24,198.51.100.0/24,2001:db8::/32"));
    assert_eq!(site.blocks(), THREE);
    assert_eq!((held.synced.status, held.synced.reason), (Truth::True, Reason::Synced));
    assert!(held.targets.iter().all(|t| t.state == TargetState::Pending));
    insta::assert_yaml_snapshot!("held", held.targets);

    site.narrowing = Narrowing::Noted(Vec::new());
    let narrowed = site.reconcile().await;
    assert_eq!(annotation(&site.ingress()), Some("192.0.2.0/24,198.51.100.0/24"));
    assert_eq!(site.blocks(), ["192.0.2.0/24", "198.51.100.0/24"]);
    assert_eq!(narrowed.rollbacks.len(), 2);

    // The site fails after it: what left comes back, and the same is not tried again.
    for rollback in &narrowed.rollbacks {
        assert!(site.roll_back(rollback).await);
    }
    assert_eq!(annotation(&site.ingress()), Some("192.0.2.0/24,198.51.100.0/24,2001:db8::/32"));
    assert_eq!(site.blocks(), THREE);
    let stopped = site.reconcile().await;
    assert_eq!((stopped.synced.reason, stopped.writes.len()), (Reason::RolledBack, 0));
    site.list(&["192.0.2.0/24"]).await;
    assert_eq!(site.reconcile().await.synced.reason, Reason::Synced);
    assert_eq!(site.blocks(), ["192.0.2.0/24"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leaves_is_noted_first_and_many_prefixes_leave_in_lots() {
    let singles: Vec<String> = (0..20).map(|i| format!("198.51.100.{}/32", 2 * i)).collect();
    let list: Vec<&str> = std::iter::once("192.0.2.0/24").chain(singles.iter().map(String::as_str)).collect();
    let mut site = Site::new("lots", BOTH, &list).await;
    site.reconcile().await;
    site.list(&["192.0.2.0/24"]).await;
    // Nothing is written before the status says what leaves.
    let noted = site.apply_plan(&site.plan()).await;
    let note = noted.note.unwrap();
    assert_eq!((noted.writes.len(), note.removed.len(), note.targets.len()), (0, 16, 2));
    let waits = noted.targets[0].detail.as_deref().unwrap();
    assert!(
        waits.starts_with("keeps 16 prefixes (198.51.100.0/32, ") && waits.ends_with(") until the status notes it"),
        "{waits}"
    );
    // What was noted is written before anything else is noted.
    site.narrowing = Narrowing::Noted(vec![note.targets[0].clone()]);
    let first = site.apply_plan(&site.plan()).await;
    assert_eq!(first.writes.iter().map(|w| w.target.as_str()).collect::<Vec<_>>(), ["pods"]);
    assert!(first.note.is_none());
    let waits = first.targets[1].detail.as_deref().unwrap();
    assert!(waits.ends_with(" until what leaves before is seen to do no harm"), "{waits}");
    assert_eq!((site.blocks().len(), first.rollbacks.len()), (5, 1));
    // The rest follows in its turn.
    site.settle().await;
    site.narrowing = Narrowing::Noted(note.targets);
    let second = site.apply_plan(&site.plan()).await;
    assert_eq!(
        second.synced.message,
        "2 targets carry 1 prefix; pods: keeps 4 prefixes (198.51.100.32/32, 198.51.100.34/32, 198.51.100.36/32, \
         198.51.100.38/32) until what leaves before is seen to do no harm; web: keeps 4 more, to leave next"
    );
    site.settle().await;
    site.reconcile().await;
    assert_eq!((site.blocks(), annotation(&site.ingress())), (vec!["192.0.2.0/24".to_owned()], Some("192.0.2.0/24")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_target_is_widened_before_any_is_narrowed() {
    let mut site = Site::new("order", BOTH, &TWO).await;
    site.reconcile().await;
    site.list(&["192.0.2.0/24", "198.51.100.0/24"]).await;
    site.gate.forget();
    let applied = site.reconcile().await;
    let order: Vec<String> = applied.writes.iter().map(|w| format!("{:?} {}", w.direction, w.target)).collect();
    assert_eq!(order, ["Widen pods", "Widen web", "Narrow pods", "Narrow web"]);
    assert_eq!(site.gate.writes(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_policy_is_repaired_until_it_is_a_fight() {
    let mut site = Site::new("repair", PODS, &TWO).await;
    site.reconcile().await;
    let open = |site: &Site| {
        let patch = r#"{"spec":{"ingress":[{}]}}"#;
        site.kubectl(&["patch", "networkpolicy", "leeward-shop", "--type=merge", "-p", patch]);
    };
    site.narrowing = Narrowing::Held("until the site is seen healthy".to_owned());
    for round in 0..5 {
        open(&site);
        site.settle().await;
        let applied = site.reconcile().await;
        assert_eq!(applied.synced.reason, Reason::Synced, "round {round}: {:?}", applied.synced);
        assert!(applied.writes.iter().all(|w| w.repair) && applied.writes.len() == 1, "round {round}");
        assert_eq!(site.blocks(), TWO);
    }
    open(&site);
    site.settle().await;
    let stopped = site.reconcile().await;
    assert_eq!((stopped.synced.status, stopped.synced.reason), (Truth::False, Reason::FieldConflict));
    assert_eq!((stopped.writes.len(), stopped.targets[0].state), (0, TargetState::Conflict));
    assert_eq!(site.reconcile().await.writes.len(), 0);
    // A new list is no repair.
    site.list(&THREE).await;
    assert_eq!(site.reconcile().await.synced.reason, Reason::Synced);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_policy_comes_back() {
    let mut site = Site::new("deleted", PODS, &TWO).await;
    site.reconcile().await;
    site.kubectl(&["delete", "networkpolicy", "leeward-shop"]);
    site.settle().await;
    let applied = site.reconcile().await;
    assert_eq!(applied.writes.len(), 1);
    assert_eq!(applied.writes[0].change, Change::Create);
    assert_eq!(site.blocks(), TWO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_somebody_else_holds_is_never_taken() {
    let mut site = Site::new("conflict", WEB, &TWO).await;
    // Another tool set it first, with server-side apply.
    site.annotate_as("argocd", "203.0.113.0/24");
    site.settle().await;
    let refused = site.reconcile().await;
    assert_eq!((refused.synced.status, refused.synced.reason), (Truth::False, Reason::FieldConflict));
    assert_eq!(refused.targets[0].state, TargetState::Conflict);
    assert!(refused.synced.message.contains("argocd"), "{}", refused.synced.message);
    assert_eq!(annotation(&site.ingress()), Some("203.0.113.0/24"));
    assert_eq!(site.gate.writes(), 0);

    // It lets go, and Leeward takes over.
    site.release_as("argocd");
    site.settle().await;
    assert_eq!(site.reconcile().await.synced.reason, Reason::Synced);
    assert_eq!(annotation(&site.ingress()), Some("192.0.2.0/24,2001:db8::/32"));

    // Somebody takes it away by force: it is theirs from then on.
    site.kubectl(&["annotate", "ingress", "web", "--overwrite", &format!("{INGRESS_NGINX_ALLOWLIST}=203.0.113.0/24")]);
    site.settle().await;
    let refused = site.reconcile().await;
    assert_eq!(refused.synced.reason, Reason::FieldConflict, "{:?}", refused.synced);
    assert!(refused.synced.message.contains("kubectl-annotate"), "{}", refused.synced.message);
    assert_eq!(annotation(&site.ingress()), Some("203.0.113.0/24"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_server_itself_refuses_what_the_plan_did_not_see() {
    let mut site = Site::new("race", BOTH, &TWO).await;
    let plan = site.plan();
    // Between plan and write another tool sets the annotation, and somebody makes a policy of our name.
    site.annotate_as("argocd", "203.0.113.0/24");
    site.apply(
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: leeward-shop}, spec: {podSelector: {}}}",
    );
    let applied = site.apply_plan(&plan).await;
    assert_eq!(applied.writes, []);
    assert_eq!(applied.synced.reason, Reason::ForeignObject);
    assert_eq!(applied.targets[1].state, TargetState::Pending, "narrowing waits while another target failed");
    assert_eq!(annotation(&site.ingress()), Some("203.0.113.0/24"));
    assert_eq!(site.policy().unwrap()["spec"]["ingress"], Value::Null);
    site.settle().await;
    let later = site.reconcile().await;
    let states: Vec<_> = later.targets.iter().map(|t| t.state).collect();
    assert_eq!(states, [TargetState::Vetoed, TargetState::Conflict]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_isolation_is_refused_until_the_spec_allows_it() {
    let mut site = Site::without_default_deny("isolation", PODS, &TWO).await;
    let refused = site.reconcile().await;
    assert_eq!((refused.synced.reason, refused.writes.len()), (Reason::IsolationNotAcknowledged, 0));
    assert_eq!(site.policy(), None);
    site.origin("\n    - {name: pods, type: NetworkPolicy, networkPolicy: {isolation: Allow}}", "Orphan").await;
    let applied = site.reconcile().await;
    assert_eq!(applied.synced.reason, Reason::Synced);
    // The first isolation is a narrowing: it can be taken back, also by another process, and then the pods are open again.
    assert_eq!(applied.rollbacks.len(), 1);
    site.settle().await;
    let found = site.taken_over();
    assert_eq!(found.rollbacks.len(), 1);
    assert!(site.roll_back(&found.rollbacks[0]).await);
    assert_eq!(site.policy(), None);
    assert_eq!(site.reconcile().await.synced.reason, Reason::RolledBack);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_choice_of_ports_is_taken_back_by_another_process_too() {
    let ports = |port: u16| format!("\n    - {{name: pods, type: NetworkPolicy, networkPolicy: {{ports: [{port}]}}}}");
    let mut site = Site::new("ports", &ports(8443), &TWO).await;
    assert_eq!(site.reconcile().await.synced.reason, Reason::Synced);
    let held = |site: &Site| site.policy().unwrap()["spec"]["ingress"][0]["ports"][0]["port"].clone();
    site.settle().await;
    site.origin(&ports(9000), "Orphan").await;
    let applied = site.reconcile().await;
    assert_eq!((applied.synced.reason, held(&site)), (Reason::Synced, 9000.into()));
    site.settle().await;
    let found = site.taken_over();
    assert_eq!(found.rollbacks.len(), 1);
    assert!(site.roll_back(&found.rollbacks[0]).await);
    assert_eq!((held(&site), site.blocks()), (8443.into(), TWO.map(str::to_owned).to_vec()));
    assert_eq!(site.reconcile().await.synced.reason, Reason::RolledBack);
    assert_eq!(held(&site), 8443);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ingress_that_is_gone_or_replaced_is_not_created_or_written() {
    let mut site = Site::new("replaced", WEB, &TWO).await;
    site.narrowing = Narrowing::Now;
    let plan = site.plan();
    site.kubectl(&["delete", "ingress", "web"]);
    let gone = site.apply_plan(&plan).await;
    assert_eq!(gone.targets[0].state, TargetState::Unavailable, "{:?}", gone.targets);
    assert_eq!(gone.synced.reason, Reason::ReferenceNotFound);
    assert!(site.get("ingress", "web").is_none());

    site.make_ingress();
    let replaced = site.apply_plan(&plan).await;
    assert!(replaced.again && replaced.writes.is_empty());
    assert_eq!((replaced.synced.status, replaced.synced.reason), (Truth::Unknown, Reason::Pending));
    assert_eq!(annotation(&site.ingress()), None);
    assert_eq!(site.gate.writes(), 0);
    site.settle().await;
    assert_eq!(site.reconcile().await.synced.reason, Reason::Synced);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_claim_or_the_label_nothing_is_written() {
    let mut site = Site::new("claim", BOTH, &TWO).await;
    site.claims = 0;
    let applied = site.once().await;
    assert_eq!((applied.writes.len(), site.gate.writes()), (0, 0));
    assert_eq!((applied.synced.status, applied.again), (Truth::Unknown, true));
    site.claims = usize::MAX;
    site.reconcile().await;

    // The label goes: what was written stays untouched.
    site.kubectl(&["label", "namespace", &site.namespace, "leeward.dev/enforce-"]);
    site.settle().await;
    site.list(&THREE).await;
    site.gate.forget();
    let refused = site.reconcile().await;
    assert_eq!((refused.synced.reason, site.gate.writes()), (Reason::EnforceNotPermitted, 0));
    assert_eq!(site.blocks(), TWO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_before_or_after_any_write_ends_in_the_same_state() {
    let mut site = Site::new("crash", BOTH, &TWO).await;
    site.reconcile().await;
    // Each list gains one prefix and loses another: two targets, widened and narrowed, are four writes.
    let (one, other) = (["192.0.2.0/24", "198.51.100.0/24"], TWO);
    site.crashes([&one, &other, &one, &other, &one], |site, list| {
        assert_eq!(site.blocks(), list);
        assert_eq!(annotation(&site.ingress()), Some(list.join(",").as_str()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_that_is_away_is_said_and_tried_again() {
    let mut site = Site::new("away", BOTH, &TWO).await;
    site.cut_off().await;
    let applied = site.once().await;
    assert_eq!((applied.synced.status, applied.synced.reason, applied.again), (Truth::Unknown, Reason::Pending, true));
    assert_eq!(applied.targets[0].state, TargetState::Unavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_rights_are_named() {
    let mut site = Site::new("rights", BOTH, &TWO).await;
    site.restrict().await;
    let applied = site.once().await;
    assert_eq!((applied.synced.status, applied.synced.reason), (Truth::False, Reason::Forbidden));
    assert!(applied.synced.message.contains("cannot get resource \"networkpolicies\""), "{}", applied.synced.message);
    assert!(applied.targets.iter().any(|t| t.state == TargetState::Unavailable));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orphans_stay_and_are_adopted_again() {
    let mut site = Site::new("orphan", BOTH, &TWO).await;
    site.reconcile().await;
    let uid = site.policy().unwrap()["metadata"]["uid"].clone();
    assert_eq!(site.policy().unwrap()["metadata"]["ownerReferences"], Value::Null);
    let end = site.release().await;
    assert_eq!(end.writes, []);
    site.origin(BOTH, "Orphan").await;
    site.list(&THREE).await;
    assert_eq!(site.reconcile().await.synced.reason, Reason::Synced);
    assert_eq!(site.policy().unwrap()["metadata"]["uid"], uid);
    assert_eq!(site.blocks(), THREE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletion_with_delete_leaves_nothing_of_ours() {
    let mut site = Site::new("delete", BOTH, &TWO).await;
    site.origin(BOTH, "Delete").await;
    site.reconcile().await;
    assert_eq!(site.policy().unwrap()["metadata"]["ownerReferences"][0]["name"], "shop");
    let end = site.release().await;
    let changes: Vec<_> = end.writes.iter().map(|w| w.change).collect();
    assert_eq!(changes, [Change::Release, Change::Release]);
    assert_eq!(site.policy(), None);
    let ingress = site.ingress();
    assert_eq!(annotation(&ingress), None);
    assert_eq!(ingress["metadata"]["annotations"]["team"], "shop");
    assert!(!managers(&ingress).iter().any(|(name, _)| name == "leeward-shop"));
    // A second time there is nothing left to do.
    site.settle().await;
    assert_eq!(site.release_again().await.writes, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_garbage_collector_takes_the_policy_with_its_origin() {
    let mut site = Site::new("collected", PODS, &TWO).await;
    site.origin(PODS, "Delete").await;
    site.reconcile().await;
    site.kubectl(&["delete", "protectedorigin", "shop"]);
    eventually("the policy is collected", || site.policy().is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_has_become_the_last_one_outlives_its_origin() {
    let mut site = Site::new("last", PODS, &TWO).await;
    site.origin(PODS, "Delete").await;
    site.reconcile().await;
    site.kubectl(&["delete", "networkpolicy", "default-deny"]);
    site.settle().await;
    let applied = site.reconcile().await;
    assert_eq!(site.policy().unwrap()["metadata"]["ownerReferences"], Value::Null);
    assert!(applied.targets[0].detail.as_ref().unwrap().contains("last policy"), "{:?}", applied.targets);
    let end = site.release().await;
    assert_eq!((end.writes.len(), end.synced.reason), (0, Reason::IsolationNotAcknowledged));
    assert!(site.policy().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_no_longer_should_be_is_taken_off() {
    let mut site = Site::new("owner", PODS, &TWO).await;
    site.origin(PODS, "Delete").await;
    site.reconcile().await;
    assert!(site.policy().unwrap()["metadata"]["ownerReferences"].is_array());
    site.origin(PODS, "Orphan").await;
    site.reconcile().await;
    assert_eq!(site.policy().unwrap()["metadata"]["ownerReferences"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_wake_and_heartbeats_do_not() {
    let site = Site::new("changes", WEB, &TWO).await;
    let mut changes = site.stores.changes();
    site.kubectl(&["label", "ingress", "web", "a=b"]);
    let change = tokio::time::timeout(std::time::Duration::from_secs(10), async {
        loop {
            let change = changes.recv().await.unwrap();
            if change.namespace.as_deref() == Some(&site.namespace) {
                return change;
            }
        }
    })
    .await
    .unwrap();
    assert_eq!((change.kind.to_string(), change.name.as_str()), ("Ingress".to_owned(), "web"));
    let node = format!("node-{}", site.namespace);
    site.apply(&format!("{{apiVersion: v1, kind: Node, metadata: {{name: {node}}}}}"));
    eventually("the node is seen", || std::iter::from_fn(|| changes.try_recv().ok()).any(|c| c.name == node)).await;
    site.kubectl(&["annotate", "node", &node, "beat=1"]);
    site.settle().await;
    assert!(!std::iter::from_fn(|| changes.try_recv().ok()).any(|c| c.name == node), "a heartbeat woke somebody");
    site.kubectl(&["delete", "node", &node]);
}

/// Plans until the stores show what the test did before.
async fn until(site: &Site, target: usize, what: &str, holds: impl Fn(Option<&Veto>, &[String]) -> bool) {
    eventually(what, || {
        let plan = site.plan();
        holds(plan.targets[target].veto.as_ref(), &plan.targets[target].notes)
    })
    .await;
}

fn is_mismatch(veto: Option<&Veto>) -> bool {
    veto.is_some_and(|veto| veto.reason == Reason::AddressSeenMismatch)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_ingress_nginx_believes_from_anybody_stops_the_annotation() {
    let mut site = Site::new("headers", WEB, &TWO).await;
    site.seen = "Unknown";
    site.origin(WEB, "Orphan").await;
    site.apply(
        "
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {use-forwarded-headers: 'true'}
---
apiVersion: v1
kind: Pod
metadata: {name: controller-1, labels: {app: controller}}
spec: {containers: [{name: controller, image: x, args: [/nginx-ingress-controller, '--configmap=$(POD_NAMESPACE)/settings']}]}
",
    );
    // Anybody can make such a pod: it is not believed until somebody who may write kinds of the whole cluster vouches for
    // its namespace.
    let told = |notes: &[String]| notes.iter().any(|n| n.contains("in namespace allow-headers a pod says that"));
    until(&site, 0, "the pod is seen", |veto, notes| veto.is_none() && told(notes)).await;
    site.apply(
        "
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: headers, annotations: {meta.helm.sh/release-namespace: allow-headers}}
spec: {controller: k8s.io/ingress-nginx}
",
    );
    until(&site, 0, "the settings are read", |veto, _| is_mismatch(veto)).await;
    let refused = site.once().await;
    assert_eq!((refused.synced.status, refused.synced.reason), (Truth::False, Reason::AddressSeenMismatch));
    let message = &refused.synced.message;
    assert!(
        message.starts_with("critical: use-forwarded-headers is on in ConfigMap allow-headers/settings"),
        "{message}"
    );
    assert_eq!((site.gate.writes(), annotation(&site.ingress())), (0, None));

    // Believed from the proxy alone, the header names visitors.
    let patch = r#"{"data":{"proxy-real-ip-cidr":"192.0.2.0/24,2001:db8::/32"}}"#;
    site.kubectl(&["patch", "configmap", "settings", "--type=merge", "-p", patch]);
    until(&site, 0, "the list is read", |veto, _| veto.is_some_and(|v| v.message.contains("2 of the proxy's 2"))).await;

    // It believes nobody any more: the list may be written.
    site.kubectl(&[
        "patch",
        "configmap",
        "settings",
        "--type=merge",
        "-p",
        r#"{"data":{"use-forwarded-headers":"false"}}"#,
    ]);
    until(&site, 0, "the header is off", |veto, _| veto.is_none()).await;
    assert_eq!(site.reconcile().await.synced.reason, Reason::Synced);
    assert_eq!(annotation(&site.ingress()), Some("192.0.2.0/24,2001:db8::/32"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_hides_the_proxy_stops_the_first_policy_and_not_the_next_prefix() {
    let mut site = Site::new("hidden", PODS, &TWO).await;
    site.seen = "Unknown";
    site.origin(PODS, "Orphan").await;
    let service = |policy: &str| {
        site.kubectl(&[
            "patch",
            "service",
            "web",
            "--type=merge",
            "-p",
            &format!(r#"{{"spec":{{"type":"LoadBalancer"{policy}}}}}"#),
        ]);
    };
    service("");
    until(&site, 0, "the Service is seen", |veto, _| is_mismatch(veto)).await;
    service(r#","externalTrafficPolicy":"Local""#);
    until(&site, 0, "the address is kept", |veto, _| veto.is_none()).await;
    service(r#","externalTrafficPolicy":"Cluster""#);
    until(&site, 0, "the address is lost", |veto, _| is_mismatch(veto)).await;
    let refused = site.once().await;
    assert_eq!((refused.synced.reason, site.policy()), (Reason::AddressSeenMismatch, None));
    assert!(refused.synced.message.contains("Set externalTrafficPolicy: Local"), "{}", refused.synced.message);

    site.kubectl(&["patch", "service", "web", "--type=merge", "-p", r#"{"spec":{"externalTrafficPolicy":"Local"}}"#]);
    until(&site, 0, "the address is kept", |veto, _| veto.is_none()).await;
    assert_eq!(site.reconcile().await.synced.reason, Reason::Synced);

    // A list that stands follows the proxy, and what is wrong stands beside it.
    site.kubectl(&["patch", "service", "web", "--type=merge", "-p", r#"{"spec":{"externalTrafficPolicy":"Cluster"}}"#]);
    until(&site, 0, "the address is lost again", |_, notes| {
        notes.iter().any(|n| n.contains("Set externalTrafficPolicy"))
    })
    .await;
    site.list(&THREE).await;
    let applied = site.reconcile().await;
    assert_eq!((applied.synced.reason, applied.targets[0].state), (Reason::Synced, TargetState::Synced));
    assert!(applied.targets[0].detail.as_ref().unwrap().contains("Set externalTrafficPolicy: Local"));
    assert_eq!(site.blocks(), THREE);
    let open = site.plan().status().unwrap().open;
    assert!(open[0].contains("of Service allow-hidden/web on nodes that run its pods"), "{open:?}");
}

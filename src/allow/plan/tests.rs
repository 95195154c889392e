//! Plans for small clusters: whole objects and diffs as snapshots, each veto with the situation that calls for it.

mod entrances;
mod messages;
mod narrowing;
mod seen;
mod together;
mod trust;

use super::*;
use crate::allow::recover;
use crate::api::conditions::{Reason, Truth};
use crate::observe::cluster::{Files, Text};
use std::sync::Arc;

pub(in crate::allow) const SITE: &str = "
apiVersion: leeward.dev/v1alpha1
kind: ProtectedOrigin
metadata: {name: shop, namespace: shop}
spec:
  proxy: {url: 'https://shop.example.com/', networkRef: {name: edge}}
  origin: {type: Service, addressSeen: Proxy, service: {name: web, port: 443}}
  allowlist:
    mode: Enforce
    targets:
    - {name: pods, type: NetworkPolicy, networkPolicy: {isolation: Refuse}}
    - {name: web, type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginx}}
---
apiVersion: leeward.dev/v1alpha1
kind: ProxyNetwork
metadata: {name: edge}
spec: {source: {type: Inline, inline: {cidrs: [192.0.2.0/24, '2001:db8::/32']}}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {leeward.dev/enforce: allowed}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 443, targetPort: https}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, ports: [{name: https, containerPort: 8443}]}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  uid: ingress-uid
  annotations: {other: thing}
";

/// A policy that isolates every pod of the namespace.
pub(in crate::allow) const CLOSED: &str = "
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
";

pub(in crate::allow) struct Situation {
    files: Files,
    origin: Validated,
    neighbours: Vec<Neighbour>,
    own: Vec<IpAddr>,
    memory: Memory,
    mode: Mode,
}

impl Situation {
    pub(in crate::allow) fn of(text: &str) -> Self {
        let files = Files::parse(&[Text { name: "test.yaml", text }]).unwrap();
        let origin = Validated::new(&files.origin().unwrap()).unwrap();
        let mode = origin.allowlist.mode;
        Self { files, origin, neighbours: Vec::new(), own: Vec::new(), memory: Memory::default(), mode }
    }

    fn input(&self) -> PlanInput<'_> {
        PlanInput {
            origin: &self.origin,
            uid: Some("origin-uid"),
            created: Some(Timestamp::from_second(2000).unwrap()),
            mode: self.mode,
            source: &self.files,
            neighbours: &self.neighbours,
            own_addresses: &self.own,
            memory: &self.memory,
            narrowing: &Narrowing::Now,
            now: Timestamp::from_second(1_800_000_000).unwrap(),
        }
    }

    pub(in crate::allow) fn plan(&self) -> Plan {
        plan(&self.input())
    }

    /// The reason of the veto on the first target.
    fn veto(&self) -> Option<Reason> {
        self.plan().targets[0].veto.as_ref().map(|v| v.reason)
    }
}

pub(in crate::allow) fn closed() -> String {
    format!("{SITE}{CLOSED}")
}

/// The policy as Leeward writes it, after changes of its text.
pub(in crate::allow) fn written(site: &str, change: impl Fn(String) -> String) -> String {
    let planned = Situation::of(site).plan();
    let manifest = planned.targets[0].manifest().unwrap();
    let mut manifest = serde_json::to_string(&manifest).unwrap();
    manifest = change(manifest);
    format!("{site}\n---\n{manifest}\n")
}

fn directions(target: &TargetPlan) -> Vec<Direction> {
    target.steps.iter().map(|s| s.direction).collect()
}

#[test]
fn both_targets_are_planned_from_nothing() {
    let planned = Situation::of(&closed()).plan();
    let shown: Vec<_> = planned
        .targets
        .iter()
        .map(|t| format!("{} {} {:?}\n{}\n{}", t.change, t.key, directions(t), t.counts(), t.diff))
        .collect();
    insta::assert_snapshot!("diffs", shown.join("\n"));
    let manifests: Vec<_> = planned.targets.iter().map(|t| t.manifest().unwrap()).collect();
    insta::assert_yaml_snapshot!("manifests", manifests);
    insta::assert_yaml_snapshot!("status", planned.status());
    assert!(planned.changes() && planned.synced().is_none());
}

#[test]
fn what_was_written_is_found_to_be_right() {
    let planned = Situation::of(&written(&closed(), |t| t)).plan();
    assert_eq!(planned.targets[0].change, Change::Nothing, "{}", planned.targets[0].diff);
    assert_eq!(planned.targets[0].veto, None);
}

#[test]
fn the_order_of_blocks_and_what_others_add_do_not_count() {
    let site = written(&closed(), |t| t.replace("\"labels\":{", "\"labels\":{\"team\":\"x\","));
    assert_eq!(Situation::of(&site).plan().targets[0].change, Change::Nothing);
}

#[test]
fn a_new_prefix_widens_and_a_vanished_one_narrows() {
    let now = written(&closed(), |t| t);
    let with = |cidrs: &str| Situation::of(&now.replace("cidrs: [192.0.2.0/24, '2001:db8::/32']", cidrs)).plan();
    let wider = with("cidrs: [192.0.2.0/24, 198.51.100.0/24, '2001:db8::/32']");
    assert_eq!(directions(&wider.targets[0]), [Direction::Widen]);
    assert_eq!(wider.targets[0].counts(), "would be changed, adds 1 prefix (198.51.100.0/24)");
    insta::assert_snapshot!("a_new_prefix", wider.targets[0].diff);
    let narrower = with("cidrs: [192.0.2.0/24]");
    assert_eq!(directions(&narrower.targets[0]), [Direction::Narrow]);
    let both = with("cidrs: [192.0.2.0/24, 198.51.100.0/24]");
    assert_eq!(directions(&both.targets[0]), [Direction::Widen, Direction::Narrow]);
    let Write::Policy { rendered, .. } = &both.targets[0].steps[0].write else { panic!() };
    let first = crate::allow::render::network_policy::content(rendered).unwrap();
    assert_eq!(first.ranges.texts(), ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"]);
}

#[test]
fn what_somebody_put_into_our_policy_is_not_written_again() {
    let site = written(&closed(), |t| t.replace("192.0.2.0/24", "0.0.0.0/0"));
    let planned = Situation::of(&site.replace("'2001:db8::/32'", "198.51.100.0/24, '2001:db8::/32'")).plan();
    assert_eq!(directions(&planned.targets[0]), [Direction::Narrow]);
    let Write::Policy { rendered, .. } = &planned.targets[0].steps[0].write else { panic!() };
    assert!(!serde_json::to_string(rendered).unwrap().contains("0.0.0.0/0"));
}

#[test]
fn an_edit_of_our_policy_is_a_repair_that_is_not_held_back() {
    let site = written(&closed(), |t| t.replace("\"ports\":[{\"port\":8443,\"protocol\":\"TCP\"}]", "\"ports\":[]"));
    let planned = Situation::of(&site).plan();
    assert!(planned.targets[0].steps[0].repair);
    let edited = written(&closed(), |t| t.replace("192.0.2.0/24", "10.0.0.0/8"));
    assert!(Situation::of(&edited).plan().targets[0].steps[0].repair);
}

#[test]
fn the_first_isolation_needs_consent() {
    let open = Situation::of(SITE);
    let plan = open.plan();
    assert_eq!(open.veto(), Some(Reason::IsolationNotAcknowledged));
    insta::assert_snapshot!(plan.targets[0].veto.as_ref().unwrap().message);
    let allowed = Situation::of(&SITE.replace("isolation: Refuse", "isolation: Allow"));
    assert_eq!(allowed.veto(), None);
    assert_eq!(directions(&allowed.plan().targets[0]), [Direction::Narrow]);
}

#[test]
fn without_pods_selectors_decide_whether_it_is_the_first_isolation() {
    let without = |site: &str| site.replace("labels: {app: web}}\nspec", "labels: {app: none}}\nspec");
    let fixed = |site: &str| without(site).replace("targetPort: https", "targetPort: 8443");
    assert_eq!(Situation::of(&fixed(SITE)).veto(), Some(Reason::IsolationNotAcknowledged));
    assert_eq!(Situation::of(&fixed(&closed())).veto(), None);
    let other = closed().replace("podSelector: {}", "podSelector: {matchLabels: {app: other}}");
    assert_eq!(Situation::of(&fixed(&other)).veto(), Some(Reason::IsolationNotAcknowledged));
    let same = closed().replace("podSelector: {}", "podSelector: {matchLabels: {app: web}}");
    assert_eq!(Situation::of(&fixed(&same)).veto(), None);
    // A named port cannot be translated without a pod.
    assert_eq!(Situation::of(&without(&closed())).veto(), Some(Reason::ReferenceNotFound));
}

#[test]
fn a_policy_that_turns_away_must_not_open_pods() {
    let narrow = |site: &str| {
        site.replace(
            "networkPolicy: {isolation",
            "networkPolicy: {podSelector: {matchLabels: {app: web, tier: x}}, isolation",
        )
    };
    let now = written(&closed(), |t| t).replace(CLOSED, "");
    assert_eq!(Situation::of(&narrow(&now)).veto(), Some(Reason::IsolationNotAcknowledged));
    assert_eq!(Situation::of(&narrow(&written(&closed(), |t| t))).veto(), None);
}

#[test]
fn an_object_without_our_mark_is_left_alone() {
    let foreign = written(&closed(), |t| t.replace("shop/shop", "shop/other"));
    assert_eq!(Situation::of(&foreign).veto(), Some(Reason::ForeignObject));
    let unmarked = written(&closed(), |t| t.replace("leeward.dev/origin", "example.com/origin"));
    assert_eq!(Situation::of(&unmarked).veto(), Some(Reason::ForeignObject));
}

#[test]
fn enforce_needs_the_namespaces_label() {
    let mut site = Situation::of(&closed().replace("{leeward.dev/enforce: allowed}", "{leeward.dev/enforce: yes}"));
    assert_eq!(site.veto(), Some(Reason::EnforceNotPermitted));
    site.mode = Mode::Plan;
    assert_eq!(site.veto(), None);
}

#[test]
fn observe_plans_nothing() {
    let mut site = Situation::of(&closed());
    site.mode = Mode::Observe;
    let planned = site.plan();
    assert!(!planned.changes());
    assert!(planned.status().unwrap().targets.iter().all(|t| t.state == TargetState::Unmanaged));
    assert_eq!(planned.synced().map(|s| (s.status, s.reason)), Some((Truth::True, Reason::Observing)));
    // What stands there from before is named, and nothing of others.
    let before = written(&annotated("192.0.2.0/24", &[("argocd", "Apply")]), |text| text);
    let details = |mut site: Situation| {
        site.mode = Mode::Observe;
        site.plan().status().unwrap().targets.into_iter().map(|target| target.detail).collect::<Vec<_>>()
    };
    let left = Some("written before and left as it is".to_owned());
    assert_eq!(details(Situation::of(&before)), [left.clone(), None]);
    assert_eq!(
        details(Situation::of(&before.replace("manager: argocd", "manager: leeward-shop"))),
        [left.clone(), left]
    );
}

#[test]
fn plan_says_what_would_happen_and_writes_nothing() {
    let mut site = Situation::of(SITE);
    site.mode = Mode::Plan;
    insta::assert_yaml_snapshot!(site.plan().status().unwrap().targets);
    let synced = site.plan().synced().unwrap();
    assert_eq!((synced.status, synced.reason), (Truth::True, Reason::PlanPending));
}

#[test]
fn only_pods_behind_the_service_may_be_guarded() {
    let other = closed()
        .replace("networkPolicy: {isolation", "networkPolicy: {podSelector: {matchLabels: {app: other}}, isolation");
    assert_eq!(Situation::of(&other).veto(), Some(Reason::InvalidTarget));
}

#[test]
fn lists_that_cannot_be_used_stop_every_target() {
    let inline = "source: {type: Inline, inline: {cidrs: [192.0.2.0/24, '2001:db8::/32']}}";
    let site = |to: &str| Situation::of(&closed().replace(inline, to));
    let preset = "source: {type: Preset, preset: {name: Cloudflare}}";
    assert_eq!(site(preset).veto(), Some(Reason::SourceUnavailable));
    let wide = "source: {type: Inline, inline: {cidrs: [0.0.0.0/0]}}";
    assert_eq!(site(wide).veto(), Some(Reason::SourceUnavailable));
    let named = Situation::of(&closed().replace("networkRef: {name: edge}", "networkRef: {name: other}"));
    assert_eq!(named.veto(), Some(Reason::ReferenceNotFound));
    let extra = "allowlist:\n    extraCIDRs: [{cidr: 0.0.0.0/0, reason: all}]";
    assert_eq!(Situation::of(&closed().replace("allowlist:", extra)).veto(), Some(Reason::InvalidTarget));
    let private = "allowlist:\n    extraCIDRs: [{cidr: 10.1.2.3/32, reason: office}]";
    let planned = Situation::of(&closed().replace("allowlist:", private)).plan();
    assert_eq!(planned.desired.unwrap().ranges.ranges().texts(), ["10.1.2.3/32", "192.0.2.0/24", "2001:db8::/32"]);
}

#[test]
fn a_quarantined_list_is_reported_while_the_last_good_one_is_kept() {
    let status = "kind: ProxyNetwork
metadata: {name: edge}
status:
  active: {hash: h, shortHash: h, prefixes: 1, ipv4Prefixes: 1, ipv6Prefixes: 0, cidrs: [203.0.113.0/24]}
  quarantined: {hash: 'sha256:new', added: 0, removed: 9, reason: Loss}
  conditions: []";
    let planned = Situation::of(&closed().replace("kind: ProxyNetwork\nmetadata: {name: edge}", status)).plan();
    let desired = planned.desired.unwrap();
    assert_eq!(desired.ranges.ranges().texts(), ["203.0.113.0/24"]);
    assert_eq!(desired.concern.unwrap().reason, Reason::Quarantined);
    assert_eq!(planned.targets[0].veto, None);
}

#[test]
fn a_list_that_could_not_be_refreshed_for_a_week_is_reported() {
    let with = |since: i64| {
        let since = Timestamp::from_second(1_800_000_000 - since).unwrap();
        let status = format!(
            "kind: ProxyNetwork
metadata: {{name: edge}}
status:
  active: {{hash: h, shortHash: h, prefixes: 1, ipv4Prefixes: 1, ipv6Prefixes: 0, cidrs: [203.0.113.0/24]}}
  conditions: [{{type: Fetched, status: 'False', reason: Unreachable, message: no route, lastTransitionTime: '{since}'}}]"
        );
        let planned = Situation::of(&closed().replace("kind: ProxyNetwork\nmetadata: {name: edge}", &status)).plan();
        planned.desired.unwrap().concern.map(|c| c.reason)
    };
    assert_eq!(with(6 * 86_400), None);
    assert_eq!(with(8 * 86_400), Some(Reason::SourceUnavailable));
}

#[test]
fn a_write_that_would_lock_the_operator_out_is_refused() {
    // Another policy lets the operator in; ours held it too and would drop it.
    let extra = "allowlist:\n    extraCIDRs: [{cidr: 10.0.9.9/32, reason: leeward}]";
    let now = written(&closed().replace("allowlist:", extra), |t| t).replace(extra, "allowlist:");
    let mut site = Situation::of(&now);
    assert_eq!(site.veto(), None);
    site.own = vec!["10.0.9.9".parse().unwrap(), "2001:db8:f::1".parse().unwrap()];
    assert_eq!(site.veto(), Some(Reason::OperatorLockedOut));
    let mut meant = Situation::of(&now.replace("isolation: Refuse", "isolation: Allow"));
    meant.own.clone_from(&site.own);
    assert_eq!(meant.veto(), None);
    let mut kept = Situation::of(&now.replace("allowlist:", extra));
    kept.own = site.own;
    assert_eq!(kept.veto(), None);
}

#[test]
fn two_origins_on_one_entrance_leave_it_to_the_older() {
    let neighbour = |text: &str, created: i64| {
        let other = Situation::of(&text.replace("{name: shop, namespace: shop}", "{name: other, namespace: shop}"));
        Neighbour {
            origin: Arc::new(other.origin),
            created: Some(Timestamp::from_second(created).unwrap()),
            leaving: false,
        }
    };
    let mut site = Situation::of(&closed());
    site.neighbours = vec![neighbour(SITE, 3000)];
    assert_eq!(site.veto(), None, "the younger one yields");
    site.neighbours = vec![neighbour(SITE, 1000)];
    let vetoes: Vec<_> = site.plan().targets.iter().map(|t| t.veto.clone().unwrap().reason).collect();
    assert_eq!(vetoes, [Reason::SharedEntrance, Reason::SharedEntrance]);
    // The pods came to be shared later: its policy follows the list, and says whose they are as well.
    let standing = written(&closed(), |text| text).replace("cidrs: [", "cidrs: [198.51.100.0/24, ");
    let later = Situation { neighbours: site.neighbours, ..Situation::of(&standing) };
    let target = &later.plan().targets[0];
    assert_eq!((target.veto.as_ref(), target.added.len()), (None, 1));
    assert!(target.notes[0].contains("is kept by ProtectedOrigin other already"), "{:?}", target.notes);
    site = later;
    site.neighbours = vec![neighbour(&SITE.replace("mode: Enforce", "mode: Plan"), 1000)];
    assert_eq!(site.veto(), None, "one that only plans holds nothing");
}

pub(in crate::allow) fn annotated(value: &str, managers: &[(&str, &str)]) -> String {
    let key = crate::api::names::INGRESS_NGINX_ALLOWLIST;
    let entries: Vec<String> = managers
        .iter()
        .map(|(name, operation)| {
            format!("{{manager: {name}, operation: {operation}, fieldsV1: {{'f:metadata': {{'f:annotations': {{'f:{key}': {{}}}}}}}}}}")
        })
        .collect();
    closed().replace(
        "annotations: {other: thing}",
        &format!("annotations: {{{key}: '{value}'}}\n  managedFields: [{}]", entries.join(", ")),
    )
}

fn on_ingress(value: &str, managers: &[(&str, &str)]) -> (Change, Option<Reason>, usize) {
    let planned = Situation::of(&annotated(value, managers)).plan();
    let target = &planned.targets[1];
    (target.change, target.veto.as_ref().map(|v| v.reason), target.notes.len())
}

#[test]
fn a_value_that_somebody_else_set_is_a_conflict() {
    let right = "192.0.2.0/24,2001:db8::/32";
    let ours = ("leeward-shop", "Apply");
    assert_eq!(on_ingress(right, &[ours]), (Change::Nothing, None, 0));
    assert_eq!(on_ingress("192.0.2.0/24", &[ours]), (Change::Update, None, 0));
    assert_eq!(on_ingress("192.0.2.0/24", &[("kubectl", "Update")]), (Change::Update, Some(Reason::FieldConflict), 0));
    assert_eq!(on_ingress(right, &[("argocd", "Apply")]), (Change::Nothing, Some(Reason::FieldConflict), 0));
    assert_eq!(on_ingress(right, &[ours, ("argocd", "Apply")]), (Change::Nothing, None, 1));
    assert_eq!(
        on_ingress("192.0.2.0/24", &[ours, ("argocd", "Apply")]),
        (Change::Update, Some(Reason::FieldConflict), 1)
    );
    // Our name with another operation is not our apply.
    assert_eq!(on_ingress(right, &[("leeward-shop", "Update")]), (Change::Nothing, Some(Reason::FieldConflict), 0));
    assert_eq!(on_ingress(right, &[]), (Change::Nothing, None, 1), "a file does not say who holds it");
}

#[test]
fn an_annotation_follows_the_list() {
    let planned = Situation::of(&annotated("192.0.2.0/24,198.51.100.0/24", &[("leeward-shop", "Apply")])).plan();
    let target = &planned.targets[1];
    assert_eq!(directions(target), [Direction::Widen, Direction::Narrow]);
    let Write::Field { value, .. } = &target.steps[0].write else { panic!() };
    assert_eq!(value, "192.0.2.0/24,198.51.100.0/24,2001:db8::/32");
    insta::assert_snapshot!(target.diff);
}

#[test]
fn an_ingress_that_is_missing_makes_its_target_unavailable() {
    let planned = Situation::of(
        &closed().replace("  name: web\n  namespace: shop\n  uid", "  name: else\n  namespace: shop\n  uid"),
    )
    .plan();
    let status = planned.targets[1].status(Mode::Enforce, false);
    assert_eq!(status.state, TargetState::Unavailable);
    assert_eq!(planned.targets[1].veto.as_ref().unwrap().reason, Reason::ReferenceNotFound);
}

#[test]
fn annotations_that_do_not_fit_are_refused() {
    let filler = format!("annotations: {{other: {}}}", "x".repeat(262_100));
    let planned = Situation::of(&closed().replace("annotations: {other: thing}", &filler)).plan();
    assert_eq!(planned.targets[1].veto.as_ref().map(|v| v.reason), Some(Reason::CapacityExceeded));
}

#[test]
fn what_was_given_up_or_rolled_back_is_not_tried_again() {
    let mut site = Situation::of(&closed());
    let (key, fingerprint) = {
        let planned = site.plan();
        (planned.targets[0].key.clone(), planned.targets[0].fingerprint.clone())
    };
    site.memory.written(&key, &fingerprint);
    for i in 0..6 {
        site.memory.may_write(&key, &fingerprint, Timestamp::from_second(i).unwrap());
    }
    assert_eq!(site.veto(), Some(Reason::FieldConflict));
    site.memory = Memory::default();
    site.memory.roll_back(&key, &fingerprint);
    assert_eq!(site.veto(), Some(Reason::RolledBack));
    // Another process knows it from the status, for this list.
    let told = site.plan().status().unwrap();
    assert_eq!(told.rolled_back, [fingerprint]);
    site.memory = Memory::default();
    assert_eq!(site.veto(), None);
    let found = recover(&site.input(), &site.plan(), &told).unwrap();
    assert!(found.rollbacks.is_empty());
    found.remember(&mut site.memory);
    assert_eq!(site.veto(), Some(Reason::RolledBack));
    let mut wider = Situation::of(&closed().replace("cidrs: [", "cidrs: [198.51.100.0/24, "));
    wider.memory = site.memory;
    assert_eq!(wider.veto(), None);
}

#[test]
fn an_owner_is_set_only_where_deletion_opens_nothing() {
    let delete = |site: &str| site.replace("mode: Enforce", "mode: Enforce\n    deletionPolicy: Delete");
    let owned = |site: &str| {
        let planned = Situation::of(site).plan();
        let target = &planned.targets[0];
        let set = target.manifest().map(|m| m.pointer("/metadata/ownerReferences/0/uid").is_some());
        (set, target.notes.len())
    };
    assert_eq!(owned(&closed()), (Some(false), 0), "Orphan");
    assert_eq!(owned(&delete(&closed())), (Some(true), 0));
    // The other policy is gone: ours is the last one, and deleting the origin must not open the pods.
    let last = written(&delete(&closed()), |t| t).replace(CLOSED, "");
    assert_eq!(owned(&last), (Some(false), 1));
    let allowed = last.replace("isolation: Refuse", "isolation: Allow");
    assert_eq!(owned(&allowed), (None, 0), "nothing changes");
}

#[test]
fn deletion_releases_what_is_ours_and_opens_nothing() {
    let delete = |site: String| site.replace("mode: Enforce", "mode: Enforce\n    deletionPolicy: Delete");
    let end = |text: &str| {
        let site = Situation::of(text);
        let plan = release(&site.input());
        plan.targets.iter().map(|t| (t.change, t.veto.as_ref().map(|v| v.reason))).collect::<Vec<_>>()
    };
    let ours = annotated("192.0.2.0/24", &[("leeward-shop", "Apply")]);
    let both = written(&ours, |t| t);
    assert_eq!(end(&both), [(Change::Nothing, None), (Change::Nothing, None)], "Orphan leaves everything");
    let both = delete(both);
    assert_eq!(end(&both), [(Change::Release, None), (Change::Release, None)]);
    let last = both.replace(CLOSED, "\n");
    assert_eq!(end(&last)[0], (Change::Release, Some(Reason::IsolationNotAcknowledged)));
    let foreign =
        delete(written(&annotated("192.0.2.0/24", &[("argocd", "Apply")]), |t| t.replace("shop/shop", "shop/x")));
    assert_eq!(end(&foreign), [(Change::Nothing, None), (Change::Nothing, None)]);
    let forbidden = both.replace("leeward.dev/enforce: allowed", "x: y");
    assert_eq!(end(&forbidden), [(Change::Nothing, None), (Change::Nothing, None)]);
}

/// The same objects as a running cluster of which a part cannot be seen.
struct Live<'a>(&'a Files);

impl ClusterSource for Live<'_> {
    fn shelves(&self) -> &crate::observe::cluster::Shelves {
        self.0.shelves()
    }

    fn knows(&self, kind: crate::observe::cluster::Kind) -> bool {
        self.0.knows(kind)
    }

    fn live(&self) -> bool {
        true
    }
}

#[test]
fn nothing_is_written_in_a_cluster_of_which_a_deciding_kind_is_not_seen() {
    // No NetworkPolicy is listed: in a cluster that may mean that they cannot be listed.
    let situation = Situation::of(SITE);
    let live = Live(&situation.files);
    let planned = plan(&PlanInput { source: &live, ..situation.input() });
    for target in &planned.targets {
        let veto = target.veto.as_ref().unwrap();
        assert_eq!(veto.reason, Reason::Forbidden);
        assert!(veto.message.contains("NetworkPolicy"), "{}", veto.message);
    }
}

/// A site with one target in an object of another project.
pub(in crate::allow) fn foreign(target: &str, object: &str) -> String {
    let targets = SITE.find("    - {name: pods").unwrap()..SITE.find("---").unwrap();
    let mut site = SITE.to_owned();
    site.replace_range(targets, &format!("    - {{name: t, {target}}}\n"));
    format!("{site}{CLOSED}---\n{object}\n")
}

const MIDDLEWARE: &str = "type: TraefikMiddleware, traefikMiddleware: {name: edge}";

#[test]
fn objects_of_other_projects_are_planned_from_files() {
    let middleware = |spec: &str| {
        let object = format!(
            "{{apiVersion: traefik.io/v1alpha1, kind: Middleware, metadata: {{name: edge, namespace: shop}}, spec: {{{spec}}}}}"
        );
        Situation::of(&foreign(MIDDLEWARE, &object)).plan()
    };
    let first = middleware("ipAllowList: {}");
    assert_eq!(directions(&first.targets[0]), [Direction::Widen], "a middleware without a list lets nobody in");
    insta::assert_snapshot!("a_middleware", first.targets[0].diff);
    insta::assert_yaml_snapshot!("a_middleware_as_applied", first.targets[0].manifest().unwrap());
    let right = middleware("ipAllowList: {sourceRange: ['2001:db8::/32', 192.0.2.0/24]}");
    assert_eq!(right.targets[0].change, Change::Nothing, "order does not count");
    let other = middleware("ipAllowList: {sourceRange: [all]}");
    assert_eq!(directions(&other.targets[0]), [Direction::Narrow], "what cannot be read may let in everybody");
    let missing = Situation::of(&foreign(MIDDLEWARE, "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}"));
    assert_eq!(missing.veto(), Some(Reason::ReferenceNotFound));
}

#[test]
fn a_list_that_would_be_compared_with_visitors_is_not_written() {
    let client = |site: &str| site.replace("addressSeen: Proxy", "addressSeen: Client");
    let planned = Situation::of(&client(&closed())).plan();
    let vetoes: Vec<_> = planned.targets.iter().map(|t| t.veto.as_ref().map(|v| v.reason)).collect();
    assert_eq!(
        vetoes,
        [None, Some(Reason::AddressSeenMismatch)],
        "a policy sees the peer, an ingress controller may not"
    );
    let unknown = client(&closed()).replace("addressSeen: Client", "addressSeen: Unknown");
    assert_eq!(Situation::of(&unknown).plan().targets[1].veto, None);
}

#[test]
fn two_targets_of_one_object_are_remembered_apart_and_one_field_is_named_once() {
    let service = "{apiVersion: v1, kind: Service, metadata: {name: lb, namespace: shop}, spec: {type: LoadBalancer}}";
    let both = "type: ServiceSourceRanges, serviceSourceRanges: {name: lb}}\n    - {name: u, type: ServiceAnnotation, serviceAnnotation: {name: lb, preset: AzureIPRanges}";
    let planned = Situation::of(&foreign(both, service)).plan();
    assert_eq!(planned.targets[0].key, planned.targets[1].key);
    assert_ne!(planned.targets[0].spot, planned.targets[1].spot);
    let twice = "type: ServiceSourceRanges, serviceSourceRanges: {name: lb}}\n    - {name: u, type: ServiceSourceRanges, serviceSourceRanges: {name: lb}";
    let text = foreign(twice, service);
    let files = Files::parse(&[Text { name: "test.yaml", text: &text }]).unwrap();
    let problem = Validated::new(&files.origin().unwrap()).unwrap_err().to_string();
    assert_eq!(problem, "spec.allowlist.targets[1] names the same field as target t: remove one of the two");
}

#[test]
fn a_kind_that_is_being_read_is_waited_for_without_a_word_of_blame() {
    struct Unread<'a>(&'a Files);
    impl ClusterSource for Unread<'_> {
        fn shelves(&self) -> &crate::observe::cluster::Shelves {
            self.0.shelves()
        }
        fn knows(&self, kind: crate::observe::cluster::Kind) -> bool {
            self.0.knows(kind)
        }
        fn live(&self) -> bool {
            false
        }
        fn named(&self, _: &crate::api::field::ObjectRef, _: &str) -> crate::observe::cluster::Sight {
            crate::observe::cluster::Sight::Waiting
        }
    }
    let situation = Situation::of(&foreign(MIDDLEWARE, "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}"));
    let unread = Unread(&situation.files);
    let planned = plan(&PlanInput { source: &unread, ..situation.input() });
    assert_eq!(planned.targets[0].status(Mode::Enforce, false).state, TargetState::Pending);
}

//! What the chart's roles allow, and where. That they are those of `deploy/` is held in `overlays.rs`, and that those are
//! what is used in `tests/operator/rights.rs`.

use crate::helm::{checkout, documents, find, rendered};
use serde_json::{Value, json};

/// Kind, namespace and role of every binding.
fn bindings(all: &[Value]) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mine = all.iter().filter(|d| d["kind"].as_str().unwrap().ends_with("Binding") && d["roleRef"].is_object());
    let mut found: Vec<_> =
        mine.map(|d| (text(&d["kind"]), text(&d["metadata"]["namespace"]), text(&d["roleRef"]["name"]))).collect();
    found.sort();
    found
}

fn roles(all: &[Value]) -> Vec<&Value> {
    all.iter().filter(|d| d["kind"].as_str().unwrap().ends_with("Role")).collect()
}

#[test]
fn a_secret_may_be_got_only_by_the_name_that_the_values_give() {
    let secrets = |all: &[Value]| -> Vec<Value> {
        let rules = roles(all).into_iter().flat_map(|role| role["rules"].as_array().unwrap().clone());
        rules.filter(|rule| rule["resources"].as_array().unwrap().contains(&"secrets".into())).collect()
    };
    let rule =
        |names: &[&str]| json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": names, "verbs": ["get"]});
    assert_eq!(secrets(&rendered("")), Vec::<Value>::new());
    let named = rendered("accounts: {secrets: [alibaba-key, edgeone-key]}");
    assert_eq!(secrets(&named), [rule(&["alibaba-key", "edgeone-key"])]);
    // In one namespace, for one ServiceAccount.
    assert!(find(&named, "Role", "leeward-accounts")["metadata"]["namespace"].is_string());
    let plain = documents(&std::fs::read_to_string(checkout("deploy/accounts/role.yaml")).unwrap());
    assert_eq!(secrets(&plain), [rule(&["provider-key"])]);
    let subjects = |all: &[Value]| find(all, "RoleBinding", "leeward-accounts")["subjects"][0]["name"].clone();
    assert_eq!((subjects(&named), subjects(&plain)), ("leeward".into(), "leeward".into()));
}

#[test]
fn mode_namespaced_gives_the_same_rights_in_fewer_places() {
    let few = rendered("mode: namespaced\nwatchNamespaces: [shop, blog]\nenforce: {namespaces: [shop]}");
    let everywhere = rendered("");
    let rules = |all: &[Value]| roles(all).iter().map(|role| role["rules"].clone()).collect::<Vec<_>>();
    assert_eq!(rules(&few), rules(&everywhere));
    let binding = |kind: &str, place: &str, role: &str| (kind.to_owned(), place.to_owned(), role.to_owned());
    assert_eq!(
        bindings(&everywhere),
        [
            binding("ClusterRoleBinding", "", "leeward"),
            binding("ClusterRoleBinding", "", "leeward-watched"),
            binding("RoleBinding", "leeward-system", "leeward"),
        ]
    );
    assert_eq!(
        bindings(&few),
        [
            binding("ClusterRoleBinding", "", "leeward"),
            binding("RoleBinding", "blog", "leeward-watched"),
            binding("RoleBinding", "leeward-system", "leeward"),
            binding("RoleBinding", "shop", "leeward-enforcer"),
            binding("RoleBinding", "shop", "leeward-watched"),
        ]
    );
    // What stays bound in the whole cluster is about kinds of the whole cluster.
    let cluster = few.iter().find(|d| d["kind"] == "ClusterRole" && d["metadata"]["name"] == "leeward").unwrap();
    for rule in cluster["rules"].as_array().unwrap() {
        for resource in rule["resources"].as_array().unwrap() {
            let resource = resource.as_str().unwrap().trim_end_matches("/status");
            assert!(
                ["proxynetworks", "nodes", "namespaces", "ingressclasses"].contains(&resource),
                "{resource} in every namespace"
            );
        }
    }
}

#[test]
fn without_enforce_there_is_nothing_to_bind_for_more() {
    let all = rendered("enforce: {enabled: false}");
    let names: Vec<&str> = roles(&all).iter().map(|role| role["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["leeward", "leeward-watched", "leeward"]);
}

#[test]
fn kinds_of_the_whole_cluster_need_no_namespace() {
    let all = rendered("enforce: {targets: [cilium, calico-global]}");
    let bound: Vec<String> = bindings(&all).into_iter().map(|(kind, _, role)| format!("{kind} {role}")).collect();
    for target in ["cilium", "calico-global"] {
        assert!(bound.contains(&format!("ClusterRoleBinding leeward-target-{target}")), "{bound:?}");
    }
}

//! What the chart's roles allow, and where. That they are those of `deploy/` is held in `overlays.rs`, and that those are
//! what is used in `tests/operator/rights.rs`.

use crate::helm::rendered;
use serde_json::Value;

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
    let secrets = |all: &[Value]| -> Vec<String> {
        let roles = all.iter().filter(|d| d["kind"].as_str().unwrap().ends_with("Role") && d["rules"].is_array());
        let rights = roles.flat_map(|role| {
            let place = role["metadata"]["namespace"].as_str().unwrap_or("everywhere").to_owned();
            allowed(role).into_iter().map(move |right| format!("{right} in {place}"))
        });
        rights.filter(|right| right.contains("secrets")).collect()
    };
    assert_eq!(secrets(&rendered("")), Vec::<String>::new());
    let named = rendered("accounts: {secrets: [alibaba-key, edgeone-key]}");
    let place = find(&named, "Role", "leeward")["metadata"]["namespace"].as_str().unwrap().to_owned();
    assert_eq!(secrets(&named), [format!("get secrets. alibaba-key,edgeone-key in {place}")]);
    let plain = documents(&std::fs::read_to_string(checkout("deploy/accounts/role.yaml")).unwrap());
    assert_eq!(secrets(&plain), ["get secrets. provider-key in leeward-system"]);
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
            assert!(["proxynetworks", "nodes", "namespaces"].contains(&resource), "{resource} in every namespace");
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

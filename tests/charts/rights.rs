//! What the chart's roles allow is what `deploy/` allows, and in mode namespaced only where it watches.

use crate::helm::{checkout, documents, find, rendered};
use serde_json::Value;
use std::collections::BTreeSet;

/// Everything that a role's rules allow, one line each.
fn allowed(role: &Value) -> BTreeSet<String> {
    let list = |rule: &Value, field: &str| -> Vec<String> {
        rule[field].as_array().map(|l| l.iter().map(|v| v.as_str().unwrap().to_owned()).collect()).unwrap_or_default()
    };
    let mut found = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in list(rule, "apiGroups") {
            for resource in list(rule, "resources") {
                for verb in list(rule, "verbs") {
                    found.insert(format!("{verb} {resource}.{group} {}", list(rule, "resourceNames").join(",")));
                }
            }
        }
    }
    found
}

fn union(roles: &[&Value]) -> BTreeSet<String> {
    roles.iter().flat_map(|role| allowed(role)).collect()
}

#[test]
fn the_default_rights_are_those_of_deploy() {
    let plain = documents(&std::fs::read_to_string(checkout("deploy/rbac.yaml")).unwrap());
    let chart = rendered("");
    for (kind, name) in [("ClusterRole", "leeward"), ("ClusterRole", "leeward-enforcer"), ("Role", "leeward")] {
        assert_eq!(allowed(&find(&chart, kind, name)), allowed(&find(&plain, kind, name)), "{kind} {name}");
    }
    let bindings = |all: &[Value]| -> BTreeSet<String> {
        let mine = all.iter().filter(|d| d["kind"].as_str().unwrap().ends_with("Binding") && d["roleRef"].is_object());
        mine.map(|d| {
            let (kind, place) = (d["kind"].as_str().unwrap(), d["metadata"]["namespace"].as_str().unwrap_or_default());
            format!("{kind} {place} {} {}", d["roleRef"], d["subjects"])
        })
        .collect()
    };
    assert_eq!(bindings(&chart), bindings(&plain));
    let account = find(&chart, "ServiceAccount", "leeward");
    assert_eq!(account["automountServiceAccountToken"], false);
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
    let everywhere = find(&rendered(""), "ClusterRole", "leeward");
    let few = rendered("mode: namespaced\nwatchNamespaces: [shop, blog]\nenforce: {namespaces: [shop]}");
    let cluster = find(&few, "ClusterRole", "leeward");
    let places: Vec<&Value> =
        few.iter().filter(|d| d["kind"] == "Role" && d["metadata"]["name"] == "leeward-origins").collect();
    let names: Vec<&str> = places.iter().map(|p| p["metadata"]["namespace"].as_str().unwrap()).collect();
    assert_eq!(names, ["shop", "blog"]);
    for place in &places {
        assert_eq!(union(&[&cluster, place]), allowed(&everywhere));
    }
    assert!(
        allowed(&cluster)
            .iter()
            .all(|right| { ["proxynetworks", "nodes", "namespaces"].iter().any(|resource| right.contains(resource)) })
    );
    let enforcing: Vec<&Value> =
        few.iter().filter(|d| d["kind"] == "RoleBinding" && d["roleRef"]["name"] == "leeward-enforcer").collect();
    assert_eq!(enforcing.len(), 1);
    assert_eq!(enforcing[0]["metadata"]["namespace"], "shop");
    assert!(few.iter().all(|d| d["kind"] != "ClusterRoleBinding" || d["roleRef"]["name"] == "leeward"));
}

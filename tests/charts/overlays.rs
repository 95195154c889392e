//! Each overlay of `deploy/` under the real kustomize, beside the chart with the values that stand next to it: the same
//! objects, but for the differences that are listed here.

use crate::helm::{checkout, documents, text};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::process::Command;

/// Labels and annotations that Helm sets for itself.
const HELM_ONLY: [&str; 5] = [
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
    "helm.sh/resource-policy",
];

/// Flags that the chart writes out although they are the program's own defaults; a test below says that they are.
const DEFAULTS: [(&str, &str); 5] = [
    ("name", "leeward"),
    (
        "ingress-controller-namespace",
        "haproxy-controller,ingress-nginx,kube-system,nginx-ingress,projectcontour,traefik",
    ),
    ("vantage", "cluster"),
    ("log-format", "json"),
    ("log-level", "info"),
];

/// By kind, namespace and name.
type Objects = BTreeMap<String, Value>;

pub fn kustomized(folder: &str) -> Vec<Value> {
    let kubectl = lab::tools::control_plane().unwrap().join("kubectl");
    documents(&lab::process::run(Command::new(kubectl).arg("kustomize").arg(checkout(folder))).unwrap())
}

fn normal(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for label in HELM_ONLY {
                map.remove(label);
            }
            map.values_mut().for_each(normal);
            for key in ["labels", "annotations"] {
                if map.get(key).and_then(Value::as_object).is_some_and(Map::is_empty) {
                    map.remove(key);
                }
            }
            if let Some(arguments) = map.get_mut("args").and_then(Value::as_array_mut) {
                let spelled_out = |(flag, value): &(&str, &str)| json!(format!("--{flag}={value}"));
                arguments.retain(|argument| !DEFAULTS.iter().any(|default| spelled_out(default) == *argument));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(normal),
        _ => {}
    }
}

fn objects(all: Vec<Value>) -> Objects {
    let name = |d: &Value| {
        let part = |key: &str| d["metadata"][key].as_str().unwrap_or_default().to_owned();
        format!("{} {}/{}", d["kind"].as_str().unwrap(), part("namespace"), part("name"))
    };
    let mut found = Objects::new();
    for mut object in all {
        normal(&mut object);
        let name = name(&object);
        assert!(found.insert(name.clone(), object).is_none(), "{name} twice");
    }
    found
}

/// What the chart and an overlay make, without what only one of them can.
fn both(overlay: &str) -> (Objects, Objects) {
    let values = std::fs::read_to_string(checkout(&format!("deploy/overlays/{overlay}/values.yaml"))).unwrap();
    let mut chart = objects(documents(&text(&values)));
    let mut plain = objects(kustomized(&format!("deploy/overlays/{overlay}")));
    // The pod of `helm test`, and the namespace, which `helm install` is given.
    chart.remove("Pod leeward-system/leeward-check").expect("the chart's test");
    plain.remove("Namespace /leeward-system").expect("a namespace");
    (chart, plain)
}

#[test]
fn every_overlay_installs_what_the_chart_does_with_its_values() {
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(checkout("deploy/overlays")).unwrap() {
        let overlay = entry.unwrap().file_name().into_string().unwrap();
        let (chart, plain) = both(&overlay);
        let names = |all: &Objects| all.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&plain), names(&chart), "{overlay}");
        for (name, object) in &plain {
            let as_text = |value: &Value| serde_json::to_string_pretty(value).unwrap();
            assert!(
                object == &chart[name],
                "{overlay}: {name} with kustomize\n{}\nwith the chart\n{}",
                as_text(object),
                as_text(&chart[name])
            );
        }
        seen.push(overlay);
    }
    seen.sort();
    assert_eq!(seen, ["cluster", "monitoring", "namespaced", "observe-only"]);
    assert_eq!(kustomized("deploy"), kustomized("deploy/overlays/cluster"), "what `kubectl apply -k deploy` installs");
}

#[test]
fn flags_that_the_chart_spells_out_are_the_programs_defaults() {
    let help = lab::process::run(Command::new(env!("CARGO_BIN_EXE_leeward")).args(["run", "--help"])).unwrap();
    // Lines end where they are full.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for (flag, value) in DEFAULTS {
        let at = help.find(&format!("--{flag} ")).unwrap_or_else(|| panic!("no --{flag} in\n{help}"));
        let default = help[at..].split("[default: ").nth(1).and_then(|rest| rest.split(']').next());
        assert_eq!(default, Some(value), "--{flag}");
    }
}

/// Every folder of `deploy/enforce/targets/`, beside the value of the chart that gives the same.
#[test]
fn rights_for_targets_are_the_charts() {
    let values = "enforce: {namespaces: [shop], targets: [TARGET]}";
    let without = objects(documents(&text(&values.replace("TARGET", ""))));
    for entry in std::fs::read_dir(checkout("deploy/enforce/targets")).unwrap() {
        let target = entry.unwrap().file_name().into_string().unwrap();
        let values = if target == "object-field" {
            "enforce: {namespaces: [shop], objectFields: [{group: configuration.konghq.com, resource: kongplugins}]}"
                .to_owned()
        } else {
            values.replace("TARGET", &target)
        };
        let mut chart = objects(documents(&text(&values)));
        chart.retain(|name, _| !without.contains_key(name));
        assert_eq!(chart.len(), 2, "{target}: a role and its binding");
        let plain = kustomized(&format!("deploy/enforce/targets/{target}")).into_iter().map(|mut object| {
            // As `kubectl apply -n shop` would.
            if object["kind"] == "RoleBinding" {
                object["metadata"]["namespace"] = json!("shop");
            }
            object
        });
        assert_eq!(objects(plain.collect()), chart, "{target}");
    }
}

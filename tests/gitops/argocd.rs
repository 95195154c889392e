//! Argo CD's scripts in the interpreter of Argo CD: on every state, and on the files beside them in the layout and by the
//! rules of Argo CD's own tests, so that the folder can be copied into its repository as it is.

use crate::state::{State, changed};
use crate::{networks, origins};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn checkout(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The folder of a kind.
fn of(kind: &str) -> PathBuf {
    checkout("deploy/argocd/resource_customizations/leeward.dev").join(kind)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("no list {key}"))
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key} in {value}"))
}

fn judge(kind: &str, states: &[State]) {
    let changed = changed(states);
    let all: Vec<&State> = states.iter().chain(&changed).collect();
    let script = text(&of(kind).join("health.lua"));
    let answers = lab::gitops::argocd(&script, all.iter().map(|state| &state.object)).unwrap();
    let mut wrong = Vec::new();
    for (state, answer) in all.iter().zip(&answers) {
        let said = word(answer, "status");
        if said != format!("{:?}", state.health) || word(answer, "message").is_empty() {
            wrong.push(format!("{}: {answer} and not {:?}", state.name, state.health));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong[..wrong.len().min(20)].join("\n"));
}

#[test]
fn every_state_of_an_origin_has_the_documented_health() {
    judge("ProtectedOrigin", &origins::states());
}

#[test]
fn every_state_of_a_network_has_the_documented_health() {
    judge("ProxyNetwork", &networks::states());
}

/// As `TestLuaHealthScript` of Argo CD: status and message of each file.
#[test]
fn the_files_beside_the_scripts_have_the_health_that_is_written_there() {
    for kind in ["ProtectedOrigin", "ProxyNetwork"] {
        let folder = of(kind);
        let tests = yaml(&folder.join("health_test.yaml"));
        let tests = list(&tests, "tests");
        let inputs: Vec<Value> = tests.iter().map(|test| yaml(&folder.join(word(test, "inputPath")))).collect();
        let answers = lab::gitops::argocd(&text(&folder.join("health.lua")), &inputs).unwrap();
        for (test, answer) in tests.iter().zip(&answers) {
            assert_eq!(answer, &test["healthStatus"], "{kind}/{}", word(test, "inputPath"));
        }
        // None is forgotten, and each is a whole object of the kind.
        let named: BTreeSet<String> = tests.iter().map(|test| word(test, "inputPath").to_owned()).collect();
        let there: BTreeSet<String> = fs::read_dir(folder.join("testdata"))
            .unwrap()
            .map(|entry| format!("testdata/{}", entry.unwrap().file_name().display()))
            .collect();
        assert_eq!(named, there, "{kind}");
        for input in &inputs {
            assert_eq!(word(input, "kind"), kind);
            assert!(input["metadata"]["generation"].is_i64() && input["status"]["observedGeneration"].is_i64());
        }
    }
}

/// Equal but for empty tables, which Lua cannot tell from empty lists and which Argo CD puts right itself.
fn same(expected: &Value, got: &Value) -> bool {
    let empty = |value: &Value| match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    match (expected, got) {
        _ if empty(expected) && empty(got) => true,
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(x, y)| same(x, y)),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => expected == got,
    }
}

/// As `TestLuaResourceActionsScript` of Argo CD. A time is now, and in the file some other.
#[test]
fn the_actions_do_what_the_files_beside_them_say() {
    let folder = of("ProtectedOrigin").join("actions");
    let tests = yaml(&folder.join("action_test.yaml"));
    let discovery = text(&folder.join("discovery.lua"));
    for test in list(&tests, "discoveryTests") {
        let input = yaml(&folder.join(word(test, "inputPath")));
        let found = lab::gitops::argocd(&discovery, [&input]).unwrap().remove(0);
        let expected: Value = list(test, "result")
            .iter()
            .map(|r| (word(r, "name").to_owned(), json!({"disabled": r["disabled"]})))
            .collect();
        assert_eq!(found, expected, "{}", word(test, "inputPath"));
    }
    let asked = "/metadata/annotations/leeward.dev~1requested-at";
    let mut tried = BTreeSet::new();
    for test in list(&tests, "actionTests") {
        let action = word(test, "action");
        let [input, mut expected] = ["inputPath", "expectedOutputPath"].map(|key| yaml(&folder.join(word(test, key))));
        let script = text(&folder.join(action).join("action.lua"));
        let mut result = lab::gitops::argocd(&script, [&input]).unwrap().remove(0);
        if action == "probe-now" {
            let time = result.pointer(asked).and_then(Value::as_str).unwrap();
            let age = jiff::Timestamp::now().duration_since(time.parse().unwrap());
            assert!((-1..60).contains(&age.as_secs()), "{time}");
            *result.pointer_mut(asked).unwrap() = Value::Null;
            *expected.pointer_mut(asked).unwrap() = Value::Null;
        }
        assert!(same(&expected, &result), "{action}:\n{expected:#}\n{result:#}");
        tried.insert(action.to_owned());
    }
    let offered: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(Result::unwrap)
        .filter(|e| e.path().join("action.lua").exists())
        .map(|e| e.file_name().display().to_string())
        .collect();
    assert_eq!(tried, offered);
}

/// For an Argo CD that does not have them: the scripts as keys of its ConfigMap.
#[test]
fn the_config_map_holds_the_scripts_of_the_folder() {
    let map = yaml(&checkout("deploy/argocd/argocd-cm.yaml"));
    let mut expected = serde_json::Map::new();
    for kind in ["ProtectedOrigin", "ProxyNetwork"] {
        let health = text(&of(kind).join("health.lua"));
        expected.insert(format!("resource.customizations.health.leeward.dev_{kind}"), health.into());
    }
    let actions = of("ProtectedOrigin").join("actions");
    let stale = "run make generate";
    let key = "resource.customizations.actions.leeward.dev_ProtectedOrigin";
    for (key, script) in &expected {
        assert_eq!(&map["data"][key], script, "{stale}");
    }
    assert_eq!(map["data"].as_object().unwrap().len(), expected.len() + 1, "{stale}");
    let written: Value = serde_saphyr::from_str(word(&map["data"], key)).unwrap();
    assert_eq!(word(&written, "discovery.lua"), text(&actions.join("discovery.lua")), "{stale}");
    for definition in list(&written, "definitions") {
        let script = text(&actions.join(word(definition, "name")).join("action.lua"));
        assert_eq!(word(definition, "action.lua"), script, "{stale}");
    }
    assert_eq!(list(&written, "definitions").len(), 3, "{stale}");
}

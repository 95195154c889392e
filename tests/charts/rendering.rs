//! What can be said of the charts without a cluster.

use crate::helm::{CASES, ask, chart, checkout, crds_chart, documents, find, helm, rendered, text, values};
use serde_json::Value;

#[test]
fn helm_lint_finds_nothing_whatever_the_values() {
    for case in CASES {
        let file = values(case.values);
        let mut command = helm();
        command.args(["lint", "--strict", "-f"]).arg(file.path());
        let output = ask(&mut command, &[&chart()]);
        assert!(output.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&output.stdout));
    }
    let output = ask(&mut helm(), &["lint", "--strict", &crds_chart()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn refused(values_text: &str) -> String {
    let file = values(values_text);
    let mut command = helm();
    command.args(["template", "leeward", &chart(), "-f"]).arg(file.path());
    let output = command.output().unwrap();
    assert!(!output.status.success(), "accepted: {values_text}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn values_that_mean_nothing_are_refused_by_name() {
    for (values_text, said) in [
        ("replicaCount: 2", "additional properties 'replicaCount' not allowed"),
        ("prober: {allowTarget: [10.0.0.0/8]}", "at '/prober': additional properties 'allowTarget' not allowed"),
        ("monitoring: {serviceMonitor: {enable: true}}", "additional properties 'enable' not allowed"),
        ("replicas: two", "at '/replicas'"),
        ("mode: cluster-wide", "at '/mode'"),
        ("image: {digest: latest}", "at '/image/digest'"),
        ("mode: namespaced", "mode namespaced needs watchNamespaces"),
        ("watchNamespaces: [shop]", "watchNamespaces needs mode namespaced"),
        (
            "prometheus: {url: 'http://p:9090'}",
            "prometheus.url needs prometheus.profiles or prometheus.allowUserPromql",
        ),
        ("prometheus: {allowUserPromql: true}", "need prometheus.url"),
        ("networkPolicy: {enabled: true, restrictPorts: true}", "shuts out pings"),
        ("enforce: {targets: [services], namespaces: [shop]}", "at '/enforce/targets/0'"),
        ("enforce: {targets: [cilium, service]}", "service in enforce.targets needs enforce.namespaces"),
        ("enforce: {objectFields: [{group: a.example, resource: lists}]}", "objectFields needs enforce.namespaces"),
        ("enforce: {enabled: false, namespaces: [shop]}", "need enforce.enabled"),
    ] {
        let error = refused(values_text);
        assert!(error.contains(said), "{values_text}: {error}");
    }
    let mut command = helm();
    let output = ask(&mut command, &["template", "x", &crds_chart(), "--set", "kept=true"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("additional properties 'kept' not allowed"));
}

/// Objects of the schema that list their properties take no others; `global` belongs to parent charts as well.
#[test]
fn the_schema_is_closed_everywhere_and_knows_every_value() {
    fn closed(path: &str, schema: &Value) {
        if schema["properties"].is_object() {
            assert!(path == "/global" || schema["additionalProperties"] == false, "{path} takes unknown keys");
            for (name, child) in schema["properties"].as_object().unwrap() {
                closed(&format!("{path}/{name}"), child);
            }
        }
    }
    fn same(path: &str, schema: &Value, value: &Value) {
        let (Some(known), Some(given)) = (schema["properties"].as_object(), value.as_object()) else { return };
        let names = |map: &serde_json::Map<String, Value>| {
            let mut all: Vec<String> = map.keys().filter(|k| *k != "global").cloned().collect();
            all.sort();
            all
        };
        assert_eq!(names(known), names(given), "at {path}/");
        for (name, child) in known {
            same(&format!("{path}/{name}"), child, &given.get(name).cloned().unwrap_or_default());
        }
    }
    for name in ["leeward", "leeward-crds"] {
        let read = |file: &str| std::fs::read_to_string(checkout("charts").join(name).join(file)).unwrap();
        let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
        let given: Value = serde_saphyr::from_str(&read("values.yaml")).unwrap();
        closed("", &schema);
        same("", &schema, &given);
    }
}

#[test]
fn charts_are_what_they_are_generated_from() {
    let fresh = tempfile::tempdir().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program).args(arguments).current_dir(checkout("")).output().unwrap();
        assert!(
            output.status.success(),
            "charts/ is stale, run make generate: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let copy = fresh.path().join("charts").display().to_string();
    run("cp", &["-r", "charts", &copy]);
    run("hack/charts/generate", &[&copy]);
    run("diff", &["-r", &copy, "charts"]);
}

/// With labels and annotations aside, both charts install what stands in `crds/`.
#[test]
fn both_charts_bring_the_kinds_of_the_types() {
    let crds = |text: &str| -> Vec<Value> {
        documents(text).into_iter().filter(|d| d["kind"] == "CustomResourceDefinition").collect()
    };
    let template = |chart: &str, more: &[&str]| {
        let mut command = helm();
        command.args(["template", "leeward", chart]).args(more);
        lab::process::run(&mut command).unwrap()
    };
    let mut kept = crds(&template(&chart(), &[]));
    let mut alone = crds(&template(&crds_chart(), &[]));
    assert_eq!(kept.len(), 2);
    for (kept, alone) in kept.iter_mut().zip(&mut alone) {
        for crd in [&mut *kept, &mut *alone] {
            assert_eq!(crd["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
            let metadata = crd["metadata"].as_object_mut().unwrap();
            metadata.remove("annotations");
            metadata.remove("labels");
        }
        assert_eq!(kept, alone);
        let plural = kept["spec"]["names"]["plural"].as_str().unwrap();
        let file = checkout("crds").join(format!("leeward.dev_{plural}.yaml"));
        let original: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(*kept, original);
    }
    for crd in crds(&template(&chart(), &["--set", "crds.keep=false"])) {
        assert!(crd["metadata"]["annotations"].is_null());
    }
    assert!(crds(&template(&chart(), &["--set", "crds.enabled=false"])).is_empty());
}

#[test]
fn the_charts_carry_the_version_of_the_program() {
    for name in ["leeward", "leeward-crds"] {
        let text = std::fs::read_to_string(checkout("charts").join(name).join("Chart.yaml")).unwrap();
        let chart: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"), "{name}");
    }
}

#[test]
fn one_replica_has_no_budget_and_more_have() {
    let budgets = |values: &str| rendered(values).iter().filter(|d| d["kind"] == "PodDisruptionBudget").count();
    assert_eq!((budgets(""), budgets("replicas: 2")), (0, 1));
}

#[test]
fn flags_come_from_values() {
    let all = rendered(CASES.iter().find(|c| c.name == "prober").unwrap().values);
    let deployment = find(&all, "Deployment", "leeward");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let arguments: Vec<&str> = container["args"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    insta::assert_snapshot!(arguments.join("\n"));
}

#[test]
fn a_digest_wins_and_a_registry_stands_in_front() {
    let image = |values: &str| {
        let all = rendered(values);
        find(&all, "Deployment", "leeward")["spec"]["template"]["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(image(""), format!("ghcr.io/leeward-dev/leeward:{}", env!("CARGO_PKG_VERSION")));
    let digest = format!("sha256:{}", "ab".repeat(32));
    assert_eq!(
        image(&format!("image: {{digest: '{digest}', tag: v9}}\nglobal: {{imageRegistry: registry.example.com}}")),
        format!("registry.example.com/leeward-dev/leeward@{digest}")
    );
}

#[test]
fn kinds_of_others_are_used_only_where_they_are_known() {
    let values_text = CASES.iter().find(|c| c.name == "monitoring").unwrap().values;
    let kinds = |text: &str| -> Vec<String> {
        let all = documents(text);
        all.iter()
            .filter(|d| d["apiVersion"].as_str().unwrap().starts_with("monitoring.coreos.com/"))
            .map(|d| d["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(kinds(&text(values_text)), ["PodMonitor", "PrometheusRule", "ServiceMonitor"]);
    let file = values(values_text);
    let mut command = helm();
    command.args(["template", "leeward", &chart(), "-f"]).arg(file.path());
    assert_eq!(kinds(&lab::process::run(&mut command).unwrap()), Vec::<String>::new());
}

#[test]
fn the_wall_opens_what_is_opened_and_nothing_private_else() {
    let all = rendered(CASES.iter().find(|c| c.name == "wall").unwrap().values);
    let policy = find(&all, "NetworkPolicy", "leeward");
    insta::assert_yaml_snapshot!(policy["spec"]);
}

#[test]
fn notes_say_the_next_step_and_what_to_beware_of() {
    let notes = |values_text: &str| {
        let file = values(values_text);
        let mut command = helm();
        command
            .args(["install", "leeward", &chart(), "-n", "leeward-system", "--dry-run=client", "-f"])
            .arg(file.path());
        let said = lab::process::run(&mut command).unwrap();
        said.split_once("NOTES:\n").unwrap().1.trim().to_owned()
    };
    let beware = "mode: namespaced\nwatchNamespaces: [shop, blog]\nenforce: {namespaces: [shop]}\n\
        admissionPolicy: {enabled: false}\ncrds: {keep: false}\nicmp: {enabled: false}\n\
        prober: {allowTargets: ['shop=10.1.0.0/16'], denyTargets: [203.0.113.0/24]}\n\
        monitoring: {serviceMonitor: {enabled: true}}";
    insta::assert_snapshot!(format!("{}\n\n==========\n\n{}", notes(""), notes(beware)));
}

//! Everything that any set of values renders is accepted by a real API server, pods under the restricted standard.

use crate::helm::{CASES, MONITORING, chart, checkout, crds_chart, helm, text};
use lab::control_plane::ControlPlane;
use lab::process::run;
use serde_json::Value;

/// A control plane with the kinds of the Prometheus operator and the namespaces that the cases name.
fn cluster() -> ControlPlane {
    let server = ControlPlane::start().unwrap();
    let kinds = lab::tools::crds().unwrap().join("prometheus-operator").display().to_string();
    server.kubectl(&["apply", "--server-side", "-f", &kinds]).unwrap();
    for namespace in ["leeward-system", "shop", "blog"] {
        server.kubectl(&["create", "namespace", namespace]).unwrap();
        let standard = "pod-security.kubernetes.io/enforce=restricted";
        server.kubectl(&["label", "namespace", namespace, standard]).unwrap();
    }
    for crd in ["podmonitors", "prometheusrules", "servicemonitors"] {
        let crd = format!("crd/{crd}.monitoring.coreos.com");
        server.kubectl(&["wait", "--for=condition=Established", "--timeout=20s", &crd]).unwrap();
    }
    server
}

#[test]
fn the_api_server_accepts_every_object_of_every_case() {
    let server = cluster();
    let priority = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: edge}\nvalue: 1000\n";
    server.apply(priority).unwrap();
    let strict = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
    for case in CASES {
        let text = text(case.values);
        let said = server.kubectl_with_input(&strict, &text).unwrap_or_else(|e| panic!("{}: {e:#}", case.name));
        // Warnings are about fields that go away and about pods that the standard would refuse.
        assert!(!said.to_lowercase().contains("warning"), "{}: {said}", case.name);
        let objects = text.lines().filter(|line| line.starts_with("kind: ")).count();
        assert_eq!(said.lines().count(), objects, "{}: {said}", case.name);
    }
    let mut command = helm();
    command.args(["template", "kinds", &crds_chart()]);
    server.kubectl_with_input(&strict, &run(&mut command).unwrap()).unwrap();
    // Nothing of it is left behind: it was a dry run.
    assert!(server.kubectl(&["get", "crd", "protectedorigins.leeward.dev"]).is_err());
}

#[test]
fn the_oldest_kubernetes_that_is_named_is_the_oldest_that_is_served() {
    let template = |version: &str| {
        let mut command = helm();
        command.args(["template", "leeward", &chart(), "--kube-version", version]).args(MONITORING);
        run(&mut command)
    };
    template("1.31.0").unwrap();
    let error = template("1.30.9").unwrap_err().to_string();
    assert!(error.contains("1.31.0"), "{error}");
}

/// Artifact Hub shows these to whoever has not installed anything yet.
#[test]
fn what_artifact_hub_shows_is_true() {
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(checkout("charts").join(name).join("Chart.yaml")).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    };
    let (operator, kinds) = (read("leeward"), read("leeward-crds"));
    let part = |chart: &Value, name: &str| -> Value {
        let text = chart["annotations"][format!("artifacthub.io/{name}")].as_str().unwrap();
        serde_saphyr::from_str(text).unwrap()
    };
    assert_eq!(part(&operator, "crds"), part(&kinds, "crds"));
    let image = format!("ghcr.io/leeward-dev/leeward:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(part(&operator, "images")[0]["image"], image);
    assert!(part(&operator, "changes").is_array() && part(&operator, "links").is_array());

    let server = ControlPlane::start().unwrap();
    server.kubectl(&["apply", "--server-side", "-f", &checkout("crds").display().to_string()]).unwrap();
    for crd in part(&operator, "crds").as_array().unwrap() {
        let name = crd["name"].as_str().unwrap();
        let wait = ["wait", "--for=condition=Established", "--timeout=20s"];
        server.kubectl(&[wait.as_slice(), &[&format!("crd/{name}")]].concat()).unwrap();
        let there = server.get("", "crd", name).unwrap();
        assert_eq!(there["spec"]["names"]["kind"], crd["kind"]);
        assert_eq!(there["spec"]["versions"][0]["name"], crd["version"]);
    }
    for example in part(&operator, "crdsExamples").as_array().unwrap() {
        let strict = ["apply", "-n", "default", "--dry-run=server", "--validate=strict", "-f", "-"];
        server.kubectl_with_input(&strict, &example.to_string()).unwrap();
    }
}

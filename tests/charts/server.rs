//! Everything that any set of values renders is accepted by a real API server, pods under the restricted standard.

use crate::helm::{CASES, MONITORING, chart, crds_chart, helm, text};
use lab::control_plane::ControlPlane;
use lab::process::run;

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

//! Mode namespaced with kinds from the other chart, and every flag that values can set: the operator comes up with no more
//! than its Roles, and looks where it may.

use crate::helm::{CASES, chart, crds_chart, values};
use crate::life::{Cluster, NAMESPACE};
use serde_json::json;

const ORIGIN: &str = "\
apiVersion: leeward.dev/v1alpha1
kind: ProtectedOrigin
metadata: {name: site}
spec:
  proxy: {url: 'http://shop.example.com/'}
  origin: {type: Addresses, addresses: {ips: [203.0.113.10]}}
";

#[test]
fn it_runs_with_its_roles_alone_and_with_every_flag() {
    let cluster = Cluster::start();
    let kinds = lab::tools::crds().unwrap();
    cluster
        .server
        .kubectl(&["apply", "--server-side", "-f", &kinds.join("prometheus-operator").display().to_string()])
        .unwrap();
    let roots = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "roots", "namespace": NAMESPACE},
        "data": {"ca.crt": cluster.server.ca_pem()}});
    cluster.server.apply(&roots.to_string()).unwrap();

    cluster.helm(&["install", "kinds", &crds_chart(), "--wait"]);
    let all: String = ["namespaced", "prober", "monitoring"]
        .iter()
        .map(|name| CASES.iter().find(|c| c.name == *name).unwrap().values)
        .collect::<Vec<_>>()
        .join("\n");
    let file = values(&all);
    let file = file.path().to_str().unwrap();
    cluster.helm(&[
        "install",
        "leeward",
        &chart(),
        "-f",
        file,
        "--set",
        "crds.enabled=false",
        "--wait",
        "--timeout",
        "2m",
    ]);
    for kind in ["servicemonitor", "podmonitor", "prometheusrule"] {
        assert!(cluster.exists(kind, "leeward"), "no {kind}");
    }

    cluster.helm(&["test", "leeward", "--timeout", "90s"]);
    let test = cluster.kubelet.trace("leeward-check");
    assert_eq!(test.exit, Some(0), "{}", test.log);
    assert!(test.log.contains("rights are there"), "{}", test.log);

    for namespace in ["shop", "blog", "default"] {
        cluster.server.kubectl_with_input(&["apply", "-n", namespace, "-f", "-"], ORIGIN).unwrap();
    }
    cluster.await_observed("shop", "site");
    cluster.await_observed("blog", "site");
    let outside = cluster.server.get("default", "protectedorigin", "site").unwrap();
    assert_eq!(outside["status"]["observedGeneration"], -1, "nobody asked for this namespace");

    // Without the right it says which one: the test is not one that always passes.
    cluster.server.kubectl(&["delete", "rolebinding", "-n", "blog", "leeward-watched"]).unwrap();
    let mut command = crate::helm::helm_for(&cluster.server);
    command.args(["test", "leeward", "-n", NAMESPACE, "--timeout", "60s"]);
    assert!(lab::process::run(&mut command).is_err());
    let test = cluster.kubelet.trace("leeward-check");
    assert_eq!(test.exit, Some(2), "{}", test.log);
    assert!(test.log.contains("not allowed to list pods in namespace blog"), "{}", test.log);
}

//! A release's life: installed, tested, upgraded, rolled back, removed and installed again, with resources present.

use crate::helm::{chart, helm_for};
use crate::kubelet::{Kubelet, knows};
use lab::control_plane::ControlPlane;
use lab::process::{run, wait_until};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub const NAMESPACE: &str = "leeward-system";
const RESOURCES: &str = "\
apiVersion: leeward.dev/v1alpha1
kind: ProxyNetwork
metadata: {name: office}
spec: {source: {type: Inline, inline: {cidrs: [198.51.100.0/24]}}}
---
apiVersion: leeward.dev/v1alpha1
kind: ProtectedOrigin
metadata: {name: shop, namespace: shop}
spec:
  proxy: {url: 'http://shop.example.com/'}
  origin: {type: Addresses, addresses: {ips: [203.0.113.10]}}
";

/// A cluster with a kubelet for the installation, whose namespace admits restricted pods only.
pub struct Cluster {
    pub kubelet: Kubelet,
    pub server: Arc<ControlPlane>,
}

impl Cluster {
    pub fn start() -> Self {
        let server = Arc::new(ControlPlane::start().unwrap());
        for namespace in [NAMESPACE, "shop", "blog"] {
            server.kubectl(&["create", "namespace", namespace]).unwrap();
        }
        let standard = "pod-security.kubernetes.io/enforce=restricted";
        server.kubectl(&["label", "namespace", NAMESPACE, standard]).unwrap();
        Self { kubelet: Kubelet::start(&server, NAMESPACE), server }
    }

    /// Runs Helm on the installation's namespace.
    pub fn helm(&self, arguments: &[&str]) -> String {
        let mut command = helm_for(&self.server);
        command.args(arguments).args(["-n", NAMESPACE]);
        run(&mut command).unwrap_or_else(|e| panic!("{e:#}\n{}\n{}", self.kubelet.logs(), self.state()))
    }

    fn state(&self) -> String {
        let list = ["get", "deployments,replicasets,pods,events", "-n", NAMESPACE, "-o", "wide"];
        self.server.kubectl(&list).unwrap_or_default()
    }

    /// A field of an object of the installation.
    pub fn read(&self, kind: &str, name: &str, path: &str) -> Value {
        let object = self.server.get(NAMESPACE, kind, name).unwrap();
        object.pointer(path).cloned().unwrap_or_default()
    }

    pub fn exists(&self, kind: &str, name: &str) -> bool {
        self.server.get(NAMESPACE, kind, name).is_ok()
    }

    pub fn await_observed(&self, namespace: &str, name: &str) {
        wait_until("a first look at the resource", Duration::from_mins(1), || {
            let origin = self.server.get(namespace, "protectedorigin", name).unwrap();
            origin["status"]["observedGeneration"] == origin["metadata"]["generation"]
        })
        .unwrap_or_else(|e| panic!("{e}\n{}", self.kubelet.logs()));
    }

    fn uid(&self, kind: &str, namespace: &str, name: &str) -> Value {
        self.server.get(namespace, kind, name).unwrap()["metadata"]["uid"].clone()
    }
}

/// The chart as an earlier version would have been: another number, and a kind with other words.
fn earlier(folder: &Path) -> PathBuf {
    let place = folder.join("leeward");
    run(std::process::Command::new("cp").arg("-r").arg(chart()).arg(&place)).unwrap();
    let change = |file: &str, from: &str, to: &str| {
        let path = place.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} does not say {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    };
    change("Chart.yaml", "\nversion: 0.1.0", "\nversion: 0.0.9");
    change(
        "templates/crds/leeward.dev_protectedorigins.yaml",
        "Visitors reach the site",
        "What an earlier version said",
    );
    place
}

#[test]
fn installed_tested_upgraded_rolled_back_removed_and_installed_again() {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let old = earlier(folder.path());
    let column = || {
        cluster.read("crd", "protectedorigins.leeward.dev", "/spec/versions/0/additionalPrinterColumns/1/description")
    };

    // Waits until the Deployment is available, which it is only once the operator has answered its own probe.
    let said = cluster.helm(&["install", "leeward", old.to_str().unwrap(), "--wait", "--timeout", "2m"]);
    assert!(
        said.contains("Next, a site to look after") && said.contains("helm test leeward -n leeward-system"),
        "{said}"
    );
    assert_eq!(cluster.read("deployment", "leeward", "/status/availableReplicas"), 1);
    assert_eq!(column(), "What an earlier version said");

    // It runs as what was rendered, as nobody, and with nothing.
    let pods =
        cluster.server.kubectl(&["get", "pods", "-n", NAMESPACE, "-o", "jsonpath={.items[0].metadata.name}"]).unwrap();
    let operator = cluster.kubelet.trace(&pods);
    let rendered = cluster.read("deployment", "leeward", "/spec/template/spec/containers/0/args");
    assert_eq!(serde_json::json!(operator.arguments), rendered);
    if knows(65532) {
        let nobody = "Uid: 65532 65532 65532 65532\nGid: 65532 65532 65532 65532\nGroups:\n";
        let nothing = "CapEff: 0000000000000000\nCapBnd: 0000000000000000\nNoNewPrivs: 1\n";
        assert_eq!(operator.identity, format!("{nobody}{nothing}"));
    }

    cluster.server.apply(RESOURCES).unwrap();
    cluster.await_observed("shop", "shop");
    let (origin, network) = (cluster.uid("protectedorigin", "shop", "shop"), cluster.uid("proxynetwork", "", "office"));

    cluster.helm(&["test", "leeward", "--timeout", "90s"]);
    let test = cluster.kubelet.trace("leeward-check");
    assert_eq!(test.exit, Some(0), "{}", test.log);
    for line in ["rights are there", "holds the Lease leeward-system/leeward", "ProxyNetwork office is in use"] {
        assert!(test.log.contains(line), "no {line:?} in\n{}", test.log);
    }
    // Without any capability, by the sysctl alone.
    assert!(test.log.contains("IPv4 pings are possible") || !knows(65532), "{}", test.log);

    let upgrade = ["upgrade", "leeward", &chart(), "--wait", "--timeout", "2m", "--set", "replicas=2"];
    cluster.helm(&upgrade);
    assert_eq!(cluster.read("deployment", "leeward", "/status/availableReplicas"), 2);
    assert_eq!(column(), "Visitors reach the site", "an upgrade brings the kinds as well");
    assert!(cluster.exists("poddisruptionbudget", "leeward"));
    assert_eq!(cluster.uid("protectedorigin", "shop", "shop"), origin);

    cluster.helm(&["rollback", "leeward", "1", "--wait", "--timeout", "2m"]);
    assert_eq!(cluster.read("deployment", "leeward", "/status/availableReplicas"), 1);
    assert_eq!(column(), "What an earlier version said");
    assert!(!cluster.exists("poddisruptionbudget", "leeward"));
    assert_eq!(cluster.uid("protectedorigin", "shop", "shop"), origin);

    cluster.helm(&["uninstall", "leeward", "--wait", "--timeout", "2m"]);
    for (kind, name) in [
        ("deployment", "leeward"),
        ("clusterrole", "leeward"),
        ("clusterrole", "leeward-enforcer"),
        ("serviceaccount", "leeward"),
        ("validatingadmissionpolicy", "leeward-enforce"),
    ] {
        assert!(!cluster.exists(kind, name), "{kind} {name} is still there");
    }
    assert_eq!(cluster.uid("protectedorigin", "shop", "shop"), origin, "the kinds and their resources stay");
    assert_eq!(cluster.uid("proxynetwork", "", "office"), network);

    // Under its old name the release takes the kinds on again.
    cluster.helm(&["install", "leeward", &chart(), "--wait", "--timeout", "2m"]);
    assert_eq!(cluster.uid("protectedorigin", "shop", "shop"), origin);
    cluster.helm(&["uninstall", "leeward", "--wait", "--timeout", "2m"]);

    // Under another name it does when it is told to, and this time they go with it.
    let other =
        ["install", "other", &chart(), "-n", NAMESPACE, "--wait", "--timeout", "2m", "--set", "crds.keep=false"];
    let error = run(helm_for(&cluster.server).args(other)).unwrap_err().to_string();
    assert!(error.contains("must equal \"other\""), "{error}");
    let _ = run(helm_for(&cluster.server).args(["uninstall", "other", "-n", NAMESPACE]));
    run(helm_for(&cluster.server).args(other).arg("--take-ownership")).unwrap();
    assert_eq!(cluster.uid("protectedorigin", "shop", "shop"), origin);
    cluster
        .server
        .kubectl(&["annotate", "protectedorigin", "-n", "shop", "shop", "leeward.dev/requested-at=again"])
        .unwrap();
    cluster.await_observed("shop", "shop");
    let said = cluster.helm(&["uninstall", "other", "--wait", "--timeout", "2m"]);
    assert!(!said.contains("protectedorigins.leeward.dev"), "{said}");
    assert!(!cluster.exists("crd", "protectedorigins.leeward.dev"));
}

#[test]
fn an_operator_that_does_not_become_ready_fails_the_install_and_is_rolled_back() {
    let cluster = Cluster::start();
    let mut command = helm_for(&cluster.server);
    // A flag that the binary does not know.
    command.args(["install", "leeward", &chart(), "-n", NAMESPACE, "--rollback-on-failure", "--timeout", "20s"]);
    command.args(["--set", "extraArgs={--no-such-flag}"]);
    assert!(run(&mut command).is_err());
    assert!(cluster.kubelet.logs().contains("--no-such-flag"), "{}", cluster.kubelet.logs());
    assert!(!cluster.exists("deployment", "leeward"));
}

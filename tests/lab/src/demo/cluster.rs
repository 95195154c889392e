//! The Kubernetes side of the demo: a real control plane, a node with a pod, and kube-router enforcing on that node.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::screen::Screen;
use super::stage::{POD, Site, Stage};
use crate::control_plane::{Bridge, ControlPlane};
use crate::process::{Process, run, wait_until};
use crate::tools;

/// The manifests of the demo, as one types them in the checkout.
pub const CLUSTER: &str = "tests/lab/demo/cluster.yaml";
pub const SITES: &str = "tests/lab/demo/sites.yaml";

/// The control plane with the pod's node; gone when dropped.
#[derive(Debug)]
pub struct Cluster {
    // Dropped before the API server that they talk to.
    router: Process,
    _bridge: Bridge,
    pub plane: ControlPlane,
}

impl Cluster {
    /// Starts it, and waits until the pod is guarded.
    pub fn start(stage: &Stage, screen: &Screen) -> Result<Self> {
        let kube_router = tools::kube_router()?;
        let waiting = screen.wait("etcd, kube-apiserver and kube-controller-manager");
        let plane = ControlPlane::start()?;
        waiting.done(&format!("{} at {}", version(&plane)?, plane.url()));

        show(&plane, screen, &["apply", "--server-side", "-f", CLUSTER])?;
        // There is no kubelet to say these.
        status(&plane, &["node", "node1"], &node_status(stage))?;
        status(&plane, &["-n", "docs", "pod", "docs"], &pod_status(stage))?;

        let bridge = plane.open_in(&stage.node)?;
        let mut command = stage.node.command(kube_router);
        command
            .env("NODE_NAME", "node1")
            .arg(format!("--kubeconfig={}", plane.kubeconfig().display()))
            .args(["--run-router=false", "--run-service-proxy=false", "--run-firewall=true"])
            .args(["--hostname-override=node1", "--service-cluster-ip-range=10.0.0.0/24", "--health-port=0", "--v=1"]);
        let mut router = stage.node.spawn("kube-router", &command)?;
        let waiting = screen.wait("kube-router, the NetworkPolicy engine of node1");
        let log = router.log_path().to_owned();
        router.wait_until("enforcing", Duration::from_secs(30), || {
            waiting.tick("starting");
            std::fs::read_to_string(&log).is_ok_and(|log| log.contains("sync iptables took"))
        })?;
        // The node refuses the proxy, or keeps silent: the kernel limits how often it says "refused".
        stage.visit_until(Site::Docs, &[502, 504], Duration::from_secs(15)).context("before Leeward comes")?;
        waiting.done("kube-router enforces on node1");
        wait_until("an EndpointSlice with the pod", Duration::from_secs(20), || {
            plane.kubectl(&["get", "-n", "docs", "endpointslices", "-o", "json"]).is_ok_and(|json| json.contains(POD))
        })?;
        Ok(Self { router, _bridge: bridge, plane })
    }

    /// An error once kube-router has ended.
    pub fn check(&mut self) -> Result<()> {
        self.router.check()
    }

    /// Runs `kubectl` in the checkout and shows the command and what it says.
    pub fn show(&self, screen: &Screen, words: &[&str]) -> Result<String> {
        show(&self.plane, screen, words)
    }

    pub fn kubectl(&self, words: &[&str]) -> Result<String> {
        self.plane.kubectl(words)
    }
}

fn show(plane: &ControlPlane, screen: &Screen, words: &[&str]) -> Result<String> {
    screen.command("", &format!("kubectl {}", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")));
    let output = run(kubectl_in_checkout(plane).args(words))?;
    screen.output(&output);
    Ok(output)
}

/// `kubectl` where the paths of the checkout hold.
fn kubectl_in_checkout(plane: &ControlPlane) -> Command {
    let mut command = plane.kubectl_command();
    command.current_dir(tools::checkout());
    command
}

/// The word as a shell wants it.
fn quoted(word: &str) -> String {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "-_./=:,@%+".contains(sign);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

fn version(plane: &ControlPlane) -> Result<String> {
    let json: serde_json::Value = serde_json::from_str(&plane.kubectl(&["get", "--raw", "/version"])?)?;
    Ok(format!("Kubernetes {}", json["gitVersion"].as_str().context("the API server's version")?))
}

fn status(plane: &ControlPlane, words: &[&str], patch: &str) -> Result<()> {
    let mut all = vec!["patch", "--subresource=status", "-p", patch];
    all.extend(words);
    plane.kubectl(&all)?;
    Ok(())
}

fn node_status(stage: &Stage) -> String {
    format!(
        r#"{{"status":{{"addresses":[{{"type":"InternalIP","address":"{}"}},{{"type":"Hostname","address":"node1"}}]}}}}"#,
        stage.node.address()
    )
}

fn pod_status(stage: &Stage) -> String {
    let node = stage.node.address();
    format!(
        r#"{{"status":{{"phase":"Running","podIP":"{POD}","podIPs":[{{"ip":"{POD}"}}],"hostIP":"{node}","hostIPs":[{{"ip":"{node}"}}],"conditions":[{{"type":"Ready","status":"True"}}]}}}}"#
    )
}

/// The folder with kubectl.
pub fn programs(plane: &ControlPlane) -> PathBuf {
    plane.kubectl_program().parent().unwrap_or(Path::new("/")).to_owned()
}

//! The Kubernetes side of the demo: a real control plane, a node with a pod, and kube-router enforcing on that node.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::screen::Screen;
use super::stage::{POD, Site, Stage};
use crate::control_plane::{Bridge, ControlPlane};
use crate::policy_engine::PolicyEngine;
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
        // Built, if need be, before anything waits for it.
        tools::kube_router()?;
        let waiting = screen.wait("etcd, kube-apiserver and kube-controller-manager");
        let plane = ControlPlane::start()?;
        waiting.done(&format!("{} at {}", version(&plane)?, plane.url()));

        show(&plane, screen, &["apply", "--server-side", "-f", CLUSTER])?;
        plane.node_is("node1", &stage.node)?;
        plane.pod_is("docs", "docs", &stage.pod, &stage.node)?;

        let bridge = plane.open_in(&stage.node)?;
        let waiting = screen.wait("kube-router, the NetworkPolicy engine of node1");
        let router = PolicyEngine::KubeRouter.start(&plane, &stage.node, "node1")?;
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

/// The folder with kubectl.
pub fn programs(plane: &ControlPlane) -> PathBuf {
    plane.kubectl_program().parent().unwrap_or(Path::new("/")).to_owned()
}

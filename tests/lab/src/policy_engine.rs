//! Real NetworkPolicy engines on a node of the lab: what the API server holds becomes what the node's kernel does to
//! packets of its pods.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::control_plane::ControlPlane;
use crate::network::Host;
use crate::process::Process;
use crate::tools;

/// An engine. Both judge new connections only; what is established goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyEngine {
    /// iptables and ipset; what is blocked is refused at once.
    KubeRouter,
    /// A queue to user space; what is blocked hears nothing.
    KubeNetworkPolicies,
}

/// The queue that the user-space engine reads.
const QUEUE: &str = "100";

/// Fills that queue. The engine would do it by an nftables rule of its own, which needs a kernel with `CONFIG_NFT_QUEUE`;
/// the same by xtables needs none. Packets of a connection that was let in carry the label and are not asked about again.
const FILL_QUEUE: [&[&str]; 2] = [
    &[
        "iptables-legacy",
        "-t",
        "mangle",
        "-A",
        "POSTROUTING",
        "-m",
        "conntrack",
        "--ctstate",
        "ESTABLISHED,RELATED",
        "-m",
        "connlabel",
        "--label",
        QUEUE,
        "-j",
        "RETURN",
    ],
    &["iptables-legacy", "-t", "mangle", "-A", "POSTROUTING", "!", "-o", "lo", "-j", "NFQUEUE", "--queue-num", QUEUE],
];

/// After the queue's hook: only what was let in comes here.
const LABEL: &str = "table inet let-in {
  chain post {
    type filter hook postrouting priority 99;
    oifname != \"lo\" ct label set 100
  }
}
";

impl PolicyEngine {
    pub fn name(self) -> &'static str {
        match self {
            Self::KubeRouter => "kube-router",
            Self::KubeNetworkPolicies => "kube-network-policies",
        }
    }

    /// Starts it on a host that is the node of this name, and waits until it enforces. The host must reach the API server
    /// ([`ControlPlane::open_in`]).
    pub fn start(self, plane: &ControlPlane, host: &Host, node: &str) -> Result<Process> {
        let kubeconfig = format!("--kubeconfig={}", plane.kubeconfig().display());
        let hostname = format!("--hostname-override={node}");
        let mut command;
        match self {
            Self::KubeRouter => {
                command = host.command(tools::kube_router()?);
                command
                    .env("NODE_NAME", node)
                    .args([&kubeconfig, &hostname])
                    .args(["--run-router=false", "--run-service-proxy=false", "--run-firewall=true", "--v=1"])
                    .args(["--service-cluster-ip-range=10.0.0.0/24", "--health-port=0"]);
            }
            Self::KubeNetworkPolicies => {
                for rule in FILL_QUEUE {
                    host.exec(rule).context("a kernel with xt_NFQUEUE and xt_connlabel")?;
                }
                host.nft(LABEL)?;
                command = host.command(tools::kube_network_policies()?);
                command
                    .args([&kubeconfig, &hostname])
                    .args(["--disable-nri", "--fail-open=false", "--netfilter-bug-1766-fix=false", "-v=2"])
                    .arg("--metrics-bind-address=127.0.0.1:9080");
            }
        }
        let mut process = host.spawn(self.name(), &command)?;
        let log = process.log_path().to_owned();
        process.wait_until("enforcing", Duration::from_secs(30), || match self {
            Self::KubeRouter => fs::read_to_string(&log).is_ok_and(|log| log.contains("sync iptables took")),
            Self::KubeNetworkPolicies => has_queue(host),
        })?;
        Ok(process)
    }
}

/// Somebody reads the queue.
fn has_queue(host: &Host) -> bool {
    let table = host.inside(|| fs::read_to_string("/proc/thread-self/net/netfilter/nfnetlink_queue"));
    let table = table.ok().and_then(Result::ok).unwrap_or_default();
    table.lines().any(|line| line.split_ascii_whitespace().next() == Some(QUEUE))
}

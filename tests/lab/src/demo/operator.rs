//! Leeward on its host: one process, the rights of its own ServiceAccount and nothing more.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::cluster::Cluster;
use super::screen::Screen;
use super::stage::{OPERATOR, Stage};
use crate::control_plane::Bridge;
use crate::process::{Process, tail};
use crate::tools;

/// The running operator; killed when dropped.
#[derive(Debug)]
pub struct Operator {
    process: Process,
    _bridge: Bridge,
}

impl Operator {
    /// Starts it with the kubeconfig of `deploy/`'s ServiceAccount.
    pub fn start(stage: &Stage, cluster: &Cluster, screen: &Screen) -> Result<Self> {
        let leeward = tools::leeward()?;
        let kubeconfig = kubeconfig(stage, cluster)?;
        let bridge = cluster.plane.open_in(&stage.operator)?;
        let resolver = stage.names.address().to_string();
        let ca_file = stage.authority.file().display().to_string();
        let flags = [
            ("--resolver", resolver.as_str()),
            ("--control", stage.control.as_str()),
            ("--ca-file", ca_file.as_str()),
            ("--minimum-period-seconds", "10"),
            ("--recheck-seconds", "1"),
            ("--log-format", "text"),
        ];
        let mut command = stage.operator.command(leeward);
        // As the Deployment says them.
        command.env("POD_NAME", "leeward-0").env("POD_IPS", OPERATOR).env("LEEWARD_NAMESPACE", "leeward-system");
        command.env("KUBECONFIG", &kubeconfig).arg("run");
        for (flag, value) in flags {
            command.args([flag, value]);
        }
        let shown: Vec<String> = flags.iter().map(|(flag, value)| format!("{flag} {value}")).collect();
        screen.command("operator", &format!("leeward run {}", shown.join(" ").replace(&ca_file, "lab-ca.crt")));
        let process = stage.operator.spawn("leeward", &command)?;
        Ok(Self { process, _bridge: bridge })
    }

    /// An error with the end of the log once it has ended.
    pub fn check(&mut self) -> Result<()> {
        self.process.check()
    }

    /// The last lines of its log.
    pub fn last_words(&self) -> String {
        tail(&self.process.log(), 30)
    }

    /// Asks it to end, and holds it to a clean end.
    pub fn end(mut self) -> Result<()> {
        let code = self.process.stop(Duration::from_secs(10))?;
        ensure!(code == 0, "leeward ended with {code} on SIGTERM: {}", self.last_words());
        Ok(())
    }
}

fn kubeconfig(stage: &Stage, cluster: &Cluster) -> Result<PathBuf> {
    let text = cluster
        .plane
        .service_account_kubeconfig("leeward-system", "leeward")
        .context("a token for the ServiceAccount of deploy/")?;
    let path = stage.operator.folder()?.join("kubeconfig");
    std::fs::write(&path, text)?;
    Ok(path)
}

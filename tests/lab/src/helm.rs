//! Helm, with folders of its own.

use std::process::Command;
use std::sync::LazyLock;

use anyhow::Result;
use tempfile::TempDir;

use crate::control_plane::ControlPlane;
use crate::tools;

/// Where Helm keeps what it keeps.
static HOME: LazyLock<Result<TempDir, std::io::Error>> = LazyLock::new(tempfile::tempdir);

/// `helm`, without a cluster.
pub fn helm() -> Result<Command> {
    let home = HOME.as_ref().map_err(|e| anyhow::anyhow!("a folder for Helm: {e}"))?;
    let mut command = Command::new(tools::helm()?);
    for kind in ["CACHE", "CONFIG", "DATA"] {
        command.env(format!("HELM_{kind}_HOME"), home.path().join(kind));
    }
    command.env_remove("KUBECONFIG");
    Ok(command)
}

/// `helm` as the administrator of a cluster.
pub fn helm_for(server: &ControlPlane) -> Result<Command> {
    let mut command = helm()?;
    command.env("KUBECONFIG", server.kubeconfig());
    Ok(command)
}

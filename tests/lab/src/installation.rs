//! Leeward in the lab's cluster: installed as an administrator does it, asked as one asks.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::control_plane::ControlPlane;
use crate::tools;

/// Applies `deploy/`, and takes the Deployment away again: nothing schedules pods here, the lab's operators are processes.
pub fn apply(plane: &ControlPlane) -> Result<()> {
    plane.kubectl(&["apply", "--server-side", "--force-conflicts", "-k", &path("")?])?;
    for kind in ["protectedorigins", "proxynetworks"] {
        let crd = format!("crd/{kind}.leeward.dev");
        plane.kubectl(&["wait", "--for=condition=Established", "--timeout=20s", &crd])?;
    }
    plane.kubectl(&["delete", "deployment", "-n", "leeward-system", "--all"])?;
    Ok(())
}

/// Gives Leeward the right to write allowlists in a namespace.
pub fn bind(plane: &ControlPlane, namespace: &str) -> Result<()> {
    plane.kubectl(&["apply", "-n", namespace, "-f", &path("enforce/role-binding.yaml")?])?;
    Ok(())
}

/// Gives it the right for one more type of target: a folder of `deploy/enforce/targets`.
pub fn bind_target(plane: &ControlPlane, namespace: &str, target: &str) -> Result<()> {
    plane.kubectl(&["apply", "-n", namespace, "-k", &path(&format!("enforce/targets/{target}"))?])?;
    Ok(())
}

/// One condition of an object.
pub fn condition(object: &Value, kind: &str) -> Option<Value> {
    object["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == kind).cloned()
}

/// Waits until a condition of a ProtectedOrigin has this status and reason, such as `True/Synced`. Returns the resource.
pub fn await_condition(
    plane: &ControlPlane,
    (namespace, name): (&str, &str),
    kind: &str,
    wanted: &str,
    within: Duration,
) -> Result<Value> {
    let deadline = Instant::now() + within;
    loop {
        let object = plane.get(namespace, "protectedorigin", name)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let says = condition(&object, kind).map(|c| format!("{}/{}", text(&c["status"]), text(&c["reason"])));
        if says.as_deref() == Some(wanted) {
            return Ok(object);
        }
        if Instant::now() >= deadline {
            let status = &object["status"];
            bail!("{namespace}/{name}: {kind} is {says:?} and not {wanted} after {within:?}:\n{status:#}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A file or folder of `deploy/`.
fn path(below: &str) -> Result<String> {
    let path: PathBuf = tools::checkout().join(Path::new("deploy")).join(below);
    Ok(path.to_str().context("a checkout whose path is text")?.to_owned())
}

//! Where the programs of the lab are: found, or prepared by the scripts in `hack/`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// The top folder of the checkout.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").components().collect()
}

/// The folder with etcd, kube-apiserver, kube-controller-manager and kubectl.
pub fn control_plane() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    prepared(&FOLDER, "hack/control-plane/build")
}

/// kube-router, a NetworkPolicy engine.
pub fn kube_router() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    Ok(prepared(&FOLDER, "hack/kube-router/build")?.join("kube-router"))
}

/// kube-network-policies, another one.
pub fn kube_network_policies() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    Ok(prepared(&FOLDER, "hack/kube-network-policies/build")?.join("kube-network-policies"))
}

/// Contour, the ingress controller that programs Envoy.
pub fn contour() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    Ok(prepared(&FOLDER, "hack/contour/build")?.join("contour"))
}

/// HAProxy Technologies' ingress controller.
pub fn haproxy_ingress() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    Ok(prepared(&FOLDER, "hack/haproxy-ingress/build")?.join("haproxy-ingress"))
}

/// `blackbox_exporter`, the peer that `make bench` measures beside.
pub fn blackbox_exporter() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    Ok(prepared(&FOLDER, "hack/blackbox/build")?.join("blackbox_exporter"))
}

/// axe-core, the script that looks for faults of accessibility in a page.
pub fn axe() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    Ok(prepared(&FOLDER, "hack/axe/install")?.join("axe.min.js"))
}

/// Helm, which installs the charts.
pub fn helm() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    Ok(prepared(&FOLDER, "hack/helm/build")?.join("helm"))
}

/// What Helm 4 and Flux make of objects' statuses.
pub fn kstatus() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    Ok(prepared(&FOLDER, "hack/kstatus/build")?.join("kstatus"))
}

/// The interpreter of Argo CD's scripts.
pub fn argocd_script() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    Ok(prepared(&FOLDER, "hack/argocd/build")?.join("argocd-script"))
}

/// Schemas of what pipelines read, with a Python that validates by them.
pub fn schemas() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    prepared(&FOLDER, "hack/schemas/fetch")
}

/// Real CRDs of other projects, a folder for each.
pub fn crds() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    prepared(&FOLDER, "hack/crds/fetch")
}

/// Envoy.
pub fn envoy() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    Ok(prepared(&FOLDER, "hack/envoy/install")?.join("envoy"))
}

/// The `leeward` binary: `LEEWARD` if set, else the one that cargo built beside the caller.
pub fn leeward() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("LEEWARD") {
        return Ok(path.into());
    }
    // target/debug/deps/test-1234, target/debug/demo, target/debug/examples/x
    let own = std::env::current_exe().context("the path of this program")?;
    own.ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join("leeward"))
        .find(|path| path.is_file())
        .with_context(|| format!("no leeward binary near {}: run `cargo build`, or set LEEWARD", own.display()))
}

/// How a program of the lab ends: success only where all that it was asked for holds.
pub fn exit(result: Result<bool>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a script of `hack/` once per process; the scripts themselves are quick when their result is cached.
fn prepared(once: &OnceLock<PathBuf>, script: &str) -> Result<PathBuf> {
    if let Some(folder) = once.get() {
        return Ok(folder.clone());
    }
    let output = Command::new(checkout().join(script))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("running {script}"))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || folder.is_empty() {
        bail!("{script} failed; its messages are above");
    }
    Ok(once.get_or_init(|| folder.into()).clone())
}

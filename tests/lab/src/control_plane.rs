//! A real Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager on loopback ports of their own.
//!
//! There is no kubelet and no scheduler. A pod gets its address by a patch of its status; a pod is deleted with
//! `--grace-period=0 --force`, or its namespace stays `Terminating`.

mod bridge;
mod kubeconfig;
mod kubelet;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

pub use bridge::Bridge;

use crate::certificates::{Authority, State};
use crate::network::Host;
use crate::process::{Process, run, run_with_input, wait_until};
use crate::{cleanup, tools};

const ADMIN_TOKEN: &str = "lab-admin";

/// Controllers that change what Leeward reads: endpoints, garbage collection, namespaces, service accounts.
const CONTROLLERS: &str = "namespace-controller,garbage-collector-controller,endpointslice-controller,\
                           serviceaccount-controller,clusterrole-aggregation-controller,deployment-controller,\
                           replicaset-controller";

/// The audit log holds what everybody but the administrator asked for, one line per finished request, and with their
/// objects all writes of what Leeward reads to decide about its own: a test plays them again.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: RequestResponse
  verbs: [create, update, patch, delete, deletecollection]
  resources:
  - {group: leeward.dev}
  - {group: networking.k8s.io}
  - {group: projectcontour.io}
  - {group: '', resources: [configmaps, namespaces, pods]}
- level: None
  users: [admin]
- level: None
  userGroups: [system:masters]
- level: Metadata
";

/// What can be asked of a control plane.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Write an audit log, read by [`ControlPlane::audit_events`].
    pub audit: bool,
}

/// A running control plane; dropped means gone, API server first, since it waits for minutes for an etcd that is gone.
#[derive(Debug)]
pub struct ControlPlane {
    // Fields are dropped in this order.
    controllers: Mutex<Process>,
    api_server: Mutex<Option<Process>>,
    etcd: Process,
    programs: PathBuf,
    port: u16,
    etcd_port: u16,
    options: Options,
    authority: Authority,
    folder: TempDir,
}

impl ControlPlane {
    pub fn start() -> Result<Self> {
        Self::start_with(Options::default())
    }

    pub fn start_with(options: Options) -> Result<Self> {
        let programs = tools::control_plane()?;
        let folder = cleanup::folder("control-plane")?;
        let path = folder.path();
        let authority = Authority::new(path)?;
        let names = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default.svc", "10.0.0.1"];
        authority.leaf("serving", &names, State::Valid)?;
        let signer = rcgen::KeyPair::generate()?;
        fs::write(path.join("service-accounts.key"), signer.serialize_pem())?;
        fs::write(path.join("service-accounts.pub"), signer.public_key_pem())?;
        fs::write(path.join("tokens.csv"), format!("{ADMIN_TOKEN},admin,admin,\"system:masters\"\n"))?;
        fs::write(path.join("audit-policy.yaml"), AUDIT_POLICY)?;

        let (port, etcd_port, peer_port) = (free_port()?, free_port()?, free_port()?);
        fs::write(
            path.join("kubeconfig"),
            kubeconfig::text(&server(port), &authority.pem(), "admin", ADMIN_TOKEN, "default"),
        )?;
        let etcd = start_etcd(&programs, path, etcd_port, peer_port)?;
        let api_server = start_api_server(&programs, path, port, etcd_port, options)?;
        let controllers = start_controllers(&programs, path)?;
        let this = Self {
            controllers: Mutex::new(controllers),
            api_server: Mutex::new(Some(api_server)),
            etcd,
            programs,
            port,
            etcd_port,
            options,
            authority,
            folder,
        };
        this.wait_until_ready()?;
        wait_until("sure of a service account in the default namespace", Duration::from_mins(3), || {
            this.kubectl(&["get", "serviceaccount", "default"]).is_ok()
        })?;
        Ok(this)
    }

    /// One control plane for all tests of a process that do not disturb it; killed when the process ends.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<ControlPlane> =
            LazyLock::new(|| ControlPlane::start_with(Options { audit: true }).expect("a control plane"));
        &SHARED
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `https://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        server(self.port)
    }

    /// The certificate authority of the serving certificate, PEM.
    pub fn ca_pem(&self) -> String {
        self.authority.pem()
    }

    /// A file for `KUBECONFIG`: the administrator's.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// The administrator's kubeconfig as text.
    pub fn kubeconfig_text(&self) -> String {
        kubeconfig::text(&self.url(), &self.authority.pem(), "admin", ADMIN_TOKEN, "default")
    }

    /// A kubeconfig for a `ServiceAccount` and nothing more, as text; its token comes from a `TokenRequest`.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<String> {
        let token = self.kubectl(&["create", "token", "-n", namespace, name, "--duration=24h"])?;
        Ok(kubeconfig::text(&self.url(), &self.authority.pem(), name, token.trim(), namespace))
    }

    /// The folder of this control plane's files and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lets a host reach the API server at the address that the kubeconfigs name, for as long as the bridge is held.
    pub fn open_in(&self, host: &Host) -> Result<Bridge> {
        Bridge::open(host, ([127, 0, 0, 1], self.port).into(), self.port)
    }

    /// The host is the API server for others, at one of its addresses. The serving certificate names 10.0.0.1.
    pub fn serve_at(&self, host: &Host, port: u16) -> Result<Bridge> {
        Bridge::open(host, host.at(port), self.port)
    }

    /// A command that is `kubectl` as the administrator.
    pub fn kubectl_command(&self) -> Command {
        let mut command = Command::new(self.kubectl_program());
        command.env("KUBECONFIG", self.kubeconfig()).env("KUBECACHEDIR", self.folder.path().join("kubectl-cache"));
        command
    }

    pub fn kubectl_program(&self) -> PathBuf {
        self.programs.join("kubectl")
    }

    /// Runs `kubectl` as the administrator; stdout, or an error with stderr.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        run(self.kubectl_command().args(arguments))
    }

    /// As [`Self::kubectl`], with text on stdin.
    pub fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Result<String> {
        run_with_input(self.kubectl_command().args(arguments), input)
    }

    /// Server-side apply of one or more YAML documents, as the field manager `kubectl`.
    pub fn apply(&self, yaml: &str) -> Result<String> {
        self.kubectl_with_input(&["apply", "--server-side", "-f", "-"], yaml)
    }

    /// Reads one object as JSON.
    pub fn get(&self, namespace: &str, kind: &str, name: &str) -> Result<serde_json::Value> {
        let text = self.kubectl(&["get", "-n", namespace, kind, name, "-o", "json"])?;
        serde_json::from_str(&text).with_context(|| format!("{kind} {namespace}/{name} as JSON"))
    }

    /// What everybody but the administrator has asked the API server since the start, oldest first, and all writes of
    /// Leeward's kinds, of policies and Ingresses, of HTTPProxies, ConfigMaps, Namespaces and Pods.
    /// Empty unless [`Options::audit`].
    pub fn audit_events(&self) -> Result<Vec<serde_json::Value>> {
        let text = match fs::read_to_string(self.folder.path().join("audit.log")) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).context("reading the audit log"),
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).context("a line of the audit log")).collect()
    }

    /// Stops the API server; its port stays ours.
    pub fn stop_api_server(&self) {
        if let Some(mut process) = self.lock_api_server().take() {
            let _ = process.stop(Duration::from_secs(5));
        }
    }

    /// Starts it again on the same port and waits until it answers.
    pub fn restart_api_server(&self) -> Result<()> {
        self.stop_api_server();
        let process = start_api_server(&self.programs, self.folder.path(), self.port, self.etcd_port, self.options)?;
        *self.lock_api_server() = Some(process);
        self.wait_until_ready()?;
        // The controllers end when they lose the API server for long.
        let mut controllers = self.controllers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !controllers.is_running() {
            *controllers = start_controllers(&self.programs, self.folder.path())?;
        }
        Ok(())
    }

    fn wait_until_ready(&self) -> Result<()> {
        let url = format!("{}/readyz", self.url());
        let ca = self.authority.file();
        let mut guard = self.lock_api_server();
        let process = guard.as_mut().context("the API server was stopped")?;
        process.wait_until("ready", Duration::from_secs(90), || {
            let mut curl = Command::new("curl");
            curl.args(["-sS", "-f", "-m", "2", "--noproxy", "*", "-H"])
                .arg(format!("Authorization: Bearer {ADMIN_TOKEN}"))
                .arg("--cacert")
                .arg(&ca)
                .arg(&url);
            run(&mut curl).is_ok_and(|answer| answer == "ok")
        })
    }

    fn lock_api_server(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.api_server.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // Nothing in it is worth a graceful end.
        if let Some(mut process) = self.lock_api_server().take() {
            process.kill();
        }
        self.etcd.kill();
    }
}

fn server(port: u16) -> String {
    format!("https://127.0.0.1:{port}")
}

fn start_etcd(programs: &Path, folder: &Path, port: u16, peer_port: u16) -> Result<Process> {
    let client = format!("http://127.0.0.1:{port}");
    let peer = format!("http://127.0.0.1:{peer_port}");
    let mut command = Command::new(programs.join("etcd"));
    command
        .arg(format!("--data-dir={}", folder.join("etcd").display()))
        .args(["--unsafe-no-fsync", "--log-level=warn", "--name=lab"])
        .arg(format!("--listen-client-urls={client}"))
        .arg(format!("--advertise-client-urls={client}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=lab={peer}"));
    Process::start("etcd", &command, &folder.join("etcd.log"))
}

fn start_api_server(programs: &Path, folder: &Path, port: u16, etcd_port: u16, options: Options) -> Result<Process> {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut command = Command::new(programs.join("kube-apiserver"));
    command
        .arg(format!("--etcd-servers=http://127.0.0.1:{etcd_port}"))
        .arg(format!("--cert-dir={}", folder.display()))
        .arg(format!("--tls-cert-file={}", file("serving.crt")))
        .arg(format!("--tls-private-key-file={}", file("serving.key")))
        .args(["--bind-address=127.0.0.1", "--service-cluster-ip-range=10.0.0.0/24"])
        .arg(format!("--secure-port={port}"))
        // Works without a default route too, and writes no Endpoints of its own.
        .args(["--advertise-address=10.255.0.1", "--endpoint-reconciler-type=none"])
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg(format!("--service-account-key-file={}", file("service-accounts.pub")))
        .arg(format!("--service-account-signing-key-file={}", file("service-accounts.key")))
        .arg("--authorization-mode=RBAC")
        .arg(format!("--token-auth-file={}", file("tokens.csv")))
        // Pods are made without kubelet; nothing has to mount a token.
        .args(["--disable-admission-plugins=ServiceAccount", "--profiling=false"]);
    if options.audit {
        command
            .arg(format!("--audit-policy-file={}", file("audit-policy.yaml")))
            .arg(format!("--audit-log-path={}", file("audit.log")))
            .arg("--audit-log-mode=blocking");
    }
    Process::start("kube-apiserver", &command, &folder.join("kube-apiserver.log"))
}

fn start_controllers(programs: &Path, folder: &Path) -> Result<Process> {
    let mut command = Command::new(programs.join("kube-controller-manager"));
    command
        .arg(format!("--kubeconfig={}", folder.join("kubeconfig").display()))
        .arg(format!("--controllers={CONTROLLERS}"))
        .args(["--use-service-account-credentials=false", "--leader-elect=false", "--secure-port=0"])
        // Ends of things are looked for once a second, so that tests of deletion are quick.
        .args(["--concurrent-gc-syncs=5", "--namespace-sync-period=5s", "--profiling=false"]);
    Process::start("kube-controller-manager", &command, &folder.join("kube-controller-manager.log"))
}

/// A loopback port that nobody listens on. Below the range that outgoing connections take theirs from, so that it
/// stays free until it is used; each process starts at a place of its own.
pub fn free_port() -> Result<u16> {
    const FIRST: u16 = 18_000;
    const COUNT: u16 = 14_000;
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        let spread = std::process::id().wrapping_mul(2_654_435_761) >> 16;
        AtomicU16::new(u16::try_from(spread % u32::from(COUNT)).unwrap_or_default())
    });
    for _ in 0..COUNT {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port between {FIRST} and {}", FIRST + COUNT)
}

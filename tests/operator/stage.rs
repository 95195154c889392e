//! What every test stands on: a control plane, hosts, a site behind a proxy, and operators.

use lab::control_plane::{Bridge, ControlPlane};
use lab::dns::NameServer;
use lab::network::{Host, Network};
use lab::process::Process;
use lab::servers::nginx::Nginx;
use lab::servers::proxy::RunningProxy;
use lab::servers::{Kind, Origin, Proxy};
use serde_json::Value;
use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub const SITE: &str = "shop.example.com";
pub const PROXY: &str = "198.51.100.10";
pub const ORIGIN: &str = "203.0.113.10";
/// Further sites, each with a name and an origin address of its own: those of one address share a budget.
pub const SITES: u8 = 50;

/// The control plane, the hosts and the servers.
pub struct Stage {
    pub server: ControlPlane,
    pub operator: Host,
    /// A second place for an operator, so that both can listen on the same port.
    pub standby: Host,
    pub origin_host: Host,
    pub dns: NameServer,
    pub origin: Nginx,
    _proxy: RunningProxy,
    _bridges: [Bridge; 2],
    /// Last: its hosts carry all of the above.
    pub network: Network,
}

static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(|| Mutex::new(Stage::build()));

/// The stage, for one test at a time, without any resource or operator of another.
pub fn stage() -> Turn {
    let mut stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    stage.clean();
    Turn(stage)
}

/// One test's time on the stage. Whatever was written meanwhile is judged at its end.
pub struct Turn(MutexGuard<'static, Stage>);

impl Deref for Turn {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.0
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut Stage {
        &mut self.0
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            crate::promises::judge(self);
        }
    }
}

impl Stage {
    fn build() -> Self {
        let server = ControlPlane::start_with(lab::control_plane::Options { audit: true }).expect("a control plane");
        let mut network = Network::new().expect("a network");
        let operator = network.host("op", &["192.0.2.50"]).unwrap();
        let standby = network.host("op2", &["192.0.2.51"]).unwrap();
        let proxy_host = network.host("proxy", &[PROXY]).unwrap();
        let further: Vec<String> = (0..SITES).map(address_of).collect();
        let addresses: Vec<&str> = std::iter::once(ORIGIN).chain(further.iter().map(String::as_str)).collect();
        let origin_host = network.host("origin", &addresses).unwrap();
        let dns_host = network.host("dns", &["192.0.2.53"]).unwrap();
        let dns = NameServer::start(&dns_host).unwrap();
        dns.answer(SITE, &[PROXY.parse().unwrap()]);
        for i in 0..SITES {
            dns.answer(&format!("site-{i}.example.com"), &[PROXY.parse().unwrap()]);
        }
        let origin = Origin::new(&["0.0.0.0:80".parse().unwrap()]).start(&origin_host, "site").unwrap();
        let proxy =
            Proxy::new(Kind::Nginx, &[proxy_host.at(80)], &[origin_host.at(80)]).start(&proxy_host, "proxy").unwrap();
        let bridges = [server.open_in(&operator).unwrap(), server.open_in(&standby).unwrap()];
        let this =
            Self { server, operator, standby, origin_host, dns, origin, _proxy: proxy, _bridges: bridges, network };
        this.install();
        this
    }

    /// What an administrator applies.
    pub fn install(&self) {
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
        self.server.kubectl(&["apply", "--server-side", "--force-conflicts", "-k", deploy.to_str().unwrap()]).unwrap();
        for kind in ["protectedorigins", "proxynetworks"] {
            let crd = format!("crd/{kind}.leeward.dev");
            self.server.kubectl(&["wait", "--for=condition=Established", "--timeout=20s", &crd]).unwrap();
        }
        // Nothing schedules pods here: the operators of the tests are processes.
        self.server.kubectl(&["delete", "deployment", "-n", "leeward-system", "--all"]).unwrap();
    }

    fn clean(&mut self) {
        self.let_go();
        for kind in ["protectedorigins", "networkpolicies", "ingresses", "events.v1.events.k8s.io"] {
            let _ = self.server.kubectl(&["delete", kind, "-A", "--all"]);
        }
        let _ = self.server.kubectl(&["delete", "proxynetworks", "--all"]);
        let _ = self.server.kubectl(&["delete", "lease", "-n", "leeward-system", "--all"]);
        for host in [&self.origin_host, &self.operator] {
            host.firewall(&[]).unwrap();
        }
        self.origin.start_again().unwrap();
    }

    /// Takes every finalizer off: what an administrator does once Leeward is uninstalled.
    fn let_go(&self) {
        let list = ["get", "protectedorigins", "-A", "-o"];
        let names = "jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{\"\\n\"}{end}";
        let text = self.server.kubectl(&[list.as_slice(), &[names]].concat()).unwrap();
        for (namespace, name) in text.lines().filter_map(|line| line.split_once(' ')) {
            let patch = ["patch", "protectedorigin", "-n", namespace, name, "--type=merge", "-p"];
            let _ = self.server.kubectl(&[patch.as_slice(), &["{\"metadata\":{\"finalizers\":null}}"]].concat());
        }
    }

    /// A namespace with these labels and annotations, such as `leeward.dev/enforce: allowed`.
    pub fn namespace(&self, name: &str, labels: &str, annotations: &str) {
        self.apply(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels: {{{labels}}}\n  annotations: {{{annotations}}}\n"
        ));
        if labels.contains("leeward.dev/enforce") {
            let binding = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/enforce/role-binding.yaml");
            self.server.kubectl(&["apply", "-n", name, "-f", binding.to_str().unwrap()]).unwrap();
        }
    }

    pub fn apply(&self, yaml: &str) {
        self.server.apply(yaml).unwrap();
    }

    pub fn run(&self, flags: &[&str]) -> Operator {
        self.run_in(&self.operator.clone(), flags)
    }

    /// An operator on a host, with these flags beside those that make it quick.
    pub fn run_in(&self, host: &Host, flags: &[&str]) -> Operator {
        let text = self.server.service_account_kubeconfig("leeward-system", "leeward").unwrap();
        let kubeconfig = host.folder().unwrap().join("kubeconfig");
        fs::write(&kubeconfig, text).unwrap();
        self.run_with(host, &kubeconfig, flags)
    }

    pub fn run_with(&self, host: &Host, kubeconfig: &Path, flags: &[&str]) -> Operator {
        let mut command = host.command(env!("CARGO_BIN_EXE_leeward"));
        command
            .args(["run", "--log-format", "text", "--log-level", "info,leeward=debug", "--listen", "127.0.0.1:8080"])
            .args(["--namespace", "leeward-system", "--recheck-seconds", "1", "--lease-duration-seconds", "5"])
            .args(["--resolver", &self.dns.address().to_string()])
            .args(flags)
            .env("KUBECONFIG", kubeconfig);
        let process = host.spawn("leeward", &command).unwrap();
        Operator { process, host: host.clone() }
    }

    /// The whole resource.
    pub fn get(&self, namespace: &str, name: &str) -> Value {
        self.server.get(namespace, "protectedorigin", name).unwrap()
    }

    pub fn condition(&self, namespace: &str, name: &str, kind: &str) -> Option<Value> {
        condition(&self.get(namespace, name), kind)
    }

    /// Waits until a condition has this status and reason.
    pub fn await_condition(&self, namespace: &str, name: &str, kind: &str, wanted: &str, seconds: u64) -> Value {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            let object = self.get(namespace, name);
            let found = condition(&object, kind);
            let says =
                found.as_ref().map(|c| format!("{}/{}", c["status"].as_str().unwrap(), c["reason"].as_str().unwrap()));
            if says.as_deref() == Some(wanted) {
                return object;
            }
            assert!(
                Instant::now() < deadline,
                "{namespace}/{name}: {kind} is {says:?} and not {wanted} after {seconds} s:\n{:#}",
                object["status"]
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Reasons of the events about a resource, oldest first.
    pub fn events(&self, namespace: &str, name: &str) -> Vec<String> {
        let text = self.server.kubectl(&["get", "events.v1.events.k8s.io", "-n", namespace, "-o", "json"]).unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        let mut found: Vec<(String, String)> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|e| e["regarding"]["name"] == name && e["regarding"]["kind"] == "ProtectedOrigin")
            .map(|e| (e["eventTime"].as_str().unwrap().to_owned(), e["reason"].as_str().unwrap().to_owned()))
            .collect();
        found.sort();
        found.into_iter().map(|(_, reason)| reason).collect()
    }

    /// The firewall of the origin drops the proxy and nobody else.
    pub fn block_proxy(&self) {
        self.origin_host.firewall(&[&format!("ip saddr {PROXY} drop")]).unwrap();
    }

    pub fn allow_proxy(&self) {
        self.origin_host.firewall(&[]).unwrap();
    }
}

fn address_of(site: u8) -> String {
    format!("203.0.113.{}", 100 + site)
}

/// The ProtectedOrigin of a further site.
pub fn further(namespace: &str, site: u8) -> String {
    let name = format!("site-{site}");
    origin(namespace, &name, "").replace(SITE, &format!("{name}.example.com")).replace(ORIGIN, &address_of(site))
}

/// One condition of an object.
pub fn condition(object: &Value, kind: &str) -> Option<Value> {
    object["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == kind).cloned()
}

/// A ProtectedOrigin of the site, with further lines of its spec.
pub fn origin(namespace: &str, name: &str, more: &str) -> String {
    format!(
        "apiVersion: leeward.dev/v1alpha1\nkind: ProtectedOrigin\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  \
         proxy: {{url: 'http://{SITE}/', connectTimeoutSeconds: 2, readTimeoutSeconds: 3}}\n  \
         origin: {{type: Addresses, scheme: HTTP, addresses: {{ips: [{ORIGIN}]}}}}\n  \
         probe: {{periodSeconds: 10, connectTimeoutSeconds: 1, firstByteTimeoutSeconds: 3, pings: 0}}\n{more}"
    )
}

/// A running operator.
pub struct Operator {
    pub process: Process,
    host: Host,
}

impl Operator {
    /// The status and body of one of its paths.
    pub fn ask(&self, path: &str) -> Option<(u16, String)> {
        let mut command: Command = self.host.command("curl");
        command.args(["-sS", "-m", "2", "-w", "\n%{http_code}", &format!("http://127.0.0.1:8080{path}")]);
        let text = lab::process::run(&mut command).ok()?;
        let (body, code) = text.rsplit_once('\n')?;
        Some((code.parse().ok()?, body.to_owned()))
    }

    /// The sum of a metric over the label sets that contain `labels`.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        let (_, text) = self.ask("/metrics").expect("metrics");
        text.lines()
            .filter(|l| l.starts_with(name) && l[name.len()..].starts_with(['{', ' ']) && l.contains(labels))
            .filter_map(|l| l.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum()
    }

    pub fn leads(&self) -> bool {
        self.metric("leeward_leader", "") > 0.5
    }

    pub fn await_leader(&self, seconds: u64) {
        lab::process::wait_until("leading", Duration::from_secs(seconds), || {
            self.ask("/readyz").is_some_and(|(code, _)| code == 200) && self.leads()
        })
        .unwrap_or_else(|e| panic!("{e}:\n{}", self.process.log()));
    }
}

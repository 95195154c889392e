//! What every test stands on: a control plane, a network, and one operator.

use lab::control_plane::{Bridge, ControlPlane, Options};
use lab::dns::NameServer;
use lab::installation;
use lab::network::{Host, Network};
use lab::process::Process;
use std::net::{IpAddr, SocketAddr};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Where the operator probes from: every allowlist lets it in.
pub const OPERATOR: &str = "192.0.2.50";

pub struct Stage {
    pub server: ControlPlane,
    pub dns: NameServer,
    pub visitor: Host,
    /// Whom no allowlist lets in.
    pub stranger: Host,
    pub operator: Process,
    bridges: Mutex<Vec<Bridge>>,
    network: Mutex<Network>,
}

/// The stage of all tests; what it is made of ends with this process.
pub fn stage() -> &'static Stage {
    static STAGE: LazyLock<Stage> = LazyLock::new(Stage::build);
    &STAGE
}

impl Stage {
    fn build() -> Self {
        let server = ControlPlane::start_with(Options { audit: true }).expect("a control plane");
        installation::apply(&server).unwrap();
        let mut network = Network::new().expect("a network");
        let dns = NameServer::start(&network.host("dns", &["192.0.2.53"]).unwrap()).unwrap();
        let visitor = network.host("visitor", &["192.0.2.60"]).unwrap();
        let stranger = network.host("stranger", &["192.0.2.99"]).unwrap();
        let host = network.host("op", &[OPERATOR]).unwrap();
        let bridge = server.open_in(&host).unwrap();
        let kubeconfig = host.folder().unwrap().join("kubeconfig");
        std::fs::write(&kubeconfig, server.service_account_kubeconfig("leeward-system", "leeward").unwrap()).unwrap();
        let mut command = host.command(env!("CARGO_BIN_EXE_leeward"));
        command
            .args(["run", "--log-format", "text", "--namespace", "leeward-system", "--listen", "127.0.0.1:8080"])
            .args(["--recheck-seconds", "1", "--resolver", &dns.address().to_string()])
            .env("POD_IPS", OPERATOR)
            .env("KUBECONFIG", kubeconfig);
        let operator = host.spawn("leeward", &command).unwrap();
        let (bridges, network) = (Mutex::new(vec![bridge]), Mutex::new(network));
        Self { server, dns, visitor, stranger, operator, bridges, network }
    }

    pub fn host(&self, name: &str, addresses: &[&str]) -> Host {
        self.network.lock().unwrap_or_else(PoisonError::into_inner).host(name, addresses).unwrap()
    }

    pub fn pod(&self, node: &Host, name: &str, address: &str) -> Host {
        self.network.lock().unwrap_or_else(PoisonError::into_inner).pod(node, name, address).unwrap()
    }

    /// The API server is there for programs on this host.
    pub fn open_in(&self, host: &Host) {
        let bridge = self.server.open_in(host).unwrap();
        self.bridges.lock().unwrap_or_else(PoisonError::into_inner).push(bridge);
    }

    /// A Node that is a host, and a Pod on it that is another one, labelled `app: POD`.
    pub fn run_pod(&self, namespace: &str, (node, node_host): (&str, &Host), (pod, pod_host): (&str, &Host)) {
        self.apply(&format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: {node}}}\nspec: {{podCIDR: {cidr}, podCIDRs: [{cidr}]}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: {pod}, namespace: {namespace}, labels: {{app: {pod}}}}}\nspec:\n  \
             nodeName: {node}\n  automountServiceAccountToken: false\n  containers: [{{name: c, image: example.com/c:1, ports: [{{name: http, containerPort: 8080}}]}}]\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: {pod}, namespace: {namespace}}}\nspec: {{selector: {{app: {pod}}}, ports: [{{name: http, port: 80, targetPort: http}}]}}\n",
            cidr = around(pod_host.address()),
        ));
        self.server.node_is(node, node_host).unwrap();
        self.server.pod_is(namespace, pod, pod_host, node_host).unwrap();
    }

    pub fn apply(&self, yaml: &str) {
        self.server.apply(yaml).unwrap();
    }
}

/// Runs both at the same time: they wait more than they work, and there are fewer lanes for tests than would pay.
pub fn at_once(one: impl FnOnce() + Send, other: impl FnOnce()) {
    std::thread::scope(|scope| {
        let beside = scope.spawn(one);
        other();
        beside.join().unwrap();
    });
}

/// The /24 of an address.
fn around(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else { panic!("{address} is not an IPv4 address") };
    let [a, b, c, _] = address.octets();
    format!("{a}.{b}.{c}.0/24")
}

/// The status that a host gets from a server under a site's name; 0 without an answer. `from` is one of its addresses.
pub fn status(host: &Host, from: Option<&str>, to: SocketAddr, site: &str) -> u16 {
    let mut command = host.command("curl");
    command.args(["-s", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*"]);
    command.args(["-H", &format!("Host: {site}")]);
    if let Some(address) = from {
        command.args(["--interface", address]);
    }
    let output = command.arg(format!("http://{to}/")).output().unwrap();
    String::from_utf8_lossy(&output.stdout).parse().unwrap()
}

//! The chart's NetworkPolicy for the operator, between real engines and a real replica: it reaches the API server, names,
//! proxies, origins and pods; its metrics go to whom the values name; and no other private address is reached.

use crate::stage::{stage, status};
use lab::control_plane::Bridge;
use lab::dns::NameServer;
use lab::network::Host;
use lab::policy_engine::PolicyEngine;
use lab::process::{Process, run, wait_until};
use lab::servers::nginx::Nginx;
use lab::servers::proxy::RunningProxy;
use lab::servers::{Kind, Origin, Proxy};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Where the replicas are; the chart is installed here.
const NAMESPACE: &str = "wall";
/// Where those are who may read metrics, and other workloads.
const OTHERS: &str = "wall-others";
const SITE: &str = "wall.example.com";
/// The API server, the name server and a neighbour nobody may reach: all of them private.
const API_SERVER: &str = "10.0.0.1";
const NAMES: &str = "172.16.5.53";
const NEIGHBOUR: &str = "172.16.5.99";
const API_PORT: u16 = 6443;
const SOON: Duration = Duration::from_secs(20);

/// `templates/networkpolicy.yaml` with the values that name all that there is to name.
fn policy() -> String {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/leeward");
    let mut helm = lab::helm::helm().unwrap();
    helm.args(["template", "leeward"]).arg(chart).args(["-n", NAMESPACE, "-s", "templates/networkpolicy.yaml"]);
    helm.args(["--set", "networkPolicy.enabled=true"]);
    helm.args(["--set", &format!("networkPolicy.apiServer.cidrs={{{API_SERVER}/32}}")]);
    helm.args(["--set", &format!("networkPolicy.apiServer.ports={{{API_PORT}}}")]);
    let from = format!(
        r#"networkPolicy.metricsFrom=[{{"namespaceSelector":{{"matchLabels":{{"kubernetes.io/metadata.name":"{OTHERS}"}}}},"podSelector":{{"matchLabels":{{"app":"prometheus"}}}}}}]"#
    );
    helm.args(["--set-json", &from]);
    run(&mut helm).unwrap()
}

/// What is around the replicas, in a cluster and outside.
struct Around {
    scraper: Host,
    /// A workload beside the scraper, which may not read metrics.
    other: Host,
    _servers: Vec<Nginx>,
    _proxy: RunningProxy,
    _names: NameServer,
    _bridge: Bridge,
}

const PROXY: &str = "198.51.100.100";
const ORIGIN: &str = "203.0.113.80";

impl Around {
    fn build() -> Self {
        let stage = stage();
        for namespace in [NAMESPACE, OTHERS] {
            stage.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n"));
        }
        let bridge = stage.server.serve_at(&stage.host("api", &[API_SERVER]), API_PORT).unwrap();
        let names = NameServer::start(&stage.host("wall-dns", &[NAMES])).unwrap();
        names.answer(SITE, &[PROXY.parse().unwrap()]);
        let neighbour = stage.host("neighbour", &[NEIGHBOUR]);
        let (proxy, origin) = (stage.host("wall-proxy", &[PROXY]), stage.host("wall-origin", &[ORIGIN]));
        let node = stage.host("wall-node", &["203.0.113.81"]);
        let scraper = stage.pod(&node, "scraper", "10.244.20.10");
        let other = stage.pod(&node, "wall-other", "10.244.20.11");
        stage.run_pod(OTHERS, ("wall-node", &node), ("prometheus", &scraper));
        stage.run_pod(OTHERS, ("wall-node", &node), ("other", &other));
        let servers = vec![
            Origin::new(&[neighbour.at(8080), neighbour.at(API_PORT)]).start(&neighbour, "neighbour").unwrap(),
            Origin::new(&[origin.at(80)]).start(&origin, "origin").unwrap(),
            Origin::new(&[other.at(8080)]).start(&other, "workload").unwrap(),
        ];
        let proxy = Proxy::new(Kind::Nginx, &[proxy.at(80)], &[origin.at(80)]).start(&proxy, "proxy").unwrap();
        Self { scraper, other, _servers: servers, _proxy: proxy, _names: names, _bridge: bridge }
    }
}

/// One more replica of the operator, as a pod on a node of its own. It stands by, and never leads.
struct Replica {
    node: Host,
    pod: Host,
    operator: Process,
    engine: PolicyEngine,
    _enforces: Process,
}

impl Replica {
    fn start(engine: PolicyEngine, name: &'static str, node: &str, pod: &str) -> Self {
        let stage = stage();
        let (node_name, pod_name) = (format!("{name}-n"), format!("{name}-p"));
        let node = stage.host(&node_name, &[node]);
        let pod = stage.pod(&node, &pod_name, pod);
        stage.run_pod(NAMESPACE, (&node_name, &node), (&pod_name, &pod));
        let labels = ["app.kubernetes.io/name=leeward", "app.kubernetes.io/instance=leeward"];
        stage.server.kubectl(&[&["label", "pod", "-n", NAMESPACE, pod_name.as_str()], &labels[..]].concat()).unwrap();
        stage.open_in(&node);
        let enforces = engine.start(&stage.server, &node, &node_name).unwrap();

        let kubeconfig = stage.server.service_account_kubeconfig("leeward-system", "leeward").unwrap();
        let kubeconfig = kubeconfig.replace(&stage.server.url(), &format!("https://{API_SERVER}:{API_PORT}"));
        assert!(kubeconfig.contains(API_SERVER), "{kubeconfig}");
        std::fs::write(pod.folder().unwrap().join("kubeconfig"), kubeconfig).unwrap();
        let operator = run_in(&pod);
        Self { node, pod, operator, engine, _enforces: enforces }
    }

    /// From nothing: what is connected already is no policy's business.
    fn starts_again(&mut self) {
        assert_eq!(self.operator.stop(SOON).unwrap(), 0, "{}", self.operator.log());
        self.operator = run_in(&self.pod);
        self.await_ready();
    }

    fn metrics(&self, from: &Host) -> u16 {
        get(from, self.pod.at(8080), "/metrics")
    }

    fn dials(&self, to: SocketAddr) -> u16 {
        status(&self.pod, None, to, SITE)
    }

    /// `leeward diagnose` in its place: names, the proxy and the origin.
    fn diagnoses(&self) {
        let mut command = self.pod.command(env!("CARGO_BIN_EXE_leeward"));
        command.args(["diagnose", "--via", &format!("http://{SITE}/"), "--origin", ORIGIN, "--rounds", "1"]);
        command.args(["--resolver", &format!("{NAMES}:53"), "--long-probe", "0"]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains(&format!("{SITE} is healthy")), "{said}");
    }

    fn await_ready(&self) {
        let ready = || get(&self.pod, ([127, 0, 0, 1], 8080).into(), "/readyz") == 200;
        wait_until("ready", SOON, ready).unwrap_or_else(|e| panic!("{e}\n{}", self.operator.log()));
    }
}

/// The operator in a pod. It is ready when the API server has listed every kind.
fn run_in(pod: &Host) -> Process {
    let mut command = pod.command(env!("CARGO_BIN_EXE_leeward"));
    command
        .args(["run", "--log-format", "text", "--namespace", "leeward-system", "--listen", "0.0.0.0:8080"])
        .args(["--resolver", &format!("{NAMES}:53")])
        .env("POD_NAME", pod.name())
        .env("KUBECONFIG", pod.folder().unwrap().join("kubeconfig"));
    pod.spawn("leeward", &command).unwrap()
}

fn get(from: &Host, to: SocketAddr, path: &str) -> u16 {
    let mut command = from.command("curl");
    command.args(["-s", "-m", "2", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*"]);
    let output = command.arg(format!("http://{to}{path}")).output().unwrap();
    String::from_utf8_lossy(&output.stdout).parse().unwrap()
}

#[test]
fn the_charts_own_policy_lets_the_operator_work_and_nobody_else_in() {
    let around = Around::build();
    let neighbour = |port: u16| SocketAddr::new(NEIGHBOUR.parse().unwrap(), port);
    let mut replicas = [
        Replica::start(PolicyEngine::KubeRouter, "wall-r", "203.0.113.82", "10.244.21.10"),
        Replica::start(PolicyEngine::KubeNetworkPolicies, "wall-q", "203.0.113.83", "10.244.22.10"),
    ];

    // Without it everybody reads metrics, and everything is reached.
    for replica in &replicas {
        replica.await_ready();
        assert_eq!([&stage().stranger, &around.other, &around.scraper].map(|from| replica.metrics(from)), [200; 3]);
        assert_eq!([8080, API_PORT].map(|port| replica.dials(neighbour(port))), [200; 2]);
    }

    stage().apply(&policy());
    for replica in &mut replicas {
        wait_until("the policy is enforced", SOON, || replica.metrics(&stage().stranger) == 0).unwrap();
        replica.starts_again();
        let got = [&around.other, &around.scraper].map(|from| replica.metrics(from));
        assert_eq!(got, [0, 200], "metrics of {}", replica.pod.name());
        if replica.engine == PolicyEngine::KubeRouter {
            // What the other engine's queue sees is chosen by the lab, and packets of the node itself are among it.
            assert_eq!(
                get(&replica.node, replica.pod.at(8080), "/livez"),
                200,
                "the kubelet of {}",
                replica.node.name()
            );
        }
        assert_eq!([8080, API_PORT].map(|port| replica.dials(neighbour(port))), [0; 2], "{}", replica.pod.name());
        assert_eq!(replica.dials(around.other.at(8080)), 200, "an origin that is a pod, from {}", replica.pod.name());
        replica.diagnoses();
    }
}

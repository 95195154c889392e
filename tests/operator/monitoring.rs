//! Alerts and dashboards against a real Prometheus that scrapes a real operator: every query is understood, those that
//! should have data have, and the alerts that should are on their way.

use crate::stage::{ORIGIN, Operator, Stage, further, origin, stage};
use lab::monitoring::{Page, pages};
use lab::process::{run, wait_until};
use lab::servers::Prometheus;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// As docs/metrics.md tells to scrape. What the target itself is labelled with must not cover the origin's namespace.
fn config(rules: &Path) -> String {
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\n\
         scrape_configs:\n- job_name: leeward\n  honor_labels: true\n  static_configs:\n  \
         - {{targets: ['127.0.0.1:8080'], labels: {{namespace: leeward-system, pod: leeward-0}}}}\n",
        rules.display()
    )
}

/// The Prometheus, asked as Grafana asks it.
struct Asked<'a> {
    stage: &'a Stage,
    at: SocketAddr,
}

impl Asked<'_> {
    fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let mut command = self.stage.operator.command("curl");
        command.args(["-sS", "-m", "5", "-G", &format!("http://{}/api/v1/{path}", self.at)]);
        for (name, value) in parameters {
            command.args(["--data-urlencode", &format!("{name}={value}")]);
        }
        let answer: Value = serde_json::from_str(&run(&mut command).unwrap()).unwrap();
        assert_eq!(answer["status"], "success", "{parameters:?}: {answer:#}");
        answer["data"].clone()
    }

    /// The series that a query comes to.
    fn ask(&self, expr: &str, instant: bool) -> Vec<Value> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let (now, before) = (now.to_string(), (now - 30).to_string());
        let data = if instant {
            self.get("query", &[("query", expr)])
        } else {
            self.get("query_range", &[("query", expr), ("start", &before), ("end", &now), ("step", "1")])
        };
        data["result"].as_array().unwrap().clone()
    }

    /// Alerts by name and namespace, those on their way to firing too.
    fn alerts(&self) -> BTreeSet<String> {
        let data = self.get("alerts", &[]);
        let named = |alert: &Value| {
            let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
            format!("{} {}{}", label("alertname"), label("name"), label("network")).trim_end().to_owned()
        };
        data["alerts"].as_array().unwrap().iter().map(named).collect()
    }
}

/// As Grafana fills it in.
fn filled(expr: &str, cause: &str, name: &str) -> String {
    let expr = expr.replace("$__rate_interval", "10s").replace("=\"$namespace\"", "=\"watch\"");
    expr.replace("$namespace", ".*").replace("$cause", cause).replace("$name", name)
}

/// One site that fails, one that works with its origin open to strangers, one whose resource is wrong; and two lists, of
/// which one is held back and one cannot be read.
fn furnish(stage: &Stage, operator: &Operator) {
    stage.namespace("watch", "", "leeward.dev/allowed-hosts: shop.example.com");
    let network = |name: &str, source: &str| {
        stage.apply(&format!(
            "apiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork\nmetadata: {{name: {name}}}\nspec: {{refreshSeconds: 10, source: {{{source}}}}}\n"
        ));
    };
    network("held", "type: Inline, inline: {cidrs: [198.51.100.0/26, 198.51.100.128/26]}");
    network("unread", "type: ConfigMap, configMap: {name: missing, key: cidrs}");
    stage.apply(&origin("watch", "fails", "  expect: {statuses: ['204']}\n"));
    let enforce = "  allowlist: {mode: Enforce, targets: [{name: web, type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginx}}]}\n";
    let works = further("watch", 1)
        .replace("connectTimeoutSeconds: 2,", "connectTimeoutSeconds: 2, networkRef: {name: held},")
        .replace("type: Addresses,", "type: Addresses, vantages: [{name: cluster, access: Unlisted}],");
    stage.apply(&format!("{works}{enforce}"));
    stage.apply(&origin("watch", "wrong", "").replace(ORIGIN, "169.254.169.254"));
    wait_until("the first list", Duration::from_secs(10), || {
        operator.metric("leeward_network_condition", "network=\"held\",condition=\"Ready\"") > 0.5
    })
    .unwrap();
    network("held", "type: Inline, inline: {cidrs: [198.51.100.0/26]}");
}

#[test]
fn dashboards_have_data_and_alerts_are_on_their_way_with_a_real_prometheus() {
    let stage = stage();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/monitoring/rules.yaml");
    let at = stage.operator.at(9090);
    let _prometheus = Prometheus::configured(&stage.operator, at, &config(&rules)).unwrap();
    let asked = Asked { stage: &stage, at };
    wait_until("ready", Duration::from_secs(10), || !asked.get("rules", &[])["groups"].as_array().unwrap().is_empty())
        .unwrap();

    // Nobody runs: that is seen too.
    wait_until("no leader", Duration::from_secs(10), || asked.alerts().contains("LeewardNoLeader")).unwrap();
    let operator = stage.run(&[]);
    operator.await_leader(30);
    furnish(&stage, &operator);
    stage.await_condition("watch", "fails", "OriginHealthy", "False/UnexpectedResponse", 40);
    stage.await_condition("watch", "site-1", "OriginHealthy", "True/Healthy", 20);

    let wanted = [
        "LeewardAllowlistNotSynced site-1",
        "LeewardNetworkQuarantined held",
        "LeewardNetworkStale unread",
        "LeewardOriginExposed site-1",
        "LeewardOriginUnhealthyUnsure fails",
        "LeewardOriginUnwatched wrong",
    ];
    let start = Instant::now();
    let without_certainty = |mut found: BTreeSet<String>| -> Vec<String> {
        found.remove("LeewardOriginUnhealthy fails");
        found.into_iter().collect()
    };
    while without_certainty(asked.alerts()) != wanted && start.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(250));
    }
    assert_eq!(without_certainty(asked.alerts()), wanted, "{}", operator.ask("/metrics").unwrap().1);

    let pages = pages().unwrap();
    let mut empty = missing(&asked, &pages);
    // A round or two later there are two samples of everything, and connections enough to know the way.
    while !empty.is_empty() && start.elapsed() < Duration::from_secs(45) {
        std::thread::sleep(Duration::from_secs(1));
        empty = missing(&asked, &pages);
    }
    assert_eq!(empty, Vec::<String>::new(), "no data:\n{}", operator.ask("/metrics").unwrap().1);
    first_looks(&stage);
}

/// Queries without data, but for those whose data this stage does not make.
fn missing(asked: &Asked<'_>, pages: &[Page]) -> Vec<String> {
    let mut empty = Vec::new();
    for page in pages {
        for query in page.queries() {
            let expr = &query.expr;
            // No handshake fails and no segment is lost here; both need many connections before anything is said of them.
            let rare = ["_link_loss_", "leeward_skipped_total"].iter().any(|part| expr.contains(part));
            let one = if expr.contains("risks") || expr.contains("synced") { "site-1" } else { "fails" };
            let found = asked.ask(&filled(expr, "UnexpectedResponse", one), query.instant);
            if found.is_empty() && !rare {
                empty.push(format!("{}: {}: {expr}", page.uid(), query.panel));
            }
        }
        for variable in page.asked() {
            let selector = variable.trim_start_matches("label_values(").rsplit_once(',').unwrap().0;
            let found = asked.ask(&filled(selector, "", ""), true);
            if found.is_empty() {
                empty.push(format!("{}: {variable}", page.uid()));
            }
        }
    }
    empty
}

/// What the runbooks tell to look at first works, for the resources of this stage.
fn first_looks(stage: &Stage) {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks.md")).unwrap();
    let commands: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("$ kubectl "))
        .filter(|line| {
            ["protectedorigin", "proxynetwork", "networkpolicies", "pods,lease", "readyz"]
                .iter()
                .any(|w| line.contains(w))
        })
        .filter(|line| !line.starts_with("logs"))
        .collect();
    assert!(commands.len() >= 7, "{commands:?}");
    for command in commands {
        let command = command.replace("NAMESPACE", "watch").replace("NAME", "fails").replace("NETWORK", "held");
        let words: Vec<&str> = command.split(' ').collect();
        stage.server.kubectl(&words).unwrap_or_else(|e| panic!("kubectl {command}: {e:#}"));
    }
    let said = stage.server.kubectl(&["describe", "protectedorigin", "-n", "watch", "fails"]).unwrap();
    for word in ["Summary:", "Remedy:", "Pattern:", "Scope:"] {
        assert!(said.contains(word), "the runbooks speak of {word}\n{said}");
    }
}

//! A write that hurts is taken back: a real policy engine enforces what Leeward wrote, visitors get errors, and soon they
//! do not any more.

use crate::stage::{condition, stage};
use lab::policy_engine::PolicyEngine;
use lab::process::wait_until;
use lab::servers::{Kind, Origin, Proxy};
use serde_json::Value;
use std::time::Duration;

/// Where a narrowing is taken back.
pub const NAMESPACE: &str = "roll";
const POD: &str = "10.244.7.10";
const NODE: &str = "203.0.113.30";
const EDGE: &str = "198.51.100.40";

const OBJECTS: &str = "
apiVersion: v1
kind: Node
metadata: {name: roll-node}
spec: {podCIDR: 10.244.7.0/24, podCIDRs: [10.244.7.0/24]}
---
apiVersion: v1
kind: Pod
metadata: {name: docs, namespace: roll, labels: {app: docs}}
spec:
  nodeName: roll-node
  automountServiceAccountToken: false
  containers: [{name: nginx, image: docs.example.com/docs:1, ports: [{name: http, containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: docs, namespace: roll}
spec: {selector: {app: docs}, ports: [{name: http, port: 80, targetPort: http}]}
---
# A list that has nothing to do with where this proxy connects from.
apiVersion: leeward.dev/v1alpha1
kind: ProxyNetwork
metadata: {name: roll}
spec: {refreshSeconds: 10, source: {type: Inline, inline: {cidrs: [203.0.113.240/28]}}}
";

const SITE: &str = "
apiVersion: leeward.dev/v1alpha1
kind: ProtectedOrigin
metadata: {name: docs, namespace: roll}
spec:
  proxy: {url: 'http://docs.example.com/', connectTimeoutSeconds: 2, readTimeoutSeconds: 3, networkRef: {name: roll}}
  origin: {type: Service, service: {name: docs, port: 80}, scheme: HTTP, vantages: [{name: cluster, access: Listed}]}
  probe: {periodSeconds: 10, connectTimeoutSeconds: 1, firstByteTimeoutSeconds: 3, pings: 0}
  allowlist:
    mode: Enforce
    extraCIDRs: [{cidr: 192.0.2.50/32, reason: 'the probes of the operator'}]
    targets: [{name: pods, type: NetworkPolicy, networkPolicy: {isolation: Allow}}]
";

#[test]
fn an_isolation_that_cuts_visitors_off_is_taken_back_and_not_tried_again() {
    let mut stage = stage();
    stage.namespace(NAMESPACE, "leeward.dev/enforce: allowed", "leeward.dev/allowed-hosts: docs.example.com");
    let node = stage.network.host("roll-node", &[NODE]).unwrap();
    let pod = stage.network.pod(&node, "roll-pod", POD).unwrap();
    let proxy_host = stage.network.host("roll-proxy", &[EDGE]).unwrap();
    let _origin = Origin::new(&[pod.at(8080)]).start(&pod, "docs").unwrap();
    let _proxy =
        Proxy::new(Kind::Nginx, &[proxy_host.at(80)], &[pod.at(8080)]).start(&proxy_host, "docs-proxy").unwrap();
    stage.dns.answer("docs.example.com", &[EDGE.parse().unwrap()]);
    stage.apply(OBJECTS);
    stage.server.node_is("roll-node", &node).unwrap();
    stage.server.pod_is(NAMESPACE, "docs", &pod, &node).unwrap();
    let _bridge = stage.server.open_in(&node).unwrap();
    let _router = PolicyEngine::KubeRouter.start(&stage.server, &node, "roll-node").unwrap();
    let visit = || -> String {
        let url = "http://docs.example.com/";
        let resolve = format!("docs.example.com:80:{EDGE}");
        let mut command = stage.standby.command("curl");
        command.args(["-s", "-m", "8", "-o", "/dev/null", "-w", "%{http_code}", "--resolve", &resolve, url]);
        String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
    };
    wait_until("the site to work", Duration::from_secs(20), || visit() == "200").unwrap();

    let operator = stage.run(&[]);
    operator.await_leader(30);
    stage.apply(SITE);
    let policy = || stage.server.kubectl(&["get", "networkpolicy", "-n", NAMESPACE, "leeward-docs", "-o", "name"]);
    wait_until("the isolation", Duration::from_secs(40), || policy().is_ok()).unwrap();
    wait_until("visitors cut off", Duration::from_secs(20), || ["502", "504"].contains(&visit().as_str())).unwrap();
    let object = stage.await_condition(NAMESPACE, "docs", "AllowlistSynced", "False/RolledBack", 90);
    assert!(policy().is_err(), "what was narrowed is still there: {:#}", object["status"]);
    wait_until("visitors served again", Duration::from_secs(20), || visit() == "200").unwrap();
    let object = stage.await_condition(NAMESPACE, "docs", "OriginHealthy", "True/Healthy", 90);
    let synced = condition(&object, "AllowlistSynced").unwrap();
    assert_eq!(synced["reason"], "RolledBack", "{synced:#}");

    // Another list is tried. Whoever wrote it dies before he sees what it does; the next one takes it back.
    let list = |more: &str| {
        let list = OBJECTS.split("---").last().unwrap();
        stage.apply(&list.replace("203.0.113.240/28", &format!("203.0.113.240/28, {more}/32")));
    };
    list("203.0.113.1");
    wait_until("the isolation", Duration::from_secs(40), || policy().is_ok()).unwrap();
    drop(operator);
    wait_until("visitors cut off", Duration::from_secs(20), || ["502", "504"].contains(&visit().as_str())).unwrap();
    let operator = stage.run(&[]);
    operator.await_leader(30);
    let object = stage.await_condition(NAMESPACE, "docs", "AllowlistSynced", "False/RolledBack", 90);
    assert!(policy().is_err(), "what was narrowed is still there: {:#}", object["status"]);
    assert!(object["status"]["allowlist"]["narrowing"].is_null(), "{:#}", object["status"]);
    wait_until("visitors served again", Duration::from_secs(20), || visit() == "200").unwrap();
    stage.await_condition(NAMESPACE, "docs", "OriginHealthy", "True/Healthy", 90);
    drop(operator);

    // The same is not tried again, although the site works: not even by yet another process.
    let operator = stage.run(&[]);
    operator.await_leader(30);
    std::thread::sleep(Duration::from_secs(25));
    assert!(policy().is_err());
    assert!(operator.metric("leeward_api_writes_total", "kind=\"NetworkPolicy\"") < 0.5);
    stage.await_condition(NAMESPACE, "docs", "AllowlistSynced", "False/RolledBack", 30);

    // With the right list it is.
    list(EDGE);
    stage.await_condition(NAMESPACE, "docs", "AllowlistSynced", "True/Synced", 60);
    wait_until("visitors served", Duration::from_secs(20), || visit() == "200").unwrap();
    let written: Value = stage.server.get(NAMESPACE, "networkpolicy", "leeward-docs").unwrap();
    assert!(written["spec"]["ingress"].to_string().contains(EDGE), "{written:#}");
    drop(operator);
    for object in [&["node", "roll-node"][..], &["-n", NAMESPACE, "pod", "docs", "--grace-period=0", "--force"]] {
        stage.server.kubectl(&[&["delete"], object].concat()).unwrap();
    }
}

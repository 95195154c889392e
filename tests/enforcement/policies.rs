//! NetworkPolicies: one body for two engines. What the one blocks is refused, what the other blocks hears nothing; both
//! are diagnosed, and what Leeward writes opens both to the proxy and to nobody else.

use crate::life::Site;
use crate::stage::{OPERATOR, at_once, stage};
use lab::policy_engine::PolicyEngine;
use lab::servers::{Kind, Origin, Proxy};

/// Somebody closed the pod to everybody but the host that monitors it, and forgot the proxy.
fn tight(namespace: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: monitoring-only, namespace: {namespace}}}\n\
         spec:\n  podSelector: {{matchLabels: {{app: web}}}}\n  policyTypes: [Ingress]\n  \
         ingress: [{{from: [{{ipBlock: {{cidr: {OPERATOR}/32}}}}], ports: [{{port: 8080, protocol: TCP}}]}}]\n"
    )
}

struct Case {
    site: Site,
    proxy: Kind,
    node: [&'static str; 2],
    pod: &'static str,
    /// What curl says where the engine blocks.
    blocked: i32,
    /// What a visitor gets meanwhile.
    visitor: &'static [u16],
}

fn case(engine: PolicyEngine) -> Case {
    let site = |name: &'static str, old: &'static str, new: &'static str, pod: &str, provider: &str| Site {
        name,
        edge: Site::edge(&format!("{name}-edge"), old, new),
        port: 80,
        old,
        new,
        origin: format!("{pod}:8080").parse().unwrap(),
        spec: format!(
            "  proxy: {{PROXY, provider: {provider}}}\n  origin: {{type: Service, service: {{name: web, port: 80}}, scheme: HTTP, vantages: [{{name: cluster, access: Listed}}]}}"
        ),
        target: "type: NetworkPolicy",
    };
    match engine {
        PolicyEngine::KubeRouter => Case {
            site: site("router", "198.51.100.40", "198.51.100.45", "10.244.7.10", "Nginx"),
            proxy: Kind::Nginx,
            node: ["router-node", "203.0.113.30"],
            pod: "10.244.7.10",
            blocked: 7,
            // The kernel limits how often it says "refused": then the proxy waits.
            visitor: &[502, 504],
        },
        PolicyEngine::KubeNetworkPolicies => Case {
            site: site("queue", "198.51.100.50", "198.51.100.55", "10.244.8.10", "HAProxy"),
            proxy: Kind::Haproxy,
            node: ["queue-node", "203.0.113.31"],
            pod: "10.244.8.10",
            blocked: 28,
            visitor: &[503],
        },
    }
}

fn lives(engine: PolicyEngine) {
    let stage = stage();
    let Case { site, proxy, node: [node, address], pod, blocked, visitor } = case(engine);
    let node_host = stage.host(node, &[address]);
    let pod_host = stage.pod(&node_host, &format!("{}-pod", site.name), pod);
    let _origin = Origin::new(&[pod_host.at(8080)]).start(&pod_host, "web").unwrap();
    let _proxy = Proxy::new(proxy, &[site.edge.at(80)], &[pod_host.at(8080)]).start(&site.edge, "proxy").unwrap();
    Site::permit(site.name, &[]);
    stage.run_pod(site.name, (node, &node_host), ("web", &pod_host));
    stage.open_in(&node_host);
    let _engine = engine.start(&stage.server, &node_host, node).unwrap();
    site.await_visit(&[200]);

    // Somebody's tight policy cuts the proxy off, in the way of this engine.
    stage.apply(&tight(site.name));
    site.await_visit(visitor);
    let code = || {
        let mut command = stage.stranger.command("curl");
        command.args(["-s", "-m", "2", "--noproxy", "*"]).arg(format!("http://{}/", site.origin));
        command.status().unwrap().code().unwrap()
    };
    lab::process::wait_until("blocked as this engine blocks", std::time::Duration::from_secs(5), || code() == blocked)
        .unwrap();

    // It is named, with the policy as the reason, and nothing is written.
    site.publish(&[site.old], &[]);
    site.apply("Observe");
    let object = site.await_condition("OriginHealthy", "False/NetworkPolicyBlocks");
    assert_eq!(object["status"]["diagnosis"]["confidence"], "High", "{:#}", object["status"]);
    site.shows(&["True False NetworkPolicyBlocks Observe", "Observing High", "monitoring-only"]);
    assert_eq!((site.from(site.old), site.stranger()), (0, 0));

    // The cure: the proxy is let in, and nobody else.
    site.apply("Enforce");
    site.await_condition("AllowlistSynced", "True/Synced");
    site.await_visit(&[200]);
    assert_eq!((site.from(site.old), site.from(site.new), site.stranger()), (200, 0, 0));
    site.await_condition("OriginHealthy", "True/Healthy");
    site.says("1 target carries 3 prefixes; probed after the write: the site works through the proxy again");
    site.shows(&["True True Healthy Enforce", "Synced High", "http://", &format!("{0}/web:80", site.name)]);

    site.moves(&[], 0, &mut || {});
}

#[test]
fn an_engine_that_refuses_and_one_that_keeps_silent_let_in_whom_the_list_names() {
    at_once(|| lives(PolicyEngine::KubeRouter), || lives(PolicyEngine::KubeNetworkPolicies));
}

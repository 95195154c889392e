//! What stays open beside the targets, and whom a first isolation would cut off.

use super::*;

fn open(text: &str) -> Vec<String> {
    Situation::of(text).plan().open
}

/// Only the annotation, so that nothing guards the pods themselves.
fn without_policy(site: &str) -> String {
    site.replace("    - {name: pods, type: NetworkPolicy, networkPolicy: {isolation: Refuse}}\n", "")
}

const NODE_PORT: &str = "
---
apiVersion: v1
kind: Service
metadata: {name: debug, namespace: shop}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 443, nodePort: 30443}]}
";

#[test]
fn second_entrances_are_named_where_nothing_guards_them() {
    assert_eq!(open(&closed()), [] as [&str; 0]);
    let bare = without_policy(&format!("{}{NODE_PORT}", closed()));
    assert_eq!(open(&bare), ["Service shop/debug (NodePort, node port 30443) leads to the pods past every target"]);
    // Rules that are not read may guard them.
    let group = "    - {name: group, type: CiliumCIDRGroup, ciliumCIDRGroup: {name: edge}}\n";
    assert_eq!(open(&bare.replace("    targets:\n", &format!("    targets:\n{group}"))), [] as [&str; 0]);
    // A policy guards the pods, but for their own nodes where the Service hides who connects.
    let guarded = format!("{}{NODE_PORT}", closed());
    assert_eq!(
        open(&guarded),
        [
            "node port 30443 of Service shop/debug on nodes that run its pods: with externalTrafficPolicy Cluster a pod sees its own node, which no policy shuts out"
        ]
    );
    assert_eq!(
        open(&guarded.replace("type: NodePort,", "type: NodePort, externalTrafficPolicy: Local,")),
        [] as [&str; 0]
    );
}

#[test]
fn a_provider_that_shut_down_lets_strangers_in() {
    let named = |name: &str| open(&closed().replace("name: edge}", &format!("name: {name}}}")));
    let said = "ProxyNetwork old-stackpath names stackpath, which has shut down: if these are its addresses, others have them now and are let in";
    assert_eq!(named("old-stackpath"), [said]);
    assert_eq!(named("stackpathology"), [] as [&str; 0]);
    let url = "source: {type: HTTP, http: {urls: ['https://lists.Edgecast.example/v4']}}";
    let inline = "source: {type: Inline, inline: {cidrs: [192.0.2.0/24, '2001:db8::/32']}}";
    assert_eq!(open(&closed().replace(inline, url)).len(), 1);
}

#[test]
fn ports_of_nodes_are_named() {
    let host_port = without_policy(&closed()).replace("containerPort: 8443", "containerPort: 8443, hostPort: 443");
    assert_eq!(open(&host_port), ["port 443 of nodes, taken by pods such as shop/web-1"]);
    let host_network =
        closed().replace("spec: {containers: [{name: web", "spec: {hostNetwork: true, containers: [{name: web");
    assert_eq!(
        open(&host_network),
        [
            "pods on the network of their node, such as shop/web-1: no NetworkPolicy holds there, and their ports are open at the node's address"
        ]
    );
}

#[test]
fn a_load_balancers_list_does_not_hold_on_nodes_or_elsewhere() {
    let target = "type: ServiceSourceRanges, serviceSourceRanges: {name: lb}";
    let service = "{apiVersion: v1, kind: Service, metadata: {name: lb, namespace: shop}, spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 443, nodePort: 31443}]}}";
    assert_eq!(
        open(&format!("{}{NODE_PORT}", foreign(target, service))),
        [
            "Service shop/debug (NodePort, node port 30443) leads to the pods past every target",
            "node port 31443 of Service shop/lb: its list holds at the load balancer, not on nodes",
        ]
    );
}

#[test]
fn other_routes_and_other_policies_are_named() {
    let route = "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: old, namespace: shop}\nspec: {defaultBackend: {service: {name: web, port: {number: 443}}}}\n";
    let bare = without_policy(&format!("{}{route}", closed()));
    assert_eq!(open(&bare), ["Ingress shop/old leads to Service shop/web too"]);
    let policy = |rule: &str| {
        format!(
            "{}---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: old, namespace: shop}}\nspec: {{podSelector: {{matchLabels: {{app: web}}}}, ingress: [{rule}]}}\n",
            closed()
        )
    };
    assert_eq!(open(&policy("{}")), ["NetworkPolicy shop/old lets in 0.0.0.0/0, ::/0 on port 8443: policies add up"]);
    assert_eq!(
        open(&policy("{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}")),
        ["NetworkPolicy shop/old lets in 203.0.113.0/24 on port 8443: policies add up"]
    );
    // What is listed anyway, another port, or pods, is nothing further.
    for nothing in ["{from: [{ipBlock: {cidr: 192.0.2.0/25}}]}", "{ports: [{port: 1}]}", "{from: [{podSelector: {}}]}"]
    {
        assert_eq!(open(&policy(nothing)), [] as [&str; 0], "{nothing}");
    }
}

#[test]
fn whom_a_first_isolation_cuts_off_is_named() {
    let neighbours = "
---
apiVersion: v1
kind: Service
metadata: {name: metrics, namespace: shop, annotations: {prometheus.io/scrape: 'true'}}
spec: {selector: {app: web}, ports: [{port: 9090}]}
---
apiVersion: v1
kind: Service
metadata: {name: backend, namespace: cart}
spec: {type: ExternalName, externalName: web.shop.svc.cluster.local}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shared, namespace: edge}
spec: {rules: [{backendRefs: [{name: web, namespace: shop, port: 443}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: cart}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {leeward.dev/enforce: allowed}}, podSelector: {matchLabels: {app: web}}}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: anywhere, namespace: cart}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}]}, {}]}
";
    let site = format!("{SITE}{neighbours}");
    let mut situation = Situation::of(&site);
    situation.own = vec!["10.0.9.9".parse().unwrap()];
    let planned = situation.plan();
    insta::assert_snapshot!("first_isolation_with_neighbours", planned.targets[0].veto.as_ref().unwrap().message);
    // Where it is meant, it is said all the same.
    let meant = Situation::of(&site.replace("isolation: Refuse", "isolation: Allow")).plan();
    assert!(meant.targets[0].notes[0].contains("Prometheus (prometheus.io/scrape on Service shop/metrics)"));
}

#[test]
fn policies_of_other_projects_are_said_not_to_be_read() {
    let cilium =
        "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: all, namespace: shop}\nspec: {}\n";
    let site = format!("{}{cilium}", closed());
    assert_eq!(open(&site), ["policies of Cilium are not read: they may let others in as well"]);
    assert_eq!(open(&without_policy(&site)), [] as [&str; 0], "no policy of ours is beside them");
    let admin = cilium
        .replace("cilium.io/v2", "policy.networking.k8s.io/v1alpha2")
        .replace("CiliumNetworkPolicy", "ClusterNetworkPolicy");
    assert_eq!(
        open(&format!("{}{admin}", closed())),
        [
            "policies of the cluster's administrators (ClusterNetworkPolicy, AdminNetworkPolicy) are not read: they may let others in as well"
        ]
    );
}

#[test]
fn routes_of_other_namespaces_crowd_nobody_out() {
    let route = |namespace: &str, name: &str| {
        format!(
            "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{rules: [{{backendRefs: [{{name: web, namespace: shop, port: 443}}]}}]}}\n"
        )
    };
    let others: String = (0..20).map(|number| route("aaa", &format!("route-{number}"))).collect();
    let routes = format!("{others}{}", route("shop", "own"));
    let message = Situation::of(&format!("{SITE}{routes}")).plan().targets[0].veto.as_ref().unwrap().message.clone();
    assert!(message.contains("HTTPRoute shop/own;") && message.contains("more"), "{message}");
    let bare = open(&format!("{}{routes}", without_policy(&closed())));
    assert_eq!(bare.first().unwrap(), "HTTPRoute shop/own leads to Service shop/web too");
}

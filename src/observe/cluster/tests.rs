//! The facts that a cluster's objects give, read as files.

use super::*;
use crate::api::Outcome;
use crate::evidence::fact::{Endpoints, Nodes, PolicyVerdict, Route};
use crate::net::Prefix;

const ORIGIN: &str = "
apiVersion: leeward.dev/v1alpha1
kind: ProtectedOrigin
metadata: {name: shop, namespace: shop}
spec:
  proxy: {url: 'https://shop.example.com/'}
  origin: {type: Service, service: {name: web, port: 443}}
";

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: tls, port: 443, targetPort: https}, {name: metrics, port: 9100}]}
";

fn pod(name: &str, address: &str, more: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, labels: {{app: web}}}}
spec: {{nodeName: n1, containers: [{{name: web, ports: [{{name: https, containerPort: 8443}}]}}]}}
status:
  phase: Running
  podIPs: [{{ip: {address}}}]
  conditions: [{{type: Ready, status: 'True'}}]
  {more}
"
    )
}

fn slice(endpoints: &str) -> String {
    format!(
        "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: web-1, namespace: shop, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
ports: [{{name: tls, port: 8443, protocol: TCP}}, {{name: metrics, port: 9100}}]
endpoints:
{endpoints}
"
    )
}

fn policy(name: &str, spec: &str) -> String {
    format!(
        "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: shop}}
spec: {spec}
"
    )
}

fn read(documents: &[&str]) -> (Files, Validated) {
    let mut text = documents.join("---");
    if !text.contains("kind: ProtectedOrigin") {
        text = format!("{ORIGIN}---{text}");
    }
    let files = Files::parse(&[Text { name: "test.yaml", text: &text }]).unwrap();
    let origin = Validated::new(&files.origin().unwrap()).unwrap();
    (files, origin)
}

fn ranges(list: &[&str]) -> RangeSet {
    list.iter().map(|t| Prefix::parse(t).unwrap()).collect()
}

fn fact_of(documents: &[&str]) -> Endpoints {
    let (files, origin) = read(documents);
    endpoints(&files, &origin).unwrap().unwrap()
}

const READY: &str = "- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: a, namespace: shop}}";

#[test]
fn a_ready_endpoint_that_a_pod_vouches_for_is_dialled() {
    let fact = fact_of(&[SERVICE, &pod("a", "10.0.0.1", ""), &slice(READY)]);
    assert_eq!(
        fact,
        Endpoints {
            service: "shop/web:443".into(),
            port_exists: true,
            selected_pods: 1,
            ready: 1,
            not_ready: 0,
            terminating: 0,
            unready: Vec::new(),
            declared: Vec::new(),
            dialable: vec!["10.0.0.1:8443".parse().unwrap()],
            foreign: 0,
        }
    );
}

#[test]
fn an_address_that_no_pod_of_the_namespace_holds_is_never_dialled() {
    let pods = pod("a", "10.0.0.1", "");
    for endpoint in [
        "- {addresses: [169.254.169.254], targetRef: {kind: Pod, name: a, namespace: shop}}",
        "- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: a, namespace: other}}",
        "- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: b, namespace: shop}}",
        "- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: a, namespace: shop, uid: other}}",
        "- {addresses: [10.0.0.1], targetRef: {kind: Node, name: a}}",
        "- {addresses: [10.0.0.1]}",
        "- {addresses: [web.example.com], targetRef: {kind: Pod, name: a}}",
    ] {
        let pods =
            if endpoint.contains("uid") { pods.replace("{name: a,", "{name: a, uid: mine,") } else { pods.clone() };
        let fact = fact_of(&[SERVICE, &pods, &slice(endpoint)]);
        assert_eq!((fact.ready, fact.foreign, fact.dialable.len()), (1, 1, 0), "{endpoint}");
    }
}

#[test]
fn an_endpoint_on_another_port_than_the_service_means_is_never_dialled() {
    let fact = fact_of(&[SERVICE, &pod("a", "10.0.0.1", ""), &slice(READY).replace("port: 8443", "port: 6443")]);
    assert_eq!((fact.ready, fact.foreign, fact.dialable.len()), (1, 1, 0));
}

#[test]
fn the_address_of_a_pod_that_ended_is_never_dialled() {
    let ended = pod("a", "10.0.0.1", "").replace("phase: Running", "phase: Succeeded");
    assert_eq!(fact_of(&[SERVICE, &ended, &slice(READY)]).foreign, 1);
}

#[test]
fn endpoints_count_by_state_and_once_each() {
    let text = slice(
        "- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: a}}
- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: a}}
- {addresses: [10.0.0.2], conditions: {ready: false, serving: false, terminating: false}}
- {addresses: [10.0.0.3], conditions: {ready: false, serving: true, terminating: true}}",
    );
    let fact = fact_of(&[SERVICE, &pod("a", "10.0.0.1", ""), &pod("b", "10.0.0.2", ""), &text]);
    assert_eq!((fact.ready, fact.not_ready, fact.terminating, fact.selected_pods), (1, 1, 1, 2));
}

#[test]
fn a_service_without_the_port_is_a_fact() {
    let service = SERVICE.replace("port: 443", "port: 444");
    let fact = fact_of(&[&service, &pod("a", "10.0.0.1", ""), &slice(READY)]);
    assert!(!fact.port_exists && fact.ready == 0 && fact.selected_pods == 1);
}

#[test]
fn services_that_could_name_anything_are_refused() {
    let error = |service: &str| {
        let (files, origin) = read(&[service, &pod("a", "10.0.0.1", ""), &slice(READY)]);
        endpoints(&files, &origin).unwrap_err()
    };
    let external = "\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {type: ExternalName, externalName: kubernetes.default.svc}\n";
    assert_eq!(error(external), TargetError::ExternalName("shop/web".into()));
    assert_eq!(error(&SERVICE.replace("selector: {app: web}, ", "")), TargetError::NoSelector("shop/web".into()));
    assert_eq!(error(&SERVICE.replace("name: web,", "name: other,")), TargetError::NotFound("shop/web".into()));
}

#[test]
fn kinds_that_are_not_given_make_no_facts() {
    let (files, origin) = read(&[SERVICE]);
    assert_eq!(endpoints(&files, &origin), Ok(None));
    let proxy = ranges(&["192.0.2.0/24"]);
    assert!(facts(&files, &origin, Some(&proxy), Timestamp::UNIX_EPOCH).is_empty());
}

#[test]
fn pods_say_what_they_wait_for_and_how_they_ended() {
    let status = "containerStatuses:
  - name: web
    image: x
    imageID: x
    ready: false
    restartCount: 7
    state: {waiting: {reason: CrashLoopBackOff}}
    lastState: {terminated: {exitCode: 137, reason: OOMKilled, finishedAt: '2026-01-01T00:00:00Z'}}";
    let crashing = pod("b", "10.0.0.2", status).replace("status: 'True'", "status: 'False'");
    let (files, origin) = read(&[SERVICE, &pod("a", "10.0.0.1", ""), &crashing]);
    let fact = pods::fact(&files, &origin, Timestamp::UNIX_EPOCH).unwrap();
    insta::assert_yaml_snapshot!(fact);
}

fn verdicts(documents: &[&str], proxy: &[&str]) -> Vec<(PolicyVerdict, Vec<String>, Option<String>)> {
    let (files, origin) = read(documents);
    let facts = policies::facts(&files, &origin, &ranges(proxy));
    facts.into_iter().map(|f| (f.verdict, f.denied, f.undefined)).collect()
}

#[test]
fn policies_are_judged_by_the_proxys_addresses() {
    let a = pod("a", "10.0.0.1", "");
    let proxy = ["192.0.2.0/24", "198.51.100.0/24"];
    let judge = |spec: &str| {
        let all = verdicts(&[SERVICE, &a, &policy("p", spec)], &proxy);
        assert_eq!(all.len(), 1, "{all:?}");
        (all[0].0, all[0].1.clone())
    };
    let blocks = |list: &str| format!("{{podSelector: {{}}, ingress: [{{from: [{list}], ports: [{{port: https}}]}}]}}");
    let block = |cidr: &str| format!("{{ipBlock: {{cidr: {cidr}}}}}");
    assert_eq!(judge("{podSelector: {matchLabels: {app: other}}}"), (PolicyVerdict::NotIsolated, vec![]));
    assert_eq!(
        judge("{podSelector: {}}"),
        (PolicyVerdict::AdmitsNone, vec!["192.0.2.0/24".into(), "198.51.100.0/24".into()])
    );
    let some = blocks(&block("192.0.2.0/25"));
    assert_eq!(judge(&some), (PolicyVerdict::AdmitsSome, vec!["192.0.2.128/25".into(), "198.51.100.0/24".into()]));
    assert_eq!(
        judge(&blocks(&format!("{}, {}", block("192.0.2.0/24"), block("198.51.0.0/16")))).0,
        PolicyVerdict::AdmitsAll
    );
}

#[test]
fn addresses_of_a_family_that_the_pod_lacks_are_not_missed() {
    let spec = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}";
    let found = verdicts(&[SERVICE, &pod("a", "10.0.0.1", ""), &policy("p", spec)], &["192.0.2.0/24", "2001:db8::/32"]);
    assert_eq!(found, [(PolicyVerdict::AdmitsAll, vec![], None)]);
}

#[test]
fn policies_behind_an_ingress_say_nothing_of_the_proxy() {
    let ingress = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {defaultBackend: {service: {name: web, port: {number: 443}}}}
";
    let a = pod("a", "10.0.0.1", "");
    let closed = policy("p", "{podSelector: {}}");
    let found = verdicts(&[SERVICE, &a, &closed, ingress], &["192.0.2.0/24"]);
    assert_eq!(found[0].0, PolicyVerdict::Undefined);
    // A declared target says that the proxy reaches the pods itself.
    let declared = format!("{ORIGIN}  allowlist: {{targets: [{{name: pods, type: NetworkPolicy}}]}}\n");
    let found = verdicts(&[&declared, SERVICE, &a, &closed, ingress], &["192.0.2.0/24"]);
    assert_eq!(found[0].0, PolicyVerdict::AdmitsNone);
}

#[test]
fn nodes_that_rewrite_addresses_make_policies_undefined() {
    let a = pod("a", "10.0.0.1", "");
    let closed = policy("p", "{podSelector: {}}");
    let balancer = SERVICE.replace("spec: {", "spec: {type: LoadBalancer, ");
    assert_eq!(verdicts(&[&balancer, &a, &closed], &["192.0.2.0/24"])[0].0, PolicyVerdict::Undefined);
    let local = SERVICE.replace("spec: {", "spec: {type: LoadBalancer, externalTrafficPolicy: Local, ");
    assert_eq!(verdicts(&[&local, &a, &closed], &["192.0.2.0/24"])[0].0, PolicyVerdict::AdmitsNone);
}

#[test]
fn an_annotation_is_compared_with_the_proxys_addresses() {
    let origin = ORIGIN.to_owned()
        + "  allowlist: {targets: [{name: web, type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginx}}]}\n";
    let judge = |annotations: &str| {
        let ingress = format!(
            "\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: web, namespace: shop, annotations: {{{annotations}}}}}\n"
        );
        let (files, origin) = read(&[&origin, &ingress]);
        let all = allowlists::facts(&files, &origin, &ranges(&["192.0.2.0/24", "198.51.100.0/24"]));
        all.into_iter().map(|f| (f.outcome, f.missing)).next()
    };
    let listed = |list: &str| judge(&format!("nginx.ingress.kubernetes.io/whitelist-source-range: '{list}'"));
    assert_eq!(judge(""), None, "without the annotation there is no allowlist");
    assert_eq!(listed(" "), None);
    assert_eq!(listed("192.0.2.0/24, 198.51.0.0/16"), Some((Outcome::Covered, vec![])));
    assert_eq!(listed("192.0.2.0/24"), Some((Outcome::Missing, vec!["198.51.100.0/24".into()])));
    assert_eq!(listed("192.0.2.0/24,nonsense"), Some((Outcome::Unavailable, vec![])));
}

#[test]
fn addresses_of_nodes_and_load_balancers_belong_to_the_cluster() {
    let node = "\napiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: [{type: InternalIP, address: 10.9.0.1}, {type: Hostname, address: n1}, {type: ExternalIP, address: 203.0.113.9}]}\n";
    let service =
        SERVICE.to_owned() + "status: {loadBalancer: {ingress: [{ip: 203.0.113.7}, {hostname: lb.example.com}]}}\n";
    let service = service.replace("spec: {", "spec: {externalIPs: [203.0.113.8], clusterIP: 10.96.0.1, ");
    let (files, _) = read(&[node, &service]);
    let found: Vec<String> = cluster_addresses(&files).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["10.9.0.1", "203.0.113.7", "203.0.113.8", "203.0.113.9"]);
}

#[test]
fn ports_that_containers_declare_are_told_beside_one_that_they_do_not() {
    let declared =
        |pod: &str| fact_of(&[&SERVICE.replace("targetPort: https", "targetPort: 8443"), pod, &slice(READY)]).declared;
    let other = pod("a", "10.0.0.1", "").replace("containerPort: 8443", "containerPort: 8080");
    assert_eq!(declared(&other), ["10.0.0.1:8080".parse().unwrap()]);
    assert_eq!(declared(&pod("a", "10.0.0.1", "")), []);
    // A sidecar runs beside the containers, so its port is one of the pod's.
    let sidecar = "initContainers: [{name: proxy, restartPolicy: Always, ports: [{containerPort: 8443}]}], containers:";
    assert_eq!(declared(&other.replace("containers:", sidecar)), []);
    let job = sidecar.replace("restartPolicy: Always, ", "");
    assert_eq!(declared(&other.replace("containers:", &job)), ["10.0.0.1:8080".parse().unwrap()]);
}

/// A Node at 10.9.0.`n`.
fn node(n: u8, ready: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Node
metadata: {{name: n{n}}}
status: {{addresses: [{{type: InternalIP, address: 10.9.0.{n}}}], conditions: [{{type: Ready, status: '{ready}'}}]}}
"
    )
}

fn nodes_of(documents: &[&str]) -> Option<Nodes> {
    let (files, origin) = read(documents);
    let found = facts(&files, &origin, None, Timestamp::UNIX_EPOCH);
    found.into_iter().find_map(|f| if let Fact::Nodes(nodes) = f { Some(nodes) } else { None })
}

/// Names, with condition Ready, pods and ready pods.
fn brief(nodes: Nodes) -> Vec<(String, Option<bool>, u32, u32)> {
    nodes.nodes.into_iter().map(|n| (n.name, n.ready, n.pods, n.ready_pods)).collect()
}

#[test]
fn nodes_under_the_origin_are_told_and_no_others() {
    let unready = pod("b", "10.0.0.2", "").replace("status: 'True'", "status: 'False'");
    let pods = [pod("a", "10.0.0.1", ""), unready, pod("c", "10.0.0.3", "").replace("nodeName: n1", "nodeName: n2")];
    let nodes = [node(1, "Unknown"), node(2, "True"), node(3, "True")];
    let found = nodes_of(&[SERVICE, &pods.join("---"), &nodes.join("---")]).unwrap();
    assert_eq!(brief(found), [("n1".to_owned(), Some(false), 2, 1), ("n2".to_owned(), Some(true), 1, 1)]);
    assert_eq!(nodes_of(&[SERVICE, &nodes.join("---")]), None, "no pod is on any of them");
    let at = ORIGIN.replace(
        "type: Service, service: {name: web, port: 443}",
        "type: Addresses, addresses: {ips: [10.9.0.3], port: 443}",
    );
    let found = nodes_of(&[&at, &nodes.join("---")]).unwrap();
    assert_eq!(brief(found), [("n3".to_owned(), Some(true), 0, 0)]);
}

#[test]
fn an_origin_at_a_node_port_knows_which_nodes_hold_an_endpoint() {
    let at = ORIGIN.replace(
        "type: Service, service: {name: web, port: 443}",
        "type: Addresses, addresses: {ips: [10.9.0.1, 10.9.0.2], port: 30443}",
    );
    let local = SERVICE
        .replace("spec: {", "spec: {type: NodePort, externalTrafficPolicy: Local, ")
        .replace("port: 443,", "port: 443, nodePort: 30443,");
    let (nodes, pod) = ([node(1, "True"), node(2, "True")].join("---"), pod("a", "10.0.0.1", ""));
    let found = nodes_of(&[&at, &local, &pod, &nodes]).unwrap();
    assert!(found.local_only);
    assert_eq!(brief(found), [("n1".to_owned(), Some(true), 1, 1), ("n2".to_owned(), Some(true), 0, 0)]);
    let no_pods = nodes_of(&[&at, &local, &nodes]).unwrap();
    assert!(!no_pods.local_only, "where pods are not known, no node is known to be without them");
    for other in ["nodePort: 30444", "protocol: UDP, nodePort: 30443"] {
        let service = local.replace("nodePort: 30443", other);
        assert!(!nodes_of(&[&at, &service, &pod, &nodes]).unwrap().local_only, "{other}");
    }
    let foreign = local.replace("namespace: shop", "namespace: other");
    assert!(!nodes_of(&[&at, &foreign, &pod, &nodes]).unwrap().local_only, "of another namespace nothing is told");
}

const ROUTES: &str = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: old, namespace: shop}
spec:
  tls: [{hosts: [old.example.com], secretName: old-tls}]
  rules: [{host: old.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 443}}}}]}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: other, namespace: shop}
spec:
  rules: [{host: blog.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: blog, port: {number: 80}}}}]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: edge, namespace: gateways, sectionName: tls}]
  hostnames: ['*.example.com']
  rules: [{matches: [{path: {type: PathPrefix, value: /}}], backendRefs: [{name: web, port: 443}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: gateways}
spec:
  gatewayClassName: any
  listeners:
  - {name: plain, port: 80, protocol: HTTP}
  - {name: tls, port: 443, protocol: HTTPS, hostname: '*.example.com', tls: {certificateRefs: [{name: wildcard}]}}
";

#[test]
fn routes_name_hosts_and_secrets() {
    let (files, origin) = read(&[ORIGIN, SERVICE, ROUTES]);
    let route = |object: &str, serves, hosts: &[&str], certificate: Option<&str>| Route {
        object: object.to_owned(),
        leads_to_origin: true,
        serves,
        hosts: hosts.iter().map(|&h| h.to_owned()).collect(),
        certificate: certificate.map(str::to_owned),
    };
    assert_eq!(
        routes::facts(&files, &origin),
        [
            route("Ingress shop/old", false, &["old.example.com"], None),
            route("HTTPRoute shop/web", true, &["*.example.com"], Some("gateways/wildcard")),
        ]
    );
}

#[test]
fn a_service_that_cannot_be_an_origin_is_told_with_the_way_out() {
    for (error, said) in [
        (
            TargetError::ExternalName("shop/web".into()),
            "Service shop/web is an ExternalName, which could name anything: use origin type Hostname, or a Service with a \
             selector",
        ),
        (
            TargetError::NoSelector("shop/web".into()),
            "Service shop/web has no selector, so its endpoints are not known to be pods: use origin type Addresses, or a \
             Service with a selector",
        ),
        (
            TargetError::NotFound("shop/web".into()),
            "Service shop/web does not exist: create it, or correct spec.origin.service.name",
        ),
    ] {
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn pods_that_a_target_cannot_find_are_told_with_the_way_out() {
    let origin = format!("{ORIGIN}  allowlist: {{targets: [{{name: pods, type: NetworkPolicy}}]}}\n");
    let wrong = |service: &str| {
        let (files, origin) = read(&[&origin, service, &pod("a", "10.0.0.1", "")]);
        selection::selector_and_ports(&files, &origin, &origin.allowlist.targets[0]).unwrap_err().to_string()
    };
    for (service, said) in [
        (
            SERVICE.replace("name: web,", "name: other,"),
            "Service shop/web does not exist; create it, or correct spec.origin.service.name",
        ),
        (
            SERVICE.replace("selector: {app: web}, ", ""),
            "Service shop/web has no selector, so it names no pods; choose a Service that selects pods",
        ),
        (
            SERVICE.replace("targetPort: https", "targetPort: quic"),
            "Service shop/web forwards to the port named quic, which no pod behind it has; start a pod with that \
             containerPort name, or set networkPolicy.ports",
        ),
        (
            SERVICE
                .replace("port: 443,", "protocol: UDP, port: 443,")
                .replace("port: 9100", "protocol: UDP, port: 9100"),
            "Service shop/web has no TCP port; set networkPolicy.ports",
        ),
    ] {
        assert_eq!(wrong(&service), said);
    }
}

#[test]
fn a_policy_that_says_nothing_of_the_proxy_says_why() {
    let a = pod("a", "10.0.0.1", "");
    let closed = policy("p", "{podSelector: {}}");
    let why = |documents: &[&str], proxy: &[&str]| {
        let (files, origin) = read(documents);
        policies::facts(&files, &origin, &ranges(proxy)).remove(0).undefined.unwrap()
    };
    let balancer = SERVICE.replace("spec: {", "spec: {type: LoadBalancer, ");
    assert_eq!(
        why(&[&balancer, &a, &closed], &["192.0.2.0/24"]),
        "the Service has externalTrafficPolicy Cluster: nodes replace the proxy's address with their own"
    );
    let annotation = "service.beta.kubernetes.io/aws-load-balancer-proxy-protocol";
    let spoken = balancer
        .replace("spec: {", "spec: {externalTrafficPolicy: Local, ")
        .replace("name: web,", &format!("name: web, annotations: {{{annotation}: '*'}},"));
    assert_eq!(
        why(&[&spoken, &a, &closed], &["192.0.2.0/24"]),
        "the Service's load balancer speaks the PROXY protocol: the pods see its address, not the proxy's"
    );
    let ingress = "\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 443}}}}]}}]}\n";
    assert_eq!(
        why(&[SERVICE, &a, &closed, ingress], &["192.0.2.0/24"]),
        "Ingress web forwards to the Service: its pods see the ingress controller's address"
    );
    assert_eq!(
        why(&[SERVICE, &a, &closed], &["2001:db8::/32"]),
        "the pod has no address of a family that the proxy uses"
    );
}

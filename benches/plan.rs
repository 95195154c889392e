//! What the plan of one origin costs beside thousands of others: the same site, alone and in a cluster of 10,000 Services,
//! Pods, Ingresses, HTTPRoutes and NetworkPolicies. A plan reads what its own namespace holds, so the two should cost
//! about the same. Pure: no network, one thread. Rounds of all rows alternate, and medians are printed.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a bench may fail

#[path = "probes/machine.rs"]
mod machine;

use jiff::Timestamp;
use leeward::allow::{Memory, Narrowing, PlanInput, plan};
use leeward::api::validated::Validated;
use leeward::observe::cluster::{Files, Text};
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

const NAMESPACES: usize = 500;
const EACH: usize = 20;
const ROUNDS: usize = 21;
/// How long one measurement takes, at least.
const LONG: Duration = Duration::from_millis(20);

/// The site that is planned: nobody isolates its pods yet, and an ingress-nginx with a Service in front serves it.
const SITE: &str = "
apiVersion: leeward.dev/v1alpha1
kind: ProxyNetwork
metadata: {name: edge}
spec: {source: {type: Inline, inline: {cidrs: [192.0.2.0/24, '2001:db8::/32']}}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {kubernetes.io/metadata.name: shop, leeward.dev/enforce: allowed}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 443, targetPort: https}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, ports: [{name: https, containerPort: 8443}]}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {ingressClassName: nginx, rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 443}}}}]}}]}
status: {loadBalancer: {ingress: [{ip: 203.0.113.9}]}}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: edge, namespace: shop}
spec: {ipAllowList: {}}
---
apiVersion: v1
kind: Pod
metadata: {name: controller-1, namespace: ingress-nginx, labels: {app: ingress}}
spec: {containers: [{name: controller, args: [/nginx-ingress-controller, --configmap=$(POD_NAMESPACE)/settings]}]}
status: {phase: Running}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: ingress-nginx}
data: {proxy-body-size: 8m}
---
apiVersion: v1
kind: Service
metadata: {name: front, namespace: ingress-nginx}
spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: ingress}, ports: [{port: 443, nodePort: 30443}]}
status: {loadBalancer: {ingress: [{ip: 203.0.113.9}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: traefik-1, namespace: traefik}
spec: {containers: [{name: traefik, args: ['--entryPoints.websecure.forwardedHeaders.trustedIPs=192.0.2.0/25']}]}
";

const POLICY: &str = "{name: pods, type: NetworkPolicy, networkPolicy: {isolation: Refuse}}";
const ANNOTATION: &str = "{name: web, type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginx}}";
const MIDDLEWARE: &str = "{name: edge, type: TraefikMiddleware, traefikMiddleware: {name: edge}}";

/// Rows: what is planned, and its target.
const ROWS: [(&str, &str); 3] = [
    ("NetworkPolicy, the first one of its pods", POLICY),
    ("annotation for ingress-nginx", ANNOTATION),
    ("Middleware of Traefik", MIDDLEWARE),
];

fn origin(target: &str) -> String {
    format!(
        "
apiVersion: leeward.dev/v1alpha1
kind: ProtectedOrigin
metadata: {{name: shop, namespace: shop}}
spec:
  proxy: {{url: 'https://shop.example.com/', networkRef: {{name: edge}}}}
  origin: {{type: Service, service: {{name: web, port: 443}}}}
  allowlist: {{mode: Enforce, targets: [{target}]}}
---{SITE}"
    )
}

/// The namespaces of the others; a tenth of their Services stand at a load balancer.
fn others(namespace: usize) -> String {
    let mut text = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: team-{namespace}, labels: {{kubernetes.io/metadata.name: team-{namespace}}}}}\n"
    );
    for number in 0..EACH {
        let meta = format!("metadata: {{name: app-{number}, namespace: team-{namespace}");
        let outward = if number.is_multiple_of(10) {
            let ip = format!("198.51.{}.{}", namespace / 250, namespace % 250);
            ("type: LoadBalancer, ", format!("status: {{loadBalancer: {{ingress: [{{ip: {ip}}}]}}}}\n"))
        } else {
            ("", String::new())
        };
        write!(
            text,
            "---
apiVersion: v1
kind: Service
{meta}}}
spec: {{{}selector: {{app: app-{number}}}, ports: [{{port: 80}}]}}
{}---
apiVersion: v1
kind: Pod
{meta}, labels: {{app: app-{number}}}}}
spec: {{containers: [{{name: app, args: [--listen=0.0.0.0, --verbose], ports: [{{containerPort: 80}}]}}]}}
status: {{phase: Running, podIPs: [{{ip: 10.1.0.1}}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
{meta}}}
spec: {{ingressClassName: nginx, rules: [{{host: app-{number}.example.com, http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: app-{number}, port: {{number: 80}}}}}}}}]}}}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
{meta}}}
spec: {{parentRefs: [{{name: gateway}}], rules: [{{backendRefs: [{{name: app-{number}, port: 80}}]}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
{meta}}}
spec: {{podSelector: {{matchLabels: {{app: app-{number}}}}}, policyTypes: [Egress], egress: [{{to: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: kube-system}}}}, podSelector: {{matchLabels: {{k8s-app: kube-dns}}}}}}]}}]}}
",
            outward.0, outward.1
        )
        .unwrap();
    }
    text
}

fn cluster(target: &str, others: &[String]) -> (Files, Validated) {
    let own = origin(target);
    let text = |text| Text { name: "bench", text };
    let texts: Vec<Text<'_>> =
        std::iter::once(own.as_str()).chain(others.iter().map(String::as_str)).map(text).collect();
    let files = Files::parse(&texts).expect("manifests");
    let origin = Validated::new(&files.origin().unwrap()).unwrap();
    (files, origin)
}

fn planned(files: &Files, origin: &Validated) {
    let plan = plan(&PlanInput {
        origin,
        uid: None,
        created: None,
        mode: origin.allowlist.mode,
        source: files,
        neighbours: &[],
        own_addresses: &[],
        memory: &Memory::default(),
        narrowing: &Narrowing::Now,
        now: Timestamp::from_second(1_800_000_000).unwrap(),
    });
    assert_eq!(plan.targets.len(), 1);
    black_box(plan);
}

/// Microseconds for each plan, over as many as take long enough.
fn time(files: &Files, origin: &Validated) -> f64 {
    let (begin, mut plans) = (Instant::now(), 0_u32);
    while begin.elapsed() < LONG {
        planned(files, origin);
        plans += 1;
    }
    begin.elapsed().as_secs_f64() * 1e6 / f64::from(plans)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn main() {
    let all: Vec<String> = (0..NAMESPACES).map(others).collect();
    let rows: Vec<_> = ROWS.iter().map(|(what, target)| (what, cluster(target, &[]), cluster(target, &all))).collect();
    println!("{}", machine::describe());
    println!(
        "{} of each kind in {NAMESPACES} namespaces; {ROUNDS} rounds, medians, µs for each plan\n",
        NAMESPACES * EACH
    );
    println!("{:<44} {:>10} {:>14}", "", "alone", "among 10,000");
    let mut times = vec![(Vec::new(), Vec::new()); rows.len()];
    for _ in 0..ROUNDS {
        for ((_, alone, among), times) in rows.iter().zip(&mut times) {
            times.0.push(time(&alone.0, &alone.1));
            times.1.push(time(&among.0, &among.1));
        }
    }
    for ((what, ..), (alone, among)) in rows.iter().zip(times) {
        println!("{what:<44} {:>10.1} {:>14.1}", median(alone), median(among));
    }
}

//! Files that are wrong are refused with the place and the fix; right ones stand in for a cluster.

use super::*;
use std::fmt::Write as _;

const ORIGIN: &str = "
apiVersion: leeward.dev/v1alpha1
kind: ProtectedOrigin
metadata: {name: shop, namespace: shop}
spec:
  proxy: {url: 'https://shop.example.com/healthz'}
  origin: {type: Service, service: {name: shop, port: 443}}
";

fn parse(text: &str) -> Result<Files, FileError> {
    Files::parse(&[Text { name: "site.yaml", text }])
}

fn fails(text: &str) -> String {
    match parse(text).and_then(|f| f.origin().map(drop)) {
        Ok(()) => panic!("this was taken:\n{text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn documents_of_all_kinds_are_read_and_lists_are_unpacked() {
    let files = parse(&format!(
        "{ORIGIN}---
# nothing but a comment
---
apiVersion: leeward.dev/v1alpha1
kind: ProxyNetwork
metadata: {{name: edge}}
spec: {{source: {{type: Inline, inline: {{cidrs: [192.0.2.0/24]}}}}}}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {{name: shop, namespace: shop, managedFields: [{{manager: x, operation: Apply, fieldsV1: {{'f:spec': {{}}}}}}]}}
  spec: {{selector: {{app: shop}}, ports: [{{port: 443, targetPort: https}}]}}
- apiVersion: v1
  kind: Pod
  metadata: {{name: shop-1, namespace: shop, labels: {{app: shop}}}}
  spec: {{containers: [{{name: web, resources: {{limits: {{cpu: '1'}}}}, ports: [{{name: https, containerPort: 8443}}]}}]}}
  status: {{phase: Running, podIP: 10.0.0.1, podIPs: [{{ip: 10.0.0.1}}]}}
- {{apiVersion: events.k8s.io/v1, kind: Event, metadata: {{name: e, namespace: shop}}, eventTime: null}}
- {{apiVersion: v1, kind: Event, metadata: {{name: f, namespace: shop}}, involvedObject: {{kind: Pod}}}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: shop, labels: {{leeward.dev/enforce: allowed}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: ca}}
data: {{ca.crt: x}}
"
    ))
    .unwrap();
    assert_eq!(files.origin().unwrap().name_any(), "shop");
    assert_eq!(files.network().unwrap().name_any(), "edge");
    assert!(files.service("shop", "shop").is_some() && files.namespace("shop").is_some());
    assert_eq!(files.pods("shop").len(), 1);
    assert!(files.pods("default").is_empty());
    assert!(files.config_map("default", "ca").is_some(), "a missing namespace is default");
    assert!(files.knows(Kind::Pod) && !files.knows(Kind::NetworkPolicy) && !files.knows(Kind::Node));
}

#[test]
fn what_is_wrong_is_said_with_place_and_fix() {
    let with = |from: &str, to: &str| {
        assert!(ORIGIN.contains(from), "{from}");
        ORIGIN.replace(from, to)
    };
    let object = |text: &str| format!("{ORIGIN}---\n{text}\n");
    let faults = [
        fails("kind: ProtectedOrigin\nmetadata: {name: x}"),
        fails("- a\n- b"),
        fails("a: [1, 2"),
        fails(""),
        fails(&with("kind: ProtectedOrigin", "kind: ProtectedOrigins")),
        fails(&with("v1alpha1", "v1")),
        fails(&with("service: {name: shop, port: 443}", "service: {name: shop, prot: 443}")),
        fails(&with("service: {name: shop, port: 443}", "service: {name: shop, port: '443'}")),
        fails(&with("service: {name: shop, port: 443}", "service: {name: shop}")),
        fails(&with("type: Service", "type: service")),
        fails(&with("metadata: {name: shop,", "metadata: {nam: shop,")),
        fails(&with("metadata: {name: shop,", "metadata: {labels: {on: true}, name: shop,")),
        fails(&with("spec:\n", "sepc: {}\nspec:\n")),
        fails(&with("spec:\n", "spec:\n  allowlist: {extraCidrs: []}\n")),
        fails(&format!("{ORIGIN}---{ORIGIN}")),
        fails(&object("apiVersion: v1\nkind: Deployment\nmetadata: {name: x}")),
        fails(&object("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{prot: 80}]}")),
        fails(&object("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: a, image: [b]}]}")),
        fails(&object(
            "apiVersion: v1\nkind: Node\nmetadata: {name: x}\n---\napiVersion: v1\nkind: Node\nmetadata: {name: x}",
        )),
        fails(&object(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\nspec: {podSelector: {}, ingress: [{from: [{ipBlock: {except: []}}]}]}",
        )),
        fails(&object("apiVersion: v1\nkind: List\nitems: {}")),
        fails(&object("apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: []}]")),
        fails(&object("apiVersion: v1\nmetadata: {name: x}")),
        fails(&object(
            "apiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork\nmetadata: {name: x}\nspec: {source: {type: Inline, inline: {cidrs: [192.0.2.0/24]}}}\n---\napiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork\nmetadata: {name: y}\nspec: {source: {type: Inline, inline: {cidrs: [192.0.2.0/24]}}}",
        )),
        fails(&format!("{ORIGIN}---{}", with("name: shop, namespace", "name: other, namespace"))),
        fails(&with("spec:\n", "spec:\n  suspend: 'yes'\n")),
        fails(&object("apiVersion: v1\nkind: Service\nmetadata: {}")),
    ];
    insta::assert_snapshot!(faults.join("\n"));
}

#[test]
fn a_file_is_at_most_eight_mebibytes() {
    let text = format!("{ORIGIN}{}", "#".repeat(8 << 20));
    assert_eq!(fails(&text), "site.yaml: is larger than 8 MiB");
}

#[test]
fn a_large_export_is_read() {
    let mut text = ORIGIN.to_owned();
    for i in 0..4000 {
        write!(text, "---\n{{apiVersion: v1, kind: Node, metadata: {{name: n{i}}}, status: {{addresses: [{{type: InternalIP, address: 10.1.{}.{}}}]}}}}\n", i / 250, i % 250).unwrap();
    }
    assert_eq!(parse(&text).unwrap().nodes().len(), 4000);
}

#[test]
fn aliases_are_read_until_they_explode() {
    let text = ORIGIN.replace("metadata: {name: shop, namespace: shop}", "metadata: {name: &n shop, namespace: *n}");
    assert_eq!(parse(&text).unwrap().origin().unwrap().namespace().as_deref(), Some("shop"));

    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let alias = vec![format!("*a{}", i - 1); 10].join(", ");
        writeln!(bomb, "a{i}: &a{i} [{alias}]").unwrap();
    }
    let started = std::time::Instant::now();
    let fault = fails(&bomb);
    assert!(started.elapsed() < std::time::Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(fault.starts_with("site.yaml: is not YAML that can be read: "), "{fault}");
}

#[test]
fn several_files_are_one_cluster() {
    let other = Text { name: "more.yaml", text: "apiVersion: v1\nkind: Node\nmetadata: {name: n}" };
    let files = Files::parse(&[Text { name: "site.yaml", text: ORIGIN }, other]).unwrap();
    assert_eq!(files.nodes().len(), 1);
    let error = Files::parse(&[other, other]).unwrap_err().to_string();
    assert_eq!(
        error,
        "more.yaml, document 1 (Node n): stands in more.yaml, document 1 (Node n) already; remove one of the two"
    );
    let middleware = "apiVersion: traefik.io/v1alpha1\nkind: Middleware\nmetadata: {name: edge, namespace: shop}";
    let middleware = Text { name: "more.yaml", text: middleware };
    assert_eq!(
        Files::parse(&[middleware, middleware]).unwrap_err().to_string(),
        "more.yaml, document 1 (Middleware shop/edge): stands there twice; remove one of the two"
    );
}

#[test]
fn extensions_of_kubernetes_are_taken_in_like_other_projects() {
    for (api_version, kind) in [
        ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"),
        ("snapshot.storage.k8s.io/v1", "VolumeSnapshot"),
        ("gateway.networking.k8s.io/v1", "GRPCRoute"),
        ("cluster.x-k8s.io/v1beta1", "Cluster"),
    ] {
        let text = format!("{ORIGIN}---\napiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: x}}\n");
        assert!(Files::parse(&[Text { name: "site.yaml", text: &text }]).is_ok(), "{kind}");
    }
    let slip = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicies\nmetadata: {name: x}";
    let said = Files::parse(&[Text { name: "site.yaml", text: slip }]).unwrap_err().to_string();
    assert!(said.ends_with("; did you mean NetworkPolicy?"), "{said}");
}

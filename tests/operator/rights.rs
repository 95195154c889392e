//! The rights in `deploy/` are what is used: no verb more, no verb less.

use crate::stage::{ORIGIN, origin, stage};
use lab::rights::{Right, granted};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn every_right_is_used_and_nothing_else_is_asked_for() {
    let stage = stage();
    let gateway_api = lab::tools::crds().unwrap().join("gateway-api");
    for kind in ["httproutes", "gateways"] {
        let file = gateway_api.join(format!("gateway.networking.k8s.io_{kind}.yaml"));
        stage.apply(&std::fs::read_to_string(file).unwrap());
    }
    stage
        .server
        .kubectl(&[
            "wait",
            "--for=condition=Established",
            "crd",
            "httproutes.gateway.networking.k8s.io",
            "gateways.gateway.networking.k8s.io",
        ])
        .unwrap();
    let counted = stage.server.audit_events().unwrap().len();
    stage.namespace("rights", "leeward.dev/enforce: allowed", "");
    let mut operator = stage.run(&[]);
    operator.await_leader(30);
    use_everything(&stage);
    assert_eq!(operator.process.stop(Duration::from_secs(15)).unwrap(), 0);
    // A watch is logged when it has ended.
    std::thread::sleep(Duration::from_secs(3));

    let mut used = BTreeSet::new();
    let mut refused = Vec::new();
    for event in &stage.server.audit_events().unwrap()[counted..] {
        if event["user"]["username"] != "system:serviceaccount:leeward-system:leeward" {
            continue;
        }
        let Some(right) = right(event) else { continue };
        if event["responseStatus"]["code"] == 403 {
            refused.push(right.clone());
        }
        // An apply that made the object needed the right to create it as well.
        if right.verb == "patch" && event["responseStatus"]["code"] == 201 {
            used.insert(Right { verb: "create".to_owned(), ..right.clone() });
        }
        used.insert(right);
    }
    assert_eq!(refused, Vec::<Right>::new(), "asked for, and refused");
    // The test's namespace has the binding of `leeward-enforcer`.
    let granted = granted("base/rbac.yaml").unwrap();
    let unused: Vec<&Right> = granted.difference(&used).collect();
    let unlisted: Vec<&Right> = used.difference(&granted).collect();
    assert!(
        unused.is_empty() && unlisted.is_empty(),
        "granted and not used: {unused:?}\nused and not granted: {unlisted:?}"
    );
}

/// Every feature that needs a right of its own.
fn use_everything(stage: &crate::stage::Stage) {
    stage.apply("apiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork\nmetadata: {name: rights}\nspec:\n  source: {type: Inline, inline: {cidrs: [198.51.100.0/24]}}\n  refreshSeconds: 10\n");
    stage.apply(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: rights}\nspec:\n  defaultBackend: {service: {name: web, port: {number: 80}}}\n",
    );
    let pem = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap().cert.pem().replace('\n', "\n    ");
    stage.apply(&format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: ca, namespace: rights}}\ndata:\n  ca.crt: |\n    {pem}\n"
    ));
    let targets = "  allowlist:\n    mode: Enforce\n    deletionPolicy: Delete\n    targets:\n    - {name: pods, type: NetworkPolicy, networkPolicy: {podSelector: {matchLabels: {app: web}}, ports: [80], isolation: Allow}}\n    - {name: web, type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginx}}\n";
    let manifest = origin("rights", "shop", targets)
        .replace("url: 'http://shop.example.com/'", "url: 'http://shop.example.com/', networkRef: {name: rights}")
        .replace(
            &format!("ips: [{ORIGIN}]}}"),
            &format!("ips: [{ORIGIN}]}}, caBundle: {{configMapRef: {{name: ca, key: ca.crt}}}}"),
        );
    stage.apply(&manifest);
    stage.await_condition("rights", "shop", "OriginHealthy", "True/Healthy", 20);
    stage.await_condition("rights", "shop", "AllowlistSynced", "True/Synced", 30);
    // What fails while a narrowing is watched would be put down to it, and taken back.
    lab::process::wait_until("the effect is known", Duration::from_mins(1), || {
        let synced = stage.condition("rights", "shop", "AllowlistSynced").unwrap();
        synced["message"].as_str().unwrap().contains("probed after the write")
    })
    .unwrap();
    stage.block_proxy();
    stage.await_condition("rights", "shop", "OriginHealthy", "False/ProxyBlocked", 60);
    stage.allow_proxy();
    stage.await_condition("rights", "shop", "OriginHealthy", "True/Healthy", 60);
    // The same again within minutes is told in the same event.
    stage.block_proxy();
    stage.await_condition("rights", "shop", "OriginHealthy", "False/ProxyBlocked", 60);
    stage.allow_proxy();
    stage.await_condition("rights", "shop", "OriginHealthy", "True/Healthy", 60);
    // Without the garbage collector's help: it would be quicker now and then.
    stage.server.kubectl(&["delete", "porigin", "-n", "rights", "shop", "--cascade=orphan"]).unwrap();
    lab::process::wait_until("released", Duration::from_secs(20), || {
        stage.server.kubectl(&["get", "networkpolicy", "-n", "rights", "leeward-shop"]).is_err()
            && stage.server.get("rights", "ingress", "web").unwrap()["metadata"]["annotations"]
                ["nginx.ingress.kubernetes.io/whitelist-source-range"]
                .is_null()
    })
    .unwrap();
}

/// What a request needs; nothing where it is not about a resource.
fn right(event: &Value) -> Option<Right> {
    let object = event["objectRef"].as_object()?;
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut resource = text("resource");
    if let Some(sub) = object.get("subresource").and_then(Value::as_str) {
        resource = format!("{resource}/{sub}");
    }
    Some(Right { verb: event["verb"].as_str()?.to_owned(), group: text("apiGroup"), resource })
}

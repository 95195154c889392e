//! The command line against a real API server: what it reads there, and what it does without rights.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

mod completion;
mod watch;

use lab::control_plane::ControlPlane;
use leeward::api::crds;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

const OBJECTS: &str = include_str!("../cli/no-endpoints.yaml");

static SERVER: LazyLock<&'static ControlPlane> = LazyLock::new(|| {
    let server = ControlPlane::shared();
    for (_, crd) in crds::all() {
        server.apply(&crds::yaml(&crd).unwrap()).unwrap();
        let name = format!("crd/{}", crd.metadata.name.unwrap());
        server.kubectl(&["wait", "--for=condition=Established", "--timeout=20s", &name]).unwrap();
    }
    server.kubectl(&["create", "namespace", "shop"]).unwrap();
    let site = broken_site();
    server.apply(&OBJECTS.replace("https://shop.example.com/healthz", &format!("http://{site}/"))).unwrap();
    server
});

/// A proxy that has no upstream: every request is answered with 503.
fn broken_site() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            _ = stream.read(&mut [0; 4096]);
            _ = stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    address
}

fn leeward(kubeconfig: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leeward"));
    command.args(line.split_whitespace()).env("KUBECONFIG", kubeconfig).env_remove("KUBERNETES_SERVICE_HOST");
    command.output().unwrap()
}

fn ask(line: &str) -> (i32, String, String) {
    said(&leeward(&SERVER.kubeconfig(), line))
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_resource_is_diagnosed_with_the_objects_around_it() {
    let (code, out, err) = ask("diagnose shop/shop --rounds 1 -o json");
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"));
    assert_eq!((code, answer["cause"].as_str()), (2, Some("NoReadyEndpoints")), "{answer:#}\n{err}");
    assert_eq!(answer["origin"], "shop/shop");
    let (code, _, err) = ask("diagnose shop -n shop --rounds 1");
    assert_eq!(code, 2, "{err}");
}

/// As with kubectl: a NAME without a namespace is one of the context's.
#[test]
fn a_name_alone_is_one_of_the_contexts_namespace() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("context.kubeconfig");
    let text = SERVER.kubeconfig_text().replace("namespace: default", "namespace: shop");
    std::fs::write(&path, text).unwrap();
    let (code, out, err) = said(&leeward(&path, "plan shop"));
    assert!(code == 2 && out.contains("shop/leeward-shop"), "{out}{err}");
    let (code, _, err) = ask("plan shop");
    assert_eq!((code, err.as_str()), (1, "error: ProtectedOrigin default/shop does not exist in the cluster\n"));
}

#[test]
fn a_plan_says_what_the_namespace_refuses() {
    let (code, out, err) = ask("plan shop/shop");
    assert_eq!(code, 2, "{err}");
    assert!(out.contains("target pods NetworkPolicy shop/leeward-shop: would be created, adds 3 prefixes"), "{out}");
    assert!(out.contains("refused, EnforceNotPermitted: Namespace shop does not allow writes"), "{out}");
    assert!(out.contains("shop/shop has allowlist.mode Plan: nothing of this is written until it is Enforce"), "{out}");
    assert_eq!(out.matches("dry run accepted: the API server would take it").count(), 1, "{out}");
    // What Leeward would meet next.
    assert!(out.contains("dry run refused, FieldConflict: annotation nginx.ingress.kubernetes.io/whitelist-"), "{out}");
    assert_eq!(err, "");
}

/// The objects of the file in another namespace, which lets Enforce write.
fn beside(namespace: &str) {
    SERVER.kubectl(&["create", "namespace", namespace]).unwrap();
    SERVER.kubectl(&["label", "namespace", namespace, "leeward.dev/enforce=allowed"]).unwrap();
    SERVER.apply(&OBJECTS.replace("namespace: shop", &format!("namespace: {namespace}"))).unwrap();
}

/// Plans until the answer holds a text: what judges writes takes effect a moment after it is there.
fn planned_until(kubeconfig: &Path, origin: &str, wanted: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (code, out, err) = said(&leeward(kubeconfig, &format!("plan {origin}")));
        assert_eq!(code, 2, "{out}{err}");
        if out.contains(wanted) {
            return out;
        }
        assert!(Instant::now() < deadline, "no {wanted:?} in\n{out}{err}");
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_plan_says_who_would_refuse_and_changes_nothing() {
    beside("strict");
    let ingress = || SERVER.get("strict", "ingress", "shop").unwrap();
    // Somebody else's value, and a policy of the cluster's administrator.
    SERVER
        .apply(
            "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: tidy}, spec: {matchConstraints: {resourceRules: [{apiGroups: [networking.k8s.io], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [networkpolicies]}]}, validations: [{expression: 'false', message: 'no policies by tools'}]}}\n---\n{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: tidy-strict}, spec: {policyName: tidy, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: strict}}}}}",
        )
        .unwrap();
    let before = ingress();
    let refusal = "dry run refused, Forbidden: the ValidatingAdmissionPolicy tidy (binding tidy-strict) refuses \
                   NetworkPolicy strict/leeward-shop: no policies by tools";
    let out = planned_until(&SERVER.kubeconfig(), "strict/shop", refusal);
    let manager = "is held by field manager kubectl:";
    assert!(out.contains("refused, FieldConflict: annotation nginx.ingress") && out.contains(manager), "{out}");
    let (code, out, _) = ask("plan strict/shop -o yaml");
    assert!(code == 2 && out.contains("# target pods: dry run refused, Forbidden: the Validating"), "{out}");

    // Its owner lets go of the value: now the API server takes it.
    SERVER
        .kubectl(&[
            "annotate",
            "ingress",
            "-n",
            "strict",
            "shop",
            "nginx.ingress.kubernetes.io/whitelist-source-range-",
        ])
        .unwrap();
    let out = planned_until(&SERVER.kubeconfig(), "strict/shop", "dry run accepted");
    assert!(out.contains(refusal) && !out.contains("FieldConflict"), "{out}");

    // Whoever may only read is told so.
    let rules = "[{apiGroups: ['', networking.k8s.io, discovery.k8s.io, leeward.dev, events.k8s.io, gateway.networking.k8s.io], resources: ['*'], verbs: [get, list, watch]}]";
    SERVER
        .apply(&format!(
            "{{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {{name: reader}}, rules: {rules}}}\n---\n{{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {{name: reader}}, roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}}, subjects: [{{kind: ServiceAccount, name: default, namespace: strict}}]}}"
        ))
        .unwrap();
    let text = SERVER.service_account_kubeconfig("strict", "default").unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reader.kubeconfig");
    std::fs::write(&path, text).unwrap();
    let out = planned_until(
        &path,
        "strict/shop",
        "dry run not made: could not apply Ingress strict/shop: User \"system:serviceaccount:strict:default\" cannot patch resource \"ingresses\"",
    );
    assert!(
        out.contains("A dry run needs the rights of the write; Leeward writes with those of its ServiceAccount"),
        "{out}"
    );

    // Nothing of all this was written.
    assert_eq!(SERVER.kubectl(&["get", "networkpolicy", "-n", "strict", "-o", "name"]).unwrap(), "");
    let after = ingress();
    let managers = |object: &serde_json::Value| object["metadata"]["managedFields"].to_string();
    assert!(!managers(&before).contains("leeward") && !managers(&after).contains("leeward"));
    assert_eq!(
        after["metadata"]["annotations"]["nginx.ingress.kubernetes.io/whitelist-source-range"],
        serde_json::Value::Null
    );
}

#[test]
fn a_plan_names_the_quota_that_has_no_room() {
    beside("full");
    SERVER
        .apply("{apiVersion: v1, kind: ResourceQuota, metadata: {name: small, namespace: full}, spec: {hard: {count/networkpolicies.networking.k8s.io: '0'}}}")
        .unwrap();
    // No controller counts here.
    let status = r#"{"status":{"hard":{"count/networkpolicies.networking.k8s.io":"0"},"used":{"count/networkpolicies.networking.k8s.io":"0"}}}"#;
    let patch = ["patch", "resourcequota", "-n", "full", "small", "--subresource=status", "--type=merge", "-p", status];
    SERVER.kubectl(&patch).unwrap();
    let refusal = "dry run refused, Forbidden: the ResourceQuota small has no room for NetworkPolicy full/leeward-shop: requested: ";
    planned_until(&SERVER.kubeconfig(), "full/shop", refusal);
}

#[test]
fn a_plan_repeats_what_the_operator_says_and_cannot_be_seen_from_here() {
    beside("told");
    let enforce = r#"{"spec":{"allowlist":{"mode":"Enforce"}}}"#;
    SERVER.kubectl(&["patch", "porigin", "-n", "told", "shop", "--type=merge", "-p", enforce]).unwrap();
    let status = r#"{"status":{"conditions":[{"type":"AllowlistSynced","status":"False","reason":"RolledBack","message":"the last narrowing hurt","lastTransitionTime":"2026-11-30T12:00:00Z"}]}}"#;
    SERVER
        .kubectl(&["patch", "porigin", "-n", "told", "shop", "--subresource=status", "--type=merge", "-p", status])
        .unwrap();
    planned_until(&SERVER.kubeconfig(), "told/shop", "the operator says RolledBack: the last narrowing hurt");
}

#[test]
fn ranges_come_from_the_network_of_that_name() {
    assert_eq!(ask("ranges cdn -o comma"), (0, "192.0.2.0/24,2001:db8::/48\n".to_owned(), String::new()));
    let (code, out, err) = ask("ranges other");
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (1, "", "error: ProxyNetwork other does not exist in the cluster\n")
    );
}

#[test]
fn what_does_not_exist_is_said() {
    for command in ["diagnose", "plan"] {
        let (code, out, err) = ask(&format!("{command} shop/other"));
        assert_eq!((code, out.as_str()), (1, ""));
        assert_eq!(err, "error: ProtectedOrigin shop/other does not exist in the cluster\n");
    }
}

#[test]
fn without_rights_it_says_which_are_missing() {
    let text = SERVER.service_account_kubeconfig("shop", "default").unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nobody.kubeconfig");
    std::fs::write(&path, text).unwrap();
    let (code, out, err) = said(&leeward(&path, "diagnose shop/shop"));
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("error: cannot read the ProtectedOrigins of namespace shop: "), "{err}");
    assert!(err.contains("cannot list resource \"protectedorigins\""), "{err}");

    // With that right alone the objects are unknown, and the diagnosis goes on without them.
    SERVER
        .apply(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: reader, namespace: shop}\nrules:\n- {apiGroups: [leeward.dev], resources: [protectedorigins], verbs: [get, list]}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: reader, namespace: shop}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}\nsubjects: [{kind: ServiceAccount, name: default, namespace: shop}]\n",
        )
        .unwrap();
    let output = leeward(&path, "diagnose shop/shop --rounds 1 -o json");
    let (code, out, err) = said(&output);
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"));
    assert_ne!(answer["cause"], "NoReadyEndpoints");
    assert!(code == 2 || code == 3, "{answer:#}");
    assert!(err.contains("note: judging without objects of kind Pod: "), "{err}");
    let (_, _, err) = said(&leeward(&path, "diagnose shop/shop --rounds 1 --guard -o json"));
    assert!(err.contains("note: --guard refuses less than the operator, without objects of kind Pod: "), "{err}");
    let (code, _, err) = said(&leeward(&path, "ranges cdn"));
    assert!(code == 1 && err.starts_with("error: cannot read ProxyNetwork cdn: "), "{err}");
}

#[test]
fn a_cluster_that_is_not_there_is_said() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gone.kubeconfig");
    let text = SERVER.kubeconfig_text().replace(&format!(":{}", SERVER.port()), ":9");
    std::fs::write(&path, text).unwrap();
    let (code, out, err) = said(&leeward(&path, "diagnose shop/shop"));
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("error: cannot read the ProtectedOrigins of namespace shop: "), "{err}");
    let (code, _, err) = said(&leeward(Path::new("/nonexistent"), "plan shop/shop --context nowhere"));
    assert_eq!(code, 1);
    assert!(err.starts_with("error: "), "{err}");
}

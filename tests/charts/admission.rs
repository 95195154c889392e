//! Mode Enforce is for whoever holds the rights that it uses: two users, one with and one without, and the operator.

use crate::helm::{find, rendered};
use lab::control_plane::ControlPlane;
use lab::process::{run_with_input, wait_until};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

const USERS: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: origins}
rules: [{apiGroups: [leeward.dev], resources: [protectedorigins], verbs: [get, list, create, update, patch, delete]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: policies}
rules: [{apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [update]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ingresses}
rules: [{apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [update]}]
";

/// A user: a kubeconfig with a token.
struct User<'a> {
    server: &'a ControlPlane,
    kubeconfig: PathBuf,
}

impl User<'_> {
    fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = self.server.kubectl_command();
        command.env("KUBECONFIG", &self.kubeconfig).args(arguments);
        run_with_input(&mut command, input).map_err(|e| format!("{e:#}"))
    }

    fn apply(&self, yaml: &str) -> Result<String, String> {
        self.kubectl(&["apply", "-n", "shop", "-f", "-"], yaml)
    }

    fn patch(&self, name: &str, patch: &str) -> Result<String, String> {
        self.kubectl(&["patch", "protectedorigin", "-n", "shop", name, "--type=merge", "-p", patch], "")
    }
}

struct Stage {
    server: ControlPlane,
    folder: TempDir,
}

impl Stage {
    fn user(&self, namespace: &str, name: &str) -> User<'_> {
        let kubeconfig = self.folder.path().join(name);
        fs::write(&kubeconfig, self.server.service_account_kubeconfig(namespace, name).unwrap()).unwrap();
        User { server: &self.server, kubeconfig }
    }

    /// As the operator does it: a patch without reading first, which is all that it may. An error is the whole answer.
    fn operator_patches(&self, subresource: &str, patch: &str) -> Result<(), String> {
        let token = self.server.kubectl(&["create", "token", "-n", "leeward-system", "leeward"]).unwrap();
        let ca = self.folder.path().join("ca.crt");
        fs::write(&ca, self.server.ca_pem()).unwrap();
        let origin = "apis/leeward.dev/v1alpha1/namespaces/shop/protectedorigins/site";
        let mut curl = std::process::Command::new("curl");
        curl.args([
            "-sS",
            "-m",
            "10",
            "--noproxy",
            "*",
            "-X",
            "PATCH",
            "-d",
            patch,
            "-w",
            "\n%{http_code}",
            "--cacert",
        ]);
        curl.arg(ca).args(["-H", "Content-Type: application/merge-patch+json", "-H"]);
        curl.arg(format!("Authorization: Bearer {}", token.trim()));
        let answer = lab::process::run(curl.arg(format!("{}/{origin}{subresource}", self.server.url()))).unwrap();
        if answer.ends_with("\n200") { Ok(()) } else { Err(answer) }
    }

    fn bind(&self, role: &str, user: &str) {
        let (role, account) = (format!("--clusterrole={role}"), format!("--serviceaccount=shop:{user}"));
        let name = format!("{user}{}", role.trim_start_matches("--clusterrole"));
        self.server
            .kubectl(&["create", "rolebinding", "-n", "shop", &name.replace('=', "-"), &role, &account])
            .unwrap();
    }
}

/// The chart's objects, but for the Deployment, as Helm would apply them.
fn stage(values: &str) -> Stage {
    let server = ControlPlane::start().unwrap();
    for namespace in ["leeward-system", "shop", "blog"] {
        server.kubectl(&["create", "namespace", namespace]).unwrap();
    }
    let all = rendered(values);
    let kept = all.iter().filter(|d| !["Deployment", "Pod"].contains(&d["kind"].as_str().unwrap()));
    let text: Vec<String> = kept.map(ToString::to_string).collect();
    server.apply(&text.join("\n---\n")).unwrap();
    server
        .kubectl(&["wait", "--for=condition=Established", "--timeout=20s", "crd/protectedorigins.leeward.dev"])
        .unwrap();
    server.apply(USERS).unwrap();
    for user in ["tenant", "admin"] {
        server.kubectl(&["create", "serviceaccount", "-n", "shop", user]).unwrap();
    }
    let stage = Stage { server, folder: tempfile::tempdir().unwrap() };
    stage.bind("origins", "tenant");
    stage.bind("origins", "admin");
    stage.bind("policies", "admin");
    // A policy is in force a moment after it was written.
    let tenant = stage.user("shop", "tenant");
    wait_until("in force", Duration::from_secs(30), || {
        let probe =
            tenant.kubectl(&["apply", "--dry-run=server", "-n", "shop", "-f", "-"], &origin("probe", "Enforce", ""));
        probe.is_err_and(|e| e.contains("allowlist.mode Enforce needs"))
    })
    .unwrap();
    stage
}

fn origin(name: &str, mode: &str, targets: &str) -> String {
    format!(
        "apiVersion: leeward.dev/v1alpha1\nkind: ProtectedOrigin\nmetadata: {{name: {name}}}\nspec:\n  \
         proxy: {{url: 'https://shop.example.com/', networkRef: {{name: cloudflare}}}}\n  \
         origin: {{type: Addresses, addresses: {{ips: [203.0.113.10]}}}}\n  allowlist: {{mode: {mode}, targets: [{targets}]}}\n"
    )
}

const POLICY: &str =
    "{name: pods, type: NetworkPolicy, networkPolicy: {podSelector: {matchLabels: {app: shop}}, ports: [443]}}";
const INGRESS: &str = "{name: web, type: IngressAnnotation, ingressAnnotation: {name: shop, preset: IngressNginx}}";

#[test]
fn whoever_makes_or_changes_a_resource_in_mode_enforce_holds_the_rights_that_it_uses() {
    let stage = stage("enforce: {namespaces: [shop]}");
    let (tenant, admin) = (stage.user("shop", "tenant"), stage.user("shop", "admin"));
    let refused = |outcome: Result<String, String>, said: &str| {
        let error = outcome.expect_err(said);
        assert!(error.contains(said) && error.contains("system:serviceaccount:shop:"), "{error}");
    };

    // Neither needs anything for what writes nothing.
    for mode in ["Observe", "Plan"] {
        tenant.apply(&origin("mine", mode, POLICY)).unwrap();
    }
    // To make one, and to turn one into one.
    refused(tenant.apply(&origin("new", "Enforce", POLICY)), "the right to update networkpolicies in namespace shop");
    refused(
        tenant.patch("mine", r#"{"spec":{"allowlist":{"mode":"Enforce"}}}"#),
        "the right to update networkpolicies",
    );
    admin.apply(&origin("site", "Enforce", POLICY)).unwrap();

    // One that is in mode Enforce: whatever is changed, out of the mode as well.
    refused(
        tenant.patch("site", r#"{"spec":{"allowlist":{"extraCIDRs":[{"cidr":"192.0.2.0/24","reason":"me"}]}}}"#),
        "networkpolicies",
    );
    refused(tenant.patch("site", r#"{"spec":{"allowlist":{"mode":"Observe"}}}"#), "networkpolicies");
    refused(tenant.patch("site", r#"{"metadata":{"labels":{"a":"b"}}}"#), "networkpolicies");
    admin.patch("site", r#"{"metadata":{"labels":{"a":"b"}}}"#).unwrap();

    // An Ingress is another right: to add such a target, and to take it away.
    refused(
        admin.apply(&origin("site", "Enforce", &format!("{POLICY}, {INGRESS}"))),
        "the right to update ingresses in namespace shop",
    );
    stage.bind("ingresses", "admin");
    wait_until("bound", Duration::from_secs(10), || {
        admin.apply(&origin("site", "Enforce", &format!("{POLICY}, {INGRESS}"))).is_ok()
    })
    .unwrap();
    stage.server.kubectl(&["delete", "rolebinding", "-n", "shop", "admin-ingresses"]).unwrap();
    wait_until("unbound", Duration::from_secs(10), || {
        admin.apply(&origin("site", "Enforce", POLICY)).is_err_and(|e| e.contains("update ingresses"))
    })
    .unwrap();

    // The operator holds no update, keeps its finalizer, and can change nothing else.
    stage.operator_patches("", r#"{"metadata":{"finalizers":["leeward.dev/release"]}}"#).unwrap();
    let error = stage.operator_patches("", r#"{"spec":{"allowlist":{"mode":"Plan"}}}"#).unwrap_err();
    assert!(error.contains("the right to update networkpolicies"), "{error}");
    stage.operator_patches("", r#"{"metadata":{"finalizers":[]}}"#).unwrap();
    // What it reports is not a change.
    stage.operator_patches("/status", r#"{"status":{"observedGeneration":1}}"#).unwrap();

    // Kinds that are newer than the policy: a type that it does not know is refused, whoever asks.
    let crd = "protectedorigins.leeward.dev";
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/allowlist/properties/targets/items/properties/type/enum/-";
    let newer = format!(r#"[{{"op":"add","path":"{path}","value":"Newer"}}]"#);
    stage.server.kubectl(&["patch", "crd", crd, "--type=json", "-p", &newer]).unwrap();
    wait_until("served", Duration::from_secs(20), || {
        admin
            .apply(&origin("newer", "Enforce", "{name: new, type: Newer}"))
            .is_err_and(|e| e.contains("a type that the admission policy of the chart does not know"))
    })
    .unwrap();

    // Deleting is a right of its own, and the garbage collector is not stopped.
    tenant.kubectl(&["delete", "protectedorigin", "-n", "shop", "site", "--cascade=foreground"], "").unwrap();
}

/// A new type of target needs a line in the policy, or nobody can use it.
#[test]
fn the_policy_knows_every_type_of_target() {
    let all = rendered("");
    let crd = find(&all, "CustomResourceDefinition", "protectedorigins.leeward.dev");
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    let target = &schema["allowlist"]["properties"]["targets"]["items"]["properties"]["type"]["enum"];
    let policy = find(&all, "ValidatingAdmissionPolicy", "leeward-enforce");
    let validations = policy["spec"]["validations"].as_array().unwrap();
    let known = validations.last().unwrap()["expression"].as_str().unwrap();
    for name in target.as_array().unwrap() {
        let name = name.as_str().unwrap();
        assert!(known.contains(&format!("'{name}'")), "no right is asked for targets of type {name}");
    }
}

#[test]
fn thirty_two_targets_stay_within_the_cost_that_a_policy_may_have() {
    let stage = stage("");
    let admin = stage.user("shop", "admin");
    stage.bind("ingresses", "admin");
    let targets: Vec<String> = (0..32)
        .map(|i| {
            format!(
                "{{name: t{i}, type: IngressAnnotation, ingressAnnotation: {{name: shop-{i}, preset: IngressNginx}}}}"
            )
        })
        .collect();
    wait_until("bound", Duration::from_secs(10), || {
        admin.apply(&origin("site", "Enforce", &targets.join(", "))).is_ok()
    })
    .unwrap_or_else(|_| panic!("{:?}", admin.apply(&origin("site", "Enforce", &targets.join(", ")))));
}

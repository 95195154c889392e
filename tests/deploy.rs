//! `kubectl apply -k deploy/` on a real API server: everything is accepted, nothing changes the second time, the pod
//! passes the restricted standard of its namespace, and the rights are those that are meant and no others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use lab::control_plane::ControlPlane;
use lab::process::wait_until;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

const OPERATOR: &str = "system:serviceaccount:leeward-system:leeward";
const EVERYWHERE: &str = "some-namespace";

fn path(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).display().to_string()
}

fn installed() -> ControlPlane {
    let server = ControlPlane::start().unwrap();
    server.kubectl(&["apply", "-k", &path("deploy")]).unwrap();
    server
}

fn documents(text: &str) -> Vec<Value> {
    let documents = text.split("\n---\n").filter(|d| !d.trim().is_empty());
    documents.map(|d| serde_saphyr::from_str(d).unwrap()).collect()
}

/// Everything that a role's rules allow, one line each.
fn allowed(role: &Value) -> BTreeSet<String> {
    let list = |rule: &Value, field: &str| -> Vec<String> {
        rule[field].as_array().map(|l| l.iter().map(|v| v.as_str().unwrap().to_owned()).collect()).unwrap_or_default()
    };
    let mut found = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in list(rule, "apiGroups") {
            for resource in list(rule, "resources") {
                for verb in list(rule, "verbs") {
                    let object = list(rule, "resourceNames").join(",");
                    let object = if object.is_empty() { object } else { format!("/{object}") };
                    found.insert(format!("{verb} {resource}.{group}{object}").trim_end_matches('.').to_owned());
                }
            }
        }
    }
    found
}

#[test]
fn it_renders_and_no_role_allows_more_than_a_reader_expects() {
    // The control plane's kubectl, without a control plane.
    let kubectl = lab::tools::control_plane().unwrap().join("kubectl");
    let output = std::process::Command::new(kubectl).args(["kustomize", &path("deploy")]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let roles: Vec<String> = documents(&String::from_utf8(output.stdout).unwrap())
        .iter()
        .filter(|d| d["kind"].as_str().unwrap().ends_with("Role"))
        .map(|d| {
            let lines: Vec<String> = allowed(d).into_iter().collect();
            let (kind, name) = (d["kind"].as_str().unwrap(), d["metadata"]["name"].as_str().unwrap());
            format!("{kind} {name}\n  {}", lines.join("\n  "))
        })
        .collect();
    insta::assert_snapshot!(roles.join("\n"));
}

#[test]
fn it_installs_twice_and_grants_what_is_meant() {
    let server = installed();

    let again = server.kubectl(&["apply", "-k", &path("deploy")]).unwrap();
    let changed: Vec<&str> = again.lines().filter(|line| !line.ends_with(" unchanged")).collect();
    assert!(changed.is_empty(), "a second apply changes {changed:?}");

    // Admission of pods is where the restricted standard and the service account are checked.
    let mut pod = Value::Null;
    wait_until("a pod of the Deployment", Duration::from_mins(1), || {
        let text = server.kubectl(&["get", "-n", "leeward-system", "pods", "-o", "json"]).unwrap_or_default();
        pod = serde_json::from_str::<Value>(&text).unwrap_or_default()["items"][0].clone();
        pod.is_object()
    })
    .unwrap();
    assert_eq!(pod["spec"]["serviceAccountName"], "leeward");
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    assert_eq!(volumes.len(), 1, "no other token is mounted: {volumes:#?}");
    assert_eq!(pod["spec"]["securityContext"]["sysctls"][0]["name"], "net.ipv4.ping_group_range");

    for namespace in ["shop", EVERYWHERE] {
        server.kubectl(&["create", "namespace", namespace]).unwrap();
    }
    let may = |verb: &str, resource: &str, namespace: &str| {
        let (resource, subresource) = resource.split_once('#').unwrap_or((resource, ""));
        let subresource = format!("--subresource={subresource}");
        let arguments = ["auth", "can-i", verb, resource, &subresource, "-n", namespace, "--as", OPERATOR];
        // `can-i` ends with 1 for no.
        server.kubectl(&arguments).is_ok_and(|answer| answer.trim() == "yes")
    };
    for (verb, resource) in [
        ("watch", "protectedorigins.leeward.dev"),
        ("patch", "protectedorigins.leeward.dev#status"),
        ("list", "networkpolicies.networking.k8s.io"),
        ("create", "events.events.k8s.io"),
    ] {
        assert!(may(verb, resource, EVERYWHERE), "{verb} {resource}");
    }
    for (verb, resource) in [
        ("update", "protectedorigins.leeward.dev"),
        ("patch", "protectedorigins.leeward.dev"),
        ("get", "secrets"),
        ("list", "secrets"),
        ("create", "networkpolicies.networking.k8s.io"),
        ("patch", "ingresses.networking.k8s.io"),
        ("create", "pods"),
        ("create", "leases.coordination.k8s.io"),
        ("create", "rolebindings.rbac.authorization.k8s.io"),
    ] {
        assert!(!may(verb, resource, EVERYWHERE), "{verb} {resource}");
    }
    assert!(may("create", "leases.coordination.k8s.io", "leeward-system"));
    assert!(may("update", "leases.coordination.k8s.io/leeward", "leeward-system"));
    assert!(!may("update", "leases.coordination.k8s.io/other", "leeward-system"));

    // Writing is granted by namespace.
    assert!(!may("patch", "networkpolicies.networking.k8s.io", "shop"));
    server.kubectl(&["apply", "-n", "shop", "-f", &path("deploy/enforce/role-binding.yaml")]).unwrap();
    for (verb, resource) in [
        ("create", "networkpolicies.networking.k8s.io"),
        ("patch", "networkpolicies.networking.k8s.io"),
        ("delete", "networkpolicies.networking.k8s.io"),
        ("patch", "ingresses.networking.k8s.io"),
        ("patch", "protectedorigins.leeward.dev"),
    ] {
        assert!(may(verb, resource, "shop"), "{verb} {resource}");
        assert!(!may(verb, resource, EVERYWHERE), "{verb} {resource} elsewhere");
    }
    assert!(!may("delete", "ingresses.networking.k8s.io", "shop"));

    // Targets in objects of other projects: by namespace, one kind each.
    assert!(!may("patch", "services", "shop"));
    server.kubectl(&["apply", "-n", "shop", "-k", &path("deploy/enforce/targets/service")]).unwrap();
    assert!(may("patch", "services", "shop") && !may("patch", "services", EVERYWHERE));
    assert!(!may("delete", "services", "shop") && !may("create", "services", "shop"));
    for target in std::fs::read_dir(path("deploy/enforce/targets")).unwrap() {
        let folder = target.unwrap().path().display().to_string();
        server.kubectl(&["apply", "--dry-run=server", "-n", "shop", "-k", &folder]).unwrap();
    }

    // What the comments above the roles tell an administrator to type.
    server.kubectl(&["label", "namespace", "shop", "leeward.dev/enforce=allowed"]).unwrap();
    server.kubectl(&["apply", "--dry-run=server", "-f", &path("crds")]).unwrap();
}

#[test]
fn rights_for_targets_are_one_kind_each_with_a_word_why() {
    let page = std::fs::read_to_string(path("docs/targets.md")).unwrap();
    let mut roles = Vec::new();
    for folder in std::fs::read_dir(path("deploy/enforce/targets")).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(page.contains(&format!("`{name}`")), "docs/targets.md does not name {name}");
        let text = std::fs::read_to_string(folder.join("rights.yaml")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("- apiGroups")) {
            assert!(lines[i - 1].starts_with("# "), "{name}: {line} says not why");
        }
        for role in documents(&text).iter().filter(|d| d["kind"] == "ClusterRole") {
            let allowed: Vec<String> = allowed(role).into_iter().collect();
            roles.push(format!("{name}\n  {}", allowed.join("\n  ")));
        }
    }
    roles.sort();
    insta::assert_snapshot!(roles.join("\n"));
}

#[test]
fn the_component_for_traffic_mounts_its_profiles_and_names_them() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("traffic-component");
    std::fs::create_dir_all(&folder).unwrap();
    // Only relative paths are taken, and the build folder may stand outside of the checkout.
    let up = "../".repeat(folder.components().count() - 1) + env!("CARGO_MANIFEST_DIR").trim_start_matches('/') + "/";
    let overlay = format!("resources: [{up}deploy]\ncomponents: [{up}deploy/traffic]\n");
    std::fs::write(folder.join("kustomization.yaml"), overlay).unwrap();
    let kubectl = lab::tools::control_plane().unwrap().join("kubectl");
    let output = std::process::Command::new(kubectl).arg("kustomize").arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all = documents(&String::from_utf8(output.stdout).unwrap());
    let find = |kind: &str, name: &str| {
        let mut mine = all.iter().filter(|d| d["kind"] == kind && d["metadata"]["name"] == name);
        mine.next().unwrap_or_else(|| panic!("no {kind} {name}")).clone()
    };
    let deployment = find("Deployment", "leeward");
    let pod = &deployment["spec"]["template"]["spec"];
    let entries = |list: &Value| list.as_array().unwrap().clone();
    let env = |name: &str| {
        let all = entries(&pod["containers"][0]["env"]);
        all.iter().find(|e| e["name"] == name).unwrap_or_else(|| panic!("no {name}"))["value"].clone()
    };
    assert!(env("LEEWARD_PROMETHEUS_URL").as_str().unwrap().starts_with("http://"));
    let file = env("LEEWARD_TRAFFIC_PROFILES");
    let mounts = entries(&pod["containers"][0]["volumeMounts"]);
    let mount = mounts.iter().find(|m| file.as_str().unwrap().starts_with(m["mountPath"].as_str().unwrap())).unwrap();
    let volumes = entries(&pod["volumes"]);
    let volume = volumes.iter().find(|v| v["name"] == mount["name"]).unwrap();
    let map = find("ConfigMap", volume["configMap"]["name"].as_str().unwrap());
    assert_eq!(map["metadata"]["namespace"], deployment["metadata"]["namespace"]);
    assert!(map["data"]["profiles.yaml"].is_string());
}

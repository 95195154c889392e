//! Other tools on a field that Leeward keeps: whatever sets it first, or takes it later, is named, nothing is forced, and
//! Leeward goes on once that tool lets go.

use crate::life::install;
use crate::site::{SERVER, Site};
use crate::{NONE, TWO};
use lab::process::run;
use leeward::api::conditions::Reason;
use leeward::api::status::TargetState;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const THEIRS: &str = "203.0.113.0/24";

/// A field of an object, as its owner writes it.
struct Held {
    site: &'static str,
    crds: &'static [&'static str],
    kind: &'static str,
    target: &'static str,
    /// The object, with FIELD where the field may stand.
    object: &'static str,
    field: &'static str,
    /// The field as an editor inserts it behind this line.
    behind: &'static str,
    inserted: &'static str,
    /// What an editor takes out: the lines with this, and those with the value.
    line: &'static str,
    pointer: &'static str,
    theirs: fn() -> Value,
    ours: fn() -> Value,
}

/// How a tool writes the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    ClientSideApply,
    ServerSideApply,
    Edit,
    Helm,
    /// A second controller, which takes what it wants.
    Controller,
}

impl Tool {
    const ALL: [Self; 5] = [Self::ClientSideApply, Self::ServerSideApply, Self::Edit, Self::Helm, Self::Controller];

    const fn manager(self) -> &'static str {
        match self {
            Self::ClientSideApply => "kubectl-client-side-apply",
            Self::ServerSideApply => "kubectl",
            Self::Edit => "kubectl-edit",
            Self::Helm => "helm",
            Self::Controller => "other-controller",
        }
    }

    /// Whether it overwrites what somebody else holds.
    const fn takes(self) -> bool {
        matches!(self, Self::ClientSideApply | Self::Edit | Self::Controller)
    }
}

/// Writes the object, with the field or without it.
fn write(site: &Site, held: &Held, tool: Tool, with: bool, folder: &Path) -> anyhow::Result<String> {
    let object = held.object.replace("FIELD", if with { held.field } else { "" });
    let namespace = ["-n", site.namespace.as_str()];
    let apply =
        |flags: &[&str]| SERVER.kubectl_with_input(&[&["apply", "-f", "-"], &namespace[..], flags].concat(), &object);
    match tool {
        Tool::ClientSideApply => apply(&[]),
        Tool::ServerSideApply => apply(&["--server-side"]),
        Tool::Controller => apply(&["--server-side", "--force-conflicts", "--field-manager=other-controller"]),
        Tool::Edit => {
            if site.object().is_none() {
                site.apply(&held.object.replace("FIELD", ""));
            }
            let editor = folder.join("editor");
            let script = if with && held.value(site).is_null() {
                format!("s#^{}#&\\n{}#", held.behind, held.inserted)
            } else if with {
                let [one, other] = TWO;
                format!("s#{one},{other}#{THEIRS}#; s#{one}#{THEIRS}#; /- {}/d", other.replace('/', "."))
            } else {
                format!("/{}/d; /{}/d", held.line.replace('/', "."), THEIRS.replace('/', "."))
            };
            fs::write(&editor, format!("#!/bin/sh\nexec sed -i '{script}' \"$1\"\n"))?;
            fs::set_permissions(&editor, fs::Permissions::from_mode(0o755))?;
            let mut command = SERVER.kubectl_command();
            run(command.env("KUBE_EDITOR", &editor).args(namespace).args(["edit", held.kind, "edge"]))
        }
        Tool::Helm => {
            let chart = folder.join("chart");
            fs::create_dir_all(chart.join("templates"))?;
            fs::write(chart.join("Chart.yaml"), "{apiVersion: v2, name: edge, version: 0.1.0}")?;
            fs::write(chart.join("templates/object.yaml"), &object)?;
            helm(folder, &[&["upgrade", "--install", "edge", &chart.display().to_string()], &namespace[..]].concat())
        }
    }
}

fn helm(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(lab::tools::helm()?);
    for kind in ["CACHE", "CONFIG", "DATA"] {
        command.env(format!("HELM_{kind}_HOME"), folder.join(kind));
    }
    run(command.env("KUBECONFIG", SERVER.kubeconfig()).args(arguments))
}

impl Held {
    fn value(&self, site: &Site) -> Value {
        site.object().unwrap().pointer(self.pointer).cloned().unwrap_or_default()
    }

    /// Nothing is written, and the one who stands in the way is named.
    async fn is_a_conflict(&self, site: &mut Site, tool: Tool) {
        site.settle().await;
        site.gate.forget();
        let refused = site.reconcile().await;
        let message = &refused.synced.message;
        let state = refused.targets[0].state;
        assert_eq!(
            (refused.synced.reason, state),
            (Reason::FieldConflict, TargetState::Conflict),
            "{tool:?}: {message}"
        );
        assert!(message.contains(&format!("is held by field manager {}:", tool.manager())), "{tool:?}: {message}");
        assert_eq!((site.gate.writes(), self.value(site)), (0, (self.theirs)()), "{tool:?}");
    }

    async fn is_ours(&self, site: &mut Site, tool: Tool) {
        site.settle().await;
        let applied = site.reconcile().await;
        assert_eq!(applied.synced.reason, Reason::Synced, "{tool:?}: {}", applied.synced.message);
        assert_eq!(self.value(site), (self.ours)(), "{tool:?}");
    }

    async fn contested(&self) {
        for files in self.crds {
            install(files);
        }
        let mut site = Site::new(self.site, NONE, &TWO).await;
        site.origin(&format!("\n    - {{name: t, {}}}", self.target), "Orphan").await;
        for tool in Tool::ALL {
            let folder = TempDir::new().unwrap();
            let write = |site: &Site, with| write(site, self, tool, with, folder.path());
            write(&site, true).unwrap();
            self.is_a_conflict(&mut site, tool).await;
            write(&site, false).unwrap();
            self.is_ours(&mut site, tool).await;

            // It wants the field again.
            if tool.takes() {
                write(&site, true).unwrap();
                self.is_a_conflict(&mut site, tool).await;
            } else {
                let refused = write(&site, true).unwrap_err().to_string();
                assert!(refused.contains("leeward-shop"), "{tool:?} is told who holds it: {refused}");
                self.is_ours(&mut site, tool).await;
            }
            if tool == Tool::Helm {
                helm(folder.path(), &["uninstall", "edge", "-n", &site.namespace]).unwrap();
            } else {
                site.kubectl(&["delete", self.kind, "edge"]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_annotation_that_other_tools_want() {
    let held = Held {
        site: "held-annotation",
        crds: &[],
        kind: "ingress",
        target: "type: IngressAnnotation, ingressAnnotation: {name: edge, preset: IngressNginx}",
        object: "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: edge, annotations: {a: b FIELD}}, spec: {defaultBackend: {service: {name: web, port: {number: 443}}}}}",
        field: ", nginx.ingress.kubernetes.io/whitelist-source-range: 203.0.113.0/24",
        behind: "  annotations:",
        inserted: "    nginx.ingress.kubernetes.io/whitelist-source-range: 203.0.113.0/24",
        line: "nginx.ingress.kubernetes.io/whitelist-source-range",
        pointer: "/metadata/annotations/nginx.ingress.kubernetes.io~1whitelist-source-range",
        theirs: || json!(THEIRS),
        ours: || json!(TWO.join(",")),
    };
    held.contested().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn source_ranges_that_other_tools_want() {
    let held = Held {
        site: "held-ranges",
        crds: &[],
        kind: "service",
        target: "type: ServiceSourceRanges, serviceSourceRanges: {name: edge}",
        object: "{apiVersion: v1, kind: Service, metadata: {name: edge}, spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 443}] FIELD}}",
        field: ", loadBalancerSourceRanges: [203.0.113.0/24]",
        behind: "spec:",
        inserted: "  loadBalancerSourceRanges:\\n  - 203.0.113.0/24",
        line: "loadBalancerSourceRanges",
        pointer: "/spec/loadBalancerSourceRanges",
        theirs: || json!([THEIRS]),
        ours: || json!(TWO),
    };
    held.contested().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_of_another_projects_kind_that_other_tools_want() {
    let held = Held {
        site: "held-middleware",
        crds: &["traefik/traefik.io_middlewares.yaml"],
        kind: "middleware.traefik.io",
        target: "type: TraefikMiddleware, traefikMiddleware: {name: edge}",
        object: "{apiVersion: traefik.io/v1alpha1, kind: Middleware, metadata: {name: edge}, spec: {ipAllowList: {rejectStatusCode: 404 FIELD}}}",
        field: ", sourceRange: [203.0.113.0/24]",
        behind: "  ipAllowList:",
        inserted: "    sourceRange:\\n    - 203.0.113.0/24",
        line: "sourceRange",
        pointer: "/spec/ipAllowList/sourceRange",
        theirs: || json!([THEIRS]),
        ours: || json!(TWO),
    };
    held.contested().await;
}

//! Helm, and what it renders.

use lab::control_plane::ControlPlane;
use lab::process::run;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// As if the cluster had the kinds of the Prometheus operator.
pub const MONITORING: [&str; 2] = ["--api-versions", "monitoring.coreos.com/v1"];

pub fn checkout(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub fn chart() -> String {
    checkout("charts/leeward").display().to_string()
}

pub fn crds_chart() -> String {
    checkout("charts/leeward-crds").display().to_string()
}

/// `helm`, without a cluster.
pub fn helm() -> Command {
    lab::helm::helm().unwrap()
}

/// `helm` as the administrator of a cluster.
pub fn helm_for(server: &ControlPlane) -> Command {
    lab::helm::helm_for(server).unwrap()
}

pub fn ask(command: &mut Command, arguments: &[&str]) -> Output {
    command.args(arguments).output().unwrap()
}

/// A set of values that somebody may install with, and what is checked of all of them.
pub struct Case {
    pub name: &'static str,
    pub values: &'static str,
}

pub const CASES: [Case; 9] = [
    Case { name: "default", values: "" },
    Case { name: "elsewhere", values: "fullnameOverride: watch\ninstallation: second\ncrds: {enabled: false}" },
    Case { name: "replicas", values: "replicas: 3\nhostUsers: false\npriorityClassName: system-cluster-critical" },
    Case { name: "namespaced", values: NAMESPACED },
    Case { name: "prober", values: PROBER },
    Case { name: "monitoring", values: MONITORED },
    Case {
        name: "wall",
        values: "networkPolicy: {enabled: true, restrictPorts: true, apiServer: {cidrs: [192.0.2.1/32]}}\nicmp: {enabled: false}\nprober: {allowTargets: ['shop=10.1.0.0/16', 'fd00:1::/32'], allowPorts: [9443]}",
    },
    Case {
        name: "bare",
        values: "rbac: {create: false}\nserviceAccount: {create: false, name: other}\nadmissionPolicy: {enabled: false}\npodDisruptionBudget: {enabled: false}\ncrds: {keep: false}",
    },
    Case { name: "everywhere", values: EVERYWHERE },
];

const NAMESPACED: &str = "mode: namespaced\nwatchNamespaces: [shop, blog]\nenforce: {namespaces: [shop], targets: [service]}\nnetworkPolicy: {enabled: true}";

const PROBER: &str = "\
prober:
  allowTargets: ['shop=10.1.0.0/16']
  denyTargets: [203.0.113.0/24, '2001:db8::/32']
  allowPorts: [9443]
  requireAllowedHosts: false
  resolvers: ['192.0.2.53:53', '[2001:db8::53]:53']
  control: https://control.example.com/
  vantage: hall-1
  caConfigMap: roots
prometheus:
  url: http://prometheus.monitoring.svc:9090
  allowUserPromql: true
  profiles:
    nodes: {conntrackRatio: max(node_nf_conntrack_entries / node_nf_conntrack_entries_limit)}
log: {format: text, level: 'info,leeward=debug'}
statusPage: {enabled: true, hosts: [status.example.com], annotations: {note: 'true'}}
extraArgs: [--minimum-period-seconds=30]
extraEnv: [{name: LEEWARD_RECHECK_SECONDS, value: '5'}]";

const MONITORED: &str = "\
monitoring:
  serviceMonitor: {enabled: true, labels: {release: prometheus}, interval: 15s}
  podMonitor: {enabled: true}
  prometheusRule: {enabled: true, labels: {release: prometheus}}
  dashboards: {enabled: true, annotations: {grafana_folder: Leeward}}";

const EVERYWHERE: &str = "\
global: {imageRegistry: registry.example.com, imagePullSecrets: [pull]}
image: {digest: 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'}
commonLabels: {team: edge}
podLabels: {zone: a}
podAnnotations: {note: 'true'}
tolerations: [{key: edge, operator: Exists}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: edge, operator: Exists}]}]}}}
topologySpreadConstraints: [{maxSkew: 2, topologyKey: rack, whenUnsatisfiable: ScheduleAnyway}]
rbac: {aggregateRoles: true}
enforce:
  namespaces: [shop, blog]
  targets: [calico, calico-global, cilium, config-map, contour, envoy-gateway, istio, nginx, openshift, service, traefik, trust-config-map, trust-envoy-gateway]
  objectFields: [{group: configuration.konghq.com, resource: kongplugins}]
serviceAccount: {annotations: {note: 'true'}}
service: {annotations: {note: 'true'}}
extraObjects:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: '{{ .Release.Name }}-extra', namespace: '{{ .Release.Namespace }}'}
- |
  apiVersion: v1
  kind: ConfigMap
  metadata: {name: more, namespace: {{ .Release.Namespace }}}";

/// A file with these values.
pub fn values(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

/// What `helm template` makes of these values, as text.
pub fn text(values_text: &str) -> String {
    let file = values(values_text);
    let mut command = helm();
    command.args(["template", "leeward", &chart(), "-n", "leeward-system", "-f"]).arg(file.path()).args(MONITORING);
    run(&mut command).unwrap()
}

pub fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n")
        .map(|d| d.trim_start_matches("---\n"))
        .filter(|d| d.lines().any(|l| !l.trim().is_empty() && !l.starts_with('#')))
        .map(|d| serde_saphyr::from_str(d).unwrap_or_else(|e| panic!("{e}:\n{d}")))
        .collect()
}

pub fn rendered(values_text: &str) -> Vec<Value> {
    documents(&text(values_text))
}

pub fn find(all: &[Value], kind: &str, name: &str) -> Value {
    let mut mine = all.iter().filter(|d| d["kind"] == kind && d["metadata"]["name"] == name);
    mine.next().unwrap_or_else(|| panic!("no {kind} {name}")).clone()
}

//! HAProxy Technologies' ingress controller, told by an annotation: who is not on the list gets 403.

use crate::ingress::Behind;
use crate::stage::stage;
use lab::network::Host;
use lab::process::Process;
use lab::tools;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const ROUTE: &str = "
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: haproxy}
spec: {controller: haproxy.org/ingress-controller/haproxy}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: haproxytech}
spec:
  ingressClassName: haproxy
  rules:
  - host: haproxytech.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
";

/// What the controller starts.
const PROGRAM: &str = include_str!("haproxy-of-the-controller");

/// The controller on a host, outside of the cluster, with its HAProxy. Both end when dropped.
fn start(host: &Host) -> Process {
    let stage = stage();
    let folder = host.folder().unwrap();
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    fs::write(file("haproxy"), PROGRAM).unwrap();
    fs::set_permissions(file("haproxy"), fs::Permissions::from_mode(0o755)).unwrap();
    stage.open_in(host);
    let mut command = host.command(tools::haproxy_ingress().unwrap());
    command
        .args(["--external", "--ingress.class=haproxy", "--sync-period=1s", "--log=info"])
        .args(["--http-bind-port=80", "--disable-https", "--disable-ipv6", "--disable-quic"])
        .arg(format!("--kubeconfig={}", stage.server.kubeconfig().display()))
        .arg(format!("--program={}", file("haproxy")))
        .arg(format!("--config-dir={}", file("etc")))
        .arg(format!("--runtime-dir={}", file("run")))
        .env("POD_NAME", "haproxy-ingress-0-0")
        .env("POD_NAMESPACE", "haproxytech");
    let mut controller = host.spawn("haproxy-ingress", &command).unwrap();
    controller.wait_until("listening", Duration::from_secs(30), || host.listens_on(80)).unwrap();
    controller
}

pub fn lives() {
    let stage = stage();
    let target = "type: IngressAnnotation, ingressAnnotation: {name: web, preset: HAProxyTech}";
    let behind = Behind::build("haproxytech", 44, ["198.51.100.90", "198.51.100.95"], target);
    stage.apply(ROUTE);
    let _controller = start(&behind.host);
    behind.serves();
    behind.site.publish(&[behind.site.old], &[]);
    behind.site.apply("Enforce");
    let list = || {
        let ingress = stage.server.get("haproxytech", "ingress", "web").unwrap();
        ingress["metadata"]["annotations"]["haproxy.org/allow-list"].as_str().unwrap().to_owned()
    };
    behind.enforces(&|| list().split(',').count());
}

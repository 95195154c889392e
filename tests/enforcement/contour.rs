//! Contour and its Envoy, told by an HTTPProxy: who is not on the list gets 403.

use crate::ingress::Behind;
use crate::stage::stage;
use lab::network::Host;
use lab::process::{Process, run};
use lab::{installation, tools};
use std::time::Duration;

const ROUTE: &str = "
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: web, namespace: contour}
spec:
  virtualhost: {fqdn: contour.example.com}
  routes: [{services: [{name: web, port: 80}]}]
";

/// Contour on a host, and Envoy that asks it what to do. Both end when dropped.
fn start(host: &Host) -> [Process; 2] {
    let stage = stage();
    let folder = host.folder().unwrap();
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let program = tools::contour().unwrap();
    stage.open_in(host);
    let mut command = host.command(&program);
    command
        .args(["serve", "--insecure", "--disable-leader-election", "--xds-address=127.0.0.1", "--xds-port=8001"])
        .args(["--envoy-service-http-address=0.0.0.0", "--envoy-service-http-port=80"])
        .args(["--health-address=127.0.0.1", "--http-address=127.0.0.1", "--stats-address=127.0.0.1"])
        .args(["--envoy-http-access-log=/dev/null", &format!("--kubeconfig={}", stage.server.kubeconfig().display())]);
    let mut contour = host.spawn("contour", &command).unwrap();
    contour.wait_until("serving", Duration::from_secs(30), || host.listens_on(8001)).unwrap();

    let admin = format!("--admin-address={}", file("admin.sock"));
    let mut bootstrap = host.command(&program);
    bootstrap.args(["bootstrap", &file("envoy.json"), &admin, "--xds-address=127.0.0.1", "--xds-port=8001"]);
    run(&mut bootstrap).unwrap();
    let mut command = host.command(tools::envoy().unwrap());
    command.args(["-c", &file("envoy.json"), "--service-cluster", "contour", "--service-node", "envoy"]).args([
        "--disable-hot-restart",
        "--concurrency",
        "1",
        "--log-level",
        "warning",
    ]);
    let mut envoy = host.spawn("envoy", &command).unwrap();
    envoy.wait_until("listening", Duration::from_secs(30), || host.listens_on(80)).unwrap();
    [contour, envoy]
}

pub fn lives() {
    let stage = stage();
    let crds = tools::crds().unwrap().join("contour/01-crds.yaml");
    stage.apply(&std::fs::read_to_string(crds).unwrap());
    let target = "type: ContourHTTPProxy, contourHTTPProxy: {name: web}";
    let behind = Behind::build("contour", 40, ["198.51.100.80", "198.51.100.85"], target);
    stage.apply(ROUTE);
    let _servers = start(&behind.host);
    behind.serves();

    // The right for this type of target comes from its own file, and from nowhere else.
    let site = &behind.site;
    let may = || {
        let words = ["auth", "can-i", "patch", "httpproxies.projectcontour.io", "-n", site.name];
        let whose = "--as=system:serviceaccount:leeward-system:leeward";
        stage.server.kubectl(&[&words[..], &[whose]].concat()).is_ok()
    };
    assert!(!may());
    installation::bind_target(&stage.server, site.name, "contour").unwrap();
    assert!(may());
    site.publish(&[site.old], &[]);
    site.apply("Enforce");
    let route = || stage.server.get("contour", "httpproxy", "web").unwrap();
    behind.enforces(&|| route()["spec"]["virtualhost"]["ipAllowPolicy"].as_array().unwrap().len());
    assert_eq!(route()["status"]["currentStatus"], "valid");
}

//! A site behind an ingress controller: the pod, the host of the controller, the proxy in front of both, and what a list in
//! the controller's own object does.

use crate::life::Site;
use crate::stage::{at_once, stage};
use crate::{contour, haproxy_ingress};
use lab::network::Host;
use lab::process::wait_until;
use lab::servers::nginx::Nginx;
use lab::servers::proxy::RunningProxy;
use lab::servers::{Kind, Origin, Proxy};
use std::time::Duration;

#[test]
fn contour_and_the_controller_of_haproxy_refuse_whom_the_list_does_not_name() {
    at_once(contour::lives, haproxy_ingress::lives);
}

/// A site and what serves it; gone when dropped.
pub struct Behind {
    pub site: Site,
    /// Where the controller is to run, and to listen on port 80.
    pub host: Host,
    _proxy: RunningProxy,
    _pod: Nginx,
}

impl Behind {
    /// Names of hosts begin with `name`; the last parts of their addresses come from `number`, of which two are taken.
    pub fn build(name: &'static str, number: u8, edge: [&'static str; 2], target: &'static str) -> Self {
        let stage = stage();
        let host = stage.host(name, &[&format!("203.0.113.{number}")]);
        let node_name = format!("{name}-node");
        let node = stage.host(&node_name, &[&format!("203.0.113.{}", number + 1)]);
        let pod = stage.pod(&node, &format!("{name}-pod"), &format!("10.244.{number}.10"));
        let origin = Origin::new(&[pod.at(8080)]).start(&pod, "web").unwrap();
        Site::permit(name, &[]);
        stage.run_pod(name, (&node_name, &node), ("web", &pod));
        let [old, new] = edge;
        let site = Site {
            name,
            edge: Site::edge(&format!("{name}-edge"), old, new),
            port: 80,
            old,
            new,
            origin: host.at(80),
            spec: Site::at_address(host.address(), "Nginx"),
            target,
        };
        let proxy = Proxy::new(Kind::Nginx, &[site.edge.at(80)], &[host.at(80)]).start(&site.edge, "proxy").unwrap();
        Self { site, host, _proxy: proxy, _pod: origin }
    }

    /// The controller serves the site to everybody.
    pub fn serves(&self) {
        self.site.await_visit(&[200]);
        assert_eq!(self.site.stranger(), 200, "nobody is shut out before Leeward comes");
    }

    /// The list is in the object: from here to the end of [`Site::moves`]. `written` is how many prefixes stand there.
    pub fn enforces(&self, written: &dyn Fn() -> usize) {
        let site = &self.site;
        site.await_condition("AllowlistSynced", "True/Synced");
        wait_until("strangers shut out", Duration::from_secs(15), || site.stranger() == 403).unwrap();
        assert_eq!((site.visit(), site.from(site.old), site.from(site.new)), (200, 200, 403));
        site.await_condition("OriginHealthy", "True/Healthy");
        site.says("1 target carries 3 prefixes; probed after the write: the site works through the proxy");
        site.shows(&["True True Healthy Enforce", "Synced High"]);
        assert_eq!(written(), 3);
        site.moves(&[], 403, &mut || {});
        assert_eq!(written(), 3);
    }
}

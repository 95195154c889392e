//! What the demo breaks is really broken, and repaired, before Leeward is asked about any of it.

use std::time::Duration;

use lab::certificates::State;
use lab::demo::cluster::Cluster;
use lab::demo::screen::Screen;
use lab::demo::stage::{EDGE, NEW_EDGE, Site, Stage};

const SOON: Duration = Duration::from_secs(8);

fn policy(ranges: &[&str]) -> String {
    let from: String = ranges.iter().map(|range| format!("{{ipBlock: {{cidr: {range:?}}}}}, ")).collect();
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: by-hand, namespace: docs}}, \
         spec: {{podSelector: {{matchLabels: {{app: docs}}}}, policyTypes: [Ingress], \
         ingress: [{{from: [{from}], ports: [{{port: 8080, protocol: TCP}}]}}]}}}}"
    )
}

#[test]
fn each_break_shows_to_visitors_and_each_repair_too() {
    let mut stage = Stage::build().unwrap();
    let cluster = Cluster::start(&stage, &Screen::new()).unwrap();
    stage.visit_until(Site::Shop, &[200], SOON).unwrap();
    stage.visit_until(Site::Blog, &[200], SOON).unwrap();
    stage.visit_until(Site::Docs, &[502, 504], SOON).unwrap();

    stage.ban_proxy().unwrap();
    stage.visit_until(Site::Shop, &[504], SOON).unwrap();
    stage.pardon_proxy().unwrap();
    stage.visit_until(Site::Shop, &[200], SOON).unwrap();

    stage.stop_shop();
    stage.visit_until(Site::Shop, &[502], SOON).unwrap();
    stage.start_shop().unwrap();
    stage.visit_until(Site::Shop, &[200], SOON).unwrap();

    stage.certify_blog(State::Expired).unwrap();
    stage.visit_until(Site::Blog, &[503], SOON).unwrap();
    stage.certify_blog(State::Valid).unwrap();
    stage.visit_until(Site::Blog, &[200], SOON).unwrap();

    // The range of another family beside it, as in the demo's ProxyNetwork.
    cluster.plane.apply(&policy(&[EDGE, "2001:db8:ed9e::/48"])).unwrap();
    stage.visit_until(Site::Docs, &[200], SOON).unwrap();
    stage.move_proxy().unwrap();
    stage.visit_until(Site::Docs, &[502, 504], SOON).unwrap();
    stage.visit_until(Site::Shop, &[200], SOON).unwrap();
    cluster.plane.apply(&policy(&[EDGE, NEW_EDGE])).unwrap();
    stage.visit_until(Site::Docs, &[200], SOON).unwrap();
}

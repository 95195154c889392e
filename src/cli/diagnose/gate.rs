//! `--guard`: the targets that the operator would refuse, refused here as well. Budgets are left out,
//! since one command cannot wear anybody down.

use crate::net::guard::{ClusterFacts, Destination, GuardFlags, GuardPolicy};
use crate::observe::round::{Denied, Gate, Starved, Via};
use futures::future::{BoxFuture, FutureExt, ready};
use std::net::SocketAddr;

/// The operator's guard with its default flags, as far as the objects at hand describe the cluster.
pub struct Guard {
    policy: GuardPolicy,
    namespace: String,
    /// Ports of the origin's own Service.
    ports: Vec<u16>,
}

impl Guard {
    /// `endpoints` are the ready endpoints of the origin's Service.
    pub fn new(facts: ClusterFacts, namespace: &str, endpoints: &[SocketAddr]) -> Self {
        Self {
            policy: GuardPolicy::new(GuardFlags::default(), facts),
            namespace: namespace.to_owned(),
            ports: endpoints.iter().map(SocketAddr::port).collect(),
        }
    }
}

impl Gate for Guard {
    fn admit(&self, address: SocketAddr, via: Via, host: &str) -> Result<(), Denied> {
        let to = Destination { role: via.role(&self.ports), host };
        self.policy.check(&self.namespace, address, to).map(|_| ()).map_err(|_| Denied)
    }

    fn spend<'a>(&'a self, _: SocketAddr, _: Via, _: &'a str) -> BoxFuture<'a, Result<(), Starved>> {
        ready(Ok(())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::cluster::{ClusterSource, Files, Text, egress_facts};
    use crate::operate::prober::{Budget, Rules, SiteGate};
    use crate::report::metrics::Metrics;
    use std::net::IpAddr;
    use std::sync::Arc;

    const CLUSTER: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop, annotations: {leeward.dev/allowed-hosts: shop.example.com}}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDR: 100.99.0.0/24, podCIDRs: [100.99.0.0/24, '2001:db8:99::/64']}
status: {addresses: [{type: InternalIP, address: 203.0.113.90}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: other}
spec: {clusterIP: 203.0.113.50, externalIPs: [203.0.113.60], ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 203.0.113.51, ports: [{port: 443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
ports: [{port: 6443}]
endpoints: [{addresses: [203.0.113.70]}]
---
apiVersion: v1
kind: Pod
metadata: {name: stray, namespace: nobody-listed-it}
spec: {containers: [{name: a, image: b}]}
status: {podIPs: [{ip: 203.0.113.80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: on-the-host, namespace: shop}
spec: {hostNetwork: true, containers: [{name: a, image: b}]}
status: {podIPs: [{ip: 203.0.113.90}]}
";

    /// What is asked, and whether it is let through.
    const CASES: [(&str, Via, bool); 19] = [
        ("203.0.113.10:443", Via::Edge, true),
        ("203.0.113.10:443", Via::Origin, true),
        ("100.99.0.7:443", Via::Origin, false),
        ("[2001:db8:99::7]:443", Via::Edge, false),
        ("203.0.113.80:443", Via::Origin, false),
        ("203.0.113.80:9443", Via::Endpoint, true),
        ("203.0.113.80:9444", Via::Endpoint, false),
        ("203.0.113.50:80", Via::Origin, false),
        ("203.0.113.50:80", Via::Endpoint, false),
        ("203.0.113.51:443", Via::Edge, false),
        ("203.0.113.70:443", Via::Edge, false),
        ("203.0.113.71:443", Via::Origin, false),
        // An address of a Node on a web port, and a Service's external address.
        ("203.0.113.90:443", Via::Origin, true),
        ("203.0.113.90:9443", Via::Endpoint, false),
        ("203.0.113.60:9443", Via::Endpoint, true),
        // A control port is dialled where any port of an origin would be.
        ("203.0.113.10:22", Via::ControlPort, false),
        ("203.0.113.10:8443", Via::ControlPort, true),
        ("100.99.0.7:80", Via::ControlPort, false),
        ("10.1.2.3:443", Via::Origin, false),
    ];

    #[test]
    fn it_refuses_what_the_operator_refuses() {
        let files = Files::parse(&[Text { name: "cluster.yaml", text: CLUSTER }]).unwrap();
        let configured: Vec<IpAddr> = vec!["203.0.113.71".parse().unwrap()];
        let ports = ["203.0.113.80:9443".parse().unwrap()];
        let facts = |source: &dyn ClusterSource| egress_facts(source, &configured);
        let ours = Guard::new(facts(&files), "shop", &ports);
        let operators = SiteGate {
            namespace: "shop".to_owned(),
            ports: vec![9443],
            rules: Rules::new(GuardPolicy::new(GuardFlags::default(), facts(&files))),
            budget: Arc::new(Budget::new(50)),
            metrics: Metrics::new(),
        };
        for (address, via, allowed) in CASES {
            let at = address.parse().unwrap();
            let answers = [&ours as &dyn Gate, &operators].map(|gate| gate.admit(at, via, "shop.example.com").is_ok());
            assert_eq!(answers, [allowed; 2], "{address} as {via:?}");
        }
    }
}

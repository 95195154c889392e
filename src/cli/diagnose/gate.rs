//! `--guard`: the targets that the operator would refuse, refused here as well. Budgets are left out,
//! since one command cannot wear anybody down.

use crate::api::names::ALLOWED_HOSTS_ANNOTATION;
use crate::net::guard::{AllowedHosts, ClusterFacts, Destination, GuardFlags, GuardPolicy, Role};
use crate::observe::cluster::{ClusterSource, cluster_addresses};
use crate::observe::round::{Denied, Gate, Starved, Via};
use futures::future::{BoxFuture, FutureExt, ready};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The operator's guard with its default flags, as far as the objects at hand describe the cluster.
pub struct Guard {
    policy: GuardPolicy,
    namespace: String,
    service_ports: Vec<u16>,
    control_port: Option<u16>,
}

impl Guard {
    /// `endpoints` are the ready endpoints of the origin's Service.
    pub fn new(
        objects: &dyn ClusterSource,
        namespace: &str,
        endpoints: &[SocketAddr],
        control_port: Option<u16>,
    ) -> Self {
        let annotation = objects
            .namespace(namespace)
            .and_then(|n| n.metadata.annotations.as_ref()?.get(ALLOWED_HOSTS_ANNOTATION).cloned())
            .unwrap_or_default();
        let facts = ClusterFacts {
            nodes: cluster_addresses(objects).into_iter().collect(),
            allowed_hosts: BTreeMap::from([(namespace.to_owned(), AllowedHosts::parse(&annotation))]),
            ..ClusterFacts::default()
        };
        Self {
            policy: GuardPolicy::new(GuardFlags::default(), facts),
            namespace: namespace.to_owned(),
            service_ports: endpoints.iter().map(SocketAddr::port).collect(),
            control_port,
        }
    }
}

impl Gate for Guard {
    fn admit(&self, address: SocketAddr, via: Via, host: &str) -> Result<(), Denied> {
        let role = match via {
            Via::Edge => Role::Edge,
            // The port was declared for exactly this; only the address is left to judge.
            Via::ControlPort if self.control_port == Some(address.port()) => Role::Endpoint { ports: &[] },
            Via::Origin | Via::ControlPort => Role::Origin,
            Via::Endpoint => Role::Endpoint { ports: &self.service_ports },
        };
        self.policy.check(&self.namespace, address, Destination { role, host }).map(|_| ()).map_err(|_| Denied)
    }

    fn spend<'a>(&'a self, _: SocketAddr, _: Via, _: &'a str) -> BoxFuture<'a, Result<(), Starved>> {
        ready(Ok(())).boxed()
    }
}

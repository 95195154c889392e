//! The two ends of a question: the pod that is asked about, and who wants to reach it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::net::RangeSet;

/// A transport protocol of a policy's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display, strum::EnumString)]
pub enum Protocol {
    /// The default of policies and container ports.
    TCP,
    /// UDP.
    UDP,
    /// SCTP.
    SCTP,
}

/// A port of the pod, after the Service's translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PodPort {
    /// 1 to 65535.
    pub number: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

impl PodPort {
    /// A TCP port, what all origins use.
    pub const fn tcp(number: u16) -> Self {
        Self { number, protocol: Protocol::TCP }
    }
}

/// A container port that policies may call by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPort {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub port: PodPort,
}

/// The pod that is asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationPod {
    /// Its namespace.
    pub namespace: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Container ports that have a name.
    pub named_ports: Vec<NamedPort>,
    /// Shares the node's network.
    pub host_network: bool,
    /// Addresses of its own node, from where it is always reached.
    pub node_addresses: RangeSet,
}

impl DestinationPod {
    /// The facts of a pod object. Addresses of its node come from elsewhere.
    pub fn of(pod: &Pod, node_addresses: RangeSet) -> Self {
        let spec = pod.spec.as_ref();
        let containers = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
        // A restartable init container is a sidecar and serves as long as the pod runs.
        let sidecars = spec.and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default().iter();
        let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
        Self {
            namespace: pod.metadata.namespace.clone().unwrap_or_else(|| "default".to_owned()),
            labels: pod.metadata.labels.clone().unwrap_or_default(),
            named_ports: containers.iter().chain(sidecars).flat_map(named_ports).collect(),
            host_network: spec.and_then(|spec| spec.host_network).unwrap_or(false),
            node_addresses,
        }
    }
}

fn named_ports(container: &Container) -> impl Iterator<Item = NamedPort> {
    container.ports.as_deref().unwrap_or_default().iter().filter_map(|port| {
        let protocol = port.protocol.as_deref().map_or(Some(Protocol::TCP), |text| text.parse().ok())?;
        let number = u16::try_from(port.container_port).ok().filter(|number| *number > 0)?;
        Some(NamedPort { name: port.name.clone()?, port: PodPort { number, protocol } })
    })
}

/// Who wants to reach the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The address that the destination's network plugin sees.
    pub address: IpAddr,
    /// The pod whose address it is, if any.
    pub pod: Option<SourcePod>,
}

/// The facts of a source that selectors look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourcePod {
    /// Its namespace.
    pub namespace: String,
    /// That namespace's labels.
    pub namespace_labels: BTreeMap<String, String>,
    /// Its own labels.
    pub labels: BTreeMap<String, String>,
}

impl Source {
    /// An address that belongs to no pod.
    pub const fn external(address: IpAddr) -> Self {
        Self { address, pod: None }
    }
}

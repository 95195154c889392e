//! From a Service to the addresses behind it, and which of them may be dialled.
//!
//! A Service name must not become a way around the egress guard. Whoever may write `EndpointSlices` could put any address
//! into one, so an address is dialled only where the kubelet vouches for it: a Pod of the namespace that has it in its
//! status, on the port that the Service's own `targetPort` means.

use super::selection::{is_tcp, lives, pods_behind, tcp_ports, translated};
use super::{ClusterSource, Kind};
use crate::api::conditions::Reason;
use crate::api::validated::{Validated, Whereabouts};
use crate::evidence::fact;
use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Most addresses that one fact lists beside the dialable ones.
const MOST_LISTED: usize = 16;

/// Why a Service cannot be an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error(
        "Service {0} is an ExternalName, which could name anything: use origin type Hostname, or a Service with a selector"
    )]
    ExternalName(String),
    #[error(
        "Service {0} has no selector, so its endpoints are not known to be pods: use origin type Addresses, or a Service \
         with a selector"
    )]
    NoSelector(String),
    #[error("Service {0} does not exist: create it, or correct spec.origin.service.name")]
    NotFound(String),
}

impl TargetError {
    /// The reason of condition Accepted. A missing Service does not stop probing through the proxy.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::ExternalName(_) | Self::NoSelector(_) => Reason::InvalidTarget,
            Self::NotFound(_) => Reason::ReferenceNotFound,
        }
    }
}

/// The endpoints of the origin's Service. `None` for other origins, and while Services or slices are not known.
pub fn endpoints(source: &dyn ClusterSource, origin: &Validated) -> Result<Option<fact::Endpoints>, TargetError> {
    let Whereabouts::Service { name, port } = &origin.origin.whereabouts else { return Ok(None) };
    if !source.knows(Kind::Service) {
        return Ok(None);
    }
    let namespace = origin.namespace.as_str();
    let key = format!("{namespace}/{name}");
    let service = source.service(namespace, name).ok_or_else(|| TargetError::NotFound(key.clone()))?;
    let spec = service.spec.clone().unwrap_or_default();
    if spec.type_.as_deref() == Some("ExternalName") {
        return Err(TargetError::ExternalName(key));
    }
    if spec.selector.as_ref().is_none_or(BTreeMap::is_empty) {
        return Err(TargetError::NoSelector(key));
    }
    if !source.knows(Kind::EndpointSlice) || !source.knows(Kind::Pod) {
        return Ok(None);
    }
    let mut fact = empty(format!("{key}:{port}"));
    fact.selected_pods = count(pods_behind(source, namespace, &service).len());
    if let Some(service_port) = port_of(&service, *port) {
        fact.port_exists = true;
        Tally::new(source, namespace, service_port).add(&source.endpoint_slices(namespace, name), &mut fact);
    }
    Ok(Some(fact))
}

/// As [`endpoints`], where a missing Service is a fact as well: it has no endpoints.
pub(super) fn fact(source: &dyn ClusterSource, origin: &Validated) -> Option<fact::Endpoints> {
    match endpoints(source, origin) {
        Ok(fact) => fact,
        Err(TargetError::NotFound(_)) => Some(empty(origin.origin.short(&origin.namespace))),
        Err(_) => None,
    }
}

/// The TCP port of the Service with this number.
pub(super) fn port_of(service: &Service, number: u16) -> Option<&ServicePort> {
    let ports = service.spec.as_ref().and_then(|s| s.ports.as_ref())?;
    ports.iter().find(|p| p.port == i32::from(number) && is_tcp(p.protocol.as_deref()))
}

const fn empty(service: String) -> fact::Endpoints {
    fact::Endpoints {
        service,
        port_exists: false,
        selected_pods: 0,
        ready: 0,
        not_ready: 0,
        terminating: 0,
        dialable: Vec::new(),
        unready: Vec::new(),
        declared: Vec::new(),
        foreign: 0,
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// How an endpoint counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    NotReady,
    Terminating,
}

impl State {
    /// Absent conditions mean: unknown, which consumers of the API should take for ready.
    fn of(endpoint: &Endpoint) -> Self {
        let conditions = endpoint.conditions.clone().unwrap_or_default();
        if conditions.terminating == Some(true) {
            Self::Terminating
        } else if conditions.ready.unwrap_or(true) {
            Self::Ready
        } else {
            Self::NotReady
        }
    }
}

/// Counts the endpoints of one port.
struct Tally<'a> {
    namespace: &'a str,
    port: &'a ServicePort,
    pods: BTreeMap<String, Arc<Pod>>,
    seen: BTreeSet<(String, u16)>,
}

impl<'a> Tally<'a> {
    fn new(source: &dyn ClusterSource, namespace: &'a str, port: &'a ServicePort) -> Self {
        let pods = source.pods(namespace).into_iter().filter_map(|p| Some((p.metadata.name.clone()?, p))).collect();
        Self { namespace, port, pods, seen: BTreeSet::new() }
    }

    fn add(mut self, slices: &[Arc<EndpointSlice>], fact: &mut fact::Endpoints) {
        let mut dialable = BTreeSet::new();
        let mut unready = BTreeSet::new();
        let mut declared = BTreeSet::new();
        for slice in slices {
            let ports = slice.ports.iter().flatten();
            let name = |p: &Option<String>| p.clone().unwrap_or_default();
            let same = ports.filter(|p| name(&p.name) == name(&self.port.name) && is_tcp(p.protocol.as_deref()));
            let numbers: Vec<u16> = same.filter_map(|p| u16::try_from(p.port?).ok()).collect();
            for (endpoint, number) in
                slice.endpoints.iter().flatten().flat_map(|e| numbers.iter().map(move |n| (e, *n)))
            {
                // Consumers of the API must take the addresses of one endpoint for the same; the first is enough.
                let Some(address) = endpoint.addresses.first() else { continue };
                // Endpoints move between slices; for a moment both hold one.
                if !self.seen.insert((address.clone(), number)) {
                    continue;
                }
                match State::of(endpoint) {
                    State::Terminating => fact.terminating += 1,
                    State::NotReady => {
                        fact.not_ready += 1;
                        unready.extend(self.vouched(endpoint, address, number).map(|(socket, _)| socket));
                    }
                    State::Ready => {
                        fact.ready += 1;
                        match self.vouched(endpoint, address, number) {
                            Some((socket, pod)) => {
                                dialable.insert(socket);
                                declared.extend(declared_beside(&pod, socket));
                            }
                            None => fact.foreign += 1,
                        }
                    }
                }
            }
        }
        fact.dialable = dialable.into_iter().collect();
        fact.unready = unready.into_iter().take(MOST_LISTED).collect();
        fact.declared = declared.into_iter().take(MOST_LISTED).collect();
    }

    /// The address to dial, if a pod of this namespace holds it and the port is the one that the Service means.
    fn vouched(&self, endpoint: &Endpoint, address: &str, number: u16) -> Option<(SocketAddr, Arc<Pod>)> {
        let ip: IpAddr = address.parse().ok()?;
        let target = endpoint.target_ref.as_ref()?;
        if target.kind.as_deref() != Some("Pod") || target.namespace.as_deref().is_some_and(|n| n != self.namespace) {
            return None;
        }
        let pod = self.pods.get(target.name.as_deref()?)?;
        if target.uid.is_some() && pod.metadata.uid.is_some() && target.uid != pod.metadata.uid {
            return None;
        }
        if !lives(pod) || !addresses_of(pod).contains(&ip) || translated(self.port, pod) != Some(number) {
            return None;
        }
        Some((SocketAddr::new(ip, number), Arc::clone(pod)))
    }
}

/// TCP ports that the pod's containers declare, unless the given one is among them: then there is nothing to wonder at.
fn declared_beside(pod: &Pod, socket: SocketAddr) -> Vec<SocketAddr> {
    let numbers: BTreeSet<u16> = tcp_ports(pod).filter_map(|p| u16::try_from(p.container_port).ok()).collect();
    if numbers.contains(&socket.port()) {
        return Vec::new();
    }
    numbers.into_iter().map(|port| SocketAddr::new(socket.ip(), port)).collect()
}

/// Addresses that a pod has in its status.
pub fn addresses_of(pod: &Pod) -> Vec<IpAddr> {
    let Some(status) = &pod.status else { return Vec::new() };
    let listed = status.pod_ips.iter().flatten().map(|p| p.ip.as_str());
    let all: BTreeSet<IpAddr> = listed.chain(status.pod_ip.as_deref()).filter_map(|text| text.parse().ok()).collect();
    all.into_iter().collect()
}

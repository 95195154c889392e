//! One ingress rule, resolved against the destination pod: which sources and which ports it admits.

use k8s_openapi::api::networking::v1::{NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::net::RangeSet;

use super::block::{self, BadBlock};
use super::pod::{DestinationPod, PodPort, Protocol, Source, SourcePod};
use super::selector::{self, UnknownOperator};

/// A rule ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Addresses of its blocks, or everything when it has no `from`.
    external: RangeSet,
    /// Has no `from`, and so admits pods too.
    everyone: bool,
    selectors: Vec<PodSelector>,
    ports: Vec<Ports>,
}

/// Does the rule admit a source?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceMatch {
    Yes,
    No,
    /// The source is a pod and only a block holds its address.
    BlockOnPod,
}

/// A part of a rule that cannot be read; it admits nothing, and the policy's answer is in doubt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error(transparent)]
    Block(#[from] BadBlock),
    #[error(transparent)]
    Selector(#[from] UnknownOperator),
    #[error("a port has a protocol other than TCP, UDP and SCTP")]
    Protocol,
    #[error("a port lies outside 1 to 65535, or its endPort lies before it")]
    Port,
}

/// A peer that selects pods.
#[derive(Clone, Debug)]
struct PodSelector {
    /// The policy's namespace, when the peer names no other.
    namespace: Option<String>,
    namespaces: Option<LabelSelector>,
    pods: Option<LabelSelector>,
}

/// Ports of one protocol.
#[derive(Clone, Copy, Debug)]
struct Ports {
    protocol: Protocol,
    first: u16,
    last: u16,
}

impl Rule {
    /// Resolves a rule; a flaw leaves out the part that has it.
    pub(super) fn compile(pod: &DestinationPod, rule: &NetworkPolicyIngressRule) -> (Self, Option<Flaw>) {
        let mut flaw = None;
        let peers = rule.from.as_deref().unwrap_or_default();
        let everyone = peers.is_empty();
        let mut external = if everyone { RangeSet::everything() } else { RangeSet::empty() };
        let mut selectors = Vec::new();
        for peer in peers {
            match (&peer.ip_block, select(pod, peer)) {
                (Some(ip_block), _) => match block::addresses(ip_block) {
                    Ok(addresses) => external = external.union(&addresses),
                    Err(problem) => flaw = flaw.or_else(|| Some(problem.into())),
                },
                (None, Ok(selector)) => selectors.extend(selector),
                (None, Err(problem)) => flaw = flaw.or_else(|| Some(problem.into())),
            }
        }
        let wanted = rule.ports.as_deref().unwrap_or_default();
        let mut ports = Vec::new();
        if wanted.is_empty() {
            ports.extend([Protocol::TCP, Protocol::UDP, Protocol::SCTP].map(Ports::all));
        }
        for port in wanted {
            match resolve(pod, port) {
                Ok(found) => ports.extend(found),
                Err(problem) => flaw = flaw.or(Some(problem)),
            }
        }
        (Self { external, everyone, selectors, ports }, flaw)
    }

    pub(super) fn admits_port(&self, port: PodPort) -> bool {
        self.ports
            .iter()
            .any(|ports| ports.protocol == port.protocol && ports.first <= port.number && port.number <= ports.last)
    }

    pub(super) fn admits_source(&self, source: &Source) -> SourceMatch {
        let in_block = self.external.contains(source.address.to_canonical());
        match &source.pod {
            None if in_block => SourceMatch::Yes,
            Some(pod) if self.everyone || self.selectors.iter().any(|selector| selector.selects(pod)) => {
                SourceMatch::Yes
            }
            Some(_) if in_block => SourceMatch::BlockOnPod,
            None | Some(_) => SourceMatch::No,
        }
    }

    /// Addresses outside the cluster that it admits; pod and namespace selectors never match those.
    pub(super) const fn external_sources(&self) -> &RangeSet {
        &self.external
    }
}

impl PodSelector {
    fn selects(&self, pod: &SourcePod) -> bool {
        // Operators were checked when the rule was compiled.
        let matches = |selector: &Option<LabelSelector>, labels| {
            selector.as_ref().is_none_or(|selector| selector::matches(selector, labels).unwrap_or(false))
        };
        self.namespace.as_ref().is_none_or(|namespace| *namespace == pod.namespace)
            && matches(&self.namespaces, &pod.namespace_labels)
            && matches(&self.pods, &pod.labels)
    }
}

impl Ports {
    const fn all(protocol: Protocol) -> Self {
        Self { protocol, first: 0, last: u16::MAX }
    }
}

/// The pods that a peer selects; a peer with nothing set selects none.
fn select(pod: &DestinationPod, peer: &NetworkPolicyPeer) -> Result<Option<PodSelector>, UnknownOperator> {
    if peer.namespace_selector.is_none() && peer.pod_selector.is_none() {
        return Ok(None);
    }
    for selector in [&peer.namespace_selector, &peer.pod_selector].into_iter().flatten() {
        selector::check(selector)?;
    }
    Ok(Some(PodSelector {
        namespace: peer.namespace_selector.is_none().then(|| pod.namespace.clone()),
        namespaces: peer.namespace_selector.clone(),
        pods: peer.pod_selector.clone(),
    }))
}

/// The numbers that a port entry stands for on this pod. A name that the pod does not have stands for none.
fn resolve(pod: &DestinationPod, port: &NetworkPolicyPort) -> Result<Vec<Ports>, Flaw> {
    let protocol =
        port.protocol.as_deref().map_or(Ok(Protocol::TCP), |text| text.parse().map_err(|_| Flaw::Protocol))?;
    let number = |value: i32| u16::try_from(value).ok().filter(|number| *number > 0).ok_or(Flaw::Port);
    match &port.port {
        None => Ok(vec![Ports::all(protocol)]),
        Some(IntOrString::Int(first)) => {
            let first = number(*first)?;
            let last = port.end_port.map_or(Ok(first), number)?;
            if last < first { Err(Flaw::Port) } else { Ok(vec![Ports { protocol, first, last }]) }
        }
        Some(IntOrString::String(name)) => {
            let named = pod.named_ports.iter().filter(|named| named.name == *name && named.port.protocol == protocol);
            Ok(named.map(|named| Ports { protocol, first: named.port.number, last: named.port.number }).collect())
        }
    }
}

//! Would a source reach a pod on a port? `NetworkPolicy` semantics as a pure function.
//!
//! The rules, as the API reference and KEPs have them: a policy without `policyTypes` is an Ingress policy; it selects
//! pods of its own namespace; pods that no Ingress policy selects admit everyone; all others admit what any rule of any
//! selecting policy admits. There is no order and there are no deny rules. A rule without `from` admits every source, one
//! without `ports` every port, and a policy without rules (`ingress` absent or empty) admits nobody.
//!
//! Sources are answered as sets, so "which of the proxy's addresses are not admitted" is exact and not a sample. Where the
//! specification leaves the outcome to the network plugin the answer is [`Undefined`], never a guess.

mod block;
mod pod;
mod rule;
mod selector;

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::NetworkPolicy;

use crate::net::RangeSet;

pub use pod::{DestinationPod, NamedPort, PodPort, Protocol, Source, SourcePod};
use rule::{Rule, SourceMatch};
pub use selector::matches as selector_matches;

/// One rule of one policy of the pod's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleRef {
    /// Name of the policy.
    pub policy: String,
    /// Index in `spec.ingress`.
    pub rule: usize,
}

/// Why a source is admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedBy {
    /// No Ingress policy selects the pod.
    NotIsolated,
    /// The first rule that admits it, policies by name.
    Rule(RuleRef),
    /// The pod's own node always reaches it.
    OwnNode,
}

/// A rule that admits one half of what was asked: the likely place of the mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NearMiss {
    /// Admits the source, on other ports.
    OtherPorts(RuleRef),
    /// Admits the port, to other sources.
    OtherSources(RuleRef),
}

/// Why policies alone do not decide.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undefined {
    /// Policies usually do not apply to it, but some plugins do.
    #[error("the pod uses the host's network, to which network plugins mostly do not apply policies")]
    HostNetwork,
    /// The specification says that blocks are for addresses outside the cluster.
    #[error("only an ipBlock admits this pod, and network plugins differ on whether blocks match pods")]
    BlockOnPod,
    /// Something in a policy that this version of Kubernetes would not have stored.
    #[error("policy {policy} cannot be read: {problem}")]
    Unreadable {
        /// Name of the policy.
        policy: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// The answer for one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It gets through.
    Allowed {
        /// Why.
        by: AllowedBy,
    },
    /// It does not.
    Denied {
        /// The policies that select the pod.
        isolating: Vec<String>,
        /// What comes closest.
        nearest: Option<NearMiss>,
    },
    /// It depends on the network plugin.
    Undefined {
        /// Why.
        why: Undefined,
    },
}

/// The policies that select one pod, ready to be asked.
#[derive(Clone, Debug)]
pub struct Evaluator {
    pod: DestinationPod,
    isolating: Vec<Compiled>,
}

/// A selecting Ingress policy with its rules resolved against the pod.
#[derive(Clone, Debug)]
struct Compiled {
    name: String,
    rules: Vec<Rule>,
    unreadable: Option<Undefined>,
}

impl Evaluator {
    /// Keeps the policies that isolate this pod; all others have no say.
    pub fn new<'a>(pod: DestinationPod, policies: impl IntoIterator<Item = &'a NetworkPolicy>) -> Self {
        let mut isolating: Vec<Compiled> = policies.into_iter().filter_map(|policy| compile(&pod, policy)).collect();
        isolating.sort_by(|left, right| left.name.cmp(&right.name));
        Self { pod, isolating }
    }

    /// Names of the Ingress policies that select the pod, sorted. Empty: it admits everyone.
    pub fn isolating(&self) -> impl Iterator<Item = &str> {
        self.isolating.iter().map(|policy| policy.name.as_str())
    }

    /// Would this source reach the pod on this pod port?
    pub fn decide(&self, source: &Source, port: PodPort) -> Decision {
        if self.pod.host_network {
            return Decision::Undefined { why: Undefined::HostNetwork };
        }
        if self.pod.node_addresses.contains(source.address.to_canonical()) {
            return Decision::Allowed { by: AllowedBy::OwnNode };
        }
        if self.isolating.is_empty() {
            return Decision::Allowed { by: AllowedBy::NotIsolated };
        }
        let mut doubt = None;
        let mut nearest = None;
        for (reference, rule) in self.rules() {
            match (rule.admits_source(source), rule.admits_port(port)) {
                (SourceMatch::Yes, true) => return Decision::Allowed { by: AllowedBy::Rule(reference) },
                (SourceMatch::BlockOnPod, true) => doubt = doubt.or(Some(Undefined::BlockOnPod)),
                (SourceMatch::Yes, false) => nearest = Some(NearMiss::OtherPorts(reference)),
                (SourceMatch::No, true) => nearest = nearest.or(Some(NearMiss::OtherSources(reference))),
                (SourceMatch::No | SourceMatch::BlockOnPod, false) => {}
            }
        }
        match doubt.or_else(|| self.unreadable()) {
            Some(why) => Decision::Undefined { why },
            None => Decision::Denied { isolating: self.isolating().map(str::to_owned).collect(), nearest },
        }
    }

    /// Would this address, which belongs to no pod, reach the pod on this pod port?
    pub fn decide_address(&self, address: IpAddr, port: PodPort) -> Decision {
        self.decide(&Source::external(address), port)
    }

    /// All addresses outside the cluster that reach the pod on this pod port; everything when nothing isolates it.
    pub fn admitted(&self, port: PodPort) -> Result<RangeSet, Undefined> {
        if self.pod.host_network {
            return Err(Undefined::HostNetwork);
        }
        if self.isolating.is_empty() {
            return Ok(RangeSet::everything());
        }
        if let Some(why) = self.unreadable() {
            return Err(why);
        }
        let admitting = self.rules().filter(|(_, rule)| rule.admits_port(port));
        Ok(admitting.fold(self.pod.node_addresses.clone(), |sum, (_, rule)| sum.union(rule.external_sources())))
    }

    /// The part of `wanted` that does not reach the pod on this pod port.
    pub fn missing(&self, wanted: &RangeSet, port: PodPort) -> Result<RangeSet, Undefined> {
        self.admitted(port).map(|admitted| wanted.subtract(&admitted))
    }

    fn rules(&self) -> impl Iterator<Item = (RuleRef, &Rule)> {
        self.isolating.iter().flat_map(|policy| {
            policy
                .rules
                .iter()
                .enumerate()
                .map(|(index, rule)| (RuleRef { policy: policy.name.clone(), rule: index }, rule))
        })
    }

    fn unreadable(&self) -> Option<Undefined> {
        self.isolating.iter().find_map(|policy| policy.unreadable.clone())
    }
}

/// The policy as it bears on this pod; `None` when it does not.
fn compile(pod: &DestinationPod, policy: &NetworkPolicy) -> Option<Compiled> {
    let name = policy.metadata.name.clone().unwrap_or_default();
    let spec = policy.spec.as_ref()?;
    // Defaulting by the API server: no types are Ingress always, and Egress if it has egress rules.
    let types = spec.policy_types.as_deref().unwrap_or_default();
    let for_ingress = types.is_empty() || types.iter().any(|kind| kind == "Ingress");
    if !for_ingress || policy.metadata.namespace.as_deref().unwrap_or("default") != pod.namespace {
        return None;
    }
    let unreadable = |problem: String| Undefined::Unreadable { policy: name.clone(), problem };
    match spec.pod_selector.as_ref().map_or(Ok(true), |selector| selector::matches(selector, &pod.labels)) {
        Ok(false) => return None,
        Ok(true) => {}
        // Whether it isolates the pod is unknown, so nothing behind it is known either.
        Err(problem) => {
            let unreadable = Some(unreadable(problem.to_string()));
            return Some(Compiled { name, rules: Vec::new(), unreadable });
        }
    }
    let mut rules = Vec::new();
    let mut problem = None;
    for rule in spec.ingress.as_deref().unwrap_or_default() {
        let (rule, flaw) = Rule::compile(pod, rule);
        rules.push(rule);
        problem = problem.or(flaw);
    }
    let unreadable = problem.map(|problem| unreadable(problem.to_string()));
    Some(Compiled { name, rules, unreadable })
}

#[cfg(test)]
mod tests;

//! The first `NetworkPolicy` that selects a pod changes more than a list: it closes the pod to everybody who is not listed.

use super::Veto;
use crate::allow::evaluate::{Decision, DestinationPod, Evaluator, PodPort};
use crate::api::conditions::Reason;
use crate::net::{Family, RangeSet};
use crate::observe::cluster::{ClusterSource, Guarded, Kind, addresses_of, callers, node_addresses, pods_of, within};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::net::IpAddr;
use std::sync::Arc;

/// Pods named in a message.
const NAMED: usize = 3;

/// Neighbours named in a message.
const NEIGHBOURS: usize = 6;

/// A policy that would be the first to isolate some pods.
#[derive(Clone, Debug)]
pub struct FirstIsolation {
    /// The pods.
    open: String,
    /// Who would be cut off, as far as objects name them.
    cut_off: String,
}

impl FirstIsolation {
    /// Why it is refused where nobody has said that it is meant.
    pub fn veto(&self) -> Veto {
        let Self { open, cut_off } = self;
        Veto::new(
            Reason::IsolationNotAcknowledged,
            format!(
                "this would be the first policy that isolates {open}: everybody who is not listed, other pods included, \
                 would be cut off. If that is meant, set networkPolicy.isolation to Allow on the target. {cut_off}"
            ),
        )
    }

    /// What is said where it is meant.
    pub fn note(&self) -> String {
        format!("the first policy that isolates these pods. {}", self.cut_off)
    }
}

/// Whether a policy of these pods would be the first to isolate some of them. `probed`: Leeward's own probes go there.
pub fn first_isolation(
    source: &dyn ClusterSource,
    namespace: &str,
    selector: &LabelSelector,
    probed: bool,
) -> Option<FirstIsolation> {
    let open = open_pods(source, namespace, selector, &source.network_policies(namespace))?;
    Some(FirstIsolation { open, cut_off: cut_off(source, namespace, selector, probed) })
}

fn cut_off(source: &dyn ClusterSource, namespace: &str, selector: &LabelSelector, probed: bool) -> String {
    let pods = if source.knows(Kind::Pod) { pods_of(source, namespace, selector) } else { Vec::new() };
    let mut known = callers(source, namespace, &pods);
    if probed {
        known.push("Leeward's own probes".to_owned());
    }
    let more = known.len().saturating_sub(NEIGHBOURS);
    known.truncate(NEIGHBOURS);
    if more > 0 {
        known.push(format!("{more} more"));
    }
    let known = if known.is_empty() {
        "No object names anybody who connects to them".to_owned()
    } else {
        format!("Known to connect to them: {}", known.join("; "))
    };
    format!("{known}. Probes of the kubelet come from the pod's own node and get through")
}

/// Whether the operator's own probes of these pods get through now and would not afterwards.
pub fn locked_out(
    source: &dyn ClusterSource,
    namespace: &str,
    guarded: &Guarded,
    after: &NetworkPolicy,
    own: &[IpAddr],
) -> Option<Veto> {
    let before = source.network_policies(namespace);
    let mut afterwards: Vec<&NetworkPolicy> =
        before.iter().map(AsRef::as_ref).filter(|p| p.metadata.name != after.metadata.name).collect();
    afterwards.push(after);
    for pod in pods_of(source, namespace, &guarded.selector) {
        let facts = DestinationPod::of(&pod, node_addresses(source, &pod));
        let now = Evaluator::new(facts.clone(), before.iter().map(AsRef::as_ref));
        let then = Evaluator::new(facts, afterwards.iter().copied());
        let families: Vec<Family> = addresses_of(&pod).into_iter().map(Family::of).collect();
        for address in own.iter().filter(|a| families.contains(&Family::of(**a))) {
            let closes = |port: &&u16| {
                let port = PodPort::tcp(**port);
                matches!(now.decide_address(*address, port), Decision::Allowed { .. })
                    && matches!(then.decide_address(*address, port), Decision::Denied { .. })
            };
            if let Some(port) = guarded.ports.iter().find(closes) {
                let name = pod.metadata.name.as_deref().unwrap_or_default();
                return Some(Veto::new(
                    Reason::OperatorLockedOut,
                    format!(
                        "Leeward itself, at {address}, could no longer probe pod {namespace}/{name} on port {port}: add \
                         its address to allowlist.extraCIDRs, or set networkPolicy.isolation to Allow on the target"
                    ),
                ));
            }
        }
    }
    None
}

/// Pods of the selector that no policy isolates, in words. Where none runs, selectors alone decide.
pub(super) fn open_pods(
    source: &dyn ClusterSource,
    namespace: &str,
    selector: &LabelSelector,
    policies: &[Arc<NetworkPolicy>],
) -> Option<String> {
    let pods = if source.knows(Kind::Pod) { pods_of(source, namespace, selector) } else { Vec::new() };
    if pods.is_empty() {
        return (!policies.iter().any(|p| isolates_all(p, selector))).then(|| "the pods of its podSelector".to_owned());
    }
    let open = not_isolated(pods, policies);
    (!open.is_empty()).then(|| named(&open))
}

pub(super) fn not_isolated(pods: Vec<Arc<Pod>>, policies: &[Arc<NetworkPolicy>]) -> Vec<Arc<Pod>> {
    let isolated = |pod: &Arc<Pod>| {
        let facts = DestinationPod::of(pod, RangeSet::empty());
        Evaluator::new(facts, policies.iter().map(AsRef::as_ref)).isolating().next().is_some()
    };
    pods.into_iter().filter(|p| !isolated(p)).collect()
}

/// Whether a policy isolates every pod that the selector can match.
fn isolates_all(policy: &NetworkPolicy, selector: &LabelSelector) -> bool {
    let Some(spec) = &policy.spec else { return false };
    let types = spec.policy_types.as_deref().unwrap_or_default();
    let ingress = types.is_empty() || types.iter().any(|t| t == "Ingress");
    ingress && spec.pod_selector.as_ref().is_none_or(|wider| within(selector, wider))
}

pub(super) fn named(pods: &[Arc<Pod>]) -> String {
    let names: Vec<&str> = pods.iter().take(NAMED).filter_map(|p| p.metadata.name.as_deref()).collect();
    match pods.len().saturating_sub(names.len()) {
        0 => format!("pod {}", names.join(", ")),
        more => format!("pods {} and {more} more", names.join(", ")),
    }
}

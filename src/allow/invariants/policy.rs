//! Writes of `NetworkPolicies`: always whole objects of our own.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::Value;

use crate::allow::evaluate::{DestinationPod, Evaluator};
use crate::api::ProtectedOrigin;
use crate::api::names::{MANAGED_BY, MANAGED_BY_LABEL, OBJECT_MANAGER, ORIGIN_ANNOTATION, owned_name};
use crate::api::spec::DeletionPolicy;
use crate::api::targets::{Isolation, TargetType};
use crate::net::{Prefix, RangeSet};

use super::{Findings, Invariant, Sent, Verb, World};

pub(super) fn check(sent: &Sent, prior: Option<&Value>, world: &World, found: &mut Findings) {
    let prior: Option<NetworkPolicy> = prior.and_then(|value| serde_json::from_value(value.clone()).ok());
    if let Some(prior) = &prior
        && marks(prior).is_none()
    {
        found.add(Invariant::S5, format!("{sent} of an object without our mark"));
        return;
    }
    match sent.verb {
        Verb::Delete => check_delete(sent, prior.as_ref(), world, found),
        Verb::Apply => check_apply(sent, prior.as_ref(), world, found),
        Verb::Create | Verb::Update | Verb::Patch => {
            found.add(Invariant::S5, format!("{sent} is not applied by {OBJECT_MANAGER}"));
        }
    }
}

/// The origin that the marks name; both marks must be there.
fn marks(policy: &NetworkPolicy) -> Option<&str> {
    let label = policy.metadata.labels.as_ref()?.get(MANAGED_BY_LABEL)?;
    (label == MANAGED_BY).then(|| policy.metadata.annotations.as_ref()?.get(ORIGIN_ANNOTATION).map(String::as_str))?
}

fn check_apply(sent: &Sent, prior: Option<&NetworkPolicy>, world: &World, found: &mut Findings) {
    let Ok(policy) = serde_json::from_value::<NetworkPolicy>(sent.object.clone()) else {
        return found.add(Invariant::S5, format!("{sent} is no NetworkPolicy"));
    };
    if sent.manager.as_deref() != Some(OBJECT_MANAGER) {
        found.add(Invariant::S5, format!("{sent} by another manager than {OBJECT_MANAGER}"));
    }
    // Creating with force, or overwriting without saying which object was looked at, could take over a stranger.
    let names_object = policy.metadata.uid.is_some() || policy.metadata.resource_version.is_some();
    if sent.force && !names_object {
        found.add(Invariant::S5, format!("{sent} forces without naming the object by uid or resourceVersion"));
    }
    let Some(origin) = marks(&policy).and_then(|key| world.origin(key)) else {
        return found.add(Invariant::S5, format!("{sent} without the marks of an existing origin"));
    };
    if prior.and_then(marks).is_some_and(|before| Some(before) != marks(&policy)) {
        found.add(Invariant::S5, format!("{sent} takes the policy of another origin"));
    }
    world.check_consent(sent, origin, found);
    let before = prior.map(blocks).unwrap_or_default();
    let written = check_rules(sent, &policy, found);
    world.admitted(origin).check(sent, &written, &before.iter().collect(), found);
    check_isolation(sent, &policy, prior, origin, world, found);
}

/// S1, and that nothing but blocks and TCP ports stands in the rules. Gives the prefixes.
fn check_rules(sent: &Sent, policy: &NetworkPolicy, found: &mut Findings) -> Vec<Prefix> {
    let spec = policy.spec.clone().unwrap_or_default();
    if spec.policy_types.as_deref() != Some(&["Ingress".to_owned()]) || spec.egress.is_some() {
        found.add(Invariant::S5, format!("{sent} speaks of more than ingress"));
    }
    if spec.pod_selector.as_ref().is_none_or(|selector| {
        selector.match_labels.as_ref().is_none_or(std::collections::BTreeMap::is_empty)
            && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
    }) {
        found.add(Invariant::S9, format!("{sent} selects every pod of the namespace"));
    }
    let rules = spec.ingress.unwrap_or_default();
    if rules.is_empty() {
        found.add(Invariant::S1, format!("{sent} has no rule"));
    }
    for rule in &rules {
        let peers = rule.from.as_deref().unwrap_or_default();
        if peers.is_empty() {
            found.add(Invariant::S1, format!("{sent} has a rule without from"));
        }
        if rule.ports.as_deref().unwrap_or_default().iter().all(|port| port.port.is_none()) {
            found.add(Invariant::S1, format!("{sent} has a rule without ports"));
        }
        for peer in peers {
            let block =
                peer.ip_block.as_ref().filter(|_| peer.pod_selector.is_none() && peer.namespace_selector.is_none());
            if block.is_none_or(|block| Prefix::parse_strict(&block.cidr).is_err()) {
                found.add(Invariant::S2, format!("{sent} has a peer that is no canonical block"));
            }
        }
    }
    blocks(policy)
}

/// All addresses of a policy, in the form in which it is sent.
pub(super) fn listed(policy: &Value) -> RangeSet {
    let policy: Option<NetworkPolicy> = serde_json::from_value(policy.clone()).ok();
    policy.map(|policy| blocks(&policy).iter().collect()).unwrap_or_default()
}

/// All prefixes of a policy, without their exceptions.
pub(super) fn blocks(policy: &NetworkPolicy) -> Vec<Prefix> {
    let rules = policy.spec.iter().flat_map(|spec| spec.ingress.iter().flatten());
    let peers = rules.flat_map(|rule| rule.from.iter().flatten());
    peers.filter_map(|peer| Prefix::parse(&peer.ip_block.as_ref()?.cidr).ok()).collect()
}

fn check_delete(sent: &Sent, prior: Option<&NetworkPolicy>, world: &World, found: &mut Findings) {
    let Some(prior) = prior else { return };
    let precondition = sent.object.pointer("/preconditions/uid").and_then(Value::as_str);
    if precondition.is_none() || precondition != prior.metadata.uid.as_deref() {
        found.add(Invariant::S5, format!("{sent} without the uid of the object that was looked at"));
    }
    if let Some(origin) = marks(prior).and_then(|key| world.origin(key)) {
        world.check_consent(sent, origin, found);
        check_opening(sent, prior, None, origin, world, found);
    } else {
        found.add(Invariant::S5, format!("{sent}, whose origin does not exist"));
    }
}

/// S9 for an applied policy: which pods does it isolate first, which does it let go?
fn check_isolation(
    sent: &Sent,
    policy: &NetworkPolicy,
    prior: Option<&NetworkPolicy>,
    origin: &ProtectedOrigin,
    world: &World,
    found: &mut Findings,
) {
    let allowed = targets(sent, origin).any(|isolation| isolation == Isolation::Allow);
    for pod in world.pods.iter().filter(|pod| isolates(policy, sent, pod) && !isolated(world, None, pod)) {
        if !allowed {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            found.add(Invariant::S9, format!("{sent} is the first policy to isolate pod {name}"));
        }
    }
    if let Some(prior) = prior {
        check_opening(sent, prior, Some(policy), origin, world, found);
    }
}

/// S9 for pods that the policy isolated and that nothing isolates after the write.
fn check_opening(
    sent: &Sent,
    prior: &NetworkPolicy,
    after: Option<&NetworkPolicy>,
    origin: &ProtectedOrigin,
    world: &World,
    found: &mut Findings,
) {
    let said = origin.spec.allowlist.deletion_policy == DeletionPolicy::Delete
        || targets(sent, origin).any(|isolation| isolation == Isolation::Allow);
    if said || world.rolling_back {
        return;
    }
    for pod in world.pods.iter().filter(|pod| isolates(prior, sent, pod)) {
        let still = after.is_some_and(|after| isolates(after, sent, pod)) || isolated(world, Some(&sent.name), pod);
        if !still {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            found.add(Invariant::S9, format!("{sent} ends the last policy that isolates pod {name}"));
        }
    }
}

/// What the targets with this object say about first isolation.
fn targets(sent: &Sent, origin: &ProtectedOrigin) -> impl Iterator<Item = Isolation> {
    let name = origin.metadata.name.as_deref().unwrap_or_default();
    let policies = origin.spec.allowlist.targets.iter().filter(|target| target.kind == TargetType::NetworkPolicy);
    policies.enumerate().filter_map(move |(index, target)| {
        let ours = owned_name(name, &target.name, index == 0) == sent.name;
        ours.then(|| target.network_policy.as_ref().map(|policy| policy.isolation).unwrap_or_default())
    })
}

fn isolates(policy: &NetworkPolicy, sent: &Sent, pod: &Pod) -> bool {
    let mut policy = policy.clone();
    policy.metadata.namespace.clone_from(&sent.namespace);
    Evaluator::new(DestinationPod::of(pod, RangeSet::empty()), [&policy]).isolating().count() > 0
}

/// Does any policy of the world isolate the pod, the one named `but` aside?
fn isolated(world: &World, but: Option<&str>, pod: &Pod) -> bool {
    let others = world.policies.iter().filter(|policy| {
        policy.metadata.namespace != pod.metadata.namespace || but.is_none() || policy.metadata.name.as_deref() != but
    });
    Evaluator::new(DestinationPod::of(pod, RangeSet::empty()), others).isolating().count() > 0
}

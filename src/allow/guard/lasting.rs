//! What goes on isolating pods when one policy goes or turns away: whoever takes the last one opens them to everybody.
//!
//! Policies of other origins may go as well, at the same moment: each would point to the other. So they count only while
//! their origin stands and would not take them away.

use super::isolation::{named, not_isolated, open_pods};
use super::{Neighbour, Veto};
use crate::api::conditions::Reason;
use crate::api::names::{ORIGIN_ANNOTATION, owned_name};
use crate::api::targets::Isolation;
use crate::api::validated::ValidTarget;
use crate::observe::cluster::{ClusterSource, matches, pods_of, selector_and_ports};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::sync::Arc;

/// A policy that may go: by name, since it may not stand yet.
#[derive(Clone, Copy, Debug)]
pub struct Going<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub selector: &'a LabelSelector,
}

/// Whether removing a policy would open pods that nothing else is sure to isolate afterwards.
pub fn last_isolation(source: &dyn ClusterSource, going: Going<'_>, neighbours: &[Neighbour]) -> Option<Veto> {
    let Going { namespace, name, selector } = going;
    let others = others(source, namespace, name);
    let lasting = lasting(source, others.clone(), neighbours);
    let open = open_pods(source, namespace, selector, &lasting)?;
    let why = if open_pods(source, namespace, selector, &others).is_some() {
        format!("it is the last policy that isolates {open}")
    } else {
        format!("every other policy that isolates {open} may go with an origin of its own")
    };
    Some(Veto::new(
        Reason::IsolationNotAcknowledged,
        format!(
            "{why}: without it everybody could connect. It is kept; delete it by hand, or set networkPolicy.isolation to \
             Allow on the target"
        ),
    ))
}

/// Whether a policy that turns to other pods would open some that nothing else is sure to isolate afterwards.
pub fn opened(
    source: &dyn ClusterSource,
    policy: &NetworkPolicy,
    selector: &LabelSelector,
    neighbours: &[Neighbour],
) -> Option<Veto> {
    let namespace = policy.metadata.namespace.as_deref()?;
    let before = policy.spec.as_ref().and_then(|s| s.pod_selector.clone()).unwrap_or_default();
    let left = |pod: &Arc<Pod>| !matches(selector, pod.metadata.labels.as_ref());
    let pods: Vec<_> = pods_of(source, namespace, &before).into_iter().filter(left).collect();
    let others = others(source, namespace, policy.metadata.name.as_deref().unwrap_or_default());
    let open = not_isolated(pods, &lasting(source, others, neighbours));
    (!open.is_empty()).then(|| {
        Veto::new(
            Reason::IsolationNotAcknowledged,
            format!(
                "the new podSelector leaves {} without any policy that is sure to stay, so that everybody could connect. If \
                 that is meant, set networkPolicy.isolation to Allow on the target",
                named(&open)
            ),
        )
    })
}

fn others(source: &dyn ClusterSource, namespace: &str, name: &str) -> Vec<Arc<NetworkPolicy>> {
    source.network_policies(namespace).into_iter().filter(|p| p.metadata.name.as_deref() != Some(name)).collect()
}

/// Those that stay as they are, as far as anybody can tell: all that no origin marks as its own, and those of origins that
/// neither go nor turn them to other pods.
fn lasting(
    source: &dyn ClusterSource,
    policies: Vec<Arc<NetworkPolicy>>,
    neighbours: &[Neighbour],
) -> Vec<Arc<NetworkPolicy>> {
    let stays = |policy: &Arc<NetworkPolicy>| {
        let annotations = policy.metadata.annotations.as_ref();
        let Some(origin) = annotations.and_then(|a| a.get(ORIGIN_ANNOTATION)) else { return true };
        neighbours.iter().any(|n| !n.leaving && n.origin.key() == *origin && keeps(source, n, policy))
    };
    policies.into_iter().filter(stays).collect()
}

/// Whether an origin that stands goes on isolating the same pods with this policy, or gave its word that it need not.
fn keeps(source: &dyn ClusterSource, neighbour: &Neighbour, policy: &NetworkPolicy) -> bool {
    let origin = &neighbour.origin;
    let owned = policy.metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty());
    let selector = policy.spec.as_ref().and_then(|s| s.pod_selector.clone()).unwrap_or_default();
    origin.allowlist.targets.iter().any(|target| {
        let ValidTarget::NetworkPolicy { name, first, isolation, .. } = target else { return false };
        policy.metadata.name.as_deref() == Some(&owned_name(&origin.name, name, *first))
            // Its owner is about to be taken off; until then the origin's end takes it without a question.
            && (*isolation == Isolation::Allow || !owned)
            && selector_and_ports(source, origin, target).is_ok_and(|g| g.is_some_and(|g| g.selector == selector))
    })
}

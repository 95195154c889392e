//! Policies of other projects, of which only the kind is known to be there: they may let others in, or shut the proxy out.

use super::ClusterSource;
use std::collections::BTreeSet;

/// API groups with policies, and whose they are.
const POLICIES: [(&str, &str); 5] = [
    ("cilium.io", "Cilium"),
    ("crd.projectcalico.org", "Calico"),
    ("projectcalico.org", "Calico"),
    ("crd.antrea.io", "Antrea"),
    ("policy.networking.k8s.io", "the cluster's administrators (ClusterNetworkPolicy, AdminNetworkPolicy)"),
];

/// Whose policies nobody reads here, each once.
pub fn unread_policies(source: &dyn ClusterSource) -> Vec<&'static str> {
    let shelves = source.shelves();
    // In files the objects themselves say which kinds there are.
    let served: BTreeSet<String> = if source.live() {
        shelves.groups.read().clone().unwrap_or_default()
    } else {
        shelves.carriers.groups().into_iter().collect()
    };
    let there = POLICIES.into_iter().filter(|(group, _)| served.contains(*group)).map(|(_, whose)| whose);
    let mut found: Vec<&'static str> = there.collect();
    found.dedup();
    found
}

/// Whether it has been asked which kinds there are.
pub fn kinds_are_known(source: &dyn ClusterSource) -> bool {
    !source.live() || source.shelves().groups.read().is_some()
}

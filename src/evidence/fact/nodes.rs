//! The nodes that carry the origin.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Nodes on which pods of the origin's Service run, or whose addresses are the origin's.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nodes {
    pub nodes: Vec<Node>,
    /// The Service, or the one whose node port the origin's addresses are asked on, lets only nodes with an endpoint answer
    /// (`externalTrafficPolicy: Local`). Never when pods are not known.
    #[serde(default)]
    pub local_only: bool,
}

/// One node, as far as it explains failures.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Node {
    pub name: String,
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// Condition Ready; absent when the node does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Pods of the Service on it, and those of them that are ready.
    pub pods: u32,
    pub ready_pods: u32,
}

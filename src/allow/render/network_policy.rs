//! An own `NetworkPolicy` for each target: one rule, the list as blocks, and the ports of the pods.
//!
//! It is a whole object, never a part of somebody's: `ingress`, `from` and `ports` are atomic lists. An empty `from` or
//! `ports` would admit everybody, so neither can be rendered: ranges are [`AdmittedRanges`], and ports are checked by
//! whoever makes a [`PolicyShape`].

use super::diff;
use super::owned::{self, Identity};
use crate::api::names::{HASH_ANNOTATION, ORIGIN_ANNOTATION};
use crate::net::{AdmittedRanges, Prefix, RangeSet};
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything about the policy but its addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyShape {
    pub namespace: String,
    pub name: String,
    /// `NAMESPACE/NAME` of the origin: the mark of ownership.
    pub origin: String,
    /// Set only when deleting the origin deletes the policy.
    pub owner: Option<OwnerReference>,
    pub selector: LabelSelector,
    /// Pod ports; not empty.
    pub ports: Vec<u16>,
}

/// What a policy of this shape means.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    pub selector: LabelSelector,
    pub ports: Vec<u16>,
    pub ranges: RangeSet,
}

/// Which pods a policy holds, on which ports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Held {
    pub pod_selector: LabelSelector,
    pub ports: Vec<u16>,
}

impl Content {
    pub fn held(&self) -> Held {
        Held { pod_selector: self.selector.clone(), ports: self.ports.clone() }
    }
}

/// The whole object.
pub fn render(shape: &PolicyShape, ranges: &AdmittedRanges) -> NetworkPolicy {
    let block = |prefix: Prefix| NetworkPolicyPeer {
        ip_block: Some(IPBlock { cidr: prefix.to_string(), except: None }),
        ..NetworkPolicyPeer::default()
    };
    let port = |number: u16| NetworkPolicyPort {
        port: Some(IntOrString::Int(i32::from(number))),
        protocol: Some("TCP".to_owned()),
        end_port: None,
    };
    let PolicyShape { namespace, name, origin, owner, .. } = shape;
    let identity = Identity { namespace, name, origin, owner: owner.as_ref() };
    NetworkPolicy {
        metadata: identity.metadata(ranges.hash()),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(normal(&shape.selector)),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: Some(ranges.prefixes().into_iter().map(block).collect()),
                ports: Some(shape.ports.iter().copied().map(port).collect()),
            }]),
            egress: None,
        }),
    }
}

/// What a policy says, if it has the form that [`render`] gives it; `None` for any other form.
pub fn content(policy: &NetworkPolicy) -> Option<Content> {
    let spec = policy.spec.as_ref()?;
    if spec.policy_types.as_deref() != Some(&["Ingress".to_owned()]) || spec.egress.is_some() {
        return None;
    }
    let [rule] = spec.ingress.as_deref()? else { return None };
    let mut prefixes = Vec::new();
    for peer in rule.from.as_deref().filter(|f| !f.is_empty())? {
        let block = peer.ip_block.as_ref().filter(|b| b.except.as_ref().is_none_or(Vec::is_empty))?;
        if peer.pod_selector.is_some() || peer.namespace_selector.is_some() {
            return None;
        }
        prefixes.push(Prefix::parse(&block.cidr).ok()?);
    }
    let mut ports = Vec::new();
    for port in rule.ports.as_deref().filter(|p| !p.is_empty())? {
        let Some(IntOrString::Int(number)) = &port.port else { return None };
        if port.protocol.as_deref().is_some_and(|p| p != "TCP") || port.end_port.is_some() {
            return None;
        }
        ports.push(u16::try_from(*number).ok()?);
    }
    ports.sort_unstable();
    ports.dedup();
    let selector = normal(spec.pod_selector.as_ref()?);
    Some(Content { selector, ports, ranges: prefixes.into_iter().collect() })
}

/// Whether an object is as rendered, in meaning: the order of blocks and what others add to its metadata do not count.
pub fn same(rendered: &NetworkPolicy, found: &NetworkPolicy) -> bool {
    content(rendered).is_some_and(|c| content(found) == Some(c)) && owned::same(&rendered.metadata, &found.metadata)
}

/// The origin whose mark a policy carries.
pub fn mark(policy: &NetworkPolicy) -> Option<&str> {
    policy.metadata.annotations.as_ref()?.get(ORIGIN_ANNOTATION).map(String::as_str)
}

/// Whether the object carries exactly the list whose hash it names: nobody edited the list since it was written.
pub fn untouched(policy: &NetworkPolicy) -> bool {
    let named = policy.metadata.annotations.as_ref().and_then(|a| a.get(HASH_ANNOTATION));
    content(policy).is_some_and(|c| Some(&c.ranges.hash()) == named)
}

/// Empty lists and maps in a selector mean the same as none.
fn normal(selector: &LabelSelector) -> LabelSelector {
    let mut selector = selector.clone();
    selector.match_labels = selector.match_labels.filter(|m| !m.is_empty());
    selector.match_expressions = selector.match_expressions.filter(|m| !m.is_empty());
    selector
}

/// What would change, as a unified diff of the fields that Leeward owns.
pub fn difference(found: Option<&NetworkPolicy>, rendered: &NetworkPolicy) -> String {
    let name = |p: &NetworkPolicy| {
        let meta = &p.metadata;
        format!(
            "NetworkPolicy {}/{}",
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default()
        )
    };
    let after = text(&owned(rendered, rendered));
    let before = found.map_or_else(String::new, |f| text(&owned(f, rendered)));
    diff(&name(rendered), &before, &after)
}

/// What goes away with the object, as a unified diff.
pub fn removal(found: &NetworkPolicy) -> String {
    let name = format!(
        "NetworkPolicy {}/{}",
        found.metadata.namespace.as_deref().unwrap_or_default(),
        found.metadata.name.as_deref().unwrap_or_default()
    );
    diff(&name, &text(&owned(found, found)), "")
}

/// The part of an object that a rendered one decides.
pub(in crate::allow) fn owned(policy: &NetworkPolicy, rendered: &NetworkPolicy) -> NetworkPolicy {
    let keep = |map: &Option<BTreeMap<String, String>>, of: &Option<BTreeMap<String, String>>| {
        let kept: BTreeMap<String, String> =
            map.iter().flatten().filter(|(k, _)| of.as_ref().is_some_and(|o| o.contains_key(*k))).map(pair).collect();
        Some(kept).filter(|k| !k.is_empty())
    };
    let references = policy.metadata.owner_references.iter().flatten().filter(|o| o.kind == "ProtectedOrigin");
    let references: Vec<OwnerReference> = references.cloned().collect();
    NetworkPolicy {
        metadata: ObjectMeta {
            name: policy.metadata.name.clone(),
            namespace: policy.metadata.namespace.clone(),
            labels: keep(&policy.metadata.labels, &rendered.metadata.labels),
            annotations: keep(&policy.metadata.annotations, &rendered.metadata.annotations),
            owner_references: Some(references).filter(|r| !r.is_empty()),
            ..ObjectMeta::default()
        },
        spec: policy.spec.clone(),
    }
}

fn pair((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

fn text(policy: &NetworkPolicy) -> String {
    // A value of this type has no key that YAML cannot say.
    serde_saphyr::to_string(policy).unwrap_or_default()
}

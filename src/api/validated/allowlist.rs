//! Which allowlists to keep, after the checks that the schema also makes.

use super::Invalid;
use crate::api::field::Field;
use crate::api::spec::{DeletionPolicy, Mode, OriginType, ProtectedOriginSpec};
use crate::api::targets::{Isolation, NetworkPolicyTarget, OutputFormat, Target, TargetType};
use ipnet::IpNet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeSet;
use strum::IntoEnumIterator as _;

/// What to do with the allowlists.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidAllowlist {
    pub mode: Mode,
    pub deletion: DeletionPolicy,
    pub extra: Vec<ValidExtra>,
    pub targets: Vec<ValidTarget>,
}

/// A prefix to allow beside the proxy's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidExtra {
    pub cidr: IpNet,
    pub reason: String,
}

/// One object that carries the allowlist.
#[derive(Debug, Clone, PartialEq)]
pub enum ValidTarget {
    NetworkPolicy {
        name: String,
        /// The first NetworkPolicy target: its object is `leeward-ORIGIN`.
        first: bool,
        /// Absent: the Service's selector.
        selector: Option<LabelSelector>,
        /// Empty: the Service's target ports.
        ports: Vec<u16>,
        isolation: Isolation,
    },
    /// One field of an object that somebody else created.
    Field { name: String, kind: TargetType, field: Box<Field> },
    ConfigMap {
        name: String,
        /// The first ConfigMap target: its object is `leeward-ORIGIN`.
        first: bool,
        /// Formats to write; never empty.
        formats: BTreeSet<OutputFormat>,
    },
}

impl ValidTarget {
    pub fn name(&self) -> &str {
        match self {
            Self::NetworkPolicy { name, .. } | Self::Field { name, .. } | Self::ConfigMap { name, .. } => name,
        }
    }

    pub const fn kind(&self) -> TargetType {
        match self {
            Self::NetworkPolicy { .. } => TargetType::NetworkPolicy,
            Self::Field { kind, .. } => *kind,
            Self::ConfigMap { .. } => TargetType::ConfigMap,
        }
    }

    /// The field of somebody else's object that this is.
    pub fn field(&self) -> Option<&Field> {
        match self {
            Self::Field { field, .. } => Some(field),
            Self::NetworkPolicy { .. } | Self::ConfigMap { .. } => None,
        }
    }
}

impl ValidAllowlist {
    pub(super) fn new(spec: &ProtectedOriginSpec) -> Result<Self, Invalid> {
        let list = &spec.allowlist;
        if list.mode != Mode::Observe && spec.proxy.network_ref.is_none() {
            return Err(Invalid::new(
                "proxy.networkRef",
                "must be set when allowlist.mode is Plan or Enforce: it names the ProxyNetwork whose addresses are allowed",
            ));
        }
        if list.extra_cidrs.len() > 256 {
            return Err(Invalid::new("allowlist.extraCIDRs", "must hold at most 256 prefixes"));
        }
        let extra = list
            .extra_cidrs
            .iter()
            .enumerate()
            .map(|(i, e)| {
                let field = format!("allowlist.extraCIDRs[{i}].cidr");
                e.cidr
                    .parse::<IpNet>()
                    .ok()
                    .filter(|net| net.trunc() == *net)
                    .map(|cidr| ValidExtra { cidr, reason: e.reason.clone() })
                    .ok_or_else(|| {
                        Invalid::new(
                            field,
                            format!("must be a prefix without host bits such as 198.51.100.0/24, not {}", e.cidr),
                        )
                    })
            })
            .collect::<Result<_, _>>()?;
        if list.targets.len() > 32 {
            return Err(Invalid::new("allowlist.targets", "must hold at most 32 targets"));
        }
        let mut names = BTreeSet::new();
        let mut owned = BTreeSet::new();
        let mut targets = Vec::with_capacity(list.targets.len());
        for (i, raw) in list.targets.iter().enumerate() {
            if !names.insert(raw.name.as_str()) {
                return Err(Invalid::new(
                    format!("allowlist.targets[{i}].name"),
                    format!("repeats {}: give each target a name of its own", raw.name),
                ));
            }
            let first = raw.kind.stands_alone() && owned.insert(raw.kind);
            let valid = target(i, raw, spec.origin.kind, first)?;
            if let Some(other) = same_field(&targets, &valid) {
                let problem = format!("names the same field as target {other}: remove one of the two");
                return Err(Invalid::new(format!("allowlist.targets[{i}]"), problem));
            }
            targets.push(valid);
        }
        Ok(Self { mode: list.mode, deletion: list.deletion_policy, extra, targets })
    }
}

/// An earlier target in the very field of this one: the two would undo each other.
fn same_field<'a>(targets: &'a [ValidTarget], of: &ValidTarget) -> Option<&'a str> {
    let field = of.field()?;
    let same = |t: &&ValidTarget| t.field().is_some_and(|f| f.object == field.object && f.place == field.place);
    targets.iter().find(same).map(ValidTarget::name)
}

fn target(i: usize, raw: &Target, origin: OriginType, first: bool) -> Result<ValidTarget, Invalid> {
    let at = |field: &str| format!("allowlist.targets[{i}].{field}");
    for (kind, member, set) in raw.members() {
        if set && kind != raw.kind {
            return Err(Invalid::new(at(member), format!("may be set only if type is {kind}")));
        }
        if !set && kind == raw.kind && !kind.stands_alone() {
            return Err(Invalid::new(at(member), format!("must be set when type is {kind}")));
        }
    }
    let name = raw.name.clone();
    if raw.kind == TargetType::ConfigMap {
        let chosen = raw.config_map.iter().flat_map(|c| c.formats.iter().copied()).collect::<BTreeSet<_>>();
        let formats = if chosen.is_empty() { OutputFormat::iter().collect() } else { chosen };
        return Ok(ValidTarget::ConfigMap { name, first, formats });
    }
    match Field::of(raw).map_err(|e| Invalid::new(at(&e.field), e.problem))? {
        Some(field) => Ok(ValidTarget::Field { name, kind: raw.kind, field: Box::new(field) }),
        None => network_policy(&at, name, raw.network_policy.clone().unwrap_or_default(), origin, first),
    }
}

fn network_policy(
    at: &dyn Fn(&str) -> String,
    name: String,
    policy: NetworkPolicyTarget,
    origin: OriginType,
    first: bool,
) -> Result<ValidTarget, Invalid> {
    if policy.pod_selector.as_ref().is_some_and(is_empty) {
        return Err(Invalid::new(
            at("networkPolicy.podSelector"),
            "must not be empty: it would select every pod of the namespace",
        ));
    }
    if origin != OriginType::Service && policy.pod_selector.is_none() {
        return Err(Invalid::new(
            at("networkPolicy.podSelector"),
            "must be set unless origin.type is Service: it names the pods that the policy guards",
        ));
    }
    if origin != OriginType::Service && policy.ports.is_empty() {
        return Err(Invalid::new(
            at("networkPolicy.ports"),
            "must name at least one pod port unless origin.type is Service",
        ));
    }
    let ports = policy
        .ports
        .iter()
        .map(|p| {
            u16::try_from(*p)
                .ok()
                .filter(|p| *p > 0)
                .ok_or_else(|| Invalid::new(at("networkPolicy.ports"), format!("holds {p}; a port is from 1 to 65535")))
        })
        .collect::<Result<_, _>>()?;
    Ok(ValidTarget::NetworkPolicy { name, first, selector: policy.pod_selector, ports, isolation: policy.isolation })
}

fn is_empty(selector: &LabelSelector) -> bool {
    selector.match_labels.as_ref().is_none_or(std::collections::BTreeMap::is_empty)
        && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
}

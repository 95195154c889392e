//! Any list of any object: for kinds that have no target of their own, such as KongPlugin, Emissary's Module or Antrea's
//! ClusterGroup.
//!
//! What it may name is bounded, because the operator's rights are not the user's: never a kind of Kubernetes itself or of
//! Leeward, on which it holds rights for other reasons, and never metadata or status.

use super::{ApiKind, Capacity, Consent, Empty, Field, Items, ObjectRef, Place, Sees, Separator};
use crate::api::targets::{EmptyMeans, ObjectFieldTarget, ObjectFormat, ObjectScope};
use crate::api::validated::Invalid;

/// Parts of an object that no list belongs into.
const NOT_FIELDS: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

pub(super) fn field(target: &ObjectFieldTarget) -> Result<Field, Invalid> {
    let (group, version) = target.api_version.split_once('/').unwrap_or(("", &target.api_version));
    if !is_foreign(group) {
        let problem = format!(
            "is {}; only kinds of other projects can be named, such as configuration.konghq.com/v1",
            target.api_version
        );
        return Err(Invalid::new("objectField.apiVersion", problem));
    }
    let first = target.path.split('.').next().unwrap_or_default();
    if NOT_FIELDS.contains(&first) {
        let problem = format!("begins with {first}; name a field that carries a list, such as spec.ipBlocks");
        return Err(Invalid::new("objectField.path", problem));
    }
    let items = match (target.format, target.member.is_empty()) {
        (ObjectFormat::Objects, true) => {
            let problem = "must name the member that holds the prefix, such as cidr, when format is Objects";
            return Err(Invalid::new("objectField.member", problem));
        }
        (ObjectFormat::Objects, false) => Items::Objects { member: target.member.clone(), fixed: target.fixed.clone() },
        (_, false) => return Err(Invalid::new("objectField.member", "may be set only if format is Objects")),
        (ObjectFormat::Strings, true) => Items::Strings,
        (ObjectFormat::Comma, true) => Items::Text(Separator::Comma),
        (ObjectFormat::Blank, true) => Items::Text(Separator::Blank),
    };
    let plural = if target.plural.is_empty() { plural(&target.kind) } else { target.plural.clone() };
    let api = ApiKind::of(group, version, &target.kind, &plural, &format!("what brings {}", target.api_version));
    Ok(Field {
        object: ObjectRef {
            api: if target.scope == ObjectScope::Cluster { api.cluster() } else { api },
            name: target.name.clone(),
        },
        place: Place::path(&target.path),
        form: items.into(),
        empty: match target.empty_means {
            EmptyMeans::Opens => Empty::Opens,
            EmptyMeans::Closes => Empty::Closes,
        },
        sees: Sees::Client,
        capacity: Capacity::Object,
        consent: Consent::Mark,
        needs: Vec::new(),
        named_by: "objectField.name",
    })
}

/// Groups of Kubernetes have no dot or end in `k8s.io`.
fn is_foreign(group: &str) -> bool {
    let ends = |suffix: &str| group == suffix || group.ends_with(&format!(".{suffix}"));
    group.contains('.') && !ends("k8s.io") && !ends("kubernetes.io") && !ends(crate::api::GROUP)
}

/// As the Go client library guesses it.
fn plural(kind: &str) -> String {
    let lower = kind.to_ascii_lowercase();
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| lower.ends_with(suffix));
    match lower.strip_suffix('y') {
        Some(stem) if !ends(&["ay", "ey", "oy", "uy"]) => format!("{stem}ies"),
        _ if ends(&["s", "x", "ch", "sh"]) => format!("{lower}es"),
        _ => format!("{lower}s"),
    }
}

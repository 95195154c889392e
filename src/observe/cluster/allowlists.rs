//! Allowlists that somebody keeps in fields of objects, compared with the proxy's network.

use super::{Carrier, ClusterSource, Sight};
use crate::api::Outcome;
use crate::api::field::{Entries, Field, Form};
use crate::api::validated::{ValidTarget, Validated};
use crate::evidence::fact;
use crate::net::{Prefix, RangeSet};
use serde_json::Value;

/// Most prefixes that a fact spells out.
pub(super) const MOST_PREFIXES: usize = 16;

/// What a field says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListedRanges {
    /// Every entry is a prefix.
    Ranges(RangeSet),
    /// This part is none.
    Unreadable(String),
}

impl ListedRanges {
    /// Reads a value of this form. An empty one lists nothing.
    pub fn read(form: &Form, value: &Value) -> Self {
        let entries = match form.entries(value) {
            Entries::Nothing => Vec::new(),
            Entries::These(entries) => entries,
            Entries::Other(part) => return Self::Unreadable(part),
        };
        let mut prefixes = Vec::new();
        for entry in entries {
            match Prefix::parse(&entry) {
                Ok(prefix) => prefixes.push(prefix),
                Err(_) => return Self::Unreadable(entry.chars().take(64).collect()),
            }
        }
        Self::Ranges(prefixes.into_iter().collect())
    }
}

/// One fact for each object among the targets that carries a list. Without one there is no allowlist.
pub(super) fn facts(source: &dyn ClusterSource, origin: &Validated, proxy: &RangeSet) -> Vec<fact::Allowlist> {
    let lists = origin.allowlist.targets.iter().filter(|target| !target.kind().is_trust());
    let fields = lists.filter_map(ValidTarget::field);
    fields
        // A list that is kept elsewhere cannot be compared.
        .filter(|field| field.form.lists())
        .filter_map(|field| match source.carrier(&field.object, &origin.namespace) {
            Sight::Found(object) => fact(&object, field, &origin.namespace, proxy),
            Sight::Missing | Sight::NoKind | Sight::Waiting | Sight::Unreadable(_) => None,
        })
        .collect()
}

fn fact(object: &Carrier, field: &Field, namespace: &str, proxy: &RangeSet) -> Option<fact::Allowlist> {
    let missing = match ListedRanges::read(&field.form, field.current(&object.value)?) {
        ListedRanges::Ranges(listed) => Some(proxy.subtract(&listed)),
        ListedRanges::Unreadable(_) => None,
    };
    let outcome = match &missing {
        None => Outcome::Unavailable,
        Some(missing) if missing.is_empty() => Outcome::Covered,
        Some(_) => Outcome::Missing,
    };
    let missing = missing.map_or_else(Vec::new, |m| m.texts());
    Some(fact::Allowlist {
        object: field.object.key(namespace),
        outcome,
        missing_prefixes: u32::try_from(missing.len()).unwrap_or(u32::MAX),
        missing: missing.into_iter().take(MOST_PREFIXES).collect(),
        proxy_prefixes: u32::try_from(proxy.prefixes().len()).unwrap_or(u32::MAX),
    })
}

//! Allowlists that somebody keeps in annotations, compared with the proxy's network.

use super::ClusterSource;
use crate::api::Outcome;
use crate::api::names;
use crate::api::targets::IngressPreset;
use crate::api::validated::{ValidTarget, Validated};
use crate::evidence::fact;
use crate::net::{Prefix, RangeSet};
use k8s_openapi::api::networking::v1::Ingress;

/// Most prefixes that a fact spells out.
pub(super) const MOST_PREFIXES: usize = 16;

/// What an annotation's text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListedRanges {
    /// Every entry is a prefix.
    Ranges(RangeSet),
    /// This entry is not.
    Unreadable(String),
}

impl ListedRanges {
    /// Reads a comma-separated list as ingress-nginx does: blanks around entries do not count.
    pub fn read(text: &str) -> Self {
        let entries = text.split(',').map(str::trim).filter(|e| !e.is_empty());
        let mut prefixes = Vec::new();
        for entry in entries {
            match Prefix::parse(entry) {
                Ok(prefix) => prefixes.push(prefix),
                Err(_) => return Self::Unreadable(entry.chars().take(64).collect()),
            }
        }
        Self::Ranges(prefixes.into_iter().collect())
    }
}

/// The annotation that a preset reads.
pub const fn annotation_of(preset: IngressPreset) -> &'static str {
    match preset {
        IngressPreset::IngressNginx => names::INGRESS_NGINX_ALLOWLIST,
    }
}

/// One fact for each Ingress among the targets that carries a list. Without the annotation there is no allowlist.
pub(super) fn facts(source: &dyn ClusterSource, origin: &Validated, proxy: &RangeSet) -> Vec<fact::Allowlist> {
    let targets = origin.allowlist.targets.iter();
    targets
        .filter_map(|target| match target {
            ValidTarget::IngressAnnotation { ingress, preset, .. } => {
                let object = source.ingress(&origin.namespace, ingress)?;
                fact(&object, annotation_of(*preset), proxy)
            }
            ValidTarget::NetworkPolicy { .. } => None,
        })
        .collect()
}

fn fact(ingress: &Ingress, key: &str, proxy: &RangeSet) -> Option<fact::Allowlist> {
    let text = ingress.metadata.annotations.as_ref()?.get(key)?;
    let missing = match ListedRanges::read(text) {
        // An empty value is no list: ingress-nginx falls back to its global one.
        ListedRanges::Ranges(listed) if listed.is_empty() => return None,
        ListedRanges::Ranges(listed) => Some(proxy.subtract(&listed)),
        ListedRanges::Unreadable(_) => None,
    };
    let outcome = match &missing {
        None => Outcome::Unavailable,
        Some(missing) if missing.is_empty() => Outcome::Covered,
        Some(_) => Outcome::Missing,
    };
    let missing = missing.map_or_else(Vec::new, |m| m.texts());
    let namespace = ingress.metadata.namespace.as_deref().unwrap_or("default");
    Some(fact::Allowlist {
        object: format!("Ingress {namespace}/{}", ingress.metadata.name.as_deref().unwrap_or_default()),
        outcome,
        missing_prefixes: u32::try_from(missing.len()).unwrap_or(u32::MAX),
        missing: missing.into_iter().take(MOST_PREFIXES).collect(),
        proxy_prefixes: u32::try_from(proxy.prefixes().len()).unwrap_or(u32::MAX),
    })
}

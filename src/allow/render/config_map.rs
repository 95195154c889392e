//! An own `ConfigMap` for each target: the list in several formats, for whoever reads it. It enforces nothing by itself.

use super::owned::{self, Identity};
use super::{diff, output};
use crate::api::targets::OutputFormat;
use crate::net::{AdmittedRanges, RangeSet};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use strum::IntoEnumIterator as _;

/// Everything about the object but its addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputShape {
    pub namespace: String,
    pub name: String,
    /// `NAMESPACE/NAME` of the origin: the mark of ownership.
    pub origin: String,
    /// Set only when deleting the origin deletes the object.
    pub owner: Option<OwnerReference>,
    /// Name of the ProxyNetwork, for those who read the list.
    pub network: String,
    /// Not empty.
    pub keys: BTreeSet<OutputFormat>,
}

/// The whole object.
pub fn render(shape: &OutputShape, ranges: &AdmittedRanges) -> ConfigMap {
    let data =
        shape.keys.iter().map(|key| (key.to_string(), output::text(&shape.network, ranges.ranges(), None, *key)));
    let OutputShape { namespace, name, origin, owner, .. } = shape;
    let identity = Identity { namespace, name, origin, owner: owner.as_ref() };
    ConfigMap { metadata: identity.metadata(ranges.hash()), data: Some(data.collect()), ..ConfigMap::default() }
}

/// What the object lists.
pub fn covered(object: &ConfigMap) -> RangeSet {
    texts(object).into_values().next().map_or_else(RangeSet::empty, output::listed)
}

/// Whether an object is as rendered: keys of other names and what others add to its metadata do not count.
pub fn same(rendered: &ConfigMap, found: &ConfigMap) -> bool {
    texts(rendered) == texts(found) && owned::same(&rendered.metadata, &found.metadata)
}

/// What would change, as a unified diff.
pub fn difference(key: &str, before: Option<&ConfigMap>, after: Option<&ConfigMap>) -> String {
    let text = |object: Option<&ConfigMap>| {
        object.map(texts).into_iter().flatten().fold(String::new(), |mut out, (name, text)| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{name}: |");
            for line in text.lines() {
                let _ = writeln!(out, "  {line}");
            }
            out
        })
    };
    diff(key, &text(before), &text(after))
}

/// The texts under keys that are formats.
fn texts(object: &ConfigMap) -> BTreeMap<OutputFormat, &str> {
    let data = object.data.as_ref();
    OutputFormat::iter().filter_map(|key| Some((key, data?.get(&key.to_string())?.as_str()))).collect()
}

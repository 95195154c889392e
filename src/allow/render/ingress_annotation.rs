//! One annotation of somebody else's Ingress: a comma list of prefixes, applied as a field of its own.

use super::diff;
use crate::api::names::foreign_manager;
use crate::api::targets::IngressPreset;
use crate::net::{AdmittedRanges, RangeSet};
use crate::observe::cluster::{ListedRanges, annotation_of};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::{Value, json};

/// Which annotation of which Ingress, and who writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationShape {
    pub namespace: String,
    pub ingress: String,
    /// The Ingress that was looked at: another one of the same name is not written.
    pub uid: Option<String>,
    pub key: &'static str,
    /// Field manager, `leeward-ORIGIN`.
    pub manager: String,
}

impl AnnotationShape {
    pub fn new(namespace: &str, ingress: &str, uid: Option<String>, preset: IngressPreset, origin: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            ingress: ingress.to_owned(),
            uid,
            key: annotation_of(preset),
            manager: foreign_manager(origin),
        }
    }
}

/// The annotation's value.
pub fn render(ranges: &AdmittedRanges) -> String {
    ranges.ranges().texts().join(",")
}

/// The applied configuration: this annotation and nothing else. Without a value the field is released.
pub fn patch(shape: &AnnotationShape, value: Option<&str>) -> Value {
    let mut metadata = json!({"name": shape.ingress, "namespace": shape.namespace});
    if let Some(fields) = metadata.as_object_mut() {
        if let Some(uid) = &shape.uid {
            fields.insert("uid".to_owned(), json!(uid));
        }
        if let Some(value) = value {
            fields.insert("annotations".to_owned(), json!({shape.key: value}));
        }
    }
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata})
}

/// The annotation of an Ingress, as far as it is a list: an empty value is none.
pub fn current<'a>(ingress: &'a Ingress, key: &str) -> Option<&'a str> {
    let value = ingress.metadata.annotations.as_ref()?.get(key)?;
    Some(value.as_str()).filter(|v| !v.trim().is_empty())
}

/// What a value covers; `None` where it cannot be read.
pub fn covered(value: &str) -> Option<RangeSet> {
    match ListedRanges::read(value) {
        ListedRanges::Ranges(set) => Some(set),
        ListedRanges::Unreadable(_) => None,
    }
}

/// Whose the annotation is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    pub ours: bool,
    /// Other managers that hold it, sorted.
    pub others: Vec<String>,
}

/// Who holds the annotation; `None` where the object does not say (files rarely have `managedFields`).
pub fn holders(ingress: &Ingress, key: &str, manager: &str) -> Option<Holders> {
    let entries = ingress.metadata.managed_fields.as_ref().filter(|e| !e.is_empty())?;
    let holds = |entry: &&ManagedFieldsEntry| {
        let fields = entry.fields_v1.as_ref().map(|f| &f.0);
        let annotations = fields.and_then(|f| f.get("f:metadata")).and_then(|m| m.get("f:annotations"));
        annotations.is_some_and(|a| a.get(format!("f:{key}")).is_some())
    };
    let mut found = Holders::default();
    for entry in entries.iter().filter(holds) {
        match entry.manager.as_deref() {
            Some(name) if name == manager && entry.operation.as_deref() == Some("Apply") => found.ours = true,
            name => found.others.push(name.unwrap_or("unknown").to_owned()),
        }
    }
    found.others.sort();
    found.others.dedup();
    Some(found)
}

/// What would change, one prefix a line.
pub fn difference(shape: &AnnotationShape, before: Option<&str>, after: Option<&str>) -> String {
    let lines = |value: Option<&str>| {
        value.map_or_else(String::new, |v| {
            let entries: Vec<String> = v.split(',').map(|e| format!("  {}", e.trim())).collect();
            format!("{}:\n{}\n", shape.key, entries.join(",\n"))
        })
    };
    diff(&format!("Ingress {}/{}", shape.namespace, shape.ingress), &lines(before), &lines(after))
}

//! One field of somebody else's object, applied as a field of its own: identity, uid and that one value.

use super::diff;
use crate::api::field::{Entries, Field};
use crate::api::names::foreign_manager;
use crate::net::{AdmittedRanges, RangeSet};
use crate::observe::cluster::{Carrier, ListedRanges};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::{Value, json};

/// Which field of which object, and who writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldShape {
    pub field: Field,
    /// Absent for a cluster-scoped object.
    pub namespace: Option<String>,
    /// The object that was looked at: another one of the same name is not written.
    pub uid: Option<String>,
    /// Field manager, `leeward-ORIGIN`.
    pub manager: String,
}

impl FieldShape {
    /// For an origin by namespace and name.
    pub fn new(field: &Field, origin_namespace: &str, origin: &str, uid: Option<String>) -> Self {
        Self {
            field: field.clone(),
            namespace: field.object.namespace(origin_namespace).map(str::to_owned),
            uid,
            manager: foreign_manager(origin),
        }
    }
}

/// The field's value.
pub fn render(field: &Field, ranges: &AdmittedRanges) -> Value {
    field.form.value(&ranges.ranges().texts())
}

/// The applied configuration: this field and nothing else. Without a value the field is released.
pub fn patch(shape: &FieldShape, value: Option<&Value>) -> Value {
    let object = &shape.field.object;
    let mut metadata = json!({"name": object.name});
    if let Some(fields) = metadata.as_object_mut() {
        for (name, text) in [("namespace", &shape.namespace), ("uid", &shape.uid)] {
            if let Some(text) = text {
                fields.insert(name.to_owned(), json!(text));
            }
        }
    }
    let mut body = json!({"apiVersion": object.api.api_version(), "kind": object.api.kind, "metadata": metadata});
    if let Some(value) = value {
        shape.field.place.put(&mut body, value.clone());
    }
    body
}

/// What a value covers; `None` where it cannot be read, or is no list.
pub fn covered(field: &Field, value: &Value) -> Option<RangeSet> {
    match ListedRanges::read(&field.form, value) {
        ListedRanges::Ranges(set) => Some(set),
        ListedRanges::Unreadable(_) => None,
    }
}

/// Whether two values say the same.
pub fn same(field: &Field, one: &Value, other: &Value) -> bool {
    one == other || covered(field, one).is_some_and(|set| Some(set) == covered(field, other))
}

/// Whose the field is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    pub ours: bool,
    /// Other managers that hold it, sorted.
    pub others: Vec<String>,
}

/// Who holds the field; `None` where the object does not say (files rarely have `managedFields`).
pub fn holders(object: &Carrier, shape: &FieldShape) -> Option<Holders> {
    let entries = object.metadata.managed_fields.as_ref().filter(|e| !e.is_empty())?;
    let holds = |entry: &&ManagedFieldsEntry| shape.field.place.held_by(entry);
    let mut found = Holders::default();
    for entry in entries.iter().filter(holds) {
        match entry.manager.as_deref() {
            Some(name) if name == shape.manager && entry.operation.as_deref() == Some("Apply") => found.ours = true,
            name => found.others.push(name.unwrap_or("unknown").to_owned()),
        }
    }
    found.others.sort();
    found.others.dedup();
    Some(found)
}

/// What would change, one prefix a line.
pub fn difference(shape: &FieldShape, key: &str, before: Option<&Value>, after: Option<&Value>) -> String {
    let field = &shape.field;
    let name = field.place.annotation_key().map_or_else(|| field.place.to_string(), str::to_owned);
    let lines = |value: Option<&Value>| {
        value.map_or_else(String::new, |v| {
            let entries: Vec<String> = match field.form.entries(v) {
                Entries::These(entries) => entries.iter().map(|e| format!("  {e}")).collect(),
                Entries::Nothing | Entries::Other(_) => {
                    vec![format!("  {}", v.as_str().map_or_else(|| v.to_string(), str::to_owned))]
                }
            };
            format!("{name}:\n{}\n", entries.join(",\n"))
        })
    };
    diff(key, &lines(before), &lines(after))
}

//! What keeps a field of somebody else's object from being written: rights that nobody gave, and lists that do not fit.

use super::{OBJECT_BYTES, Veto};
use crate::api::conditions::Reason;
use crate::api::field::{Capacity, Consent, Field};
use crate::api::names::ORIGIN_ANNOTATION;
use crate::net::{AdmittedRanges, Family};
use crate::observe::cluster::Carrier;
use serde_json::Value;

/// Annotations of one object may take this many bytes together, keys included (the API server's limit).
const ANNOTATION_BYTES: usize = 256 << 10;

/// Where rights in a namespace do not say enough, whoever may edit the object says on the object itself which origin may
/// keep its list: nobody gains that by what he writes into a ProtectedOrigin.
pub fn not_handed_over(field: &Field, object: &Carrier, key: &str, origin: &str) -> Option<Veto> {
    if field.consent == Consent::Rights {
        return None;
    }
    let mark = object.metadata.annotations.as_ref().and_then(|a| a.get(ORIGIN_ANNOTATION)).map(String::as_str);
    if mark == Some(origin) {
        return None;
    }
    let whose = mark.map_or_else(
        || format!("has no annotation {ORIGIN_ANNOTATION}"),
        |other| format!("is handed over to {}", other.chars().take(128).collect::<String>()),
    );
    let api = &field.object.api;
    let kind = if api.group.is_empty() { api.plural.clone() } else { format!("{}.{}", api.plural, api.group) };
    let namespace = object.metadata.namespace.as_ref().map_or_else(String::new, |n| format!("-n {n} "));
    Some(Veto::new(
        Reason::ForeignObject,
        format!(
            "{key} {whose}: whoever may edit it hands it over with kubectl annotate {namespace}{kind} {} \
             {ORIGIN_ANNOTATION}={origin}",
            field.object.name
        ),
    ))
}

/// Whether so many prefixes are more than the field may hold. A list is never cut short.
pub fn over_capacity(field: &Field, ranges: &AdmittedRanges) -> bool {
    match field.capacity {
        Capacity::Object => false,
        Capacity::EachFamily(most) => {
            [Family::V4, Family::V6].into_iter().any(|family| ranges.ranges().prefix_count(family) > most)
        }
    }
}

/// Whether the object holds the list.
pub fn field_too_large(
    key: &str,
    field: &Field,
    value: &Value,
    ranges: &AdmittedRanges,
    object: &Carrier,
) -> Option<Veto> {
    let too_large = |message: String| Some(Veto::new(Reason::CapacityExceeded, message));
    if let (true, Capacity::EachFamily(most)) = (over_capacity(field, ranges), field.capacity) {
        return too_large(format!(
            "{} of {key} holds {most} prefixes of each address family, and the list has more; use another target, or a \
             shorter list",
            field.place
        ));
    }
    let added = value.as_str().map_or_else(|| value.to_string().len(), str::len);
    if let Some(name) = field.place.annotation_key() {
        let others = object.metadata.annotations.iter().flatten().filter(|(k, _)| *k != name);
        let bytes = others.map(|(k, v)| k.len() + v.len()).sum::<usize>() + name.len() + added;
        if bytes > ANNOTATION_BYTES {
            return too_large(format!(
                "the annotations of {key} would take {bytes} bytes of the {ANNOTATION_BYTES} that an object may have; use \
                 another target, such as a NetworkPolicy, or a shorter list"
            ));
        }
    }
    let standing = field.place.of(&object.value).map_or(0, |v| v.to_string().len());
    let bytes = object.value.to_string().len().saturating_sub(standing) + added;
    if bytes > OBJECT_BYTES {
        return too_large(format!(
            "{key} would take {bytes} bytes of the {OBJECT_BYTES} that one object holds; use another target, or a shorter list"
        ));
    }
    None
}

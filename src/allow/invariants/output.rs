//! Writes of `ConfigMaps`: always whole objects of our own, that hold lists and nothing else.

use serde_json::Value;

use crate::api::names::{MANAGED_BY, MANAGED_BY_LABEL, OBJECT_MANAGER, ORIGIN_ANNOTATION};
use crate::net::Prefix;

use super::{Findings, Invariant, Sent, Verb, World, ends};

const KEYS: [&str; 5] = ["json", "lines", "comma", "nginx", "haproxy"];

pub(super) fn check(sent: &Sent, prior: Option<&Value>, world: &World, found: &mut Findings) {
    if prior.is_some_and(|prior| mark(prior).is_none()) {
        return found.add(Invariant::S5, format!("{sent} of an object without our mark"));
    }
    let marked = if sent.verb == Verb::Delete { prior.and_then(mark) } else { mark(&sent.object) };
    let Some(origin) = marked.and_then(|key| world.origin(key)) else {
        return found.add(Invariant::S5, format!("{sent} without the marks of an existing origin"));
    };
    world.check_consent(sent, origin, found);
    if sent.verb == Verb::Delete {
        let uid = |value: &Value, at: &str| value.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let named = uid(&sent.object, "/preconditions/uid");
        if named.is_none() || named != prior.and_then(|prior| uid(prior, "/metadata/uid")) {
            found.add(Invariant::S5, format!("{sent} without the uid of the object that was looked at"));
        }
        if !ends(origin) && !world.rolling_back {
            found.add(Invariant::S9, format!("{sent} while its origin stays"));
        }
        return;
    }
    let names_object =
        ["uid", "resourceVersion"].iter().any(|k| sent.object.pointer(&format!("/metadata/{k}")).is_some());
    if sent.verb != Verb::Apply || sent.manager.as_deref() != Some(OBJECT_MANAGER) || (sent.force && !names_object) {
        found.add(Invariant::S5, format!("{sent} is not applied by {OBJECT_MANAGER}, or takes an object unseen"));
    }
    if prior.and_then(mark).is_some_and(|before| Some(before) != mark(&sent.object)) {
        found.add(Invariant::S5, format!("{sent} takes the object of another origin"));
    }
    let data = sent.object.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
    let before = prior.and_then(|prior| prior.get("data")).map(prefixes).unwrap_or_default();
    for (key, text) in &data {
        if !KEYS.contains(&key.as_str()) {
            found.add(Invariant::S5, format!("{sent} holds {key}"));
        }
        let written = prefixes(text);
        if written.is_empty() {
            found.add(Invariant::S1, format!("{sent} writes an empty list under {key}"));
        }
        world.admitted(origin).check(sent, &written, &before.iter().collect(), found);
    }
}

/// The origin that the marks name; both marks must be there.
fn mark(object: &Value) -> Option<&str> {
    let metadata = object.get("metadata")?;
    let label = metadata.get("labels")?.get(MANAGED_BY_LABEL)?;
    (label == MANAGED_BY).then(|| metadata.get("annotations")?.get(ORIGIN_ANNOTATION)?.as_str())?
}

fn prefixes(value: &Value) -> Vec<Prefix> {
    match value {
        Value::String(text) => {
            let words = text.split(|c: char| c.is_whitespace() || ",;\"".contains(c));
            words.filter_map(|word| Prefix::parse_strict(word).ok()).collect()
        }
        Value::Object(map) => map.values().flat_map(prefixes).collect(),
        _ => Vec::new(),
    }
}

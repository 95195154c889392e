//! Writes of objects that somebody else created: one field that a target names, and nothing beside it.

use serde_json::Value;

use crate::api::ProtectedOrigin;
use crate::api::field::Field;
use crate::api::names::{ORIGIN_ANNOTATION, foreign_manager};
use crate::api::targets::{ServicePreset, Target};
use crate::net::Prefix;

use super::{Findings, Invariant, Sent, Verb, World, ends};

/// Texts in a value that are no prefixes: what rules are called, and what they do.
const WORDS: [&str; 3] = ["leeward", "Allow", "Peer"];

/// Objects that a policy names: nobody gets in once they are empty.
const GROUPS: [&str; 4] = ["ciliumcidrgroups", "networksets", "globalnetworksets", "middlewares"];

/// Objects of which rules are written.
const RULES: [&str; 2] = ["authorizationpolicies", "securitypolicies"];

pub(super) fn check(sent: &Sent, prior: Option<&Value>, world: &World, found: &mut Findings) {
    let Some(prior) = prior else {
        return found.add(Invariant::S5, format!("{sent} creates an object that is not Leeward's"));
    };
    if sent.verb != Verb::Apply || sent.force {
        return found.add(Invariant::S5, format!("{sent} is not applied, or is forced"));
    }
    let Some(Kept { origin, target, field }) = kept(sent, prior, world) else {
        return found.add(Invariant::S5, format!("{sent} by a manager of no origin with such a target"));
    };
    world.check_consent(sent, origin, found);
    let value = check_shape(sent, prior, &field, found);
    check_sense(sent, prior, found);
    let Some(value) = value else {
        // Giving the field up opens the object to everybody, or closes it.
        let goes = !GROUPS.contains(&sent.resource.as_str()) && !target.kind.is_trust();
        if !(world.rolling_back || (ends(origin) && goes)) {
            found.add(Invariant::S9, format!("{sent} gives up the allowlist"));
        }
        return;
    };
    if let Some(name) = named_elsewhere(target) {
        if value.as_str() != Some(name) {
            found.add(Invariant::S2, format!("{sent} names {value}, not {name}"));
        }
        return;
    }
    let fixed = target.object_field.iter().flat_map(|o| o.fixed.values());
    let words: Vec<&str> = fixed.map(String::as_str).chain(WORDS).collect();
    let mut written = Vec::new();
    for text in texts(&value).into_iter().filter(|text| !words.contains(&text.as_str())) {
        match Prefix::parse_strict(&text) {
            Ok(prefix) => written.push(prefix),
            Err(problem) => found.add(Invariant::S2, format!("{sent}: {problem}")),
        }
    }
    if written.is_empty() {
        found.add(Invariant::S1, format!("{sent} writes an empty list"));
    }
    let before = field.place.of(prior).map(texts).unwrap_or_default();
    let before = super::read(before.iter().map(String::as_str));
    let admitted = world.admitted(origin);
    // Who else may come in is not believed what he says of visitors.
    let admitted = if target.kind.is_trust() { admitted.of_the_proxy() } else { admitted };
    admitted.check(sent, &written, &before, found);
}

/// Whether a write of a kind that Leeward also creates is one into an object of somebody else.
pub(super) fn is_kept(sent: &Sent, prior: Option<&Value>, world: &World) -> bool {
    prior.is_some_and(|prior| kept(sent, prior, world).is_some())
}

/// Whose write it is.
pub(super) struct Kept<'a> {
    pub origin: &'a ProtectedOrigin,
    pub target: &'a Target,
    pub field: Field,
}

/// The origin whose manager writes, if it has this object as a target: of its own namespace, or of the whole cluster and
/// handed over to it by name.
pub(super) fn kept<'a>(sent: &Sent, prior: &Value, world: &'a World) -> Option<Kept<'a>> {
    let manager = sent.manager.as_deref()?;
    world.origins.iter().find_map(|origin| {
        let (namespace, name) = (origin.metadata.namespace.as_deref()?, origin.metadata.name.as_deref()?);
        let mark =
            prior.pointer("/metadata/annotations").and_then(|a| a.get(ORIGIN_ANNOTATION)).and_then(Value::as_str);
        let marked = mark == Some(&format!("{namespace}/{name}"));
        if foreign_manager(name) != manager || sent.namespace.as_deref().is_some_and(|of| of != namespace) {
            return None;
        }
        origin.spec.allowlist.targets.iter().find_map(|target| {
            let field = Field::of(target).ok().flatten()?;
            let (object, api) = (&field.object, &field.object.api);
            // What is not bounded by a namespace and a known list needs a word on the object itself.
            let needs_mark = sent.namespace.is_none()
                || target.object_field.is_some()
                || target.kind.is_trust()
                || RULES.contains(&sent.resource.as_str());
            let this = (marked || !needs_mark)
                && (api.group.as_str(), api.plural.as_str(), object.name.as_str())
                    == (sent.group.as_str(), sent.resource.as_str(), sent.name.as_str())
                && api.namespaced == sent.namespace.is_some()
                // Of two targets in one object, the one whose field is sent.
                && (field.place.of(&sent.object).is_some() || no_other(&field, &sent.object, origin));
            this.then_some(Kept { origin, target, field })
        })
    })
}

/// Whether no target of the origin speaks of a field that is sent.
fn no_other(field: &Field, object: &Value, origin: &ProtectedOrigin) -> bool {
    let targets = origin.spec.allowlist.targets.iter();
    let fields = targets.filter_map(|target| Field::of(target).ok().flatten());
    !fields.filter(|other| other.object == field.object).any(|other| other.place.of(object).is_some())
}

/// S5: identity, uid and at most the one field. Gives its value.
fn check_shape(sent: &Sent, prior: &Value, field: &Field, found: &mut Findings) -> Option<Value> {
    let uid = |object: &Value| object.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
    if uid(&sent.object).is_none() || uid(&sent.object) != uid(prior) {
        found.add(Invariant::S5, format!("{sent} without the uid of the object that was looked at"));
    }
    let mut rest = sent.object.clone();
    for (at, known) in [("", ["apiVersion", "kind", ""]), ("/metadata", ["name", "namespace", "uid"])] {
        if let Some(map) = rest.pointer_mut(at).and_then(Value::as_object_mut) {
            map.retain(|key, _| !known.contains(&key.as_str()));
        }
    }
    if rest.get("metadata").and_then(Value::as_object).is_some_and(serde_json::Map::is_empty)
        && let Some(map) = rest.as_object_mut()
    {
        map.remove("metadata");
    }
    let mut at = &rest;
    for (depth, name) in field.place.names().iter().enumerate() {
        let keys: Vec<&String> = at.as_object().map(|map| map.keys().collect()).unwrap_or_default();
        for key in keys.iter().filter(|key| **key != name) {
            found.add(Invariant::S5, format!("{sent} writes {key} of somebody else's object"));
        }
        match at.get(name) {
            Some(below) => at = below,
            None if depth == 0 => return None,
            None => {
                found.add(Invariant::S5, format!("{sent} writes maps without a list"));
                return None;
            }
        }
    }
    Some(at.clone())
}

/// A rule of Istio about whoever is not listed may stand only where it denies, and the other way round.
fn check_sense(sent: &Sent, prior: &Value, found: &mut Findings) {
    if sent.resource != "authorizationpolicies" {
        return;
    }
    let denies = prior.pointer("/spec/action").and_then(Value::as_str) == Some("DENY");
    let text = sent.object.to_string();
    let turned =
        if denies { ["\"ipBlocks\"", "\"remoteIpBlocks\""] } else { ["\"notIpBlocks\"", "\"notRemoteIpBlocks\""] };
    if turned.iter().any(|name| text.contains(name)) {
        found.add(Invariant::S9, format!("{sent} shuts out whom it should let in"));
    }
}

/// What a target writes that names a list kept elsewhere.
fn named_elsewhere(target: &Target) -> Option<&str> {
    let service = target.service_annotation.as_ref()?;
    match service.preset {
        ServicePreset::AzureIPRanges => None,
        ServicePreset::AzureFrontDoor => Some("AzureFrontDoor.Backend"),
        ServicePreset::AlibabaACL => Some(&service.acl_id),
    }
}

/// All texts in a value, those between commas and blanks apart.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            let parts = text.split(|c: char| c == ',' || c.is_whitespace());
            parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
        }
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(map) => map.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

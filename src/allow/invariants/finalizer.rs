//! Writes of ProtectedOrigins themselves: our finalizer, and nothing beside it.

use serde_json::Value;

use crate::api::ProtectedOrigin;
use crate::api::field::Field;
use crate::api::names::{FINALIZER_MANAGER, RELEASE_FINALIZER};
use crate::api::spec::DeletionPolicy;

use super::{Findings, Invariant, Sent, Verb, World};

pub(super) fn check(sent: &Sent, prior: Option<&Value>, world: &World, found: &mut Findings) {
    let Some(prior) = prior else {
        return found.add(Invariant::S5, format!("{sent} creates a ProtectedOrigin"));
    };
    if sent.verb != Verb::Patch || sent.manager.as_deref() != Some(FINALIZER_MANAGER) {
        return found.add(Invariant::S5, format!("{sent} is not patched by {FINALIZER_MANAGER}"));
    }
    let keys = |value: Option<&Value>| -> Vec<String> {
        value.and_then(Value::as_object).map(|map| map.keys().cloned().collect()).unwrap_or_default()
    };
    let metadata = sent.object.get("metadata");
    let known = ["metadata", "uid", "resourceVersion", "finalizers"];
    for key in keys(Some(&sent.object)).into_iter().chain(keys(metadata)).filter(|key| !known.contains(&key.as_str())) {
        found.add(Invariant::S5, format!("{sent} writes {key} of what a user wrote"));
    }
    for key in ["uid", "resourceVersion"] {
        let of = |object: &Value| object.pointer(&format!("/metadata/{key}")).cloned();
        if of(&sent.object).is_none() || of(&sent.object) != of(prior) {
            found.add(Invariant::S5, format!("{sent} without the {key} of the resource that was looked at"));
        }
    }
    let list = |object: &Value| -> Vec<String> {
        let names = object.pointer("/metadata/finalizers").and_then(Value::as_array);
        names.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let (after, before) = (list(&sent.object), list(prior));
    let others = |names: &[String]| names.iter().filter(|n| *n != RELEASE_FINALIZER).cloned().collect::<Vec<_>>();
    if others(&after) != others(&before) {
        found.add(Invariant::S5, format!("{sent} changes the finalizers {before:?} of others to {after:?}"));
    }
    if after.iter().any(|name| name == RELEASE_FINALIZER) {
        match origin_of(sent, world) {
            Some(origin) if asks(origin) => world.check_consent(sent, origin, found),
            _ => found.add(Invariant::Consent, format!("{sent} holds a resource whose end gives up nothing")),
        }
    }
}

fn origin_of<'a>(sent: &Sent, world: &'a World) -> Option<&'a ProtectedOrigin> {
    world.origin(&format!("{}/{}", sent.namespace.as_deref()?, sent.name))
}

/// Deletion of this one gives up a field of somebody else's object.
fn asks(origin: &ProtectedOrigin) -> bool {
    let allowlist = &origin.spec.allowlist;
    origin.metadata.deletion_timestamp.is_none()
        && allowlist.deletion_policy == DeletionPolicy::Delete
        && allowlist.targets.iter().any(|target| Field::of(target).is_ok_and(|field| field.is_some()))
}

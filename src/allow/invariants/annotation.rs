//! Writes of Ingresses: one annotation of somebody else's object, and nothing beside it.

use serde_json::Value;

use crate::api::names::{INGRESS_NGINX_ALLOWLIST, foreign_manager};
use crate::api::targets::TargetType;
use crate::api::{ProtectedOrigin, names};
use crate::net::{Prefix, RangeSet};

use super::{Findings, Invariant, Sent, Verb, World, ends};

pub(super) fn check(sent: &Sent, prior: Option<&Value>, world: &World, found: &mut Findings) {
    let Some(prior) = prior else {
        return found.add(Invariant::S5, format!("{sent} creates an Ingress"));
    };
    if sent.verb != Verb::Apply || sent.force {
        return found.add(Invariant::S5, format!("{sent} is not applied, or is forced"));
    }
    let Some(origin) = origin_of(sent, world) else {
        return found.add(Invariant::S5, format!("{sent} by a manager of no origin with such a target"));
    };
    world.check_consent(sent, origin, found);
    check_shape(sent, prior, found);
    let before = covered(annotation(prior));
    match annotation(&sent.object) {
        Some(value) => {
            let written: Result<Vec<Prefix>, _> = value.split(',').map(Prefix::parse_strict).collect();
            match written {
                Ok(written) => world.admitted(origin).check(sent, &written, &before, found),
                Err(problem) => found.add(Invariant::S2, format!("{sent}: {problem}")),
            }
        }
        // Giving the field up opens the Ingress to everybody.
        None if ends(origin) || world.rolling_back => {}
        None => found.add(Invariant::S9, format!("{sent} gives up the allowlist")),
    }
}

/// The origin whose manager writes, if it has this Ingress as a target.
fn origin_of<'a>(sent: &Sent, world: &'a World) -> Option<&'a ProtectedOrigin> {
    let manager = sent.manager.as_deref()?;
    world.origins.iter().find(|origin| {
        let mine = origin.metadata.name.as_deref().is_some_and(|name| foreign_manager(name) == manager);
        let mut targets =
            origin.spec.allowlist.targets.iter().filter(|target| target.kind == TargetType::IngressAnnotation);
        mine && origin.metadata.namespace == sent.namespace
            && targets.any(|target| target.ingress_annotation.as_ref().is_some_and(|ingress| ingress.name == sent.name))
    })
}

/// S5: identity, uid and at most the one annotation.
fn check_shape(sent: &Sent, prior: &Value, found: &mut Findings) {
    let keys = |value: Option<&Value>| -> Vec<String> {
        value.and_then(Value::as_object).map(|map| map.keys().cloned().collect()).unwrap_or_default()
    };
    let allowed =
        |keys: Vec<String>, known: &[&str]| keys.into_iter().filter(|key| !known.contains(&key.as_str())).collect();
    let metadata = sent.object.get("metadata");
    let strangers: Vec<Vec<String>> = vec![
        allowed(keys(Some(&sent.object)), &["apiVersion", "kind", "metadata"]),
        allowed(keys(metadata), &["name", "namespace", "uid", "annotations"]),
        allowed(keys(metadata.and_then(|metadata| metadata.get("annotations"))), &[names::INGRESS_NGINX_ALLOWLIST]),
    ];
    for key in strangers.into_iter().flatten() {
        found.add(Invariant::S5, format!("{sent} writes {key} of somebody else's object"));
    }
    let uid = |object: &Value| object.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
    if uid(&sent.object).is_none() || uid(&sent.object) != uid(prior) {
        found.add(Invariant::S5, format!("{sent} without the uid of the Ingress that was looked at"));
    }
}

fn annotation(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("annotations")?.get(INGRESS_NGINX_ALLOWLIST)?.as_str()
}

fn covered(value: Option<&str>) -> RangeSet {
    super::read(value.into_iter().flat_map(|value| value.split(',')).map(str::trim))
}

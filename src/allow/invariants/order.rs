//! The twin lists move in order: whoever is newly let in is believed already, and whoever is no longer believed is no longer
//! let in. In between, an address of the proxy would be taken for one very busy visitor.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::Value;

use crate::api::ProtectedOrigin;
use crate::api::field::{Empty, Field};
use crate::api::names::{ORIGIN_ANNOTATION, foreign_manager};
use crate::api::targets::TargetType;
use crate::net::RangeSet;

use super::{Findings, Invariant, Sent, Verb, World, field, policy};

pub(super) fn check(sent: &Sent, prior: Option<&Value>, world: &World, found: &mut Findings) {
    if world.rolling_back || sent.verb != Verb::Apply {
        return;
    }
    if sent.resource == "networkpolicies" {
        let mark = |object: &Value| {
            object.pointer("/metadata/annotations")?.get(ORIGIN_ANNOTATION)?.as_str().map(str::to_owned)
        };
        let Some(origin) = mark(&sent.object).and_then(|key| world.origin(&key)) else { return };
        let (before, written) = (prior.map(policy::listed).unwrap_or_default(), policy::listed(&sent.object));
        return let_in(sent, origin, &written.subtract(&before), world, found);
    }
    let Some(kept) = prior.and_then(|prior| field::kept(sent, prior, world)) else { return };
    let value = |object: &Value| kept.field.place.of(object).map(|value| read(&field::texts(value)));
    let (before, written) = (prior.and_then(value), value(&sent.object));
    let Some(written) = written else { return };
    if kept.target.kind.is_trust() {
        let before = before.unwrap_or_else(|| absent(&kept.field));
        believed_no_more(sent, kept.origin, &before.subtract(&written), world, found);
    } else {
        let_in(sent, kept.origin, &written.subtract(&before.unwrap_or_default()), world, found);
    }
}

/// Whoever is newly let in must be believed already, as far as the proxy's own addresses go.
fn let_in(sent: &Sent, origin: &ProtectedOrigin, gained: &RangeSet, world: &World, found: &mut Findings) {
    let gained = gained.intersect(&world.admitted(origin).network);
    for (field, object) in objects(origin, world, true) {
        // A list that somebody else holds is not Leeward's to keep.
        let manager = foreign_manager(origin.metadata.name.as_deref().unwrap_or_default());
        let entries: Vec<ManagedFieldsEntry> = object
            .pointer("/metadata/managedFields")
            .and_then(|entries| serde_json::from_value(entries.clone()).ok())
            .unwrap_or_default();
        let theirs = |entry: &ManagedFieldsEntry| {
            field.place.held_by(entry) && entry.manager.as_deref() != Some(manager.as_str())
        };
        if entries.iter().any(theirs) {
            continue;
        }
        let believed = field.place.of(object).map_or_else(|| absent(&field), |value| read(&field::texts(value)));
        let early = gained.subtract(&believed);
        if !early.is_empty() {
            found.add(Invariant::Order, format!("{sent} lets in {early:?} before it is believed"));
        }
    }
}

/// Whoever is no longer believed must not be let in any more, unless the spec lets him in for himself.
fn believed_no_more(sent: &Sent, origin: &ProtectedOrigin, lost: &RangeSet, world: &World, found: &mut Findings) {
    let extra = super::read(origin.spec.allowlist.extra_cidrs.iter().map(|extra| extra.cidr.as_str()));
    let lost = lost.subtract(&extra);
    let mut late = RangeSet::empty();
    let ours = |policy: &&NetworkPolicy| {
        policy.metadata.annotations.as_ref().and_then(|a| a.get(ORIGIN_ANNOTATION)) == Some(&key(origin))
    };
    for policy in world.policies.iter().filter(ours) {
        let blocks: RangeSet = policy::blocks(policy).iter().collect();
        late = late.union(&lost.intersect(&blocks));
    }
    for (field, object) in objects(origin, world, false) {
        let listed = field.place.of(object).map(|value| read(&field::texts(value))).unwrap_or_default();
        late = late.union(&lost.intersect(&listed));
    }
    if !late.is_empty() {
        found.add(Invariant::Order, format!("{sent} believes {late:?} no longer while it is let in"));
    }
}

/// The objects of an origin's targets of one twin. One that would need a mark and has none is not Leeward's to keep.
fn objects<'a>(origin: &ProtectedOrigin, world: &'a World, trust: bool) -> Vec<(Field, &'a Value)> {
    let namespace = origin.metadata.namespace.as_deref().unwrap_or_default();
    let targets = origin.spec.allowlist.targets.iter();
    let lists = targets.filter(|target| target.kind.is_trust() == trust && target.kind != TargetType::ConfigMap);
    let fields = lists.filter_map(|target| Field::of(target).ok().flatten());
    let found = |field: Field| {
        let text = |object: &Value, at: &str| object.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let this = |object: &&Value| {
            text(object, "/kind").as_deref() == Some(field.object.api.kind.as_str())
                && text(object, "/metadata/name").as_deref() == Some(field.object.name.as_str())
                && text(object, "/metadata/namespace").as_deref() == field.object.namespace(namespace)
        };
        let marked = |object: &&Value| {
            let mark = object.pointer("/metadata/annotations").and_then(|a| a.get(ORIGIN_ANNOTATION));
            !trust || mark.and_then(Value::as_str) == Some(key(origin).as_str())
        };
        let object = world.objects.iter().find(this).filter(marked)?;
        Some((field, object))
    };
    fields.filter_map(found).collect()
}

/// Whom a list of trusted proxies means that is not there.
fn absent(field: &Field) -> RangeSet {
    if field.empty == Empty::Opens { RangeSet::everything() } else { RangeSet::empty() }
}

fn key(origin: &ProtectedOrigin) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}/{}", text(&origin.metadata.namespace), text(&origin.metadata.name))
}

fn read(texts: &[String]) -> RangeSet {
    super::read(texts.iter().map(String::as_str))
}

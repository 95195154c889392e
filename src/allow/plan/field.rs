//! The plan for one field of somebody else's object.

use super::{Change, Course, Direction, PlanInput, Step, TargetPlan, Write, course, fingerprint};
use crate::allow::guard::{self, Veto};
use crate::allow::render::field::{self as render, FieldShape, Holders};
use crate::api::conditions::Reason;
use crate::api::field::{Empty, Field, Place};
use crate::api::validated::ValidTarget;
use crate::net::{AdmittedRanges, RangeSet};
use crate::observe::cluster::{Carrier, Sight};
use serde_json::Value;
use std::sync::Arc;

/// `proxy` is the proxy's list alone, without what else may come in.
pub(super) fn plan(
    input: &PlanInput<'_>,
    target: &ValidTarget,
    field: &Field,
    ranges: &AdmittedRanges,
    proxy: &RangeSet,
) -> TargetPlan {
    let mut planned = TargetPlan::new(input.origin, target);
    let found = match found(input, field, &planned.key) {
        Ok(found) => found,
        Err(veto) => return planned.vetoed(veto),
    };
    let shape = shape(input, field, &found);
    let value = render::render(field, ranges);
    planned.fingerprint = fingerprint(&value);
    let current = field.current(&found.value);
    let covered = current.map_or_else(|| Some(RangeSet::empty()), |v| render::covered(field, v));
    if field.form.lists() {
        planned.between(&covered.clone().unwrap_or_default(), ranges.ranges());
    }
    let holders = render::holders(&found, &shape);
    let equal = current.is_some_and(|v| render::same(field, v, &value));
    planned.veto = conflict(&planned.key, &field.place, current, holders.as_ref(), equal);
    planned.notes.extend(note(&field.place, current, holders.as_ref()));
    if !equal {
        planned.change = Change::Update;
        planned.diff = render::difference(&shape, &planned.key, current, Some(&value));
        planned.steps = steps(input, &planned, &shape, &value, current, covered.as_ref(), ranges);
    }
    let seen = guard::seen(input.source, input.origin, field, &planned.key, &found, proxy);
    planned.notes.extend(seen.notes);
    planned.notes.extend(seen.doubt.as_ref().filter(|_| current.is_some()).map(|doubt| doubt.message.clone()));
    planned.veto = planned
        .veto
        .take()
        .or_else(|| guard::not_handed_over(field, &found, &planned.key, &input.origin.key()))
        .or_else(|| unfit(&planned.key, field, &found.value))
        .or(seen.veto)
        // What lets in nobody who should come in does so already: what is missing may be added, and is said.
        .or_else(|| seen.doubt.clone().filter(|_| current.is_none()))
        .or_else(|| if equal { None } else { guard::field_too_large(&planned.key, field, &value, ranges, &found) });
    planned
}

pub(super) fn shape(input: &PlanInput<'_>, field: &Field, found: &Carrier) -> FieldShape {
    FieldShape::new(field, &input.origin.namespace, &input.origin.name, found.metadata.uid.clone())
}

/// The object, or what to do about there being none.
pub(super) fn found(input: &PlanInput<'_>, field: &Field, key: &str) -> Result<Arc<Carrier>, Veto> {
    let api = &field.object.api;
    match input.source.carrier(&field.object, &input.origin.namespace) {
        Sight::Found(object) => Ok(object),
        Sight::Missing => Err(missing(key, field)),
        Sight::NoKind => Err(Veto::new(
            Reason::ReferenceNotFound,
            format!(
                "the cluster has no kind {} ({}): install {}, or remove the target",
                api.kind,
                api.api_version(),
                api.project
            ),
        )),
        Sight::Waiting => Err(Veto::new(Reason::Pending, format!("{key} is being read"))),
        Sight::Unreadable(problem) => Err(Veto::new(
            Reason::Forbidden,
            format!(
                "{key} cannot be read ({problem}): grant Leeward's ServiceAccount list and watch on {}, as \
                 deploy/enforce/targets does",
                api.plural
            ),
        )),
    }
}

pub(in crate::allow) fn missing(key: &str, field: &Field) -> Veto {
    Veto::new(Reason::ReferenceNotFound, format!("{key} does not exist: create it, or correct {}", field.named_by))
}

/// The list would not do what it is meant to.
pub(in crate::allow) fn unfit(key: &str, field: &Field, object: &Value) -> Option<Veto> {
    let need = field.unfit(object)?;
    Some(Veto::new(Reason::InvalidTarget, format!("{key} {}", need.otherwise)))
}

/// A value that somebody else set is theirs, also when it says the same today.
pub(in crate::allow) fn conflict(
    object: &str,
    place: &Place,
    current: Option<&Value>,
    holders: Option<&Holders>,
    equal: bool,
) -> Option<Veto> {
    let holders = holders.filter(|h| !h.others.is_empty())?;
    if holders.ours && equal {
        return None;
    }
    let empty = if current.is_none() { ", empty as it is," } else { "" };
    let message = format!(
        "{place} of {object}{empty} is held by field manager {}: take it out of that tool's configuration, so that \
         Leeward can keep it, or remove the target",
        holders.others.join(", ")
    );
    Some(Veto::new(Reason::FieldConflict, message))
}

fn note(place: &Place, current: Option<&Value>, holders: Option<&Holders>) -> Option<String> {
    current?;
    match holders {
        Some(h) if h.ours && !h.others.is_empty() => Some(format!(
            "{place} is also held by field manager {}, with the same value: its next change will conflict",
            h.others.join(", ")
        )),
        Some(_) => None,
        None => Some(format!(
            "who holds {place} cannot be seen here (kubectl get --show-managed-fields shows it); a value that somebody \
             else set would be a FieldConflict"
        )),
    }
}

fn steps(
    input: &PlanInput<'_>,
    planned: &TargetPlan,
    shape: &FieldShape,
    value: &Value,
    current: Option<&Value>,
    covered: Option<&RangeSet>,
    ranges: &AdmittedRanges,
) -> Vec<Step> {
    let repair = input.memory.wrote(&planned.spot, &planned.fingerprint);
    let step = |direction, value: &Value, had: Option<&Value>| Step {
        direction,
        repair,
        fingerprint: fingerprint(value),
        write: Write::Field { shape: Box::new(shape.clone()), value: value.clone(), had: had.cloned() },
    };
    let whole = |direction| vec![step(direction, value, current)];
    let (before, lists) = match (current, covered) {
        // Where nobody gets in without a list, the first one lets people in; elsewhere it shuts people out.
        (None, _) if shape.field.empty == Empty::Closes => return whole(Direction::Widen),
        // So may one that cannot be read, or that is kept elsewhere.
        (Some(_), Some(before)) => (before, ranges.ranges()),
        _ => return whole(Direction::Narrow),
    };
    let union = match course(before, lists, repair) {
        Course::Once(direction) => return whole(direction),
        Course::Through(union) if guard::over_capacity(&shape.field, &union) => return whole(Direction::Narrow),
        Course::Through(union) => union,
    };
    let widened = render::render(&shape.field, &union);
    vec![step(Direction::Widen, &widened, current), step(Direction::Narrow, value, Some(&widened))]
}

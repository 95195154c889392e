//! The plan for an annotation of somebody else's Ingress.

use super::{Change, Direction, PlanInput, Step, TargetPlan, Write, fingerprint};
use crate::allow::guard::{self, Veto};
use crate::allow::render::ingress_annotation::{self as render, AnnotationShape, Holders};
use crate::api::conditions::Reason;
use crate::api::targets::IngressPreset;
use crate::api::validated::ValidTarget;
use crate::net::{AdmittedRanges, Provenance, RangeSet};
use k8s_openapi::api::networking::v1::Ingress;

pub(super) fn plan(
    input: &PlanInput<'_>,
    target: &ValidTarget,
    name: &str,
    preset: IngressPreset,
    ranges: &AdmittedRanges,
) -> TargetPlan {
    let mut planned = TargetPlan::new(input.origin, target);
    let namespace = input.origin.namespace.as_str();
    let Some(ingress) = input.source.ingress(namespace, name) else {
        return planned.vetoed(missing(namespace, name));
    };
    let shape = AnnotationShape::new(namespace, name, ingress.metadata.uid.clone(), preset, &input.origin.name);
    let value = render::render(ranges);
    planned.fingerprint = fingerprint(&value);
    let current = render::current(&ingress, shape.key);
    let covered = current.map_or_else(|| Some(RangeSet::empty()), render::covered);
    planned.between(&covered.clone().unwrap_or_default(), ranges.ranges());
    let holders = current.and_then(|_| render::holders(&ingress, shape.key, &shape.manager));
    let equal = current.is_some() && covered.as_ref() == Some(ranges.ranges());
    planned.veto = conflict(&planned.key, shape.key, current, holders.as_ref(), equal);
    planned.notes.extend(note(shape.key, current, holders.as_ref()));
    if equal {
        return planned;
    }
    planned.change = Change::Update;
    planned.diff = render::difference(&shape, current, Some(&value));
    planned.steps = steps(input, &planned, &shape, &value, current, covered.as_ref(), ranges);
    planned.veto = planned.veto.take().or_else(|| too_large(&planned.key, shape.key, &value, &ingress));
    planned
}

pub(in crate::allow) fn missing(namespace: &str, name: &str) -> Veto {
    let message = format!("Ingress {namespace}/{name} does not exist: create it, or correct ingressAnnotation.name");
    Veto::new(Reason::ReferenceNotFound, message)
}

/// A value that somebody else set is theirs, also when it says the same today.
pub(in crate::allow) fn conflict(
    object: &str,
    key: &str,
    current: Option<&str>,
    holders: Option<&Holders>,
    equal: bool,
) -> Option<Veto> {
    let holders = holders.filter(|h| !h.others.is_empty())?;
    if current.is_none() || (holders.ours && equal) {
        return None;
    }
    let message = format!(
        "annotation {key} of {object} is held by field manager {}: take it out of that tool's configuration, so that \
         Leeward can keep it, or remove the target",
        holders.others.join(", ")
    );
    Some(Veto::new(Reason::FieldConflict, message))
}

fn note(key: &str, current: Option<&str>, holders: Option<&Holders>) -> Option<String> {
    current?;
    match holders {
        Some(h) if h.ours && !h.others.is_empty() => Some(format!(
            "annotation {key} is also held by field manager {}, with the same value: its next change will conflict",
            h.others.join(", ")
        )),
        Some(_) => None,
        None => Some(format!(
            "who holds annotation {key} cannot be seen here (kubectl get --show-managed-fields shows it); a value that \
             somebody else set would be a FieldConflict"
        )),
    }
}

fn steps(
    input: &PlanInput<'_>,
    planned: &TargetPlan,
    shape: &AnnotationShape,
    value: &str,
    current: Option<&str>,
    covered: Option<&RangeSet>,
    ranges: &AdmittedRanges,
) -> Vec<Step> {
    let repair = input.memory.wrote(&planned.key, &planned.fingerprint);
    let step = |direction, value: &str, had: Option<&str>| Step {
        direction,
        repair,
        fingerprint: fingerprint(&value),
        write: Write::Annotation { shape: shape.clone(), value: value.to_owned(), had: had.map(str::to_owned) },
    };
    let whole = |direction| vec![step(direction, value, current)];
    // Without a list everybody gets in, so the first one shuts out; so may one that cannot be read.
    let (Some(_), Some(before)) = (current, covered) else { return whole(Direction::Narrow) };
    if ranges.ranges().covers_all(before) {
        return whole(Direction::Widen);
    }
    if before.covers_all(ranges.ranges()) || repair {
        return whole(Direction::Narrow);
    }
    let Ok(union) = AdmittedRanges::admit(before.union(ranges.ranges()), Provenance::Local) else {
        return whole(Direction::Narrow);
    };
    let widened = render::render(&union);
    vec![step(Direction::Widen, &widened, current), step(Direction::Narrow, value, Some(&widened))]
}

fn too_large(object: &str, key: &str, value: &str, ingress: &Ingress) -> Option<Veto> {
    guard::annotation_too_large(object, key, value, ingress.metadata.annotations.iter().flatten())
}

//! The plan for an origin that is being deleted with `deletionPolicy: Delete`: what it wrote goes, unless that opens pods
//! without the spec's consent.

use super::{Change, Direction, Narrowing, Plan, PlanInput, Step, TargetPlan, Write, policy};
use crate::allow::guard;
use crate::allow::render::ingress_annotation::{self, AnnotationShape};
use crate::allow::render::network_policy;
use crate::api::conditions::Reason;
use crate::api::spec::{DeletionPolicy, Mode};
use crate::api::targets::{IngressPreset, Isolation};
use crate::api::validated::ValidTarget;

/// Plans the end of what an origin wrote. With `Orphan`, or without the namespace's consent, everything stays.
pub fn release(input: &PlanInput<'_>) -> Plan {
    let origin = input.origin;
    let stays = origin.allowlist.deletion == DeletionPolicy::Orphan
        || guard::not_permitted(input.source, &origin.namespace).is_some();
    let targets = origin.allowlist.targets.iter().map(|target| {
        let planned = TargetPlan::new(origin, target);
        match target {
            _ if stays => planned,
            ValidTarget::NetworkPolicy { isolation, .. } => owned(input, planned, *isolation),
            ValidTarget::IngressAnnotation { ingress, preset, .. } => field(input, planned, ingress, *preset),
        }
    });
    Plan {
        origin: origin.key(),
        mode: Mode::Enforce,
        suspended: false,
        targets: targets.collect(),
        desired: Err(guard::Veto::new(Reason::NoTargets, "the origin is being deleted")),
        narrowing: Narrowing::Now,
    }
}

fn owned(input: &PlanInput<'_>, mut planned: TargetPlan, isolation: Isolation) -> TargetPlan {
    let Some(found) = policy::found(input, &planned.object) else { return planned };
    if guard::foreign_object(&found, &input.origin.key()).is_some() {
        return planned;
    }
    planned.change = Change::Release;
    planned.diff = network_policy::removal(&found);
    if isolation == Isolation::Refuse {
        planned.veto = guard::last_isolation(input.source, &found);
    }
    planned.steps = vec![Step {
        direction: Direction::Widen,
        repair: false,
        fingerprint: String::new(),
        write: Write::Remove {
            namespace: input.origin.namespace.clone(),
            name: planned.object.clone(),
            uid: found.metadata.uid.clone(),
        },
    }];
    planned
}

fn field(input: &PlanInput<'_>, mut planned: TargetPlan, name: &str, preset: IngressPreset) -> TargetPlan {
    let namespace = input.origin.namespace.as_str();
    let Some(ingress) = input.source.ingress(namespace, name) else { return planned };
    let shape = AnnotationShape::new(namespace, name, ingress.metadata.uid.clone(), preset, &input.origin.name);
    let Some(current) = ingress_annotation::current(&ingress, shape.key) else { return planned };
    if !ingress_annotation::holders(&ingress, shape.key, &shape.manager).is_some_and(|h| h.ours) {
        return planned;
    }
    planned.change = Change::Release;
    planned.diff = ingress_annotation::difference(&shape, Some(current), None);
    planned.steps = vec![Step {
        direction: Direction::Widen,
        repair: false,
        fingerprint: String::new(),
        write: Write::Release { shape },
    }];
    planned
}

//! The plan for an origin that is being deleted with `deletionPolicy: Delete`: what it wrote goes, unless that opens pods
//! without the spec's consent.

use super::field as plan_field;
use super::{Change, Direction, Narrowing, Owned, Plan, PlanInput, Step, TargetPlan, Write, policy};
use crate::allow::guard::{self, Going};
use crate::allow::render::{config_map as output, field as render, network_policy};
use crate::api::conditions::Reason;
use crate::api::field::{Empty, Field};
use crate::api::spec::{DeletionPolicy, Mode};
use crate::api::targets::{Isolation, TargetType};
use crate::api::validated::ValidTarget;

/// Plans the end of what an origin wrote. With `Orphan`, or without the namespace's consent, everything stays.
pub fn release(input: &PlanInput<'_>) -> Plan {
    let origin = input.origin;
    let stays = origin.allowlist.deletion == DeletionPolicy::Orphan
        || guard::not_permitted(input.source, &origin.namespace).is_some();
    let targets = origin
        .allowlist
        .targets
        .iter()
        .map(|target| if stays { TargetPlan::new(origin, target) } else { end_of(input, target) });
    Plan {
        origin: origin.key(),
        mode: Mode::Enforce,
        suspended: false,
        targets: targets.collect(),
        open: Vec::new(),
        desired: Err(guard::Veto::new(Reason::NoTargets, "the origin is being deleted")),
        narrowing: Narrowing::Now,
    }
}

/// The end of what a target carries; without steps where nothing stands, or nothing of ours.
pub(in crate::allow) fn end_of(input: &PlanInput<'_>, target: &ValidTarget) -> TargetPlan {
    let planned = TargetPlan::new(input.origin, target);
    match target {
        ValidTarget::NetworkPolicy { isolation, .. } => owned(input, planned, *isolation),
        ValidTarget::Field { field, .. } => given_up(input, planned, field),
        ValidTarget::ConfigMap { .. } => config_map(input, planned),
    }
}

fn owned(input: &PlanInput<'_>, mut planned: TargetPlan, isolation: Isolation) -> TargetPlan {
    let Some(found) = policy::found(input, &planned.object) else { return planned };
    if guard::foreign_object("NetworkPolicy", &found.metadata, &input.origin.key()).is_some() {
        return planned;
    }
    planned.change = Change::Release;
    planned.diff = network_policy::removal(&found);
    if isolation == Isolation::Refuse {
        let selector = found.spec.as_ref().and_then(|s| s.pod_selector.clone()).unwrap_or_default();
        let going = Going { namespace: &input.origin.namespace, name: &planned.object, selector: &selector };
        planned.veto = guard::last_isolation(input.source, going, input.neighbours);
    }
    planned.steps = vec![end(Write::Remove {
        kind: Owned::NetworkPolicy,
        namespace: input.origin.namespace.clone(),
        name: planned.object.clone(),
        uid: found.metadata.uid.clone(),
    })];
    planned
}

fn config_map(input: &PlanInput<'_>, mut planned: TargetPlan) -> TargetPlan {
    let Some(found) = input.source.config_map(&input.origin.namespace, &planned.object) else { return planned };
    if guard::foreign_object("ConfigMap", &found.metadata, &input.origin.key()).is_some() {
        return planned;
    }
    planned.change = Change::Release;
    planned.diff = output::difference(&planned.key, Some(&found), None);
    planned.steps = vec![end(Write::Remove {
        kind: Owned::ConfigMap,
        namespace: input.origin.namespace.clone(),
        name: planned.object.clone(),
        uid: found.metadata.uid.clone(),
    })];
    planned
}

fn given_up(input: &PlanInput<'_>, mut planned: TargetPlan, field: &Field) -> TargetPlan {
    let found = match plan_field::found(input, field, &planned.key) {
        Ok(found) => found,
        // What nobody has looked at yet may hold something of ours; what is not there does not.
        Err(veto) if veto.reason == Reason::Pending => return planned.vetoed(veto),
        Err(_) => return planned,
    };
    let shape = plan_field::shape(input, field, &found);
    let Some(current) = field.current(&found.value) else { return planned };
    if !render::holders(&found, &shape).is_some_and(|h| h.ours) {
        return planned;
    }
    planned.change = Change::Release;
    planned.diff = render::difference(&shape, &planned.key, Some(current), None);
    planned.veto = guard::not_handed_over(field, &found, &planned.key, &input.origin.key())
        .or_else(|| closing(&planned.key, field, planned.kind));
    planned.steps = vec![end(Write::Release { shape: Box::new(shape) })];
    planned
}

/// Where nobody gets in without a list, its end would be an outage.
fn closing(key: &str, field: &Field, kind: TargetType) -> Option<guard::Veto> {
    if kind.is_trust() {
        let message = format!(
            "without {} of {key} visitors would lose their addresses, or everybody could forge them: it is kept; remove it \
             by hand",
            field.place
        );
        return Some(guard::Veto::new(Reason::IsolationNotAcknowledged, message));
    }
    (field.empty != Empty::Opens).then(|| {
        let message = format!(
            "without {} of {key} nobody might get in any more: it is kept; remove what it guards by hand, then the list",
            field.place
        );
        guard::Veto::new(Reason::IsolationNotAcknowledged, message)
    })
}

fn end(write: Write) -> Step {
    Step { direction: Direction::Widen, repair: false, fingerprint: String::new(), write }
}

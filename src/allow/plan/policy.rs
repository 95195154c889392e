//! The plan for a `NetworkPolicy` target.

use super::{Change, Course, Direction, PlanInput, Step, TargetPlan, Write, course, fingerprint};
use crate::allow::guard::{self, FirstIsolation, Going, Veto};
use crate::allow::render::network_policy::{self as render, Held, PolicyShape};
use crate::api::conditions::Reason;
use crate::api::spec::DeletionPolicy;
use crate::api::targets::Isolation;
use crate::api::validated::ValidTarget;
use crate::api::{API_VERSION, spec::OriginType};
use crate::net::{AdmittedRanges, Prefix, Provenance, RangeSet};
use crate::observe::cluster::{Guarded, GuardedError, pods_of, selector_and_ports};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference};
use std::sync::Arc;

pub(super) fn plan(
    input: &PlanInput<'_>,
    target: &ValidTarget,
    isolation: Isolation,
    ranges: &AdmittedRanges,
) -> TargetPlan {
    let mut planned = TargetPlan::new(input.origin, target);
    let guarded = match selector_and_ports(input.source, input.origin, target) {
        Ok(Some(guarded)) => guarded,
        // Only other kinds of targets guard nothing.
        Ok(None) => return planned,
        Err(problem) => return planned.vetoed(unguarded(&problem)),
    };
    let namespace = &input.origin.namespace;
    let found = found(input, &planned.object);
    let probed = input.origin.origin.kind() == OriginType::Service && !input.own_addresses.is_empty();
    let first = guard::first_isolation(input.source, namespace, &guarded.selector, probed);
    let hidden = hidden(input, &guarded);
    if found.is_some() {
        planned.notes.extend(hidden.as_ref().map(|hidden| hidden.message.clone()));
    }
    let shape = PolicyShape {
        namespace: namespace.clone(),
        name: planned.object.clone(),
        origin: input.origin.key(),
        owner: owner(input, isolation, &planned.object, &guarded.selector).unwrap_or_else(|kept| {
            planned.notes.push(kept);
            None
        }),
        selector: guarded.selector.clone(),
        ports: guarded.ports.clone(),
    };
    let rendered = render::render(&shape, ranges);
    planned.fingerprint = fingerprint(&rendered);
    planned.between(&found.as_deref().map_or_else(RangeSet::empty, blocks), ranges.ranges());
    if let Some(found) = found.as_deref().filter(|f| render::same(&rendered, f)) {
        planned.veto = guard::foreign_object("NetworkPolicy", &found.metadata, &shape.origin);
        return planned;
    }
    planned.diff = render::difference(found.as_deref(), &rendered);
    planned.change = if found.is_some() { Change::Update } else { Change::Create };
    planned.steps = match &found {
        None => {
            let direction = if first.is_some() { Direction::Narrow } else { Direction::Widen };
            vec![step(direction, false, rendered.clone(), None)]
        }
        Some(found) => updates(input, &planned, &shape, &rendered, found),
    };
    let consent = isolation == Isolation::Allow;
    planned.notes.extend(first.as_ref().filter(|_| consent).map(FirstIsolation::note));
    planned.veto = found
        .as_deref()
        .and_then(|f| guard::foreign_object("NetworkPolicy", &f.metadata, &shape.origin))
        .or_else(|| first.filter(|_| !consent).map(|first| first.veto()))
        // A policy that stands shuts the proxy out already: what is missing may be added, and is said.
        .or_else(|| hidden.filter(|_| found.is_none()))
        .or_else(|| {
            found
                .as_deref()
                .filter(|_| !consent)
                .and_then(|f| guard::opened(input.source, f, &shape.selector, input.neighbours))
        })
        .or_else(|| lockout(input, &guarded, &rendered).filter(|_| !consent))
        .or_else(|| guard::object_too_large("NetworkPolicy", &rendered));
    planned
}

/// Whether the pods see another address than the proxy's.
fn hidden(input: &PlanInput<'_>, guarded: &Guarded) -> Option<Veto> {
    let pods = pods_of(input.source, &input.origin.namespace, &guarded.selector);
    guard::source_lost(input.source, input.origin, &pods, "a list of the proxy's addresses on the pods")
}

/// The write that makes a policy hold these pods again, and let in these ranges as well. They come out of the status, which
/// somebody else may have written: no pods that the spec might not name.
pub(in crate::allow) fn held_again(
    input: &PlanInput<'_>,
    target: &ValidTarget,
    planned: &TargetPlan,
    found: &Arc<NetworkPolicy>,
    held: Held,
    more: &RangeSet,
) -> Option<Write> {
    let mut asked = target.clone();
    let ValidTarget::NetworkPolicy { selector, ports, .. } = &mut asked else { return None };
    (*selector, *ports) = (Some(held.pod_selector), held.ports);
    let guarded = selector_and_ports(input.source, input.origin, &asked).ok()?.filter(|g| !g.ports.is_empty())?;
    let ranges = render::content(found)?.ranges.union(more);
    let shape = PolicyShape {
        namespace: input.origin.namespace.clone(),
        name: planned.object.clone(),
        origin: input.origin.key(),
        owner: found.metadata.owner_references.iter().flatten().next().cloned(),
        selector: guarded.selector,
        ports: guarded.ports,
    };
    let rendered = render::render(&shape, &AdmittedRanges::admit(ranges, Provenance::Local).ok()?);
    Some(Write::Policy { rendered: Box::new(rendered), had: Some(Box::new(NetworkPolicy::clone(found))) })
}

/// The object of our name, whoever made it.
pub(in crate::allow) fn found(input: &PlanInput<'_>, name: &str) -> Option<Arc<NetworkPolicy>> {
    let policies = input.source.network_policies(&input.origin.namespace);
    policies.into_iter().find(|p| p.metadata.name.as_deref() == Some(name))
}

fn unguarded(problem: &GuardedError) -> Veto {
    let reason = match problem {
        GuardedError::NoService { .. } | GuardedError::UnknownPort { .. } => Reason::ReferenceNotFound,
        GuardedError::NoSelector { .. } | GuardedError::NotASubset { .. } | GuardedError::NoPort { .. } => {
            Reason::InvalidTarget
        }
    };
    Veto::new(reason, problem.to_string())
}

/// The owner, where deleting the origin may delete the policy: never where that would open pods without the spec's
/// consent. Kubernetes asks nobody before it removes what is owned, so policies of other origins, which may go in the same
/// moment, do not count. An error says what the origin leaves.
fn owner(
    input: &PlanInput<'_>,
    isolation: Isolation,
    name: &str,
    selector: &LabelSelector,
) -> Result<Option<OwnerReference>, String> {
    if input.origin.allowlist.deletion != DeletionPolicy::Delete {
        return Ok(None);
    }
    let going = Going { namespace: &input.origin.namespace, name, selector };
    match guard::last_isolation(input.source, going, &[]).filter(|_| isolation == Isolation::Refuse) {
        // Leeward removes it if another origin's stands by then.
        Some(_) if guard::last_isolation(input.source, going, input.neighbours).is_none() => Ok(None),
        Some(veto) => Err(format!("deleting the origin leaves this policy: {}", veto.message)),
        None => Ok(reference(input)),
    }
}

/// The origin as an owner.
pub(super) fn reference(input: &PlanInput<'_>) -> Option<OwnerReference> {
    Some(OwnerReference {
        api_version: API_VERSION.to_owned(),
        kind: "ProtectedOrigin".to_owned(),
        name: input.origin.name.clone(),
        uid: input.uid?.to_owned(),
        controller: Some(true),
        block_owner_deletion: None,
    })
}

/// All addresses in blocks of a policy, whatever its form.
fn blocks(policy: &NetworkPolicy) -> RangeSet {
    let rules = policy.spec.iter().filter_map(|s| s.ingress.as_ref()).flatten();
    let peers = rules.filter_map(|r| r.from.as_ref()).flatten();
    peers.filter_map(|p| Prefix::parse(&p.ip_block.as_ref()?.cidr).ok()).collect()
}

/// The writes that lead from what stands there to what should, widening before narrowing.
fn updates(
    input: &PlanInput<'_>,
    planned: &TargetPlan,
    shape: &PolicyShape,
    rendered: &NetworkPolicy,
    found: &Arc<NetworkPolicy>,
) -> Vec<Step> {
    let had = || Some(Box::new(NetworkPolicy::clone(found)));
    // Whatever else changes, undoing what somebody did to our object waits for nothing.
    let repair = input.memory.wrote(&planned.spot, &planned.fingerprint) || !render::untouched(found);
    let whole = |direction| vec![step(direction, repair, rendered.clone(), had())];
    let (Some(before), Some(after)) = (render::content(found), render::content(rendered)) else {
        return whole(Direction::Narrow);
    };
    if before.selector != after.selector || !before.ports.iter().all(|p| after.ports.contains(p)) {
        return whole(Direction::Narrow);
    }
    let union = match course(&before.ranges, &after.ranges, repair) {
        Course::Once(direction) => return whole(direction),
        Course::Through(union) => union,
    };
    let widened = render::render(shape, &union);
    vec![
        step(Direction::Widen, false, widened.clone(), had()),
        step(Direction::Narrow, false, rendered.clone(), Some(Box::new(widened))),
    ]
}

fn step(direction: Direction, repair: bool, rendered: NetworkPolicy, had: Option<Box<NetworkPolicy>>) -> Step {
    let fingerprint = fingerprint(&rendered);
    Step { direction, repair, fingerprint, write: Write::Policy { rendered: Box::new(rendered), had } }
}

/// Only endpoints of a Service are probed at the pods themselves.
fn lockout(input: &PlanInput<'_>, guarded: &Guarded, rendered: &NetworkPolicy) -> Option<Veto> {
    if input.origin.origin.kind() != OriginType::Service {
        return None;
    }
    guard::locked_out(input.source, &input.origin.namespace, guarded, rendered, input.own_addresses)
}

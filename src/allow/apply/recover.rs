//! Taking over from a process that ended while it watched a narrowing: what it noted in the status says what it wrote, and
//! how to take that back.

use super::Rollback;
use crate::allow::desired::Desired;
use crate::allow::memory::{Fingerprint, Memory, ObjectKey};
use crate::allow::plan::{Change, Direction, Plan, PlanInput, TargetPlan, Write, end_of, policy, wider};
use crate::allow::render::network_policy::{Held, content};
use crate::api::conditions::Reason;
use crate::api::status::{AllowlistStatus, CarriedBefore, NarrowedTarget, NarrowingState, NarrowingStatus};
use crate::api::validated::ValidTarget;
use crate::net::{Prefix, RangeSet};

/// What an earlier process left behind.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Narrowings that stand and whose effect nobody knows, with the way back from each.
    pub rollbacks: Vec<Rollback>,
    /// What was taken back, and is not to be tried again.
    undone: Vec<(ObjectKey, Fingerprint)>,
}

impl Recovered {
    /// Whether it changes what is planned.
    pub const fn is_empty(&self) -> bool {
        self.rollbacks.is_empty() && self.undone.is_empty()
    }

    /// Remembers what was taken back.
    pub fn remember(&self, memory: &mut Memory) {
        for (spot, content) in &self.undone {
            memory.roll_back(spot, content);
        }
    }
}

/// Compares what the last status tells with what stands now. `None`: that is not known yet.
pub fn recover(input: &PlanInput<'_>, plan: &Plan, told: &AllowlistStatus) -> Option<Recovered> {
    let mut found = Recovered::default();
    // A plan has a target for each of the spec, in its order.
    for (valid, target) in input.origin.allowlist.targets.iter().zip(&plan.targets) {
        if told.rolled_back.contains(&target.fingerprint) {
            found.undone.push((target.spot.clone(), target.fingerprint.clone()));
        }
        let Some(note) = &told.narrowing else { continue };
        let Some(narrowed) = note.targets.iter().find(|narrowed| narrowed.name == target.name) else { continue };
        let desired = plan.desired.as_ref().ok().filter(|_| !is_being_read(target))?;
        match back(input, desired, valid, target, note, narrowed) {
            Back::From(write) => {
                let (target, hash) = (target.clone(), narrowed.hash.clone());
                found.rollbacks.push(Rollback::new(&plan.origin, target, hash, write));
            }
            // It was seen to stand, and does not any more.
            Back::There if note.state == NarrowingState::Watched => {
                found.undone.push((target.spot.clone(), narrowed.hash.clone()));
            }
            Back::There | Back::Unknown => {}
        }
    }
    Some(found)
}

/// Where a target is, seen from before its narrowing.
enum Back {
    /// What was removed is carried: it was never written, or was taken back.
    There,
    /// The narrowing stands; the write leads back.
    From(Write),
    /// The way back cannot be told from what was noted, or the target is another one by now.
    Unknown,
}

fn is_being_read(target: &TargetPlan) -> bool {
    target.veto.as_ref().is_some_and(|veto| veto.reason == Reason::Pending)
}

fn back(
    input: &PlanInput<'_>,
    desired: &Desired,
    valid: &ValidTarget,
    target: &TargetPlan,
    note: &NarrowingStatus,
    narrowed: &NarrowedTarget,
) -> Back {
    if narrowed.before == CarriedBefore::Nothing {
        let absent = target.steps.first().is_some_and(|step| step.write.is_first());
        return match end_of(input, valid).steps.pop() {
            _ if absent => Back::There,
            Some(step) => Back::From(step.write),
            None => Back::Unknown,
        };
    }
    let list = if target.kind.is_trust() { &note.distrusted } else { &note.removed };
    let Ok(gone) = list.iter().map(|text| Prefix::parse(text)).collect::<Result<RangeSet, _>>() else {
        return Back::Unknown;
    };
    if let Some(pods) = &narrowed.pods {
        return held_before(input, valid, target, narrowed, pods, &gone);
    }
    // Pods and ports that were not noted: nobody knows which.
    if gone.is_empty() {
        return Back::Unknown;
    }
    // What the list has again by now is written without any of this.
    let Some(planned) = wider(input, valid, desired, &gone) else { return Back::Unknown };
    let missing = planned.added.iter().copied().collect::<RangeSet>().overlaps(&gone);
    match planned.steps.into_iter().next() {
        _ if !missing => Back::There,
        Some(step) if step.direction == Direction::Widen => Back::From(step.write),
        _ => Back::Unknown,
    }
}

/// The way back to other pods or ports, while the policy is as it was written then.
fn held_before(
    input: &PlanInput<'_>,
    valid: &ValidTarget,
    target: &TargetPlan,
    narrowed: &NarrowedTarget,
    pods: &str,
    gone: &RangeSet,
) -> Back {
    let Ok(held) = serde_json::from_str::<Held>(pods) else { return Back::Unknown };
    let Some(found) = policy::found(input, &target.object) else { return Back::Unknown };
    match content(&found) {
        Some(now) if now.held() == held => Back::There,
        Some(_) if target.change == Change::Nothing && target.fingerprint == narrowed.hash => {
            policy::held_again(input, valid, target, &found, held, gone).map_or(Back::Unknown, Back::From)
        }
        _ => Back::Unknown,
    }
}

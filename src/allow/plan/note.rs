//! What the status notes of a narrowing before it is written, so that whoever leads then can take it back.

use super::{Direction, Step, TargetPlan, Write};
use crate::allow::render::network_policy::{Held, content};
use crate::api::status::{CarriedBefore, NarrowedTarget};
use crate::net::{AdmittedRanges, Prefix, Provenance, RangeSet};

/// Prefixes that leave at once, and targets that they leave: as many as the status has room for. It has some for the pods of
/// one target.
const MOST: usize = 16;
const MOST_TARGETS: usize = 8;

/// Longest text of pods and ports, in bytes.
const MOST_PODS: usize = 256;

/// A narrowing that is to be noted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    pub removed: Vec<Prefix>,
    pub distrusted: Vec<Prefix>,
    pub targets: Vec<NarrowedTarget>,
}

impl Note {
    /// Takes in a step of a target. `false`: there is no room for what it removes.
    pub(in crate::allow) fn add(&mut self, target: &TargetPlan, step: &Step) -> bool {
        let so_far = self.removed.len() + self.distrusted.len();
        let list = if target.kind.is_trust() { &mut self.distrusted } else { &mut self.removed };
        let fresh: Vec<Prefix> = target.removed.iter().filter(|prefix| !list.contains(prefix)).copied().collect();
        let narrowed = target.narrowed(step);
        let turns = |target: &NarrowedTarget| target.pods.is_some();
        let crowded = turns(&narrowed) && self.targets.iter().any(turns);
        if so_far + fresh.len() > MOST || self.targets.len() >= MOST_TARGETS || crowded {
            return false;
        }
        list.extend(fresh);
        self.targets.push(narrowed);
        true
    }
}

impl TargetPlan {
    /// The step that the status has to note before it is written.
    pub(in crate::allow) fn noteworthy(&self) -> Option<&Step> {
        // What somebody else's hand made of an object can be too much to note, and goes all the same.
        let few = self.removed.len() <= MOST;
        self.steps.iter().find(|step| few && step.direction == Direction::Narrow && !step.repair)
    }

    /// How the status names a step.
    pub(in crate::allow) fn narrowed(&self, step: &Step) -> NarrowedTarget {
        let before = if step.write.is_first() { CarriedBefore::Nothing } else { CarriedBefore::List };
        let pods = step.write.held_before().and_then(|held| serde_json::to_string(&held).ok());
        let pods = pods.filter(|text| text.len() <= MOST_PODS);
        NarrowedTarget { name: self.name.clone(), hash: step.fingerprint.clone(), before, pods }
    }
}

impl Write {
    /// The pods and ports of a policy that turns to others.
    fn held_before(&self) -> Option<Held> {
        let Self::Policy { rendered, had: Some(had) } = self else { return None };
        let (before, after) = (content(had)?.held(), content(rendered)?.held());
        (before != after).then_some(before)
    }

    /// Nothing stood there before.
    pub(in crate::allow) const fn is_first(&self) -> bool {
        matches!(
            self,
            Self::Policy { had: None, .. } | Self::Field { had: None, .. } | Self::ConfigMap { had: None, .. }
        )
    }
}

/// What a target carries while it loses only the first of many, and how many are left for later.
pub(super) fn beyond(planned: &TargetPlan, ranges: &AdmittedRanges) -> Option<(AdmittedRanges, usize)> {
    let rest = planned.removed.get(MOST..).filter(|rest| !rest.is_empty())?;
    if planned.steps.iter().any(|step| step.repair) {
        return None;
    }
    let kept: RangeSet = rest.iter().copied().collect();
    let kept = AdmittedRanges::admit(ranges.ranges().union(&kept), Provenance::Local).ok()?;
    Some((kept, rest.len()))
}

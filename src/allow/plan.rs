//! What would be written where, and why not: current objects and desired ranges in, changes out. Pure.

mod config_map;
mod entrances;
pub(super) mod field;
mod note;
pub(super) mod policy;
mod release;
mod summary;

use super::desired::{Desired, desired};
use super::guard::{self, Veto};
use super::memory::{Fingerprint, Memory, ObjectKey};
use super::render::field::FieldShape;
use crate::api::names::owned_name;
use crate::api::spec::Mode;
use crate::api::status::{NarrowedTarget, TargetState};
use crate::api::targets::TargetType;
use crate::api::validated::{ValidTarget, Validated};
use crate::hex::short_digest;
use crate::net::{AdmittedRanges, Prefix, Provenance, RangeSet};
use crate::observe::cluster::ClusterSource;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;

pub use super::guard::Neighbour;
pub use note::Note;
pub(super) use release::end_of;
pub use release::release;
pub use summary::Synced;

/// Everything that a plan depends on.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    pub origin: &'a Validated,
    /// `metadata.uid` of the resource; absent for files.
    pub uid: Option<&'a str>,
    /// When the resource was created; the older of two that share an entrance keeps it.
    pub created: Option<Timestamp>,
    /// Mode to plan for; the spec's, unless `leeward plan` asks what Enforce would do.
    pub mode: Mode,
    pub source: &'a dyn ClusterSource,
    /// The other origins of the namespace.
    pub neighbours: &'a [Neighbour],
    /// Addresses that the operator's own probes come from; empty where nobody probes from inside the cluster.
    pub own_addresses: &'a [IpAddr],
    pub memory: &'a Memory,
    pub narrowing: &'a Narrowing,
    pub now: Timestamp,
}

impl fmt::Debug for PlanInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlanInput")
            .field("origin", &self.origin.key())
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// Whether targets may be narrowed now. A prefix leaves only while the site is seen to work without doubt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Narrowing {
    /// At once and whole, as a preview shows it.
    #[default]
    Now,
    /// What the status notes, so that it can be taken back whatever becomes of this process; the rest is noted first.
    Noted(Vec<NarrowedTarget>),
    /// Not now, and what it waits for, as the rest of a sentence: `until …`.
    Held(String),
}

/// A plan for all targets of one origin.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `NAMESPACE/NAME`.
    pub origin: String,
    pub mode: Mode,
    pub suspended: bool,
    /// What every target should carry, or why that is not known.
    pub desired: Result<Desired, Veto>,
    pub narrowing: Narrowing,
    pub targets: Vec<TargetPlan>,
    /// What stays open beside the targets, one way a line.
    pub open: Vec<String>,
}

/// What happens to one target.
#[derive(Clone, Debug)]
pub struct TargetPlan {
    /// Name of the target in the spec.
    pub name: String,
    pub kind: TargetType,
    /// Name of the object, for status.
    pub object: String,
    /// Names the object among all, in messages.
    pub key: ObjectKey,
    /// Names what of it this target keeps: two targets may keep two fields of one object.
    pub spot: ObjectKey,
    pub change: Change,
    /// Prefixes that the object would gain.
    pub added: Vec<Prefix>,
    /// Prefixes that it would lose.
    pub removed: Vec<Prefix>,
    /// Unified diff of what Leeward owns in the object; empty when nothing changes.
    pub diff: String,
    /// Why nothing is written although something would change, or why nothing can be said.
    pub veto: Option<Veto>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Prefixes that leave only after those that leave now.
    pub later: usize,
    /// What to write, in order.
    pub steps: Vec<Step>,
    /// Identifies what the target carries after the last step.
    pub fingerprint: Fingerprint,
}

/// Kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum Change {
    /// It is as it should be, or it is not known how it should be.
    Nothing,
    Create,
    Update,
    /// The object is removed, or the field is given up.
    Release,
}

/// One write.
#[derive(Clone, Debug)]
pub struct Step {
    pub direction: Direction,
    /// A repair of what somebody changed: it is not held back.
    pub repair: bool,
    /// What the object carries afterwards.
    pub fingerprint: Fingerprint,
    pub write: Write,
}

/// Whom a write affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Nobody who gets through is shut out.
    Widen,
    /// Somebody may be: a removal, or a first isolation.
    Narrow,
}

/// What is written.
#[derive(Clone, Debug)]
pub enum Write {
    /// The whole object. `had` is what stood there when this was planned, to restore it.
    Policy { rendered: Box<NetworkPolicy>, had: Option<Box<NetworkPolicy>> },
    /// The field. `had` is its value when this was planned.
    Field { shape: Box<FieldShape>, value: Value, had: Option<Value> },
    /// The owned object goes.
    Remove { kind: Owned, namespace: String, name: String, uid: Option<String> },
    /// The whole ConfigMap. `had` is what stood there when this was planned.
    ConfigMap { rendered: Box<ConfigMap>, had: Option<Box<ConfigMap>> },
    /// The field is given up.
    Release { shape: Box<FieldShape> },
}

/// Kinds of objects that Leeward creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum Owned {
    NetworkPolicy,
    ConfigMap,
}

/// Plans every target of an origin.
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let origin = input.origin;
    let network = origin.network.as_ref().and_then(|name| input.source.proxy_network(name));
    let desired = desired(network.as_deref(), origin, input.now);
    let writes = input.mode != Mode::Observe && !origin.suspend;
    let denied = (input.mode == Mode::Enforce)
        .then(|| guard::unseen(input.source).or_else(|| guard::not_permitted(input.source, &origin.namespace)))
        .flatten();
    let targets = origin.allowlist.targets.iter().map(|target| {
        let mut planned = match (&desired, writes) {
            (_, false) => unmanaged(input, target),
            (Err(veto), true) => TargetPlan { veto: Some(veto.clone()), ..TargetPlan::new(origin, target) },
            (Ok(desired), true) => one(input, target, desired),
        };
        if let (Some(veto), true) = (&denied, writes) {
            planned.veto = Some(veto.clone());
        }
        planned
    });
    let open = entrances::stay_open(input, desired.as_ref().ok());
    Plan {
        origin: origin.key(),
        mode: input.mode,
        suspended: origin.suspend,
        targets: targets.collect(),
        open,
        desired,
        narrowing: input.narrowing.clone(),
    }
}

/// Nothing is planned; what was written before says so.
fn unmanaged(input: &PlanInput<'_>, target: &ValidTarget) -> TargetPlan {
    let mut planned = TargetPlan::new(input.origin, target);
    if !end_of(input, target).steps.is_empty() {
        planned.notes.push("written before and left as it is".to_owned());
    }
    planned
}

fn one(input: &PlanInput<'_>, target: &ValidTarget, desired: &Desired) -> TargetPlan {
    let ranges = ranges(target, desired);
    let mut planned = towards(input, target, desired, ranges);
    if *input.narrowing != Narrowing::Now
        && let Some((kept, later)) = note::beyond(&planned, ranges)
    {
        planned = TargetPlan { later, ..towards(input, target, desired, &kept) };
    }
    if planned.veto.is_none()
        && let Some(shared) =
            guard::shared_entrance(input.source, input.origin, input.created, target, input.neighbours)
    {
        // Policies add up. One that stood before pods came to be shared goes on following its list: its proxy would be cut
        // off with the next addition.
        if planned.kind == TargetType::NetworkPolicy && planned.change != Change::Create {
            planned.notes.push(shared.message);
        } else {
            planned.veto = Some(shared);
        }
    }
    if planned.veto.is_none() && planned.change != Change::Nothing {
        planned.veto = planned.remembered(input.memory);
    }
    planned
}

/// What leads from what stands to a list that holds these ranges as well.
pub(super) fn wider(
    input: &PlanInput<'_>,
    target: &ValidTarget,
    desired: &Desired,
    more: &RangeSet,
) -> Option<TargetPlan> {
    let all = ranges(target, desired).ranges().union(more);
    let all = AdmittedRanges::admit(all, Provenance::Local).ok()?;
    Some(towards(input, target, desired, &all))
}

/// What a target should carry. Who else may come in is not believed what he says of visitors.
fn ranges<'a>(target: &ValidTarget, desired: &'a Desired) -> &'a AdmittedRanges {
    if target.kind().is_trust() { &desired.proxy } else { &desired.ranges }
}

/// What leads to these ranges, whatever is remembered.
fn towards(input: &PlanInput<'_>, target: &ValidTarget, desired: &Desired, ranges: &AdmittedRanges) -> TargetPlan {
    match target {
        ValidTarget::NetworkPolicy { isolation, .. } => policy::plan(input, target, *isolation, ranges),
        ValidTarget::Field { field, .. } => field::plan(input, target, field, ranges, desired.proxy.ranges()),
        ValidTarget::ConfigMap { formats, .. } => config_map::plan(input, target, formats, ranges),
    }
}

impl TargetPlan {
    /// A target of which nothing is known yet.
    fn new(origin: &Validated, target: &ValidTarget) -> Self {
        let owned = |kind: &str, name: &str, first: bool| {
            let object = owned_name(&origin.name, name, first);
            let key = format!("{kind} {}/{object}", origin.namespace);
            (object, key.clone(), key)
        };
        let (object, key, spot) = match target {
            ValidTarget::NetworkPolicy { name, first, .. } => owned("NetworkPolicy", name, *first),
            ValidTarget::ConfigMap { name, first, .. } => owned("ConfigMap", name, *first),
            ValidTarget::Field { field, .. } => {
                let key = field.object.key(&origin.namespace);
                (field.object.name.clone(), key.clone(), format!("{key} {}", field.place))
            }
        };
        Self {
            name: target.name().to_owned(),
            kind: target.kind(),
            key,
            spot,
            object,
            change: Change::Nothing,
            added: Vec::new(),
            removed: Vec::new(),
            diff: String::new(),
            veto: None,
            notes: Vec::new(),
            later: 0,
            steps: Vec::new(),
            fingerprint: Fingerprint::new(),
        }
    }

    fn vetoed(mut self, veto: Veto) -> Self {
        self.veto = Some(veto);
        self
    }

    /// Notes the prefixes that come and go.
    fn between(&mut self, before: &RangeSet, after: &RangeSet) {
        self.added = after.subtract(before).prefixes();
        self.removed = before.subtract(after).prefixes();
    }

    /// Vetoes from what happened before.
    fn remembered(&self, memory: &Memory) -> Option<Veto> {
        use crate::api::conditions::Reason;
        if memory.contested(&self.spot, &self.fingerprint) {
            let message = format!(
                "{} was changed back more than five times in ten minutes: another tool keeps writing it. Leeward has \
                 stopped; make the other tool leave it alone",
                self.key
            );
            return Some(Veto::new(Reason::FieldConflict, message));
        }
        memory.rolled_back(&self.spot, &self.fingerprint).then(|| {
            let message = format!(
                "the last narrowing of {} was followed by failures and was rolled back; it is tried again when the list \
                 or the spec changes",
                self.key
            );
            Veto::new(Reason::RolledBack, message)
        })
    }

    /// The state before anything is written.
    pub fn state(&self, mode: Mode, suspended: bool) -> TargetState {
        match (mode, &self.veto, self.change) {
            (Mode::Observe, ..) => TargetState::Unmanaged,
            _ if suspended => TargetState::Unmanaged,
            (_, Some(veto), _) => veto.state(),
            (_, None, Change::Nothing) => TargetState::Synced,
            (Mode::Plan, None, _) => TargetState::Planned,
            (Mode::Enforce, None, _) => TargetState::Pending,
        }
    }
}

/// How an object gets from the list that stands there to the one that should.
enum Course {
    /// In one write.
    Once(Direction),
    /// First everything, then without what leaves.
    Through(AdmittedRanges),
}

/// Widening before narrowing. What somebody else put in is not written again, so a repair takes it out at once.
fn course(before: &RangeSet, after: &RangeSet, repair: bool) -> Course {
    if after.covers_all(before) {
        return Course::Once(Direction::Widen);
    }
    if before.covers_all(after) || repair {
        return Course::Once(Direction::Narrow);
    }
    let union = AdmittedRanges::admit(before.union(after), Provenance::Local);
    union.map_or(Course::Once(Direction::Narrow), Course::Through)
}

/// A stable name for content.
fn fingerprint(content: &impl serde::Serialize) -> Fingerprint {
    let bytes = serde_json::to_vec(content).unwrap_or_default();
    short_digest(&bytes, 16)
}

#[cfg(test)]
pub(super) mod tests;

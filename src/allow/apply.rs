//! Doing what was planned: widen every target, read back, then narrow. Never more than was planned, never without the
//! claim, and nothing is taken on trust that can be read again just before the write.

mod dry_run;
mod field;
mod owned;
mod problem;
mod recover;
mod refusal;
mod rehearse;
mod rollback;
mod write;

use super::guard::Veto;
use super::memory::{Memory, ObjectKey};
use super::plan::{Change, Direction, Narrowing, Note, Plan, Step, Synced, TargetPlan};
use crate::api::conditions::{Reason, Truth};
use crate::api::status::{TargetState, TargetStatus};
use jiff::Timestamp;
use kube::Client;
use problem::Problem;
use write::{Done, Writer};

pub use dry_run::DryRun;
pub use recover::{Recovered, recover};
pub use rehearse::{Rehearsal, rehearse};
pub use rollback::{Rollback, roll_back};

/// Whether this replica may still write; asked before each write.
pub type Claim<'a> = &'a (dyn Fn() -> bool + Send + Sync);

/// What came of a plan.
#[derive(Clone, Debug)]
pub struct Applied {
    pub targets: Vec<TargetStatus>,
    /// Condition `AllowlistSynced`.
    pub synced: Synced,
    /// What was written and read back.
    pub writes: Vec<Written>,
    /// How to take back each narrowing, should the site fail after it.
    pub rollbacks: Vec<Rollback>,
    /// What is to be noted in the status; it is written once it stands there.
    pub note: Option<Note>,
    /// Something could not be finished that another look may finish.
    pub again: bool,
}

/// One write that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Name of the target.
    pub target: String,
    pub object: ObjectKey,
    pub change: Change,
    pub direction: Direction,
    /// Somebody had changed what Leeward wrote.
    pub repair: bool,
    /// Prefixes that the target gained and lost in all steps.
    pub added: usize,
    pub removed: usize,
}

/// How a target stands after its steps.
#[derive(Clone, Debug)]
enum Progress {
    /// Every step so far was done.
    Right,
    /// A step of this direction waits, and for what.
    Waiting(Direction, String),
    Failed(Problem),
}

/// Applies a plan. In Observe and Plan mode nothing is written.
pub async fn apply(client: &Client, plan: &Plan, claim: Claim<'_>, memory: &mut Memory, now: Timestamp) -> Applied {
    if let Some(synced) = plan.synced() {
        let targets = plan.targets.iter().map(|t| t.status(plan.mode, plan.suspended)).collect();
        return Applied { targets, synced, writes: Vec::new(), rollbacks: Vec::new(), note: None, again: false };
    }
    let mut run = Run {
        plan,
        writer: Writer::new(client, &plan.origin, claim, now),
        progress: vec![Progress::Right; plan.targets.len()],
        writes: Vec::new(),
        rollbacks: Vec::new(),
        note: None,
    };
    // An address that comes in before it is believed is one very busy visitor, and is throttled; so is one that is no
    // longer believed and still comes in.
    run.every(Direction::Widen, Twin::Trust, memory).await;
    run.every(Direction::Widen, Twin::Allow, memory).await;
    run.announce();
    run.every(Direction::Narrow, Twin::Allow, memory).await;
    run.every(Direction::Narrow, Twin::Trust, memory).await;
    run.finish(memory)
}

/// The two lists of a proxy's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Twin {
    /// Whom to believe what they say of visitors.
    Trust,
    /// Whom to let in.
    Allow,
}

impl Twin {
    const fn of(target: &TargetPlan) -> Self {
        if target.kind.is_trust() { Self::Trust } else { Self::Allow }
    }
}

struct Run<'a> {
    plan: &'a Plan,
    writer: Writer<'a>,
    progress: Vec<Progress>,
    writes: Vec<Written>,
    rollbacks: Vec<Rollback>,
    note: Option<Note>,
}

impl Run<'_> {
    /// Notes the narrowings that are due. Nothing of them is written before the status says so; what is noted already is
    /// written first.
    fn announce(&mut self) {
        let Narrowing::Noted(noted) = &self.plan.narrowing else { return };
        if self.progress.iter().any(|p| matches!(p, Progress::Failed(_))) {
            return;
        }
        let mut known = false;
        let mut fresh = Vec::new();
        for (i, target) in self.plan.targets.iter().enumerate() {
            let due = target.veto.is_none() && matches!(self.progress.get(i), Some(Progress::Right));
            let Some(step) = target.noteworthy().filter(|_| due) else { continue };
            if noted.contains(&target.narrowed(step)) {
                known = true;
            } else {
                fresh.push((i, target, step));
            }
        }
        let mut note = Note::default();
        for (i, target, step) in fresh {
            let noted = !known && note.add(target, step);
            let why =
                if noted { "until the status notes it" } else { "until what leaves before is seen to do no harm" };
            if let Some(progress) = self.progress.get_mut(i) {
                *progress = Progress::Waiting(step.direction, why.to_owned());
            }
        }
        self.note = Some(note).filter(|note| !note.targets.is_empty());
    }

    /// Does the steps of one direction for every target of one twin.
    async fn every(&mut self, direction: Direction, twin: Twin, memory: &mut Memory) {
        let plan = self.plan;
        for (i, target) in plan.targets.iter().enumerate().filter(|(_, target)| Twin::of(target) == twin) {
            for step in target.steps.iter().filter(|s| s.direction == direction) {
                if target.veto.is_some() || !matches!(self.progress.get(i), Some(Progress::Right)) {
                    break;
                }
                let next = match self.held(step, twin) {
                    Some(why) => Progress::Waiting(step.direction, why),
                    None => self.step(target, step, memory).await,
                };
                if let Some(progress) = self.progress.get_mut(i) {
                    *progress = next;
                }
            }
        }
    }

    /// Why a step has to wait.
    fn held(&self, step: &Step, twin: Twin) -> Option<String> {
        if step.direction == Direction::Widen || step.repair {
            // What cannot be written for good holds nobody up: a proxy that is let in late is worse than one that is
            // believed late.
            let unsure = |twin| self.of(twin).any(|(_, p)| matches!(p, Progress::Failed(p) if !p.is_final()));
            let first =
                step.direction == Direction::Widen && !step.repair && twin == Twin::Allow && unsure(Twin::Trust);
            return first.then(|| "until the list of trusted proxies could be written".to_owned());
        }
        if let Narrowing::Held(why) = &self.plan.narrowing {
            return Some(why.clone());
        }
        if self.progress.iter().any(|p| matches!(p, Progress::Failed(_))) {
            return Some("until every other target could be written".to_owned());
        }
        let keeps = |target: &TargetPlan, progress: &Progress| {
            !target.removed.is_empty() && (target.veto.is_some() || !matches!(progress, Progress::Right))
        };
        let comes_in = twin == Twin::Trust && self.of(Twin::Allow).any(|(target, progress)| keeps(target, progress));
        comes_in.then(|| "until nobody whom it names is let in any more".to_owned())
    }

    /// The targets of one twin with how they stand.
    fn of(&self, twin: Twin) -> impl Iterator<Item = (&TargetPlan, &Progress)> {
        self.plan.targets.iter().zip(&self.progress).filter(move |(target, _)| Twin::of(target) == twin)
    }

    async fn step(&mut self, target: &TargetPlan, step: &Step, memory: &mut Memory) -> Progress {
        match self.writer.write(target, step, memory).await {
            Ok(Done::AlreadyRight) => Progress::Right,
            Ok(Done::Wrote) => {
                memory.written(&target.spot, &step.fingerprint);
                if step.direction == Direction::Narrow && !step.repair {
                    let rollback = Rollback::of(&self.plan.origin, target, step);
                    // Going back, whoever is let in again is believed first.
                    let at = if target.kind.is_trust() { 0 } else { self.rollbacks.len() };
                    self.rollbacks.splice(at..at, rollback);
                }
                self.writes.push(Written {
                    target: target.name.clone(),
                    object: target.spot.clone(),
                    change: target.change,
                    direction: step.direction,
                    repair: step.repair,
                    added: target.added.len(),
                    removed: target.removed.len(),
                });
                Progress::Right
            }
            Err(problem) => Progress::Failed(problem),
        }
    }

    fn finish(self, memory: &mut Memory) -> Applied {
        let mut first: Option<Veto> = None;
        let mut pending = Vec::new();
        let mut leaving = Vec::new();
        let mut again = false;
        let mut targets = Vec::with_capacity(self.plan.targets.len());
        for (target, progress) in self.plan.targets.iter().zip(self.progress) {
            let (state, detail) = match (&target.veto, progress) {
                (Some(veto), _) => {
                    again |= veto.reason == Reason::Pending;
                    first.get_or_insert_with(|| veto.clone());
                    targets.push(target.status(self.plan.mode, false));
                    continue;
                }
                (None, Progress::Right) => {
                    if target.later > 0 {
                        leaving.push(format!("{}: keeps {} more, to leave next", target.name, target.later));
                    }
                    memory.found_right(&target.spot, &target.fingerprint, self.writer.now);
                    (TargetState::Synced, None)
                }
                (None, Progress::Waiting(direction, why)) => {
                    let carries = direction == Direction::Narrow && carries(target);
                    let text = if carries {
                        format!("keeps {} {why}", target.leaving())
                    } else {
                        format!("{}; waits {why}", target.counts())
                    };
                    if carries { &mut leaving } else { &mut pending }.push(format!("{}: {text}", target.name));
                    (TargetState::Pending, Some(text))
                }
                (None, Progress::Failed(Problem::Veto(veto) | Problem::NoRight(veto))) => {
                    let state = (veto.state(), Some(veto.message.clone()));
                    first.get_or_insert(veto);
                    state
                }
                (None, Progress::Failed(problem)) => {
                    again = true;
                    let state = problem.state();
                    pending.push(format!("{}: {problem}", target.name));
                    (state, Some(problem.to_string()))
                }
            };
            targets.push(target.status_as(state, detail));
        }
        let synced = self.plan.outcome(first, &pending, &leaving);
        Applied { targets, synced, writes: self.writes, rollbacks: self.rollbacks, note: self.note, again }
    }
}

/// Whether a target that waits for its last step already lets in everybody it should.
fn carries(target: &TargetPlan) -> bool {
    let widened = target.steps.iter().any(|s| s.direction == Direction::Widen);
    widened || (target.added.is_empty() && !target.removed.is_empty())
}

impl Plan {
    fn outcome(&self, first: Option<Veto>, pending: &[String], leaving: &[String]) -> Synced {
        if let Some(veto) = first {
            // What is still being read is nobody's fault.
            let truth = if veto.reason == Reason::Pending { Truth::Unknown } else { Truth::False };
            return Synced::new(truth, veto.reason, veto.message);
        }
        if !pending.is_empty() {
            return Synced::new(Truth::Unknown, Reason::Pending, pending.join("; "));
        }
        if let Some(concern) = self.concern() {
            return concern;
        }
        let prefixes = self.desired.as_ref().map_or(0, |d| d.ranges.prefixes().len());
        let list = if prefixes == 1 { "1 prefix".to_owned() } else { format!("{prefixes} prefixes") };
        let mut message = match self.targets.len() {
            1 => format!("1 target carries {list}"),
            n => format!("{n} targets carry {list}"),
        };
        if !leaving.is_empty() {
            message = format!("{message}; {}", leaving.join("; "));
        }
        Synced::new(Truth::True, Reason::Synced, message)
    }
}

#[cfg(test)]
mod tests;

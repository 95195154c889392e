//! A plan, tried on the API server without effect: the very requests that applying it would send.

use super::dry_run::DryRun;
use super::problem::Problem;
use super::write::Writer;
use crate::allow::guard::Veto;
use crate::allow::memory::Memory;
use crate::allow::plan::{Plan, TargetPlan};
use jiff::Timestamp;

/// What the API server says to the writes of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rehearsal {
    /// It would take them all.
    Accepted,
    /// It, or what is found there now, refuses one.
    Refused(Veto),
    /// It was not judged, and why.
    NotMade(String),
}

/// Tries every write of a plan; those of vetoed targets too, since a veto may go and a refusal stay. By target, `None` where
/// nothing would be written.
pub async fn rehearse(dry: &DryRun, plan: &Plan, now: Timestamp) -> Vec<Option<Rehearsal>> {
    let writer = Writer::rehearsing(dry, &plan.origin, now);
    let mut found = Vec::with_capacity(plan.targets.len());
    for target in &plan.targets {
        found.push(if target.steps.is_empty() { None } else { Some(one(&writer, target).await) });
    }
    found
}

async fn one(writer: &Writer<'_>, target: &TargetPlan) -> Rehearsal {
    // What this process remembers of earlier writes is for whoever really writes.
    let mut memory = Memory::default();
    for step in &target.steps {
        match writer.write(target, step, &mut memory).await {
            Ok(_) => {}
            Err(Problem::Veto(veto)) => return Rehearsal::Refused(veto),
            Err(Problem::NoRight(veto)) => {
                return Rehearsal::NotMade(format!(
                    "{}. A dry run needs the rights of the write; Leeward writes with those of its ServiceAccount",
                    veto.message
                ));
            }
            Err(Problem::Unreachable(said)) => return Rehearsal::NotMade(said),
            Err(problem @ (Problem::Stale(_) | Problem::NoClaim)) => return Rehearsal::NotMade(problem.to_string()),
        }
    }
    Rehearsal::Accepted
}

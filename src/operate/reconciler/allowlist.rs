//! Plan and apply: what the targets should carry, the writes that this takes, a round of probes after
//! them, and the way back from a narrowing that hurt.

use super::effect::{self, Next, said};
use super::keep::{After, Keep};
use super::standing::Diagnosed;
use super::{Look, Reconciler, created, narrowing};
use crate::allow::{self, Applied, Narrowing, Neighbour, PlanInput, recover, roll_back};
use crate::api::ProtectedOriginStatus;
use crate::api::conditions::{self, ConditionType, Reason, Truth};
use crate::api::spec::Mode;
use crate::api::status::AllowlistStatus;
use crate::api::validated::Validated;
use crate::report::status::Answer;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Longest time for all writes of one origin.
const WRITES: Duration = Duration::from_secs(45);
/// How soon what could not be finished is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// What became of the allowlist.
#[derive(Debug)]
pub struct Outcome {
    pub synced: Answer,
    pub allowlist: Option<AllowlistStatus>,
    pub again: Option<Duration>,
}

/// Everything that the plan depends on beside the stores.
pub(super) struct About<'a> {
    pub look: &'a Look<'a>,
    pub origin: &'a Validated,
    pub diagnosed: &'a Diagnosed,
}

impl Reconciler {
    /// Does what was planned; in Observe and Plan that is nothing.
    pub(super) async fn apply(&self, about: &About<'_>, plan: allow::Plan, keep: &mut Keep) -> Outcome {
        let recalled = self.take_over(about, &plan, keep).await;
        let (undone, watched) = self.after_write(about, keep).await;
        // What was taken back is planned anew.
        let plan = if undone || recalled { self.plan(about, keep) } else { plan };
        let claim = || self.claim.is_current();
        let applying = allow::apply(&self.client, &plan, &claim, &mut keep.memory, about.look.now);
        let Ok(applied) = timeout(WRITES, applying).await else {
            // What was written is found out as after another process.
            keep.recalled = false;
            return unanswered(&plan, about.look.prior);
        };
        self.wrote(about, keep, &applied).await;
        let message = &applied.synced.message;
        let prior = about.look.prior;
        let before = conditions::get(&prior.conditions, ConditionType::AllowlistSynced);
        let synced = applied.synced.reason == Reason::Synced && about.origin.allowlist.mode == Mode::Enforce;
        let message = if synced {
            said(message, keep.effect, keep.after.is_some(), before.map(|c| c.message.as_str()))
        } else {
            message.clone()
        };
        let narrowing = if plan.mode == Mode::Enforce && unclear(about, keep) {
            narrowing::told(prior).cloned()
        } else {
            narrowing::status(about.look, applied.note.as_ref(), keep.after.as_ref())
        };
        let allowlist = plan.status_with(applied.targets).map(|list| AllowlistStatus { narrowing, ..list });
        // What is noted is written as soon as it stands there.
        let soon = applied.note.is_some().then_some(Duration::ZERO);
        let again = (applied.again || undone).then_some(AGAIN).into_iter().chain(watched).chain(soon).min();
        let reason = match applied.synced.reason {
            // The reference itself is what Accepted speaks of.
            Reason::ReferenceNotFound => Reason::SourceUnavailable,
            other => other,
        };
        Outcome { synced: Answer::new(applied.synced.status, reason, message), allowlist, again }
    }

    /// What the targets should carry, and what that takes. Pure: nothing is asked or written.
    pub(super) fn plan(&self, about: &About<'_>, keep: &Keep) -> allow::Plan {
        let narrowing = match about.diagnosed.healthy() {
            Some(true) if keep.after.is_none() && !unclear(about, keep) => {
                Narrowing::Noted(narrowing::noted(about.look.prior))
            }
            Some(true) => Narrowing::Held("until the last write has been probed".to_owned()),
            _ => Narrowing::Held("until the site is seen to work".to_owned()),
        };
        let mode = about.origin.allowlist.mode;
        let neighbours = if mode == Mode::Observe { Vec::new() } else { self.neighbours(about.origin) };
        allow::plan(&self.input(about, keep, &neighbours, &narrowing))
    }

    fn input<'a>(
        &'a self,
        about: &'a About<'_>,
        keep: &'a Keep,
        neighbours: &'a [Neighbour],
        narrowing: &'a Narrowing,
    ) -> PlanInput<'a> {
        PlanInput {
            origin: about.origin,
            uid: about.look.object.metadata.uid.as_deref(),
            created: created(about.look.object),
            mode: about.origin.allowlist.mode,
            source: self.source.as_ref(),
            neighbours,
            own_addresses: &self.own_addresses,
            memory: &keep.memory,
            narrowing,
            now: about.look.now,
        }
    }

    /// Once for each process: what an earlier one wrote and did not see the effect of is watched, and what it took back is
    /// not tried again. Whether that changes the plan.
    async fn take_over(&self, about: &About<'_>, plan: &allow::Plan, keep: &mut Keep) -> bool {
        let Some(told) = about.look.prior.allowlist.as_ref().filter(|_| !keep.recalled) else { return false };
        if plan.mode != Mode::Enforce || plan.suspended {
            return false;
        }
        let narrowing = Narrowing::Held(String::new());
        let neighbours = self.neighbours(about.origin);
        let Some(found) = recover(&self.input(about, keep, &neighbours, &narrowing), plan, told) else { return false };
        keep.recalled = true;
        found.remember(&mut keep.memory);
        if !found.rollbacks.is_empty() {
            keep.asks += 1;
            // It was narrowed, so the site worked before.
            let rollbacks = found.rollbacks.clone();
            keep.after =
                Some(After { since: Instant::now(), ask: keep.asks, due: None, was_healthy: true, bad: 0, rollbacks });
            self.prober.ask(about.look.key, keep.asks).await;
        }
        !found.is_empty() || told.narrowing.is_some()
    }

    /// The other origins of its namespace.
    pub(super) fn neighbours(&self, origin: &Validated) -> Vec<Neighbour> {
        self.origins
            .of(&origin.namespace)
            .iter()
            .filter(|o| o.metadata.name.as_deref() != Some(&origin.name))
            .filter_map(|o| Neighbour::of(o))
            .collect()
    }

    /// Asks for a round after writes that change what gets through.
    async fn wrote(&self, about: &About<'_>, keep: &mut Keep, applied: &Applied) {
        for written in &applied.writes {
            tracing::info!(
                origin = %about.look.key, object = written.object, change = %written.change, direction = ?written.direction,
                repair = written.repair, added = written.added, removed = written.removed, "allowlist written"
            );
        }
        if applied.writes.is_empty() {
            return;
        }
        keep.asks += 1;
        keep.effect = None;
        let healthy = about.diagnosed.healthy() == Some(true);
        // A narrowing that is still watched stays so, unless its object was written again.
        let (mut rollbacks, was_healthy) = match keep.after.take() {
            Some(earlier) if !earlier.rollbacks.is_empty() => (earlier.rollbacks, earlier.was_healthy),
            _ => (Vec::new(), healthy),
        };
        rollbacks.retain(|earlier| applied.writes.iter().all(|written| written.object != earlier.spot()));
        let was_healthy = if rollbacks.is_empty() { healthy } else { was_healthy };
        rollbacks.extend(applied.rollbacks.iter().cloned());
        keep.after = Some(After { since: Instant::now(), ask: keep.asks, due: None, was_healthy, bad: 0, rollbacks });
        self.prober.ask(about.look.key, keep.asks).await;
    }

    /// Looks at the round after the last write. Whether something was taken back, and when to look again.
    async fn after_write(&self, about: &About<'_>, keep: &mut Keep) -> (bool, Option<Duration>) {
        match effect::weigh(keep, about.diagnosed.answered(), Instant::now()) {
            Next::Nothing | Next::Known => (false, None),
            Next::Wait(wait) => (false, Some(wait)),
            Next::LookAgain => {
                keep.asks += 1;
                if let Some(after) = &mut keep.after {
                    after.ask = keep.asks;
                    after.due = None;
                }
                self.prober.ask(about.look.key, keep.asks).await;
                (false, None)
            }
            Next::RollBack => {
                let Some(after) = keep.after.take() else { return (false, None) };
                let claim = || self.claim.is_current();
                for rollback in &after.rollbacks {
                    let undoing = roll_back(&self.client, rollback, &claim, &mut keep.memory, about.look.now);
                    match timeout(WRITES, undoing).await {
                        Ok(Ok(done)) => {
                            tracing::warn!(origin = %about.look.key, object = rollback.spot(), done, "narrowing taken back");
                        }
                        Ok(Err(veto)) => {
                            tracing::warn!(origin = %about.look.key, object = rollback.spot(), %veto, "narrowing not taken back");
                        }
                        Err(_) => {
                            tracing::warn!(origin = %about.look.key, object = rollback.spot(), "narrowing not taken back: no answer in time");
                        }
                    }
                }
                (true, None)
            }
        }
    }
}

/// Whether an earlier process noted a narrowing of which is not known yet what became of it.
fn unclear(about: &About<'_>, keep: &Keep) -> bool {
    !keep.recalled && narrowing::told(about.look.prior).is_some()
}

/// Nobody knows what was written: what is noted of a narrowing stays.
fn unanswered(plan: &allow::Plan, prior: &ProtectedOriginStatus) -> Outcome {
    let message = "the API server did not answer in time while targets were written; trying again";
    let narrowing = narrowing::told(prior).cloned();
    Outcome {
        synced: Answer::new(Truth::Unknown, Reason::Pending, message),
        allowlist: plan.status().map(|list| AllowlistStatus { narrowing, ..list }),
        again: Some(AGAIN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::status::first;

    #[test]
    fn what_the_status_notes_outlives_silence() {
        let plan = allow::Plan {
            origin: "shop/shop".to_owned(),
            mode: Mode::Enforce,
            suspended: false,
            desired: Err(allow::Veto::new(Reason::NoUsableList, "no list")),
            narrowing: Narrowing::Now,
            targets: Vec::new(),
            open: Vec::new(),
        };
        let prior = first(1, jiff::Timestamp::UNIX_EPOCH);
        let silent = unanswered(&plan, &prior);
        assert_eq!(
            (silent.synced.truth, silent.synced.reason, silent.synced.message.as_str()),
            (
                Truth::Unknown,
                Reason::Pending,
                "the API server did not answer in time while targets were written; trying again"
            )
        );
        assert_eq!(silent.again, Some(AGAIN));
    }
}

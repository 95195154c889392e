//! One write: read the object, see that it is still what was planned for, apply, read back.

use super::Claim;
use super::dry_run::DryRun;
use super::owned::Made;
use super::problem::Problem;
use crate::allow::guard::Veto;
use crate::allow::memory::Memory;
use crate::allow::plan::{Owned, Step, TargetPlan, Write};
use crate::allow::render::{config_map, network_policy};
use crate::api::conditions::Reason;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Client;
use std::future::Future;
use std::time::Duration;

/// How long one call may take. The client retries by itself within it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Wrote,
    /// There was nothing to write after all.
    AlreadyRight,
}

/// Writes for one origin.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub client: &'a Client,
    /// `NAMESPACE/NAME`: the mark of ownership.
    pub origin: &'a str,
    claim: Claim<'a>,
    pub now: Timestamp,
    /// Nothing is changed, so what was written is read from the answer.
    rehearses: bool,
}

impl Made for NetworkPolicy {
    const KIND: Owned = Owned::NetworkPolicy;

    fn same(rendered: &Self, found: &Self) -> bool {
        network_policy::same(rendered, found)
    }
}

impl Made for ConfigMap {
    const KIND: Owned = Owned::ConfigMap;

    fn same(rendered: &Self, found: &Self) -> bool {
        config_map::same(rendered, found)
    }
}

impl<'a> Writer<'a> {
    pub fn new(client: &'a Client, origin: &'a str, claim: Claim<'a>, now: Timestamp) -> Self {
        Self { client, origin, claim, now, rehearses: false }
    }

    /// One that changes nothing and so needs no claim. Only a client that cannot write makes one.
    pub fn rehearsing(dry: &'a DryRun, origin: &'a str, now: Timestamp) -> Self {
        Self { client: dry.client(), origin, claim: &|| true, now, rehearses: true }
    }
}

impl Writer<'_> {
    /// The object as it stands after it was written; `answered` is what the API server said to the write.
    pub async fn read_back<T>(
        &self,
        answered: T,
        read: impl Future<Output = Result<Option<T>, Problem>> + Send,
    ) -> Result<Option<T>, Problem> {
        if self.rehearses { Ok(Some(answered)) } else { read.await }
    }

    pub async fn write(&self, target: &TargetPlan, step: &Step, memory: &mut Memory) -> Result<Done, Problem> {
        let key = target.key.as_str();
        match &step.write {
            Write::Policy { rendered, had } => self.owned(target, rendered.as_ref(), had.is_some(), step, memory).await,
            Write::ConfigMap { rendered, had } => {
                self.owned(target, rendered.as_ref(), had.is_some(), step, memory).await
            }
            Write::Field { shape, value, .. } => self.fill(target, shape, value, step, memory).await,
            Write::Release { shape } => self.give_up(target, shape).await,
            Write::Remove { kind: Owned::NetworkPolicy, namespace, name, uid } => {
                self.remove::<NetworkPolicy>(key, namespace, name, uid.as_deref()).await
            }
            Write::Remove { kind: Owned::ConfigMap, namespace, name, uid } => {
                self.remove::<ConfigMap>(key, namespace, name, uid.as_deref()).await
            }
        }
    }

    /// Last questions before a write: does this replica still lead, and is this not one repair too many?
    pub fn may(&self, target: &TargetPlan, step: &Step, memory: &mut Memory) -> Result<(), Problem> {
        self.claimed()?;
        if memory.may_write(&target.spot, &step.fingerprint, self.now) {
            return Ok(());
        }
        let key = target.key.as_str();
        let message = format!(
            "{key} was changed back more than five times in ten minutes: another tool keeps writing it. Leeward has \
             stopped; make the other tool leave it alone"
        );
        Err(Problem::Veto(Veto::new(Reason::FieldConflict, message)))
    }

    pub fn claimed(&self) -> Result<(), Problem> {
        if (self.claim)() { Ok(()) } else { Err(Problem::NoClaim) }
    }

    pub async fn call<T>(
        &self,
        operation: &str,
        object: &str,
        answer: impl Future<Output = Result<T, kube::Error>> + Send,
    ) -> Result<T, Problem> {
        let Ok(answer) = tokio::time::timeout(PATIENCE, answer).await else {
            let seconds = PATIENCE.as_secs();
            return Err(Problem::Unreachable(format!("could not {operation} {object}: no answer within {seconds} s")));
        };
        answer.map_err(|e| Problem::of(operation, object, &e))
    }
}

/// An admission webhook, or somebody quicker than the read.
pub(super) fn altered(key: &str) -> Problem {
    let message = format!(
        "{key} reads back otherwise than it was written: an admission webhook or another tool alters it; make it leave \
         the object alone"
    );
    Problem::Veto(Veto::new(Reason::FieldConflict, message))
}

//! The end of a resource. What it wrote stays, unless its deletion policy says otherwise: then owned objects go and fields
//! are given up, before the finalizer lets the resource go.
//!
//! Nothing that cannot be given up holds a resource for ever: what a veto or missing rights keep in place stays, and an
//! event says so. Only an API server that does not answer is waited for.

use super::finalizer;
use super::keep::{Keep, Last};
use super::write::WriteError;
use super::{Reconciler, created};
use crate::allow::{Applied, Narrowing, PlanInput, apply, release};
use crate::api::ProtectedOrigin;
use crate::api::spec::{DeletionPolicy, Mode};
use crate::api::status::TargetState;
use crate::api::validated::Validated;
use crate::operate::key::OriginKey;
use crate::operate::origins::Malformed;
use jiff::Timestamp;
use kube::Resource;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Longest time for all writes.
const WRITES: Duration = Duration::from_secs(45);
/// How soon what could not be given up is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// Reason of the event about what stays.
const NOT_RELEASED: &str = "NotReleased";

impl Reconciler {
    /// Forgets an origin that is gone, and releases what it asked to be released.
    pub(super) async fn leave(&self, key: &OriginKey, keep: &mut Keep) {
        self.prober.forget(key).await;
        self.metrics.gone(&key.namespace, &key.name);
        let Some(last) = keep.last.take() else { return };
        let allowlist = &last.origin.allowlist;
        if allowlist.deletion != DeletionPolicy::Delete || allowlist.mode != Mode::Enforce || last.origin.suspend {
            return;
        }
        let left = match self.release(key, &last, keep).await {
            Some(applied) => left(&applied),
            None => Some("the API server did not answer in time".to_owned()),
        };
        if let Some(left) = left {
            tracing::warn!(origin = %key, left, "not released");
        }
    }

    /// Releases what an origin that is being deleted wrote, and lets it go.
    pub(super) async fn depart(
        &self,
        key: &OriginKey,
        object: &Arc<ProtectedOrigin>,
        keep: &mut Keep,
    ) -> Result<Option<Duration>, WriteError> {
        self.prober.forget(key).await;
        self.metrics.gone(&key.namespace, &key.name);
        keep.about(object.metadata.uid.as_deref().unwrap_or_default());
        if !keep.holds(object) {
            return Ok(None);
        }
        let left = match Validated::new(object) {
            Err(invalid) => Some(as_written(&invalid.to_string())),
            // A suspended resource writes nothing, not even at its end.
            Ok(origin) if finalizer::needed(&origin) && !origin.suspend => {
                let last = Last { origin: Arc::new(origin), created: created(object) };
                let Some(applied) = self.release(key, &last, keep).await.filter(|applied| !applied.again) else {
                    return Ok(Some(AGAIN));
                };
                left(&applied)
            }
            Ok(_) => None,
        };
        if let Some(left) = left {
            tracing::warn!(origin = %key, left, "not released");
            self.events.warn(&object.object_ref(&()), NOT_RELEASED, &left).await;
        }
        keep.last = None;
        self.finalizer(key, &object.metadata, keep, false).await.map(|()| None)
    }

    /// A resource that cannot be read is let go as it is: nobody knows what it asked for.
    pub(super) async fn let_go(&self, key: &OriginKey, object: &Malformed, keep: &mut Keep) -> Result<(), WriteError> {
        if finalizer::holds(object.meta.finalizers.as_ref()) {
            tracing::warn!(origin = %key, "deleted while it cannot be read: what it wrote stays");
            self.finalizer(key, &object.meta, keep, false).await?;
        }
        Ok(())
    }

    /// Gives up what can be given up; `None` where the API server did not answer in time.
    async fn release(&self, key: &OriginKey, last: &Last, keep: &mut Keep) -> Option<Applied> {
        let now = Timestamp::now();
        let neighbours = self.neighbours(&last.origin);
        let plan = release(&PlanInput {
            origin: &last.origin,
            uid: Some(&keep.uid),
            created: last.created,
            mode: Mode::Enforce,
            source: self.source.as_ref(),
            neighbours: &neighbours,
            own_addresses: &self.own_addresses,
            memory: &keep.memory,
            narrowing: &Narrowing::Now,
            now,
        });
        let claim = || self.claim.is_current();
        let mut memory = std::mem::take(&mut keep.memory);
        let applied = timeout(WRITES, apply(&self.client, &plan, &claim, &mut memory, now)).await.ok()?;
        for written in &applied.writes {
            tracing::info!(origin = %key, object = written.object, "released: the resource is going");
        }
        Some(applied)
    }
}

/// What stays although it was to go, in words.
fn left(applied: &Applied) -> Option<String> {
    let stays = |state: &TargetState| matches!(state, TargetState::Vetoed | TargetState::Conflict);
    let targets: Vec<String> = applied
        .targets
        .iter()
        .filter(|target| stays(&target.state))
        .map(|target| match &target.detail {
            Some(detail) => format!("{}: {detail}", target.name),
            None => target.name.clone(),
        })
        .collect();
    (!targets.is_empty()).then(|| as_written(&targets.join("; ")))
}

fn as_written(why: &str) -> String {
    format!("left as it was written: {why}")
}

//! The end of a resource. What it wrote stays, unless its deletion policy says otherwise: then owned
//! objects go and fields are given up.

use super::Reconciler;
use super::keep::Keep;
use crate::allow::{Narrowing, PlanInput, apply, release};
use crate::api::spec::{DeletionPolicy, Mode};
use crate::operate::key::OriginKey;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::timeout;

/// Longest time for all writes.
const WRITES: Duration = Duration::from_secs(45);

impl Reconciler {
    /// Forgets an origin that is gone, and releases what it asked to be released.
    pub(super) async fn leave(&self, key: &OriginKey, keep: &mut Keep) {
        self.prober.forget(key).await;
        let Some(last) = keep.last.take() else { return };
        let allowlist = &last.origin.allowlist;
        if allowlist.deletion != DeletionPolicy::Delete || allowlist.mode != Mode::Enforce {
            return;
        }
        let now = Timestamp::now();
        let plan = release(&PlanInput {
            origin: &last.origin,
            uid: Some(&keep.uid),
            created: last.created,
            mode: Mode::Enforce,
            source: self.source.as_ref(),
            neighbours: &[],
            own_addresses: &self.own_addresses,
            memory: &keep.memory,
            narrowing: &Narrowing::Now,
            now,
        });
        let claim = || self.claim.is_current();
        let mut memory = std::mem::take(&mut keep.memory);
        if let Ok(applied) = timeout(WRITES, apply(&self.client, &plan, &claim, &mut memory, now)).await {
            for written in &applied.writes {
                tracing::info!(origin = %key, object = written.object, "released: the resource is gone");
            }
        } else {
            tracing::warn!(origin = %key, "not released: the API server did not answer in time");
        }
    }
}

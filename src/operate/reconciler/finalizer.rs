//! The finalizer that keeps a resource until the fields which it filled in other people's objects have been given up.
//!
//! Owned objects need none: the garbage collector follows their owner reference. It is put on before the first write, and
//! only where deletion has something to give up: mode Enforce, deletionPolicy Delete, a target in somebody else's object,
//! a namespace that permits writes. Only there does Leeward hold the right to put it on.

use super::keep::{Held, Keep, version};
use super::write::{self, Of, What, WriteError};
use super::{Look, Reconciler};
use crate::allow::guard;
use crate::api::ProtectedOrigin;
use crate::api::names::RELEASE_FINALIZER;
use crate::api::spec::{DeletionPolicy, Mode};
use crate::api::validated::Validated;
use crate::operate::key::OriginKey;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Whether deletion has something to give up that nobody else would.
pub(super) fn needed(origin: &Validated) -> bool {
    let allowlist = &origin.allowlist;
    allowlist.mode == Mode::Enforce
        && allowlist.deletion == DeletionPolicy::Delete
        && allowlist.targets.iter().any(|target| target.field().is_some())
}

/// Whether these finalizers hold ours.
pub(super) fn holds(finalizers: Option<&Vec<String>>) -> bool {
    finalizers.is_some_and(|list| list.iter().any(|name| name == RELEASE_FINALIZER))
}

impl Reconciler {
    /// Puts the finalizer on before anything is written, and takes it off when deletion would give up nothing any more.
    /// An installation whose role does not allow it yet writes all the same: addresses that are not admitted hurt now.
    pub(super) async fn hold(&self, look: &Look<'_>, origin: &Validated, keep: &mut Keep) -> Result<(), WriteError> {
        let permitted = guard::not_permitted(self.source.as_ref(), &origin.namespace).is_none();
        let wanted = needed(origin) && permitted;
        if keep.holds(look.object) == wanted {
            return Ok(());
        }
        match self.finalizer(look.key, &look.object.metadata, keep, wanted).await {
            Err(error @ WriteError::Forbidden { .. }) => {
                tracing::warn!(origin = %look.key, %error, "its deletion will not be waited for");
                Ok(())
            }
            other => other,
        }
    }

    /// Puts the finalizer on, or takes it off; those of others stay.
    pub(super) async fn finalizer(
        &self,
        key: &OriginKey,
        meta: &ObjectMeta,
        keep: &mut Keep,
        on: bool,
    ) -> Result<(), WriteError> {
        let others = meta.finalizers.iter().flatten().filter(|name| *name != RELEASE_FINALIZER).cloned();
        let list = others.chain(on.then(|| RELEASE_FINALIZER.to_owned())).collect();
        let of = Of { namespace: Some(&key.namespace), name: &key.name, uid: meta.uid.as_deref() };
        let what = What::Finalizers { list, version: meta.resource_version.clone() };
        let written = write::apply::<ProtectedOrigin>(&self.client, &self.claim, of, &what).await?;
        keep.held = Some(Held { version: version(written.as_deref()), on });
        Ok(())
    }
}

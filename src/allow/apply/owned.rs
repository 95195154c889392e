//! Writes of objects that Leeward creates: whole, and only where the mark says that they are this origin's.

use super::problem::Problem;
use super::write::{Done, Writer, altered};
use crate::allow::guard;
use crate::allow::memory::Memory;
use crate::allow::plan::{Owned, Step, TargetPlan};
use crate::api::names::OBJECT_MANAGER;
use k8s_openapi::NamespaceResourceScope;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// An object of a kind that Leeward creates.
pub(super) trait Made:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned + Send + Sync
{
    const KIND: Owned;

    /// Whether an object is as rendered, in meaning.
    fn same(rendered: &Self, found: &Self) -> bool;
}

impl Writer<'_> {
    /// Creates the object, or overwrites the one that was planned for.
    pub async fn owned<K: Made>(
        &self,
        target: &TargetPlan,
        rendered: &K,
        had: bool,
        step: &Step,
        memory: &mut Memory,
    ) -> Result<Done, Problem> {
        let key = target.key.as_str();
        let name = rendered.meta().name.as_deref().unwrap_or_default();
        let api: Api<K> = self.made(rendered.meta().namespace.as_deref().unwrap_or_default());
        let found = self.call("get", key, api.get_opt(name)).await?;
        // The mark was read just now; uid and resourceVersion make sure that this very object is overwritten.
        if let Some(veto) = found.as_ref().and_then(|f| self.foreign(f)) {
            return Err(Problem::Veto(veto));
        }
        if found.as_ref().is_some_and(|f| K::same(rendered, f)) {
            return Ok(Done::AlreadyRight);
        }
        if found.is_some() != had {
            let what = if had { "was deleted" } else { "appeared" };
            return Err(Problem::Stale(format!("{key} {what} meanwhile")));
        }
        let mut body = rendered.clone();
        let mut params = PatchParams::apply(OBJECT_MANAGER);
        if let Some(found) = &found {
            body.meta_mut().uid.clone_from(&found.meta().uid);
            body.meta_mut().resource_version.clone_from(&found.meta().resource_version);
            params = params.force();
        }
        self.may(target, step, memory)?;
        let answered = self.call("apply", key, api.patch(name, &params, &Patch::Apply(&body))).await?;
        match self.read_back(answered, self.call("get", key, api.get_opt(name))).await? {
            Some(read) if K::same(rendered, &read) => Ok(Done::Wrote),
            Some(_) => Err(altered(key)),
            None => Err(Problem::Stale(format!("{key} was deleted right after it was written"))),
        }
    }

    /// Deletes the object that was planned for, if it is still ours.
    pub async fn remove<K: Made>(
        &self,
        key: &str,
        namespace: &str,
        name: &str,
        uid: Option<&str>,
    ) -> Result<Done, Problem> {
        let api: Api<K> = self.made(namespace);
        let Some(found) = self.call("get", key, api.get_opt(name)).await? else { return Ok(Done::AlreadyRight) };
        let meta = found.meta();
        let another = uid.is_some_and(|uid| meta.uid.as_deref() != Some(uid));
        if another || self.foreign(&found).is_some() {
            return Ok(Done::AlreadyRight);
        }
        self.claimed()?;
        let preconditions = Preconditions { uid: meta.uid.clone(), resource_version: meta.resource_version.clone() };
        let params = DeleteParams::background().preconditions(preconditions);
        match self.call("delete", key, api.delete(name, &params)).await {
            Ok(_) => Ok(Done::Wrote),
            Err(Problem::Stale(_)) => Ok(Done::AlreadyRight),
            Err(problem) => Err(problem),
        }
    }

    fn foreign<K: Made>(&self, found: &K) -> Option<guard::Veto> {
        guard::foreign_object(&K::KIND.to_string(), found.meta(), self.origin)
    }

    fn made<K: Made>(&self, namespace: &str) -> Api<K> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

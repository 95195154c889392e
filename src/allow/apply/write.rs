//! One write: read the object, see that it is still what was planned for, apply, read back.

use super::Claim;
use super::problem::Problem;
use crate::allow::guard::{self, Veto};
use crate::allow::memory::Memory;
use crate::allow::plan::{Step, TargetPlan, Write, annotation};
use crate::allow::render::ingress_annotation::{self, AnnotationShape};
use crate::allow::render::network_policy;
use crate::api::conditions::Reason;
use crate::api::names::OBJECT_MANAGER;
use jiff::Timestamp;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client};
use serde_json::Value;
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
    pub claim: Claim<'a>,
    pub now: Timestamp,
}

impl Writer<'_> {
    pub async fn write(&self, target: &TargetPlan, step: &Step, memory: &mut Memory) -> Result<Done, Problem> {
        let key = target.key.as_str();
        match &step.write {
            Write::Policy { rendered, had } => {
                let name = rendered.metadata.name.as_deref().unwrap_or_default();
                let api = self.policies(rendered.metadata.namespace.as_deref().unwrap_or_default());
                let found = self.call("get", key, api.get_opt(name)).await?;
                if found.is_some() != had.is_some() {
                    let what = if had.is_some() { "was deleted" } else { "appeared" };
                    if let Some(veto) = found.as_ref().and_then(|f| guard::foreign_object(f, self.origin)) {
                        return Err(Problem::Veto(veto));
                    }
                    if found.as_ref().is_some_and(|f| network_policy::same(rendered, f)) {
                        return Ok(Done::AlreadyRight);
                    }
                    return Err(Problem::Stale(format!("{key} {what} meanwhile")));
                }
                self.policy(&api, key, rendered, found.as_ref(), step, memory).await
            }
            Write::Annotation { shape, value, .. } => self.annotate(key, shape, value, step, memory).await,
            Write::Release { shape } => self.release(key, shape).await,
            Write::Remove { namespace, name, uid } => self.remove(key, namespace, name, uid.as_deref()).await,
        }
    }

    async fn policy(
        &self,
        api: &Api<NetworkPolicy>,
        key: &str,
        rendered: &NetworkPolicy,
        found: Option<&NetworkPolicy>,
        step: &Step,
        memory: &mut Memory,
    ) -> Result<Done, Problem> {
        let name = rendered.metadata.name.as_deref().unwrap_or_default();
        let mut body = rendered.clone();
        let mut params = PatchParams::apply(OBJECT_MANAGER);
        if let Some(found) = found {
            // The mark was read just now; uid and resourceVersion make sure that this very object is overwritten.
            if let Some(veto) = guard::foreign_object(found, self.origin) {
                return Err(Problem::Veto(veto));
            }
            if network_policy::same(rendered, found) {
                return Ok(Done::AlreadyRight);
            }
            body.metadata.uid.clone_from(&found.metadata.uid);
            body.metadata.resource_version.clone_from(&found.metadata.resource_version);
            params = params.force();
        }
        self.may(key, step, memory)?;
        self.call("apply", key, api.patch(name, &params, &Patch::Apply(&body))).await?;
        let read = self.call("get", key, api.get_opt(name)).await?;
        match read {
            Some(read) if network_policy::same(rendered, &read) => Ok(Done::Wrote),
            Some(_) => Err(altered(key)),
            None => Err(Problem::Stale(format!("{key} was deleted right after it was written"))),
        }
    }

    async fn annotate(
        &self,
        key: &str,
        shape: &AnnotationShape,
        value: &str,
        step: &Step,
        memory: &mut Memory,
    ) -> Result<Done, Problem> {
        let api = self.ingresses(&shape.namespace);
        let found = self.ingress(&api, key, shape).await?;
        let current = ingress_annotation::current(&found, shape.key);
        let holders = current.and_then(|_| ingress_annotation::holders(&found, shape.key, &shape.manager));
        let equal = current == Some(value);
        if let Some(veto) = annotation::conflict(key, shape.key, current, holders.as_ref(), equal) {
            return Err(Problem::Veto(veto));
        }
        if equal {
            return Ok(Done::AlreadyRight);
        }
        self.may(key, step, memory)?;
        self.patch(&api, key, shape, &ingress_annotation::patch(shape, Some(value))).await?;
        let read = self.ingress(&api, key, shape).await?;
        if ingress_annotation::current(&read, shape.key) == Some(value) { Ok(Done::Wrote) } else { Err(altered(key)) }
    }

    async fn release(&self, key: &str, shape: &AnnotationShape) -> Result<Done, Problem> {
        let api = self.ingresses(&shape.namespace);
        let found = match self.ingress(&api, key, shape).await {
            Ok(found) => found,
            // Nothing of ours is left on an Ingress that is gone or another one.
            Err(Problem::Stale(_) | Problem::Veto(Veto { reason: Reason::ReferenceNotFound, .. })) => {
                return Ok(Done::AlreadyRight);
            }
            Err(problem) => return Err(problem),
        };
        let ours =
            |ingress: &Ingress| ingress_annotation::holders(ingress, shape.key, &shape.manager).is_some_and(|h| h.ours);
        if !ours(&found) {
            return Ok(Done::AlreadyRight);
        }
        self.claimed()?;
        self.patch(&api, key, shape, &ingress_annotation::patch(shape, None)).await?;
        let read = self.ingress(&api, key, shape).await?;
        if ours(&read) { Err(altered(key)) } else { Ok(Done::Wrote) }
    }

    async fn remove(&self, key: &str, namespace: &str, name: &str, uid: Option<&str>) -> Result<Done, Problem> {
        let api = self.policies(namespace);
        let Some(found) = self.call("get", key, api.get_opt(name)).await? else { return Ok(Done::AlreadyRight) };
        let another = uid.is_some_and(|uid| found.metadata.uid.as_deref() != Some(uid));
        if another || guard::foreign_object(&found, self.origin).is_some() {
            return Ok(Done::AlreadyRight);
        }
        self.claimed()?;
        let preconditions = Preconditions {
            uid: found.metadata.uid.clone(),
            resource_version: found.metadata.resource_version.clone(),
        };
        let params = DeleteParams::background().preconditions(preconditions);
        match self.call("delete", key, api.delete(name, &params)).await {
            Ok(_) => Ok(Done::Wrote),
            Err(Problem::Stale(_)) => Ok(Done::AlreadyRight),
            Err(problem) => Err(problem),
        }
    }

    /// The Ingress that was planned for: another one of the same name is not touched.
    async fn ingress(&self, api: &Api<Ingress>, key: &str, shape: &AnnotationShape) -> Result<Ingress, Problem> {
        let found = self.call("get", key, api.get_opt(&shape.ingress)).await?;
        let found = found.ok_or_else(|| Problem::Veto(annotation::missing(&shape.namespace, &shape.ingress)))?;
        if found.metadata.uid.is_some() && found.metadata.uid == shape.uid {
            Ok(found)
        } else {
            Err(Problem::Stale(format!("{key} was replaced meanwhile")))
        }
    }

    async fn patch(&self, api: &Api<Ingress>, key: &str, shape: &AnnotationShape, body: &Value) -> Result<(), Problem> {
        let params = PatchParams::apply(&shape.manager);
        self.call("apply", key, api.patch(&shape.ingress, &params, &Patch::Apply(body))).await.map(drop)
    }

    fn policies(&self, namespace: &str) -> Api<NetworkPolicy> {
        Api::namespaced(self.client.clone(), namespace)
    }

    fn ingresses(&self, namespace: &str) -> Api<Ingress> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Last questions before a write: does this replica still lead, and is this not one repair too many?
    fn may(&self, key: &str, step: &Step, memory: &mut Memory) -> Result<(), Problem> {
        self.claimed()?;
        if memory.may_write(key, &step.fingerprint, self.now) {
            return Ok(());
        }
        let message = format!(
            "{key} was changed back more than five times in ten minutes: another tool keeps writing it. Leeward has \
             stopped; make the other tool leave it alone"
        );
        Err(Problem::Veto(Veto::new(Reason::FieldConflict, message)))
    }

    fn claimed(&self) -> Result<(), Problem> {
        if (self.claim)() { Ok(()) } else { Err(Problem::NoClaim) }
    }

    async fn call<T>(
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
fn altered(key: &str) -> Problem {
    let message = format!(
        "{key} reads back otherwise than it was written: an admission webhook or another tool alters it; make it leave \
         the object alone"
    );
    Problem::Veto(Veto::new(Reason::FieldConflict, message))
}

//! Writes of one field of an object that somebody else created: that very object, nothing else of it, and nothing that
//! somebody else holds.

use super::problem::Problem;
use super::write::{Done, Writer, altered};
use crate::allow::guard::{self, Veto};
use crate::allow::memory::Memory;
use crate::allow::plan::{Step, TargetPlan, field as plan};
use crate::allow::render::field::{self as render, FieldShape};
use crate::api::conditions::Reason;
use crate::observe::cluster::{Carrier, dynamic};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::Value;

impl Writer<'_> {
    pub async fn fill(
        &self,
        target: &TargetPlan,
        shape: &FieldShape,
        value: &Value,
        step: &Step,
        memory: &mut Memory,
    ) -> Result<Done, Problem> {
        let (key, field) = (target.key.as_str(), &shape.field);
        let found = self.carrier(key, shape).await?;
        let current = field.current(&found.value);
        let holders = render::holders(&found, shape);
        let equal = current.is_some_and(|v| render::same(field, v, value));
        // All that was asked of what the watch showed, of what stands there now.
        let refused = plan::conflict(key, &field.place, current, holders.as_ref(), equal)
            .or_else(|| guard::not_handed_over(field, &found, key, self.origin))
            .or_else(|| plan::unfit(key, field, &found.value));
        if let Some(veto) = refused {
            return Err(Problem::Veto(veto));
        }
        if equal {
            return Ok(Done::AlreadyRight);
        }
        self.may(target, step, memory)?;
        let answered = self.patch(key, shape, Some(value)).await?;
        let read = self.read_back(answered, async { self.carrier(key, shape).await.map(Some) }).await?;
        let right = read.and_then(|r| field.current(&r.value).map(|v| render::same(field, v, value)));
        if right == Some(true) { Ok(Done::Wrote) } else { Err(altered(key)) }
    }

    pub async fn give_up(&self, target: &TargetPlan, shape: &FieldShape) -> Result<Done, Problem> {
        let key = target.key.as_str();
        let found = match self.carrier(key, shape).await {
            Ok(found) => found,
            // Nothing of ours is left on an object that is gone or another one.
            Err(Problem::Stale(_) | Problem::Veto(Veto { reason: Reason::ReferenceNotFound, .. })) => {
                return Ok(Done::AlreadyRight);
            }
            Err(problem) => return Err(problem),
        };
        let ours = |object: &Carrier| render::holders(object, shape).is_some_and(|h| h.ours);
        if !ours(&found) {
            return Ok(Done::AlreadyRight);
        }
        if let Some(veto) = guard::not_handed_over(&shape.field, &found, key, self.origin) {
            return Err(Problem::Veto(veto));
        }
        self.claimed()?;
        self.patch(key, shape, None).await?;
        if ours(&self.carrier(key, shape).await?) { Err(altered(key)) } else { Ok(Done::Wrote) }
    }

    /// The object that was planned for: another one of the same name is not touched.
    async fn carrier(&self, key: &str, shape: &FieldShape) -> Result<Carrier, Problem> {
        let found = self.call("get", key, self.objects(shape).get_opt(&shape.field.object.name)).await?;
        let found = found.ok_or_else(|| Problem::Veto(plan::missing(key, &shape.field)))?;
        if found.metadata.uid.is_some() && found.metadata.uid == shape.uid {
            Ok(Carrier::of(&found))
        } else {
            Err(Problem::Stale(format!("{key} was replaced meanwhile")))
        }
    }

    async fn patch(&self, key: &str, shape: &FieldShape, value: Option<&Value>) -> Result<Carrier, Problem> {
        let body = render::patch(shape, value);
        let params = PatchParams::apply(&shape.manager);
        let api = self.objects(shape);
        let answer =
            self.call("apply", key, api.patch(&shape.field.object.name, &params, &Patch::Apply(&body))).await?;
        Ok(Carrier::of(&answer))
    }

    fn objects(&self, shape: &FieldShape) -> Api<DynamicObject> {
        dynamic(self.client.clone(), &shape.field.object.api, shape.namespace.as_deref().unwrap_or_default())
    }
}

//! Writing a resource's own status or finalizers: that alone, bound to the uid, only while this replica leads, and never
//! longer than the claim holds.

use crate::api::names::{FINALIZER_MANAGER, STATUS_MANAGER};
use crate::operate::client::CALL;
use crate::operate::lease::Claim;
use crate::operate::startup::words;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;

/// Why it was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("cannot patch {what}: this replica does not lead any more")]
    NoClaim { what: String },
    #[error("cannot patch {what}: the API server did not answer in time")]
    Timeout { what: String },
    #[error("cannot patch {what}: it was replaced meanwhile")]
    Replaced { what: String },
    #[error("cannot patch {what}: {problem}")]
    Forbidden { what: String, problem: String },
    #[error("cannot patch {what}: {problem}")]
    Api { what: String, problem: String },
}

/// The object and the uid that a write belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// Absent for cluster-scoped kinds.
    pub namespace: Option<&'a str>,
    pub name: &'a str,
    pub uid: Option<&'a str>,
}

/// What is written.
#[derive(Debug)]
pub enum What {
    /// By server-side apply.
    Status(Value),
    /// The whole list, as a patch of the version that was looked at. Server-side apply would take finalizers off that the
    /// API server itself put on (`orphan`, `foregroundDeletion`): they have no manager.
    Finalizers { list: Vec<String>, version: Option<String> },
}

impl What {
    const fn words(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Finalizers { .. } => "finalizers",
        }
    }
}

/// Writes a status and returns the new resourceVersion; `None` where the object is gone.
pub async fn status<K>(
    client: &Client,
    claim: &Claim,
    of: Of<'_>,
    status: &impl Serialize,
) -> Result<Option<String>, WriteError>
where
    K: Resource<DynamicType = ()>,
{
    apply::<K>(client, claim, of, &What::Status(json!(status))).await
}

/// Writes and returns the new resourceVersion; `None` where the object is gone.
pub async fn apply<K>(client: &Client, claim: &Claim, of: Of<'_>, what: &What) -> Result<Option<String>, WriteError>
where
    K: Resource<DynamicType = ()>,
{
    let resource = ApiResource::erase::<K>(&());
    // An object that does not fit its type must be written to all the same.
    let api: Api<DynamicObject> = match of.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let object = of.namespace.map_or_else(|| of.name.to_owned(), |n| format!("{n}/{}", of.name));
    let named = format!("{} of {} {object}", what.words(), resource.kind);
    let Some(left) = claim.remaining() else { return Err(WriteError::NoClaim { what: named }) };
    let patience = CALL.min(left);
    let answer = match what {
        What::Status(status) => {
            let params = PatchParams::apply(STATUS_MANAGER).force();
            let body = json!({
                "apiVersion": resource.api_version, "kind": resource.kind, "metadata": identity(of), "status": status,
            });
            timeout(patience, api.patch_status(of.name, &params, &Patch::Apply(&body))).await
        }
        What::Finalizers { list, version } => {
            let params = PatchParams { field_manager: Some(FINALIZER_MANAGER.to_owned()), ..PatchParams::default() };
            let body = json!({"metadata": {"uid": of.uid, "resourceVersion": version, "finalizers": list}});
            timeout(patience, api.patch(of.name, &params, &Patch::Merge(&body))).await
        }
    };
    match answer {
        Err(_) => Err(WriteError::Timeout { what: named }),
        Ok(Ok(written)) => Ok(written.metadata.resource_version),
        Ok(Err(kube::Error::Api(said))) if said.is_not_found() => Ok(None),
        Ok(Err(kube::Error::Api(said))) if said.is_conflict() => Err(WriteError::Replaced { what: named }),
        Ok(Err(kube::Error::Api(said))) if said.code == 403 => {
            Err(WriteError::Forbidden { what: named, problem: said.message.clone() })
        }
        Ok(Err(kube::Error::Api(said))) => Err(WriteError::Api { what: named, problem: said.message.clone() }),
        Ok(Err(error)) => Err(WriteError::Api { what: named, problem: words(&error) }),
    }
}

fn identity(of: Of<'_>) -> Value {
    let mut meta = json!({"name": of.name});
    for (key, value) in [("namespace", of.namespace), ("uid", of.uid)] {
        if let (Some(value), Some(meta)) = (value, meta.as_object_mut()) {
            meta.insert(key.to_owned(), json!(value));
        }
    }
    meta
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ProtectedOrigin;
    use crate::operate::client::saying;
    use crate::operate::lease::Held;
    use std::time::Duration;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn what_was_not_written_is_named_with_the_reason() {
        let of = Of { namespace: Some("shop"), name: "web", uid: Some("u") };
        let (lease, claim) = Claim::channel();
        let says = async |code, said| {
            status::<ProtectedOrigin>(&saying(code, said), &claim, of, &json!({})).await.unwrap_err().to_string()
        };
        let what = "cannot patch status of ProtectedOrigin shop/web";
        assert_eq!(says(500, "").await, format!("{what}: this replica does not lead any more"));
        lease.send_replace(Some(Held { until: Instant::now() + Duration::from_hours(1), term: 1 }));
        assert_eq!(says(0, "").await, format!("{what}: the API server did not answer in time"));
        assert_eq!(says(409, "Conflict").await, format!("{what}: it was replaced meanwhile"));
        assert_eq!(says(403, "Forbidden").await, format!("{what}: Forbidden"));
        assert_eq!(says(500, "InternalError").await, format!("{what}: InternalError"));
    }
}

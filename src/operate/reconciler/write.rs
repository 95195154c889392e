//! Writing a status: server-side apply of the status alone, bound to the uid, only while this replica
//! leads, and never longer than the claim holds.

use crate::api::names::STATUS_MANAGER;
use crate::operate::client::CALL;
use crate::operate::lease::Claim;
use crate::operate::startup::words;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;

/// Why a status was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("cannot patch status of {kind} {object}: this replica does not lead any more")]
    NoClaim { kind: String, object: String },
    #[error("cannot patch status of {kind} {object}: the API server did not answer in time")]
    Timeout { kind: String, object: String },
    #[error("cannot patch status of {kind} {object}: it was replaced meanwhile")]
    Replaced { kind: String, object: String },
    #[error("cannot patch status of {kind} {object}: {problem}")]
    Api { kind: String, object: String, problem: String },
}

/// The object and the uid that a status belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// Absent for cluster-scoped kinds.
    pub namespace: Option<&'a str>,
    pub name: &'a str,
    pub uid: Option<&'a str>,
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
    let resource = ApiResource::erase::<K>(&());
    // An object that does not fit its type must be written to all the same.
    let api: Api<DynamicObject> = match of.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let kind = || resource.kind.clone();
    let object = || of.namespace.map_or_else(|| of.name.to_owned(), |n| format!("{n}/{}", of.name));
    let body = body(&resource, of, status);
    let params = PatchParams::apply(STATUS_MANAGER).force();
    let Some(left) = claim.remaining() else { return Err(WriteError::NoClaim { kind: kind(), object: object() }) };
    match timeout(CALL.min(left), api.patch_status(of.name, &params, &Patch::Apply(&body))).await {
        Err(_) => Err(WriteError::Timeout { kind: kind(), object: object() }),
        Ok(Ok(written)) => Ok(written.metadata.resource_version),
        Ok(Err(kube::Error::Api(said))) if said.is_not_found() => Ok(None),
        Ok(Err(kube::Error::Api(said))) if said.is_conflict() => {
            Err(WriteError::Replaced { kind: kind(), object: object() })
        }
        Ok(Err(kube::Error::Api(said))) => {
            Err(WriteError::Api { kind: kind(), object: object(), problem: said.message.clone() })
        }
        Ok(Err(error)) => Err(WriteError::Api { kind: kind(), object: object(), problem: words(&error) }),
    }
}

fn body(resource: &ApiResource, of: Of<'_>, status: &impl Serialize) -> Value {
    let mut meta = json!({"name": of.name});
    for (key, value) in [("namespace", of.namespace), ("uid", of.uid)] {
        if let (Some(value), Some(meta)) = (value, meta.as_object_mut()) {
            meta.insert(key.to_owned(), json!(value));
        }
    }
    json!({"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, "status": status})
}

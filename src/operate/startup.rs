//! Before anything is watched: are the kinds there, and may they be listed? Missing CRDs or rights do
//! not end the process. It waits, says once every 30 seconds which verb on which resource is missing, and
//! asks no more than one question for each time it says so.

use crate::api::{ProtectedOrigin, ProxyNetwork};
use crate::operate::client::CALL;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::{Api, Client, Resource};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Between two lines in the log, and at least between two questions.
const PAUSE: Duration = Duration::from_secs(30);
/// Most questions in a minute while waiting.
const MOST_A_MINUTE: usize = 10;
const MINUTE: Duration = Duration::from_mins(1);

/// The API server cannot be reached at all.
#[derive(Debug, thiserror::Error)]
#[error("no API server at {url}: {problem}")]
pub struct NoApiServer {
    pub url: String,
    pub problem: String,
}

/// Something that has to be allowed.
#[derive(Clone, Debug)]
struct Need {
    resource: ApiResource,
    namespace: Option<String>,
    /// Get this object; else list.
    get: Option<String>,
}

impl Need {
    fn list<K: Resource<DynamicType = ()>>(namespace: Option<&str>) -> Self {
        Self { resource: ApiResource::erase::<K>(&()), namespace: namespace.map(str::to_owned), get: None }
    }

    fn what(&self) -> String {
        let verb = if self.get.is_some() { "get" } else { "list" };
        let group = if self.resource.group.is_empty() { String::new() } else { format!(".{}", self.resource.group) };
        let place = self.namespace.as_ref().map_or_else(String::new, |n| format!(" in namespace {n}"));
        format!("{verb} {}{group}{place}", self.resource.plural)
    }

    /// What is missing, or nothing.
    async fn missing(&self, client: &Client) -> Option<String> {
        let api: Api<DynamicObject> = match &self.namespace {
            None => Api::all_with(client.clone(), &self.resource),
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
        };
        let asking = async {
            match &self.get {
                Some(name) => api.get_opt(name).await.map(|_| ()),
                None => api.list(&ListParams::default().limit(1)).await.map(|_| ()),
            }
        };
        match timeout(CALL, asking).await {
            Ok(Ok(())) => None,
            Ok(Err(kube::Error::Api(said))) if said.is_not_found() => Some(format!(
                "the kind {} ({}) does not exist: apply the CRDs (leeward crds | kubectl apply --server-side -f -)",
                self.resource.kind, self.resource.api_version
            )),
            Ok(Err(kube::Error::Api(said))) if said.is_forbidden() => {
                Some(format!("not allowed to {}: bind the ClusterRole of deploy/ to this service account", self.what()))
            }
            Ok(Err(error)) => Some(format!("cannot {}: {}", self.what(), words(&error))),
            Err(_) => Some(format!("cannot {}: no answer in time", self.what())),
        }
    }
}

/// Waits until everything is there. False: told to stop meanwhile.
pub async fn wait(client: &Client, own: (&str, &str), watched: &[String], stop: &CancellationToken) -> bool {
    // The question whether there is an API server counts as well.
    let mut asked: VecDeque<Instant> = VecDeque::from([Instant::now()]);
    for need in needs(own, watched) {
        asked.push_back(Instant::now());
        let Some(mut missing) = need.missing(client).await else { continue };
        loop {
            tracing::warn!(missing, "waiting");
            tokio::select! {
                () = stop.cancelled() => return false,
                () = sleep(PAUSE) => {}
            }
            let now = Instant::now();
            asked.retain(|at| now.saturating_duration_since(*at) < MINUTE);
            if asked.len() >= MOST_A_MINUTE {
                continue;
            }
            asked.push_back(now);
            match need.missing(client).await {
                Some(still) => missing = still,
                None => break,
            }
        }
    }
    !stop.is_cancelled()
}

fn needs((namespace, name): (&str, &str), watched: &[String]) -> Vec<Need> {
    let scope = watched.first().map(String::as_str);
    vec![
        Need::list::<ProtectedOrigin>(scope),
        Need::list::<ProxyNetwork>(None),
        Need::list::<Namespace>(None),
        Need::list::<Node>(None),
        Need::list::<Service>(scope),
        Need::list::<EndpointSlice>(scope),
        Need::list::<Pod>(scope),
        Need::list::<NetworkPolicy>(scope),
        Need::list::<Ingress>(scope),
        Need { get: Some(name.to_owned()), ..Need::list::<Lease>(Some(namespace)) },
    ]
}

/// Whether there is an API server at all, to tell a wrong address from missing rights.
pub async fn reach(client: &Client, url: &str) -> Result<(), NoApiServer> {
    let failed = |problem: String| NoApiServer { url: url.to_owned(), problem };
    match timeout(CALL, client.apiserver_version()).await {
        // An answer, whatever it says.
        Ok(Ok(_) | Err(kube::Error::Api(_))) => Ok(()),
        Ok(Err(error)) => Err(failed(words(&error))),
        Err(_) => Err(failed("no answer in time".to_owned())),
    }
}

/// An error with what is behind it, in one line.
pub fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::client::saying;

    #[tokio::test(start_paused = true)]
    async fn what_is_waited_for_is_named_with_the_way_to_give_it() {
        let need = Need::list::<Pod>(Some("shop"));
        for (code, said, wanted) in [
            (
                404,
                "NotFound",
                "the kind Pod (v1) does not exist: apply the CRDs (leeward crds | kubectl apply --server-side -f -)",
            ),
            (
                403,
                "Forbidden",
                "not allowed to list pods in namespace shop: bind the ClusterRole of deploy/ to this service account",
            ),
            (0, "", "cannot list pods in namespace shop: no answer in time"),
        ] {
            assert_eq!(need.missing(&saying(code, said)).await.as_deref(), Some(wanted));
        }
        let silent = reach(&saying(0, ""), "https://203.0.113.1:6443").await.unwrap_err();
        assert_eq!(silent.to_string(), "no API server at https://203.0.113.1:6443: no answer in time");
    }
}

//! Why a watch cannot begin where the cluster is not at fault: the kind belongs to a project that is not installed, or this
//! installation lacks the right to it. That is said once and looked at again now and then, and must not become a loop of
//! errors.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::Client;
use kube::runtime::watcher;
use std::time::Duration;

/// Until what is absent or not permitted is asked for again.
pub(super) const SLOWLY: Duration = Duration::from_mins(1);

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// The cluster does not serve the kind.
    Kind,
    /// It does, and not for us; what the API server said.
    Right(String),
}

/// What an error of a watch says to be missing; `None` for every other error.
pub(super) async fn absence(
    client: &Client,
    api_version: &str,
    plural: &str,
    error: &watcher::Error,
) -> Option<Absence> {
    let (watcher::Error::InitialListFailed(refused) | watcher::Error::WatchStartFailed(refused)) = error else {
        return None;
    };
    let kube::Error::Api(status) = refused else { return None };
    match status.code {
        404 => Some(Absence::Kind),
        // Whoever lacks rights is refused before anybody looks whether the kind exists.
        403 if !is_served(client, api_version, plural).await => Some(Absence::Kind),
        403 => Some(Absence::Right(problem(error))),
        _ => None,
    }
}

/// Whether the cluster has the kind. Everybody may ask that.
async fn is_served(client: &Client, api_version: &str, plural: &str) -> bool {
    let answer: kube::Result<APIResourceList> = if api_version.contains('/') {
        client.list_api_group_resources(api_version).await
    } else {
        client.list_core_api_resources(api_version).await
    };
    match answer {
        Ok(list) => list.resources.iter().any(|r| r.name == plural),
        Err(kube::Error::Api(status)) => status.code != 404,
        Err(_) => true,
    }
}

/// What was asked, and what the API server said.
pub(super) fn problem(error: &watcher::Error) -> String {
    let said = |error: &kube::Error| match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    };
    match error {
        watcher::Error::InitialListFailed(e) => format!("list failed: {}", said(e)),
        watcher::Error::WatchStartFailed(e) | watcher::Error::WatchFailed(e) => format!("watch failed: {}", said(e)),
        watcher::Error::WatchError(status) => format!("watch failed: {}", status.message),
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;

    /// A server of some API resources, and of nothing else.
    fn server(path: &'static str, plural: &'static str) -> Client {
        let answer = move |request: Request<Body>| async move {
            let (code, body) = if request.uri().path() == path {
                let resource =
                    json!({"name": plural, "singularName": "", "namespaced": true, "kind": "X", "verbs": []});
                (200, json!({"groupVersion": "x", "resources": [resource]}))
            } else {
                (
                    404,
                    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound", "message": "no"}),
                )
            };
            let body = Body::from(body.to_string().into_bytes());
            Ok::<_, std::io::Error>(Response::builder().status(code).body(body).unwrap())
        };
        Client::new(tower::service_fn(answer), "default")
    }

    fn refused(code: u16) -> watcher::Error {
        let status = kube::core::Status::failure("things is forbidden", "Forbidden").with_code(code);
        watcher::Error::InitialListFailed(kube::Error::Api(status.boxed()))
    }

    #[test]
    fn what_the_api_server_said_is_told_with_what_was_asked() {
        assert_eq!(problem(&refused(403)), "list failed: things is forbidden");
        let ended = watcher::Error::WatchError(kube::core::Status::failure("too old", "Expired").boxed());
        assert_eq!(problem(&ended), "watch failed: too old");
    }

    #[tokio::test]
    async fn a_missing_right_is_told_from_a_missing_kind() {
        let gateway = server("/apis/gateway.networking.k8s.io/v1", "httproutes");
        let core = server("/api/v1", "configmaps");
        let right = Some(Absence::Right("list failed: things is forbidden".to_owned()));
        for (client, api_version, plural, code, expected) in [
            (&gateway, "gateway.networking.k8s.io/v1", "httproutes", 403, right.clone()),
            (&gateway, "gateway.networking.k8s.io/v1", "gateways", 403, Some(Absence::Kind)),
            (&gateway, "traefik.io/v1alpha1", "middlewares", 403, Some(Absence::Kind)),
            (&gateway, "gateway.networking.k8s.io/v1", "httproutes", 404, Some(Absence::Kind)),
            (&gateway, "gateway.networking.k8s.io/v1", "httproutes", 500, None),
            (&core, "v1", "configmaps", 403, right),
        ] {
            assert_eq!(
                absence(client, api_version, plural, &refused(code)).await,
                expected,
                "{api_version} {plural} {code}"
            );
        }
    }
}

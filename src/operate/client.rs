//! The client of the API server: every write is counted by kind and verb as it leaves, so that the
//! number is what was sent and not what somebody meant to send.

use crate::report::metrics::{Labels, Metrics, Verb, Write, Written};
use http::{Method, Request};
use kube::client::ClientBuilder;
use kube::{Client, Config};
use std::task::{Context, Poll};
use std::time::Duration;
use tower::{Layer, Service};

/// Longest wait for any one answer.
pub const CALL: Duration = Duration::from_secs(10);

/// A client that counts its writes.
pub fn counted(config: Config, metrics: Metrics) -> Result<Client, kube::Error> {
    Ok(ClientBuilder::try_from(config)?.with_layer(&Counted { metrics }).build())
}

#[derive(Clone, Debug)]
struct Counted {
    metrics: Metrics,
}

impl<S> Layer<S> for Counted {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting { inner, metrics: self.metrics.clone() }
    }
}

/// Counts and passes on.
#[derive(Clone, Debug)]
struct Counting<S> {
    inner: S,
    metrics: Metrics,
}

impl<S, B> Service<Request<B>> for Counting<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        if let Some(write) = write(request.method(), request.uri().path()) {
            self.metrics.series().writes.get_or_create(&Labels(write)).inc();
        }
        self.inner.call(request)
    }
}

/// Which write a request is, if it is one.
fn write(method: &Method, path: &str) -> Option<Write> {
    let verb = match *method {
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE => Verb::Delete,
        _ => return None,
    };
    let has = |part: &str| path.split('/').any(|p| p == part);
    let kind = [
        ("leases", Written::Lease),
        ("events", Written::Event),
        ("protectedorigins", Written::ProtectedOrigin),
        ("proxynetworks", Written::ProxyNetwork),
        ("networkpolicies", Written::NetworkPolicy),
        ("ingresses", Written::Ingress),
    ]
    .into_iter()
    .find_map(|(plural, kind)| has(plural).then_some(kind))
    .unwrap_or(Written::Other);
    Some(Write { kind, verb })
}

/// An API server that answers everything with this error, or nothing at all with 0.
#[cfg(test)]
pub(crate) fn saying(code: u16, said: &'static str) -> kube::Client {
    let answer = tower::service_fn(move |_: http::Request<kube::client::Body>| async move {
        if code == 0 {
            std::future::pending::<()>().await;
        }
        let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": said,
            "reason": said, "code": code});
        let body = kube::client::Body::from(status.to_string().into_bytes());
        Ok::<_, std::convert::Infallible>(http::Response::builder().status(code).body(body).unwrap())
    });
    kube::Client::new(answer, "default")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_told_from_reads_by_method_and_kind() {
        let of = |method: Method, path: &str| write(&method, path).map(|w| (w.kind, w.verb));
        let status = "/apis/leeward.dev/v1alpha1/namespaces/shop/protectedorigins/shop/status";
        assert_eq!(of(Method::GET, status), None);
        assert_eq!(of(Method::PATCH, status), Some((Written::ProtectedOrigin, Verb::Patch)));
        assert_eq!(
            of(Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/x/leases/leeward"),
            Some((Written::Lease, Verb::Update))
        );
        assert_eq!(
            of(Method::POST, "/apis/events.k8s.io/v1/namespaces/shop/events"),
            Some((Written::Event, Verb::Create))
        );
        assert_eq!(of(Method::DELETE, "/api/v1/namespaces/x/pods/y"), Some((Written::Other, Verb::Delete)));
    }
}

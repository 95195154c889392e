//! A client that cannot change anything: whatever is sent through it, the API server is asked only to judge it.

use futures::future::{Either, Ready, ready};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri};
use kube::client::ClientBuilder;
use kube::{Client, Config};
use std::fmt;
use std::task::{Context, Poll};
use tower::{BoxError, Layer, Service};

/// A client whose every write is a server-side dry run. Nobody who holds one has to remember it: the request itself is
/// changed on its way out, and one that cannot be a dry run is not sent.
#[derive(Clone)]
pub struct DryRun(Client);

impl DryRun {
    /// For the cluster of this configuration.
    pub fn new(config: Config) -> Result<Self, kube::Error> {
        Ok(Self(ClientBuilder::try_from(config)?.with_layer(&OnlyDry).build()))
    }

    /// For an API server that a test makes.
    #[cfg(test)]
    pub(super) const fn over(client: Client) -> Self {
        Self(client)
    }

    pub(super) const fn client(&self) -> &Client {
        &self.0
    }
}

impl fmt::Debug for DryRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DryRun").finish_non_exhaustive()
    }
}

/// The layer that makes it so.
#[derive(Clone, Copy, Debug)]
struct OnlyDry;

impl<S> Layer<S> for OnlyDry {
    type Service = Dried<S>;

    fn layer(&self, inner: S) -> Dried<S> {
        Dried(inner)
    }
}

/// Passes on what cannot change anything.
#[derive(Clone, Debug)]
struct Dried<S>(S);

impl<S, B> Service<Request<B>> for Dried<S>
where
    S: Service<Request<B>, Error = BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Either<Ready<Result<S::Response, BoxError>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match dried(request.method(), request.uri()) {
            Ok(uri) => {
                *request.uri_mut() = uri;
                Either::Right(self.0.call(request))
            }
            Err(problem) => Either::Left(ready(Err(problem))),
        }
    }
}

/// The address to which a request may go. The API server reads the options of a patch from there; those of a deletion may
/// stand in its body, and then the address does not count.
fn dried(method: &Method, uri: &Uri) -> Result<Uri, BoxError> {
    if [Method::GET, Method::HEAD].contains(method) {
        return Ok(uri.clone());
    }
    if *method != Method::PATCH {
        return Err(format!("{method} is not sent: only an applied configuration can be tried without effect").into());
    }
    let joint = if uri.query().is_some_and(|query| !query.is_empty()) { "&" } else { "" };
    let text = format!("{}?{}{joint}dryRun=All", uri.path(), uri.query().unwrap_or_default());
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text)?);
    Ok(Uri::from_parts(parts)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(method: &Method, uri: &str) -> Option<String> {
        dried(method, &uri.parse().unwrap()).ok().map(|uri| uri.to_string())
    }

    #[test]
    fn a_patch_becomes_a_dry_run_whatever_it_was() {
        let path = "/api/v1/namespaces/shop/configmaps/a";
        for (query, wanted) in [
            ("", "?dryRun=All"),
            ("?", "?dryRun=All"),
            ("?&fieldManager=leeward&force=true", "?&fieldManager=leeward&force=true&dryRun=All"),
            ("?dryRun=All", "?dryRun=All&dryRun=All"),
        ] {
            assert_eq!(sent(&Method::PATCH, &format!("{path}{query}")), Some(format!("{path}{wanted}")));
        }
        let whole = sent(&Method::PATCH, "https://server.example:6443/api/v1/nodes/a").unwrap();
        assert_eq!(whole, "https://server.example:6443/api/v1/nodes/a?dryRun=All");
    }

    #[test]
    fn a_read_passes_and_nothing_else_is_sent() {
        let uri = "/api/v1/namespaces/shop/configmaps?watch=true";
        assert_eq!(sent(&Method::GET, uri).as_deref(), Some(uri));
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let refused = dried(&method, &format!("{uri}&dryRun=All").parse().unwrap()).unwrap_err();
            assert_eq!(
                refused.to_string(),
                format!("{method} is not sent: only an applied configuration can be tried without effect")
            );
        }
    }
}

//! Fetching documents: https only, to checked addresses only, bounded in size and time.
//!
//! Whoever may write a `ProxyNetwork` chooses the URL, and the answer steers what every site of the cluster admits. So the
//! guard's deny set binds here too, no redirect leaves the host, proxies of the environment are ignored, and one document
//! that fails refuses all documents of the feed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use url::{Host, Url, form_urlencoded};

use crate::api::proxy_network::FeedMethod;
use crate::net::RangeSet;
use crate::net::guard::{Checked, Denied};

use super::parse::{self, FeedError, ParseProblem, Shape, Unreachable};
use super::records;
use super::resolve::{GuardedResolver, Lookup, LookupError};
use super::source::HttpFeed;

/// Largest document read. One provider's file has about 17,000 entries of text around the few that count.
const MOST_BYTES: usize = 16 << 20;

/// Redirects followed on the same host.
const MOST_REDIRECTS: usize = 3;

/// Time for a connection with its handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for one document.
const TOTAL_TIMEOUT: Duration = Duration::from_mins(1);

/// The guard's word on an address of a feed; asked anew for each connection, as the cluster's facts change.
pub type Gate = Arc<dyn Fn(SocketAddr) -> Result<Checked, Denied> + Send + Sync>;

/// Fetches feeds.
#[derive(Clone)]
pub struct FeedClient {
    http: Client,
    /// For signed requests: a signature is for one place, so nothing is followed.
    calls: Client,
    lookup: Arc<dyn Lookup>,
    gate: Gate,
}

impl std::fmt::Debug for FeedClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FeedClient").finish_non_exhaustive()
    }
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SetupError(#[from] reqwest::Error);

impl FeedClient {
    /// A client that trusts what `tls` trusts and connects where `gate` lets it.
    pub fn new(lookup: Arc<dyn Lookup>, gate: Gate, tls: rustls::ClientConfig) -> Result<Self, SetupError> {
        let redirects = Gate::clone(&gate);
        let same_host = Policy::custom(move |attempt| {
            let same_host = attempt.previous().last().is_some_and(|from| from.host() == attempt.url().host());
            let allowed =
                same_host && attempt.previous().len() <= MOST_REDIRECTS && check(attempt.url(), &redirects).is_ok();
            if allowed { attempt.follow() } else { attempt.stop() }
        });
        let client = |tls: rustls::ClientConfig, redirect| {
            Client::builder()
                .tls_backend_preconfigured(tls)
                .dns_resolver(GuardedResolver::new(Arc::clone(&lookup), Gate::clone(&gate)))
                .redirect(redirect)
                .retry(reqwest::retry::never())
                .https_only(true)
                .no_proxy()
                .referer(false)
                .pool_max_idle_per_host(0)
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(TOTAL_TIMEOUT)
                .user_agent(concat!("leeward/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        let (http, calls) = (client(tls.clone(), same_host)?, client(tls, Policy::none())?);
        Ok(Self { http, calls, lookup, gate })
    }

    /// All documents of a feed as one list, or none.
    pub async fn fetch(&self, feed: &HttpFeed) -> Result<RangeSet, FeedError> {
        let mut list = RangeSet::empty();
        for url in &feed.urls {
            let body = self.body(feed, url).await?;
            let shape = feed.shape.clone();
            // A large document takes a while to take apart; the probers' threads must not wait for it.
            let parsed = tokio::task::spawn_blocking(move || parse::document(&body, &shape)).await;
            let parsed = parsed.unwrap_or(Err(ParseProblem::NotText));
            list = list.union(&parsed.map_err(|problem| unparsable(url, problem))?);
        }
        Ok(list)
    }

    /// The list in the TXT records of a name. Only resolvers are asked: no connection goes where a record points.
    pub async fn records(&self, name: &str) -> Result<RangeSet, FeedError> {
        records::follow(self.lookup.as_ref(), name).await
    }

    /// One request to an API: the status and the whole body of what it answers.
    pub(super) async fn call(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: String,
    ) -> Result<(u16, Vec<u8>), FeedError> {
        let request = self.calls.request(method, url.clone()).headers(headers).body(body);
        let response = self.send(&url, request).await?;
        let status = response.status().as_u16();
        Ok((status, read(response).await.map_err(|how| unreachable(&url, how))?))
    }

    /// Sends a request where the gate lets it; an answer that is a redirection is none.
    async fn send(&self, url: &Url, request: RequestBuilder) -> Result<Response, FeedError> {
        check(url, &self.gate).map_err(|_| FeedError::Forbidden { host: host(url) })?;
        let response = request.send().await.map_err(|error| failed(url, &error))?;
        if response.status().is_redirection() { Err(unreachable(url, Unreachable::Redirect)) } else { Ok(response) }
    }

    async fn body(&self, feed: &HttpFeed, url: &Url) -> Result<Vec<u8>, FeedError> {
        let request = match feed.method {
            FeedMethod::GET => self.http.get(url.clone()),
            FeedMethod::POST => {
                let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&feed.form).finish();
                self.http.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
            }
        };
        let response = self.send(url, request).await?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(unreachable(url, Unreachable::Status(status.as_u16())));
        }
        check_type(response.headers(), &feed.shape).map_err(|problem| unparsable(url, problem))?;
        read(response).await.map_err(|how| unreachable(url, how))
    }
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

fn unreachable(url: &Url, how: Unreachable) -> FeedError {
    FeedError::Unreachable { host: host(url), how }
}

/// Why nothing came back.
fn failed(url: &Url, error: &reqwest::Error) -> FeedError {
    if is_forbidden(error) { FeedError::Forbidden { host: host(url) } } else { unreachable(url, how(error)) }
}

/// Reads a body up to the cap.
async fn read(mut response: Response) -> Result<Vec<u8>, Unreachable> {
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    if announced > MOST_BYTES {
        return Err(Unreachable::TooLarge);
    }
    let mut body = Vec::with_capacity(announced.min(1 << 16));
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MOST_BYTES => return Err(Unreachable::TooLarge),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => return Err(Unreachable::Timeout),
            Err(_) => return Err(Unreachable::Interrupted),
        }
    }
}

/// A host that is a literal never reaches the resolver, and the resolver never sees the port: both are judged here.
fn check(url: &Url, gate: &Gate) -> Result<(), Denied> {
    let port = url.port_or_known_default().unwrap_or(443);
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        // The port alone: judged with an address that no other rule denies.
        Some(Host::Domain(_)) | None => IpAddr::V4(PORT_ONLY),
    };
    gate(SocketAddr::new(literal, port)).map(|_| ())
}

/// A public address, of the documentation range so that nobody's own rules name it.
const PORT_ONLY: std::net::Ipv4Addr = std::net::Ipv4Addr::new(192, 0, 2, 0);

/// A list is text or JSON, and is not compressed.
fn check_type(headers: &HeaderMap, shape: &Shape) -> Result<(), ParseProblem> {
    let encoding = headers.get(CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase());
    if encoding.is_some_and(|encoding| encoding != b"identity") {
        return Err(ParseProblem::ContentType);
    }
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let text = value.to_str().map_err(|_| ParseProblem::ContentType)?.to_ascii_lowercase();
    let essence = text.split(';').next().unwrap_or_default().trim();
    if matches!(essence, "text/html" | "application/xhtml+xml") {
        return Err(ParseProblem::WebPage);
    }
    let opaque = matches!(essence, "text/plain" | "application/octet-stream" | "binary/octet-stream");
    let fits = match shape {
        Shape::Json { .. } => essence.ends_with("json") || essence.ends_with("+json"),
        Shape::Lines => essence.starts_with("text/") && essence != "text/xml",
        Shape::Columns(_) => matches!(essence, "text/csv" | "application/csv" | "text/comma-separated-values"),
    };
    if opaque || fits { Ok(()) } else { Err(ParseProblem::ContentType) }
}

fn unparsable(url: &Url, problem: ParseProblem) -> FeedError {
    FeedError::Unparsable { document: format!("{}{}", url.host_str().unwrap_or_default(), url.path()), problem }
}

/// Our resolver's verdict, found behind the client's own errors.
fn lookup_error(error: &reqwest::Error) -> Option<LookupError> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<LookupError>() {
            return Some(*found);
        }
        cause = error.source();
    }
    None
}

fn is_forbidden(error: &reqwest::Error) -> bool {
    lookup_error(error) == Some(LookupError::Forbidden)
}

fn how(error: &reqwest::Error) -> Unreachable {
    match lookup_error(error) {
        Some(LookupError::Unresolved | LookupError::Forbidden) => Unreachable::Name,
        None if error.is_timeout() => Unreachable::Timeout,
        None if error.is_redirect() => Unreachable::Redirect,
        None if error.is_connect() => Unreachable::Connect,
        None => Unreachable::Interrupted,
    }
}

#[cfg(test)]
mod tests;

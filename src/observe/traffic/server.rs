//! A Prometheus, or anything that speaks its query API. The administrator chose it, so the egress guard does not bind it;
//! it is asked patiently, within bounds, and never twice for the same thing.

use super::answer::{self, Point};
use super::resolve::SystemResolver;
use crate::evidence::fact::Why;
use crate::observe::probe::Prober;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Patience with one query.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer: a day of windows is some 10 KiB.
const MOST_BYTES: usize = 1 << 20;

/// A server with a client for it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Server {
    base: Url,
    http: Client,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ServerError(#[from] reqwest::Error);

/// A base URL of the query API, from a flag.
pub fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL ({error}): write http://HOST:PORT"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("must begin with http:// or https:// and name a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password: leave them out".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end with its path: leave out what follows ? or #".to_owned());
    }
    Ok(url)
}

impl Server {
    /// A client with the prober's trust, and with valid certificates only.
    pub fn new(base: &Url, prober: &Prober) -> Result<Self, ServerError> {
        let mut builder = Client::builder()
            .tls_backend_preconfigured(prober.verifying_tls())
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .pool_max_idle_per_host(2)
            .connect_timeout(PATIENCE / 2)
            .timeout(PATIENCE)
            .user_agent(concat!("leeward/", env!("CARGO_PKG_VERSION")));
        if let Some(resolver) = SystemResolver::new() {
            builder = builder.dns_resolver(Arc::new(resolver));
        }
        Ok(Self { base: base.clone(), http: builder.build()? })
    }

    /// The value of a query at a time.
    pub async fn at(&self, query: &str, now: i64) -> Result<f64, Why> {
        let body = self.get("query", &[("query", query), ("time", &now.to_string())]).await?;
        answer::one(&body)
    }

    /// The values of a query at every step of a time.
    pub async fn range(&self, query: &str, (start, end): (i64, i64), step: i64) -> Result<Vec<Point>, Why> {
        let (start, end, step) = (start.to_string(), end.to_string(), step.to_string());
        let parameters = [("query", query), ("start", &start), ("end", &end), ("step", &step)];
        let body = self.get("query_range", &parameters).await?;
        answer::many(&body)
    }

    async fn get(&self, what: &str, parameters: &[(&str, &str)]) -> Result<Vec<u8>, Why> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1", what]);
        }
        url.query_pairs_mut().extend_pairs(parameters);
        let failed = |error: &reqwest::Error| if error.is_timeout() { Why::TimedOut } else { Why::Unreachable };
        let mut response = self.http.get(url).send().await.map_err(|error| failed(&error))?;
        if response.status() != StatusCode::OK {
            return Err(Why::Refused);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(Why::Malformed);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_server_and_no_secrets() {
        assert!(parse_url("http://prometheus.monitoring.svc:9090").is_ok());
        assert!(parse_url("https://metrics.example.com/prometheus/").is_ok());
        for (text, said) in [
            ("prometheus:9090", "must begin with http:// or https:// and name a host"),
            ("ftp://a/", "http://"),
            ("http://u:p@a/", "must not hold a user name or password: leave them out"),
            ("http://a/?x=1", "must end with its path: leave out what follows ? or #"),
            ("", "is no URL (relative URL without a base): write http://HOST:PORT"),
        ] {
            let error = parse_url(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}

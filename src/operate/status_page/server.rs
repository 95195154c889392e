//! Pages over HTTP: read-only, without a credential, and with headers that let a browser do nothing but show them.

use super::gather::{Form, Pages};
use super::hosts::Hosts;
use crate::hex::short_digest;
use crate::report::page::{self, Problem};
use axum::Router;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// What nobody gets more of.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; further ones wait until one of these ends.
    connections: usize,
    /// A request has to arrive in this time.
    request: Duration,
    /// Every connection ends after this, read or not.
    connection: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 64, request: Duration::from_secs(5), connection: Duration::from_secs(15) }
    }
}

/// Room for the head of a request, in bytes.
const HEAD: usize = 16 << 10;

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const CSS: &str = "text/css; charset=utf-8";

/// Nothing but our own style sheet and form; no script at all.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, pages: Pages, hosts: Hosts, limits: Limits, stop: CancellationToken) {
    let app = router(pages, hosts);
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = stop.cancelled() => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, _)) => {
                let answering = answer(stream, app.clone(), limits.request);
                tokio::spawn(async move {
                    let _place = place;
                    let _ = timeout(limits.connection, answering).await;
                });
            }
            Err(error) => {
                // No descriptor is left, or the peer has gone.
                tracing::warn!(%error, "the status page could not take a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One request, then the end: who reads a page needs no connection while reading.
async fn answer(stream: TcpStream, app: Router, request: Duration) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(request)
        .max_buf_size(HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    // A reader who leaves early is nobody's fault.
    let _ = connection.await;
}

fn router(pages: Pages, hosts: Hosts) -> Router {
    Router::new()
        .route("/", fleet(Form::Html))
        .route("/origins/{namespace}/{name}", origin(Form::Html))
        .route("/api/v1alpha1/origins", fleet(Form::Json))
        .route("/api/v1alpha1/origins/{namespace}/{name}", origin(Form::Json))
        .route("/style.css", get(style))
        .fallback(nothing)
        .layer(from_fn_with_state((pages.clone(), hosts), by_a_known_name))
        .layer(map_response(guarded))
        .with_state(pages)
}

/// Headers of every answer.
async fn guarded(mut response: Response) -> Response {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whoever asks by a name that is not ours is refused before anything is looked up.
async fn by_a_known_name(State((pages, hosts)): State<(Pages, Hosts)>, request: Request, next: Next) -> Response {
    if hosts.know(&request) {
        return next.run(request).await;
    }
    let form = if request.uri().path().starts_with("/api/") { Form::Json } else { Form::Html };
    refused(&pages, form, StatusCode::MISDIRECTED_REQUEST, &Problem::other_host())
}

fn fleet(form: Form) -> MethodRouter<Pages> {
    get(move |State(pages): State<Pages>, RawQuery(query): RawQuery, headers: HeaderMap| async move {
        match pages.fleet(&query.unwrap_or_default(), form) {
            Ok(body) => document(&headers, form, body),
            Err(problem) => refused(&pages, form, StatusCode::BAD_REQUEST, &problem),
        }
    })
}

fn origin(form: Form) -> MethodRouter<Pages> {
    get(
        move |State(pages): State<Pages>, Path((namespace, name)): Path<(String, String)>, headers: HeaderMap| async move {
            match pages.origin(&namespace, &name, form) {
                Some(body) => document(&headers, form, body),
                None => refused(&pages, form, StatusCode::NOT_FOUND, &Problem::unknown()),
            }
        },
    )
}

async fn style(headers: HeaderMap) -> Response {
    cached(&headers, CSS, page::STYLE.to_owned())
}

async fn nothing(State(pages): State<Pages>, _: Request) -> Response {
    refused(&pages, Form::Html, StatusCode::NOT_FOUND, &Problem::unknown())
}

fn refused(pages: &Pages, form: Form, code: StatusCode, problem: &Problem) -> Response {
    let body = match form {
        Form::Html => page::problem(&pages.replica(), code.canonical_reason().unwrap_or_default(), problem),
        Form::Json => problem.json(),
    };
    (code, [(header::CONTENT_TYPE, kind(form))], body).into_response()
}

const fn kind(form: Form) -> &'static str {
    match form {
        Form::Html => HTML,
        Form::Json => JSON,
    }
}

fn document(headers: &HeaderMap, form: Form, body: String) -> Response {
    cached(headers, kind(form), body)
}

/// An answer that a browser or a monitor may keep, if it asks each time whether it still holds.
fn cached(headers: &HeaderMap, kind: &'static str, body: String) -> Response {
    let tag = format!("\"{}\"", short_digest(body.as_bytes(), 16));
    let asked = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let same = asked.flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    });
    let kept = [(header::ETAG, tag), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
    if same {
        (StatusCode::NOT_MODIFIED, kept).into_response()
    } else {
        (kept, [(header::CONTENT_TYPE, kind)], body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::key::OriginKey;
    use crate::operate::lease::{Claim, Held};
    use crate::operate::origins::{Origins, Root};
    use crate::operate::prober::Board;
    use crate::operate::server::{self, Health};
    use crate::report::metrics::Metrics;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::watch;
    use tokio::time::Instant;

    #[test]
    fn the_policy_of_the_pages_allows_a_style_sheet_and_a_form_of_their_own() {
        assert_eq!(
            POLICY,
            "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        assert_eq!([HTML, CSS], ["text/html; charset=utf-8", "text/css; charset=utf-8"]);
    }

    const SHORT: Limits =
        Limits { connections: 64, request: Duration::from_millis(50), connection: Duration::from_secs(30) };

    struct Site {
        address: SocketAddr,
        lease: watch::Sender<Option<Held>>,
        stop: CancellationToken,
    }

    impl Drop for Site {
        fn drop(&mut self) {
            self.stop.cancel();
        }
    }

    async fn site(limits: Limits) -> Site {
        let origins = Origins::default();
        let origin = serde_json::json!({
            "metadata": {"namespace": "shop", "name": "shop"},
            "spec": {"proxy": {"url": "https://shop.example.com/"}, "origin": {"type": "Addresses"}},
        });
        origins.put(OriginKey::new("shop", "shop"), Root::Read(Arc::new(serde_json::from_value(origin).unwrap())));
        let (lease, claim) = Claim::channel();
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let pages = Pages::new(origins, Board::default(), claim, "leeward-0");
        let hosts = Hosts::new("leeward-status", "leeward-system", None, &[]);
        tokio::spawn(serve(listener, pages, hosts, limits, stop.clone()));
        Site { address, lease, stop }
    }

    async fn send(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn field<'a>(answer: &'a str, name: &str) -> &'a str {
        let line = answer.lines().find(|l| l.to_lowercase().starts_with(&format!("{name}: "))).unwrap_or_default();
        line.split_once(": ").map_or("", |(_, value)| value)
    }

    #[tokio::test]
    async fn every_answer_forbids_a_browser_everything_but_to_show_it() {
        let site = site(Limits::default()).await;
        for (path, code, kind) in [
            ("/", "200", HTML),
            ("/origins/shop/shop", "200", HTML),
            ("/api/v1alpha1/origins", "200", JSON),
            ("/api/v1alpha1/origins/shop/shop", "200", JSON),
            ("/style.css", "200", CSS),
            ("/?page=0", "400", HTML),
            ("/api/v1alpha1/origins?state=Sad", "400", JSON),
            ("/origins/shop/other", "404", HTML),
            ("/api/v1alpha1/origins/other/shop", "404", JSON),
            ("/metrics", "404", HTML),
        ] {
            let answer = send(site.address, &format!("GET {path}")).await;
            assert_eq!(answer.get(9..12), Some(code), "{path}: {answer}");
            assert_eq!(field(&answer, "content-type"), kind, "{path}");
            assert_eq!(field(&answer, "content-security-policy"), POLICY, "{path}");
            assert_eq!(field(&answer, "x-content-type-options"), "nosniff", "{path}");
            assert_eq!(field(&answer, "referrer-policy"), "no-referrer", "{path}");
            assert_eq!(field(&answer, "cross-origin-resource-policy"), "same-origin", "{path}");
            assert_eq!(field(&answer, "cross-origin-opener-policy"), "same-origin", "{path}");
            let kept = if code == "200" { "private, no-cache" } else { "no-store" };
            assert_eq!(field(&answer, "cache-control"), kept, "{path}");
            assert_eq!(field(&answer, "connection"), "close", "{path}");
        }
        assert!(send(site.address, "POST /").await.starts_with("HTTP/1.1 405"));
        assert!(send(site.address, &format!("GET /{}", "x".repeat(HEAD))).await.starts_with("HTTP/1.1 4"));
    }

    /// DNS rebinding: the reader's own browser asks, from a page whose name leads to the forwarded port.
    #[tokio::test]
    async fn another_sites_name_gets_nothing_but_the_way_to_allow_it() {
        let site = site(Limits::default()).await;
        let said = "This page answers to addresses, localhost and the names of its Service. Another name, such as that of \
                    an Ingress, has to be given to the operator with --status-page-host (statusPage.hosts of the chart).";
        for (path, kind) in [("/", HTML), ("/origins/shop/shop", HTML), ("/api/v1alpha1/origins", JSON), ("/x", HTML)] {
            let mut stream = TcpStream::connect(site.address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: rebound.example:8081\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 421 Misdirected Request"), "{path}: {answer}");
            assert_eq!((field(&answer, "content-type"), field(&answer, "cache-control")), (kind, "no-store"), "{path}");
            assert_eq!(field(&answer, "content-security-policy"), POLICY, "{path}");
            assert!(answer.contains(said) && !answer.contains("shop"), "{path}: {answer}");
        }
    }

    #[tokio::test]
    async fn what_has_not_changed_is_not_sent_again() {
        let site = site(Limits::default()).await;
        let first = send(site.address, "GET /").await;
        let tag = field(&first, "etag").to_owned();
        assert_eq!(field(&first, "cache-control"), "private, no-cache");
        let ask = |tag: String| {
            let request = format!("GET / HTTP/1.1\r\nIf-None-Match: {tag}\r\nX:");
            async move { send(site.address, &request).await }
        };
        let again = ask(format!("\"other\", W/{tag}")).await;
        assert!(again.starts_with("HTTP/1.1 304") && field(&again, "etag") == tag, "{again}");
        let until = Instant::now() + Duration::from_mins(1);
        site.lease.send_replace(Some(Held { until, term: 1 }));
        assert!(ask(tag).await.starts_with("HTTP/1.1 200"), "it leads now, and must say so");
    }

    #[tokio::test]
    async fn a_replica_says_whether_it_leads() {
        let site = site(Limits::default()).await;
        let said = |word: &'static str| {
            let address = site.address;
            async move { assert!(send(address, "GET /api/v1alpha1/origins").await.contains(word), "{word}") }
        };
        said("\"Standby\"").await;
        site.lease.send_replace(Some(Held { until: Instant::now() + Duration::from_mins(1), term: 1 }));
        said("\"Leader\"").await;
        site.lease.send_replace(Some(Held { until: Instant::now(), term: 1 }));
        said("\"LeaderUnconfirmed\"").await;
    }

    /// That server keeps a connection until it is told not to.
    async fn lives(address: SocketAddr) -> bool {
        send(address, "GET /livez HTTP/1.1\r\nConnection: close\r\nX:").await.starts_with("HTTP/1.1 200")
    }

    #[tokio::test]
    async fn a_thousand_connections_that_say_nothing_take_neither_the_page_nor_livez() {
        let site = site(SHORT).await;
        let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let health = listener.local_addr().unwrap();
        tokio::spawn(server::serve(listener, Health::default(), Metrics::new(), site.stop.clone()));
        let mut idle = Vec::new();
        for i in 0..1000 {
            // The backlog of the kernel is full some time: who does not get in waits, and nobody waits for it.
            let connecting = TcpStream::connect(site.address);
            let Ok(Ok(mut stream)) = timeout(Duration::from_millis(20), connecting).await else { continue };
            if i % 2 == 0 {
                stream.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
            }
            idle.push(stream);
            if i % 100 == 0 {
                assert!(lives(health).await);
            }
        }
        assert!(idle.len() > 100, "only {} connections came about", idle.len());
        assert!(lives(health).await);
        // A guard against hanging for ever; those before it are turned out by and by.
        let answer = timeout(Duration::from_mins(2), send(site.address, "GET /")).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

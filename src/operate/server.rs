//! `/livez`, `/readyz` and `/metrics`. Alive means that this runtime turns and that the lease's task
//! lives; ready means that every kind was listed once. Neither depends on the API server answering now,
//! nor on any target.

use crate::report::metrics::Metrics;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the answers depend on.
#[derive(Clone, Debug, Default)]
pub struct Health {
    ready: Arc<AtomicBool>,
    wedged: Arc<AtomicBool>,
}

impl Health {
    /// Everything has been listed once.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// A task that must live has ended.
    pub fn set_wedged(&self) {
        self.wedged.store(true, Ordering::Release);
    }

    fn live(&self) -> bool {
        !self.wedged.load(Ordering::Acquire)
    }

    fn is_ready(&self) -> bool {
        self.live() && self.ready.load(Ordering::Acquire)
    }
}

#[derive(Clone, Debug)]
struct Shown {
    health: Health,
    metrics: Metrics,
}

/// Binds before anything else is begun, so that a wrong address ends the start.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stop`.
pub async fn serve(
    listener: TcpListener,
    health: Health,
    metrics: Metrics,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let app = Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_text))
        .with_state(Shown { health, metrics });
    axum::serve(listener, app).with_graceful_shutdown(async move { stop.cancelled().await }).await
}

async fn live(State(shown): State<Shown>) -> impl IntoResponse {
    if shown.health.live() { (StatusCode::OK, "ok\n") } else { (StatusCode::INTERNAL_SERVER_ERROR, "wedged\n") }
}

async fn ready(State(shown): State<Shown>) -> impl IntoResponse {
    if shown.health.is_ready() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not yet: waiting for the first list of every kind\n")
    }
}

async fn metrics_text(State(shown): State<Shown>) -> impl IntoResponse {
    match shown.metrics.text() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn ready_follows_the_first_sync_and_live_the_tasks() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (health, stop) = (Health::default(), CancellationToken::new());
        let serving = tokio::spawn(serve(listener, health.clone(), Metrics::new(), stop.clone()));
        assert!(ask(address, "/livez").await.starts_with("HTTP/1.1 200"));
        let early = ask(address, "/readyz").await;
        assert!(early.starts_with("HTTP/1.1 503"));
        assert!(early.ends_with("\r\n\r\nnot yet: waiting for the first list of every kind\n"), "{early}");
        health.set_ready();
        assert!(ask(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        let metrics = ask(address, "/metrics").await;
        assert!(metrics.contains("leeward_build_info"));
        assert!(metrics.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
        health.set_wedged();
        assert!(ask(address, "/livez").await.starts_with("HTTP/1.1 500"));
        stop.cancel();
        serving.await.unwrap().unwrap();
    }
}

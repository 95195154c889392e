//! Holding a connection: one request that asks to keep it, its answer, and then silence until the origin closes it.

use super::connect::{Attempt, connect};
use super::handshake::handshake;
use super::preamble;
use super::request::ProbeRequest;
use super::trust::Trust;
use crate::api::Outcome;
use crate::api::spec::Scheme;
use crate::evidence::fact::Idle;
use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Version};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

/// Most bytes of the answer; a longer one cannot be read to its end, so the connection cannot be kept.
const MOST: usize = 1024 * 1024;

/// How long the origin keeps the connection, up to `longest` after its answer.
pub(super) async fn hold(request: &ProbeRequest, trust: &Trust, vantage: &str, id: &str, longest: Duration) -> Idle {
    let mut idle = Idle {
        vantage: vantage.to_owned(),
        access: request.access,
        address: request.address,
        outcome: Outcome::Unavailable,
        held_ms: 0,
    };
    let begun = Instant::now();
    let Ok(mut http) = request.http(&request.path, id) else { return idle };
    http.headers_mut().insert(CONNECTION, HeaderValue::from_static("keep-alive"));
    let Attempt { result, .. } = connect(request.address, begun + request.deadlines.connect, false).await;
    let Ok(mut stream) = result else { return idle };
    if preamble::send(&mut stream, request.manner.preamble).await.is_err() {
        return idle;
    }
    let answer_by = begun + request.deadlines.total;
    let held = match request.scheme {
        Scheme::HTTP => held(stream, http, answer_by, longest).await,
        Scheme::HTTPS => {
            let end = Instant::now() + request.deadlines.tls;
            match Box::pin(handshake(stream, trust, request, end)).await.result {
                Ok(stream) => held(stream, http, answer_by, longest).await,
                Err(_) => return idle,
            }
        }
    };
    if let Some((outcome, time)) = held {
        idle.outcome = outcome;
        idle.held_ms = super::once::milliseconds(time);
    }
    idle
}

/// `None` without a whole answer.
async fn held<S>(
    stream: S,
    request: Request<Empty<Bytes>>,
    answer_by: Instant,
    longest: Duration,
) -> Option<(Outcome, Duration)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let mut connection = Box::pin(connection);
    let mut asked = Box::pin(async {
        let response = sender.send_request(request).await.ok()?;
        let keeps = keeps(&response);
        Limited::new(response.into_body(), MOST).collect().await.ok()?;
        Some(keeps)
    });
    let answered = async {
        tokio::select! {
            biased;
            keeps = &mut asked => keeps,
            // It may end with the answer; what was read of that is there.
            _ = &mut connection => asked.as_mut().await.map(|_| false),
        }
    };
    let keeps = timeout_at(answer_by, answered).await.ok()??;
    if !keeps {
        return Some((Outcome::Missing, Duration::ZERO));
    }
    // The sender stays alive and says nothing, so the connection only ends when the origin ends it.
    let since = Instant::now();
    let ended = timeout_at(since + longest, connection).await;
    let time = since.elapsed();
    Some((if ended.is_ok() { Outcome::ClosedEarly } else { Outcome::OK }, time))
}

/// Whether the answer leaves the connection open for another request.
fn keeps<B>(response: &http::Response<B>) -> bool {
    let says = |word: &str| {
        let lines = response.headers().get_all(CONNECTION).iter().filter_map(|v| v.to_str().ok());
        lines.flat_map(|line| line.split(',')).any(|w| w.trim().eq_ignore_ascii_case(word))
    };
    let framed = response.headers().contains_key(http::header::CONTENT_LENGTH)
        || response.headers().contains_key(http::header::TRANSFER_ENCODING)
        || response.status() == http::StatusCode::NO_CONTENT
        || response.status() == http::StatusCode::NOT_MODIFIED;
    framed && if response.version() == Version::HTTP_10 { says("keep-alive") } else { !says("close") }
}

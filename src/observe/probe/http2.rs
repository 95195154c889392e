//! The HTTP phases over HTTP/2: one request on one connection, and nothing is sent again whatever the server says.

use super::exchange::{Answer, cause, read};
use super::fault::{self, Ended};
use crate::api::Phase;
use crate::evidence::probe::Fault;
use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{Request, Uri, Version};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

/// Sends the request and reads what is wanted of the response.
pub(super) async fn exchange<S>(
    stream: S,
    request: Request<Empty<Bytes>>,
    first_byte: Instant,
    body: impl FnOnce(Instant) -> Instant,
) -> Result<Answer, Ended>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let started = Instant::now();
    let Some(request) = over_http2(request) else { return Err(Ended::new(Phase::FirstByte, Fault::LocalSocket)) };
    let asked = async {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        let mut connection = Box::pin(connection);
        let mut response = Box::pin(sender.send_request(request));
        let response = tokio::select! {
            biased;
            response = &mut response => response?,
            // The connection ends before the response: its error is the reason.
            ended = &mut connection => match ended {
                Err(error) => return Err(error),
                Ok(()) => response.await?,
            },
        };
        Ok((response, connection, sender))
    };
    let (response, mut connection, _sender) = match timeout_at(first_byte, asked).await {
        Err(_) => return Err(Ended::deadline(Phase::FirstByte)),
        Ok(Err(error)) => return Err(ended(&error, Phase::FirstByte)),
        Ok(Ok(response)) => response,
    };
    let answered = Instant::now();
    let (head, incoming) = response.into_parts();
    let mut bytes = Vec::new();
    let reading = async {
        tokio::select! {
            biased;
            read = read(incoming, &mut bytes) => read,
            Err(error) = &mut connection => Err(error),
        }
    };
    let broken = match timeout_at(body(answered), reading).await {
        Err(_) => Some(Ended::deadline(Phase::Body)),
        Ok(Err(error)) => Some(ended(&error, Phase::Body)),
        Ok(Ok(())) => None,
    };
    let body_time: Duration = answered.elapsed();
    Ok(Answer { head, first_byte: answered - started, body: bytes, body_time, broken })
}

/// HTTP/2 has the host in the target, and no fields about the connection.
fn over_http2(request: Request<Empty<Bytes>>) -> Option<Request<Empty<Bytes>>> {
    let (mut head, body) = request.into_parts();
    let host = head.headers.remove(HOST)?;
    head.headers.remove(CONNECTION);
    let path = head.uri.path_and_query()?.as_str();
    head.uri = Uri::builder().scheme("https").authority(host.as_bytes()).path_and_query(path).build().ok()?;
    head.version = Version::HTTP_2;
    Some(Request::from_parts(head, body))
}

/// A reset stream, a GOAWAY or a closed connection: the server gave up on HTTP/2.
fn ended(error: &hyper::Error, phase: Phase) -> Ended {
    if let Some(io) = cause(error) {
        return fault::established(io, phase);
    }
    let closed = error.is_closed() || error.is_incomplete_message() || error.is_canceled();
    Ended::new(phase, if closed { Fault::ClosedBeforeHeaders } else { Fault::InvalidResponse })
}

//! The HTTP phases: one request, the headers of its response, and a bounded piece of its body.
//!
//! The connection is driven by the same task that waits for the response, so the times are those of
//! this request and no background task outlives it.

use super::fault::{self, Ended};
use crate::api::Phase;
use crate::evidence::probe::Fault;
use bytes::Bytes;
use http::{Request, header, response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

/// Most bytes of response headers.
const HEADERS: usize = 64 * 1024;
/// Most header fields.
const FIELDS: usize = 100;
/// Most bytes of a body that are read; the connection is closed then.
const BODY: usize = 64 * 1024;

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: response::Parts,
    pub(super) first_byte: Duration,
    /// Bytes of the body, at most [`BODY`].
    pub(super) body: Vec<u8>,
    pub(super) body_time: Duration,
    /// Why the body ended early, if it did.
    pub(super) broken: Option<Ended>,
}

/// Sends the request and reads what is wanted of the response.
pub(super) async fn exchange<S>(
    stream: S,
    request: Request<Empty<Bytes>>,
    first_byte: Instant,
    body: impl FnOnce(Instant) -> Instant,
) -> Result<Answer, Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let started = Instant::now();
    let mut builder = http1::Builder::new();
    builder.max_headers(FIELDS).max_buf_size(HEADERS);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|e| ended(&e, Phase::FirstByte))?;
    let mut driven = Driven { connection, done: false };
    let response = match timeout_at(first_byte, driven.beside(sender.send_request(request))).await {
        Err(_) => return Err(Ended::deadline(Phase::FirstByte)),
        Ok(Err(error)) => return Err(driven.no_response(&error)),
        Ok(Ok(response)) => response,
    };
    let answered = Instant::now();
    let (head, incoming) = response.into_parts();
    let mut bytes = Vec::new();
    let reading = driven.beside(read(incoming, &mut bytes));
    let broken = match timeout_at(body(answered), reading).await {
        Err(_) => Some(Ended::deadline(Phase::Body)),
        Ok(Err(error)) => broken(&error, delimited(&head)),
        Ok(Ok(())) => None,
    };
    Ok(Answer { head, first_byte: answered - started, body: bytes, body_time: answered.elapsed(), broken })
}

/// Reads until the end or the limit.
pub(super) async fn read(mut incoming: Incoming, bytes: &mut Vec<u8>) -> Result<(), hyper::Error> {
    while let Some(frame) = incoming.frame().await {
        if let Ok(data) = frame?.into_data() {
            let room = BODY.saturating_sub(bytes.len());
            bytes.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
            if bytes.len() >= BODY {
                break;
            }
        }
    }
    Ok(())
}

/// A connection that moves only while somebody waits for its response.
struct Driven<S: AsyncRead + AsyncWrite + Unpin> {
    connection: Connection<TokioIo<S>, Empty<Bytes>>,
    done: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driven<S> {
    async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(value) = work.as_mut().poll(context) {
                return Poll::Ready(value);
            }
            if !self.done && self.connection.poll_without_shutdown(context).is_ready() {
                self.done = true;
            }
            work.as_mut().poll(context)
        })
        .await
    }

    /// Why there is no response.
    fn no_response(self, error: &hyper::Error) -> Ended {
        let ended = ended(error, Phase::FirstByte);
        if ended.fault == Fault::InvalidResponse {
            // A TLS record (an alert, most often) where an HTTP response should be.
            let unread = self.connection.into_parts().read_buf;
            if matches!(unread.first_chunk(), Some([0x14..=0x17, 0x03])) {
                return Ended::new(Phase::FirstByte, Fault::PlainHttpToHttps);
            }
        }
        ended
    }
}

fn ended(error: &hyper::Error, phase: Phase) -> Ended {
    if error.is_incomplete_message() || error.is_closed() {
        return Ended::new(phase, Fault::ClosedBeforeHeaders);
    }
    if error.is_parse() {
        return Ended::new(phase, Fault::InvalidResponse);
    }
    match cause(error) {
        Some(io) => fault::established(io, phase),
        None if error.is_canceled() => Ended::new(phase, Fault::ClosedBeforeHeaders),
        // What is left is data that nobody asked for.
        None => Ended::new(phase, Fault::InvalidResponse),
    }
}

/// Whether the response says where its body ends.
fn delimited(head: &response::Parts) -> bool {
    head.headers.contains_key(header::CONTENT_LENGTH) || head.headers.contains_key(header::TRANSFER_ENCODING)
}

/// A body that ended early: cut, reset, or not what the framing says.
fn broken(error: &hyper::Error, delimited: bool) -> Option<Ended> {
    let ended = ended(error, Phase::Body);
    let short = Ended::new(Phase::Body, Fault::ShortBody);
    match ended.fault {
        // Many servers end a body by closing without the TLS farewell; only an announced end can be missed.
        Fault::ClosedBeforeHeaders if !delimited => None,
        Fault::ClosedBeforeHeaders => Some(short),
        // A reset cuts the body just as well; the fault says how.
        Fault::ConnectionReset => Some(Ended { fault: Fault::ConnectionReset, ..short }),
        _ => Some(ended),
    }
}

/// The error of the socket or of TLS under an error of HTTP.
pub(super) fn cause(error: &hyper::Error) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Some(io);
        }
        source = inner.source();
    }
    None
}

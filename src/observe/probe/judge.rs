//! A response against what was expected of it.

use super::exchange::Answer;
use super::fault::Ended;
use super::request::ProbeRequest;
use super::{maker, relayed};
use crate::api::spec::{Marker, Method, Scheme};
use crate::api::{Outcome, Phase};
use crate::evidence::probe::{Fault, Redirect, Response};
use crate::hex::hex;
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderMap, Version};
use sha2::{Digest, Sha256};
use url::Url;

/// Sentences of servers that got plain HTTP on a port for TLS.
const WANTS_TLS: &[&str] = &[
    "plain HTTP request was sent to HTTPS port",
    "Client sent an HTTP request to an HTTPS server",
    "speaking plain HTTP to an SSL-enabled server port",
    "This combination of host and port requires TLS",
];

/// Sentences of servers that got no client certificate where they want one.
const WANTS_CERTIFICATE: &[&str] = &["No required SSL certificate was sent", "The SSL certificate error"];

/// How a probe that got a response ended: `OK` has no phase.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    pub(super) phase: Option<Phase>,
    pub(super) fault: Option<Fault>,
    pub(super) alert: Option<u8>,
}

/// Judges status, then time, then the completeness of the body, then its content.
pub(super) fn judge(request: &ProbeRequest, answer: &Answer) -> Judged {
    let status = answer.head.status.as_u16();
    let expect = &request.expect;
    // A proxy passes the sentence on, so it counts on both paths.
    if !expect.admits(status) {
        let fault = wish(status, &answer.body);
        return Judged { outcome: Outcome::UnexpectedStatus, phase: Some(Phase::FirstByte), fault, alert: None };
    }
    if let Some(Ended { phase, outcome, fault, alert }) = answer.broken {
        return Judged { outcome, phase: Some(phase), fault: Some(fault), alert };
    }
    let fail = |outcome, phase| Judged { outcome, phase: Some(phase), fault: None, alert: None };
    if expect.first_byte.is_some_and(|limit| answer.first_byte > limit) {
        return fail(Outcome::TooSlow, Phase::FirstByte);
    }
    // A HEAD response and a redirect have no body to look into.
    let has_body = request.method == Method::GET && !answer.head.status.is_redirection();
    let missing = |text: &String| !contains(&answer.body, text.as_bytes());
    if has_body && expect.body_contains.as_ref().is_some_and(missing) {
        return fail(Outcome::UnexpectedBody, Phase::Body);
    }
    Judged { outcome: Outcome::OK, phase: None, fault: None, alert: None }
}

/// What a server's own page of refusal asks for.
fn wish(status: u16, body: &[u8]) -> Option<Fault> {
    let text = String::from_utf8_lossy(body);
    let says = |sentences: &[&str]| sentences.iter().any(|sentence| text.contains(sentence));
    match status {
        400 if says(WANTS_TLS) => Some(Fault::PlainHttpToHttps),
        400 | 495 | 496 if says(WANTS_CERTIFICATE) => Some(Fault::WantsClientCertificate),
        _ => None,
    }
}

/// What is kept of the response: our own words, enums, numbers and a hash.
pub(super) fn keep(request: &ProbeRequest, path: &str, answer: &Answer) -> Response {
    let headers = &answer.head.headers;
    let status = answer.head.status.as_u16();
    let maker = maker::of(status, headers, &answer.body);
    let digest = Sha256::digest(&answer.body);
    Response {
        status,
        marker: request.marker.as_ref().map(|marker| carries(headers, marker)),
        maker: maker.map(|(maker, _)| maker),
        maker_says: maker.map(|(_, says)| says),
        proxy_status: relayed::proxy_status(headers),
        cached: relayed::cached(headers),
        redirect: target(request, path, answer).map_or(Redirect::None, |(kind, _)| kind),
        sets_cookie: headers.contains_key(SET_COOKIE),
        body_hash: hex(digest.get(..8).unwrap_or_default()),
        body_bytes: u64::try_from(answer.body.len()).unwrap_or(u64::MAX),
        header_bytes: (answer.head.version < Version::HTTP_2).then(|| header_bytes(answer)),
    }
}

/// Bytes of the status line and the fields, as they stood on the wire but for blanks.
fn header_bytes(answer: &Answer) -> u32 {
    const STATUS_LINE: usize = "HTTP/1.1 200 OK\r\n\r\n".len();
    const BETWEEN: usize = ": \r\n".len();
    let fields = answer.head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + BETWEEN);
    u32::try_from(STATUS_LINE + fields.sum::<usize>()).unwrap_or(u32::MAX)
}

fn carries(headers: &HeaderMap, marker: &Marker) -> bool {
    headers.get_all(marker.header.as_str()).iter().any(|value| value.as_bytes() == marker.value.as_bytes())
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    body.windows(text.len()).any(|window| window == text)
}

/// Where a redirect leads, and its URL.
pub(super) fn target(request: &ProbeRequest, path: &str, answer: &Answer) -> Option<(Redirect, Url)> {
    if !answer.head.status.is_redirection() {
        return None;
    }
    let location = answer.head.headers.get(LOCATION)?.to_str().ok()?;
    let scheme = match request.scheme {
        Scheme::HTTP => "http",
        Scheme::HTTPS => "https",
    };
    let asked = Url::parse(&format!("{scheme}://{}{path}", request.host_header)).ok()?;
    let mut goal = asked.join(location).ok()?;
    goal.set_fragment(None);
    let kind = if goal == asked {
        Redirect::Itself
    } else if goal.host() == asked.host() {
        Redirect::SameHost
    } else {
        Redirect::OtherHost
    };
    Some((kind, goal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_write_on_their_own_pages_is_known() {
        for (status, page, fault) in [
            (400, "<center>The plain HTTP request was sent to HTTPS port</center>", Some(Fault::PlainHttpToHttps)),
            (400, "Client sent an HTTP request to an HTTPS server.\n", Some(Fault::PlainHttpToHttps)),
            (400, "You're speaking plain HTTP to an SSL-enabled server port.", Some(Fault::PlainHttpToHttps)),
            (400, "This combination of host and port requires TLS.", Some(Fault::PlainHttpToHttps)),
            (400, "<center>No required SSL certificate was sent</center>", Some(Fault::WantsClientCertificate)),
            (495, "<title>400 The SSL certificate error</title>", Some(Fault::WantsClientCertificate)),
            (200, "The plain HTTP request was sent to HTTPS port", None),
            (400, "no such page", None),
        ] {
            assert_eq!(wish(status, page.as_bytes()), fault, "{page}");
        }
    }
}

//! What a probe is to send, to which address, and what it expects.

use super::identity::{ID_HEADER, USER_AGENT};
use super::manner::Manner;
use super::trust::Trust;
use crate::api::spec::{Marker, Method, Scheme};
use crate::api::validated::{Deadlines, Host, ValidExpect};
use crate::api::{Access, Observation};
use crate::evidence::Variant;
use bytes::Bytes;
use http::Request;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, HOST, USER_AGENT as USER_AGENT_HEADER};
use http_body_util::Empty;
use std::net::SocketAddr;
use std::sync::Arc;

/// One request to one pinned address.
#[derive(Clone, Debug)]
pub struct ProbeRequest {
    pub observation: Observation,
    /// [`Variant::Bypass`] adds a nonce to the query.
    pub variant: Variant,
    /// Whether the origin's allowlist lets this vantage in.
    pub access: Access,
    pub address: SocketAddr,
    pub scheme: Scheme,
    pub host_header: String,
    /// SNI and the name that the certificate should bear.
    pub server_name: Host,
    /// Path with query, beginning with `/`.
    pub path: String,
    pub method: Method,
    pub deadlines: Deadlines,
    pub expect: Arc<ValidExpect>,
    pub marker: Option<Marker>,
    /// Anchors for the certificate's verdict; `None` takes the prober's own.
    pub trust: Option<Trust>,
    pub manner: Manner,
}

impl ProbeRequest {
    /// The HTTP request. Nothing in it names this machine, and nothing asks for compression.
    pub(super) fn http(&self, path: &str, id: &str) -> Result<Request<Empty<Bytes>>, http::Error> {
        let method = match self.method {
            Method::GET => http::Method::GET,
            Method::HEAD => http::Method::HEAD,
        };
        let mut request = Request::builder();
        if let Some((name, value)) = self.manner.debug_header {
            request = request.header(name, value);
        }
        request
            .method(method)
            .uri(escaped(path))
            .header(HOST, &self.host_header)
            .header(USER_AGENT_HEADER, USER_AGENT)
            .header(ACCEPT, "*/*")
            .header(ACCEPT_ENCODING, "identity")
            .header(CONNECTION, "close")
            .header(ID_HEADER, id)
            .body(Empty::new())
    }
}

/// Percent-encodes the few printable characters that may not stand in a request target.
fn escaped(path: &str) -> String {
    path.chars().fold(String::with_capacity(path.len()), |mut text, c| {
        match c {
            '"' => text.push_str("%22"),
            '<' => text.push_str("%3C"),
            '>' => text.push_str("%3E"),
            '\\' => text.push_str("%5C"),
            '^' => text.push_str("%5E"),
            '`' => text.push_str("%60"),
            '{' => text.push_str("%7B"),
            '|' => text.push_str("%7C"),
            '}' => text.push_str("%7D"),
            other => text.push(other),
        }
        text
    })
}

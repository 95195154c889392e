//! How a request is sent where that may differ from the ordinary way: what a replay changes.

use crate::api::spec::{ProxyProtocol, ServerNameUse, TlsVersion};

/// The manner of one probe. The default is the ordinary one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// What stands in front of everything else on the connection.
    pub preamble: ProxyProtocol,
    /// Highest TLS version that is offered.
    pub max_version: TlsVersion,
    /// Whether the server name is sent.
    pub server_name: ServerNameUse,
    /// Asks over HTTP/2, where the server takes it.
    pub http2: bool,
    /// A header upon which the proxy says what the origin answered.
    pub debug_header: Option<(&'static str, &'static str)>,
    /// Announces small segments, so that the peer sends no large packet.
    pub small_segments: bool,
}

/// The announced segment size: it fits through any path that carries IPv6 (packets of 1280 bytes).
pub(super) const SMALL_SEGMENT: u32 = 1200;

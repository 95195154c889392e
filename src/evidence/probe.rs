//! One probe: one request on one connection to one address, and how each of its phases went.

use super::maker::Maker;
use crate::api::{Access, Observation, Outcome, Phase};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What was sent and how it ended.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// `ViaProxy`, `ViaProxyLong`, `Direct`, `InCluster` or `Control`.
    pub observation: Observation,
    pub variant: Variant,
    pub vantage: String,
    pub access: Access,
    /// The pinned address. Absent when name resolution ended the probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// Judged against `expect`: `OK` or why not.
    pub outcome: Outcome,
    /// The phase in which it ended; absent when it is `OK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The exact fault below `outcome`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// The number of the TLS alert (RFC 8446, 6) that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<u8>,
    pub timings: Timings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpFacts>,
    /// Identifies this request in the origin's log (header `leeward-probe-id`).
    pub id: String,
    pub at: Timestamp,
}

/// Which form of the request was sent.
#[derive(
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
    strum::IntoStaticStr,
)]
pub enum Variant {
    /// The URL as visitors ask for it; a cache may answer.
    #[default]
    Plain,
    /// With a nonce in the query, so that no cache can answer.
    Bypass,
}

/// The exact fault: what the kernel, the TLS library or the HTTP parser said.
#[derive(
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
    strum::IntoStaticStr,
    strum::EnumIter,
)]
pub enum Fault {
    /// The deadline of the phase passed.
    Deadline,
    NxDomain,
    ServFail,
    DnsTimeout,
    NoAddress,
    ConnectionRefused,
    ConnectionReset,
    /// EHOSTUNREACH at once: a router or firewall answered with ICMP.
    HostUnreachable,
    /// EHOSTUNREACH after about three seconds: nobody answered for the address on its last network.
    NeighbourDead,
    NetworkUnreachable,
    /// EACCES: ICMPv6 administratively prohibited.
    AdminProhibited,
    /// ENETUNREACH without a packet sent: this vantage has no route for the family.
    NoLocalRoute,
    /// Any other local socket error; our fault.
    LocalSocket,
    /// A TLS alert; its number is in `alert`.
    TlsAlert,
    /// The peer does not speak TLS (an HTTP answer or another protocol instead of a handshake).
    NotTls,
    /// No version or cipher in common with us.
    TlsIncompatible,
    /// The handshake's signature or structure is wrong.
    TlsProtocol,
    /// Closed cleanly before the response headers were complete.
    ClosedBeforeHeaders,
    /// Not HTTP, or HTTP that contradicts itself.
    InvalidResponse,
    /// Closed before the announced length, or in the middle of a chunk.
    ShortBody,
    /// A plain HTTP answer 400 "plain HTTP request sent to HTTPS port", or its like.
    PlainHttpToHttps,
    /// A plain HTTP answer that says that a client certificate is wanted.
    WantsClientCertificate,
}

/// Milliseconds per phase; absent where the phase was not reached. A failed phase has the time until it failed.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Timings {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_ms: Option<u32>,
    pub total_ms: u32,
}

/// What is kept of an HTTP response.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    pub status: u16,
    /// Whether the declared marker was there with its value; absent when none is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<bool>,
    /// Whose own page or header this is, where the response carries an unmistakable one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Maker>,
    /// What the maker's page or headers say of the hop behind, in the terms of RFC 9209.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker_says: Option<ProxyStatus>,
    /// What `Proxy-Status` (RFC 9209) says of the maker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_status: Option<ProxyStatus>,
    /// True when a cache says that it answered (Age above 0, a cache-status header with a hit).
    #[serde(default)]
    pub cached: bool,
    /// Location on the same host, another one, or none.
    #[serde(default)]
    pub redirect: Redirect,
    /// True when the answer sets a cookie.
    #[serde(default)]
    pub sets_cookie: bool,
    /// First 64 bits of the SHA-256 of the bytes read, in hexadecimal.
    pub body_hash: String,
    pub body_bytes: u64,
    /// Bytes of the status line and header fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_bytes: Option<u32>,
}

/// What `Proxy-Status` proves.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
pub enum ProxyStatus {
    /// `error=connection_refused`.
    ConnectionRefused,
    /// `error=connection_timeout`.
    ConnectionTimeout,
    /// `error=connection_terminated`.
    ConnectionTerminated,
    /// `error=tls_certificate_error`.
    CertificateError,
    /// `error=tls_protocol_error` or `tls_alert_received`.
    TlsError,
    /// `error=http_response_header_section_size` or `http_response_header_size`.
    HeaderTooLarge,
    /// `error=proxy_loop_detected`.
    LoopDetected,
    /// `error=dns_error` or `dns_timeout`.
    NameFailed,
    /// `error=connection_limit_reached`.
    ConnectionLimit,
    /// `error=proxy_internal_error` or `proxy_internal_response`.
    ProxyInternal,
    /// `error=proxy_configuration_error`: also a proxy that does not know the site.
    NotConfigured,
    /// `error=http_response_timeout` or `connection_read_timeout`: connected, then no answer in time.
    ResponseTimeout,
    /// `error=destination_ip_unroutable`.
    Unroutable,
    /// `error=http_request_denied`, on a page that only the intermediary can have made: a rule of its own refused the request.
    RequestDenied,
    /// Another error that only an intermediary can have made.
    IntermediaryError,
    /// `received-status`: relayed from the next hop.
    Relayed,
}

/// Where a response redirects to.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Redirect {
    #[default]
    None,
    SameHost,
    OtherHost,
    /// The very URL that was asked for.
    Itself,
}

/// The verdict on a presented certificate, for the name that the peer should have.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    pub verdict: CertVerdict,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// Subject and issuer are the same.
    pub self_signed: bool,
}

/// What a verifying client would say. Checked in this order: dates, name, trust.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::IntoStaticStr)]
pub enum CertVerdict {
    Valid,
    Expired,
    NotYetValid,
    Mismatch,
    Untrusted,
    /// Unreadable, revoked or signed with something nobody accepts.
    Invalid,
}

/// What the kernel knew of the connection (`TCP_INFO`), failed ones included.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TcpFacts {
    pub rtt_us: u32,
    pub rtt_var_us: u32,
    /// The least that was measured: without what the peer's own delays add. 0 where nothing was.
    #[serde(default)]
    pub min_rtt_us: u32,
    /// Retransmitted segments, SYNs included.
    pub retransmits: u32,
    pub bytes_acked: u64,
    pub bytes_received: u64,
    pub out_of_order: u32,
    pub segments_in: u32,
    pub path_mtu: u32,
}

impl TcpFacts {
    /// The best round-trip time; absent where nothing was measured.
    pub fn min_rtt(&self) -> Option<u32> {
        Some(self.min_rtt_us).filter(|us| *us > 0)
    }
}

impl Probe {
    /// Whether a TCP connection to the address came about.
    pub fn connected(&self) -> bool {
        match self.phase {
            Some(Phase::Dns | Phase::Connect) => false,
            Some(_) => true,
            None => self.outcome == Outcome::OK,
        }
    }

    /// Whether the target itself sent something that judges it: a response, a certificate, an alert.
    pub fn answered(&self) -> bool {
        self.response.is_some()
            || self.certificate.is_some()
            || matches!(self.fault, Some(Fault::TlsAlert | Fault::NotTls))
    }

    /// Whether this says anything about the target. Faults of our own, forbidden targets and
    /// unavailable means do not.
    pub fn definite(&self) -> bool {
        !matches!(self.outcome, Outcome::Unavailable | Outcome::Forbidden)
    }
}

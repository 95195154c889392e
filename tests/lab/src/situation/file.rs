//! The vocabulary of a situation file. Unknown fields are errors.
//!
//! Hosts (with an IPv6 address too where an origin has one): `visitor` 198.51.100.30, `vantage` 198.51.100.20 (where `leeward diagnose` runs), `proxy` 198.51.100.10
//! (`proxy2` .11 and so on, one for each edge), `origin` 203.0.113.10 (`origin2` .11 …), `control` 192.0.2.80 and the
//! name server 192.0.2.53. The site is `shop.example.com`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::load::Load;
use crate::certificates::State;
use crate::servers::prometheus::Series;
use crate::servers::{Cache, Kind, Manner, OwnAnswer};

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Situation {
    /// What happens, in one sentence.
    pub title: String,
    /// How visitors reach the site: their scheme and path.
    #[serde(default)]
    pub site: Site,
    pub proxy: Option<Proxy>,
    #[serde(default)]
    pub origins: Vec<Origin>,
    /// What the name server says about the site.
    #[serde(default)]
    pub dns: Dns,
    /// What the zone's own name server says about the site; absent: the resolver knows of none.
    pub zone_server: Option<Dns>,
    #[serde(default)]
    pub firewall: Vec<Rule>,
    /// The way back from the origins takes no larger packet than this, and nobody is told.
    pub largest_packet: Option<u32>,
    #[serde(default)]
    pub control: Control,
    #[serde(default)]
    pub vantage: Vantage,
    /// Merged over the spec of the derived `ProtectedOrigin` (RFC 7396: null removes).
    #[serde(default)]
    pub spec: Value,
    /// Spec of a `ProxyNetwork` called `proxy`.
    pub network: Option<Value>,
    /// Kubernetes objects that stand in for a cluster.
    #[serde(default)]
    pub objects: Vec<Value>,
    /// A real Prometheus with a day of samples, and a traffic profile called `default` that asks it.
    pub metrics: Option<Metrics>,
    /// Facts that are given with `--merge`.
    #[serde(default)]
    pub merge: Vec<Value>,
    /// Requests beside the diagnosis, from inside the lab.
    #[serde(default)]
    pub load: Vec<Load>,
    /// Further arguments of `leeward diagnose`.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// What the set-up looks like before Leeward is asked.
    #[serde(default)]
    pub visitor: Visitor,
    pub expect: Expect,
}

/// What can be measured of the origin.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metrics {
    /// Samples of the day before, filled in.
    #[serde(default)]
    pub series: Vec<Series>,
    /// Scrapes the counters of the first origin's kernel each second.
    #[serde(default)]
    pub kernel: bool,
    /// The profile, as in a file of profiles.
    pub profile: Value,
    /// Nothing answers at the server's address.
    #[serde(default)]
    pub dead: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Site {
    /// The certificate at the edge; without one the site speaks plain HTTP.
    pub tls: Option<State>,
    pub path: String,
    /// Edges that speak TLS send visitors of port 80 to HTTPS.
    pub redirects_http: bool,
}

impl Default for Site {
    fn default() -> Self {
        Self { tls: None, path: "/".to_owned(), redirects_http: false }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proxy {
    pub kind: Kind,
    /// How many edge addresses, each a host of its own.
    #[serde(default = "one")]
    pub edges: u8,
    #[serde(default = "two_seconds")]
    pub connect_timeout_seconds: u64,
    #[serde(default = "three_seconds")]
    pub read_timeout_seconds: u64,
    /// Verifies the origin's certificate against the lab's authority.
    #[serde(default)]
    pub verify: bool,
    /// Forwards here instead of to the origins: a misconfigured proxy.
    pub forwards_to: Option<String>,
    /// Speaks TLS to the origin; default: whether the first origin does.
    pub speaks_tls: Option<bool>,
    /// nginx only.
    pub cache: Option<Cache>,
    /// nginx only.
    pub answers: Option<OwnAnswer>,
    /// Headers that it adds to every answer, as some services do; nginx only.
    #[serde(default)]
    pub adds: BTreeMap<String, String>,
    /// How it speaks to the origin.
    #[serde(default)]
    pub manner: Manner,
    /// Most connections to the origin at a time: HAProxy's `maxconn`, Envoy's circuit breaker.
    pub max_connections: Option<u32>,
    /// The proxy itself does not run.
    #[serde(default)]
    pub stopped: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Origin {
    pub tls: Option<State>,
    /// Default: 443 with TLS, 80 without.
    pub port: Option<u16>,
    /// Default: documentation addresses, see the module.
    pub address: Option<String>,
    #[serde(default)]
    pub behaviour: Behaviour,
    /// Names of hosts that the web server's own list lets in; others get 403.
    pub allow: Option<Vec<String>>,
    /// nginx only: limits per source address.
    #[serde(default)]
    pub limits: Limits,
    /// What its uplink carries, in kbit/s.
    pub uplink_kbit: Option<u32>,
    #[serde(default)]
    pub network: Reachability,
    /// Adds the header `X-Origin: shop-1` to every response.
    #[serde(default = "yes")]
    pub marker: bool,
    #[serde(default)]
    pub wants: Wants,
    #[serde(default)]
    pub gives: Gives,
}

/// What an origin demands of its clients. nginx only.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Wants {
    /// TLS 1.3 and nothing older.
    pub tls13: bool,
    /// A handshake with the site's server name.
    pub server_name: bool,
    /// A server name, or it shows another certificate.
    pub server_name_for_certificate: bool,
    pub client_certificate: bool,
    /// A PROXY protocol preamble.
    pub preamble: bool,
    /// This Host; others get 404.
    pub host: Option<String>,
}

/// What an origin adds to its answers. nginx only.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Gives {
    /// So many KiB of headers, on good answers at /healthz.
    pub header_kibibytes: usize,
    /// So many KiB at /big.
    pub large_kibibytes: usize,
    /// At no more than so many KiB a second.
    pub large_kibibytes_per_second: usize,
    /// HTTP/2 to whoever wants it.
    pub http2: bool,
    /// Keeps idle connections for so many seconds.
    pub keep_alive_seconds: Option<u64>,
}

impl Origin {
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls.is_some() { 443 } else { 80 })
    }
}

/// Limits per source address, as nginx has them; beyond them it answers 503.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// `limit_req`, without a burst.
    pub requests_per_second: Option<u32>,
    /// `limit_conn`.
    pub connections: Option<u32>,
    /// Answers 429 instead.
    pub too_many: bool,
}

/// What the origin's server does. The first group is nginx, the second the lab's fault server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Behaviour {
    #[default]
    Page,
    /// 200 with another text than the site's.
    OtherPage(String),
    Status(u16),
    Redirect(String),
    /// Sends visitors without a cookie to a page that sets one, and back.
    Login,
    /// Closes every connection without an answer.
    Close,

    Silent,
    Hang,
    CloseBeforeHeaders,
    ResetBeforeHeaders,
    CloseMidHeaders,
    CloseMidBody,
    StallMidBody,
    Garbage,
    /// Answers well after so many seconds.
    SlowSeconds(u64),
    /// Keeps a connection for so many seconds, and resets it when a second request comes.
    DropsReused(u64),
    /// Hangs up on every so-manieth connection.
    CrashesEvery(usize),
    /// Answers 503 to the first so many connections, and well from then on.
    ErrsFirst(usize),
    /// Refuses handshakes without a client certificate, by an alert.
    DemandsCertificate,
    /// Offers HTTP/2 and hangs up on it.
    BreaksHttp2,

    /// Listens with a queue of two and never accepts.
    FullBacklog,

    /// Nothing listens.
    Stopped,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reachability {
    #[default]
    Up,
    /// The router drops everything for it.
    Blackhole,
    /// The router answers "administratively prohibited".
    Prohibited,
    /// The cable is out: the router cannot find it.
    Down,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Dns {
    /// The edges' addresses.
    #[default]
    Proxy,
    /// The origins' addresses.
    Origin,
    Addresses(Vec<std::net::IpAddr>),
    /// The edges' addresses, by way of this name (CNAME).
    Alias(String),
    NxDomain,
    ServFail,
    Silent,
}

/// A firewall rule on a host, for packets from another.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    pub on: String,
    /// A host, or `anyone`.
    pub from: String,
    pub verdict: Verdict,
    /// All ports and protocols, not only the origin's service port.
    #[serde(default)]
    pub everything: bool,
    /// So many percent of the packets only.
    pub percent: Option<u8>,
    /// Only first packets of connections; what is established goes on.
    #[serde(default)]
    pub new: bool,
    /// Only new connections beyond so many a second (nftables `limit`).
    pub beyond_per_second: Option<u32>,
    /// Only new connections beyond so many at a time (nftables `ct count`).
    pub beyond_connections: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    Accept,
    Drop,
    /// Refuses with ICMP port unreachable.
    Reject,
    /// Refuses with a TCP reset.
    Reset,
    /// ICMP administratively prohibited.
    Prohibited,
}

/// The control target, which shows whether the vantage itself has a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Control {
    #[default]
    Up,
    Down,
    /// No `--control` is given.
    None,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Vantage {
    /// May the vantage pass the origin's allowlist?
    pub access: Access,
    pub ask: Ask,
    /// The vantage's own firewall lets nothing in.
    pub cut_off: bool,
}

impl Default for Vantage {
    fn default() -> Self {
        Self { access: Access::Listed, ask: Ask::File, cut_off: false }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Access {
    Listed,
    Unlisted,
    Unknown,
}

/// How `leeward diagnose` is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ask {
    /// `-f` with a derived `ProtectedOrigin`.
    File,
    /// `--via` and `--origin`.
    Flags,
    /// `-f … --offline`: nothing is staged, the objects alone are judged.
    Offline,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Visitor {
    /// The status that a visitor gets through the proxy; 0 is no answer.
    pub status: Option<u16>,
    /// The status that the vantage gets from the first origin; 0 is no answer.
    pub direct: Option<u16>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    pub cause: String,
    pub healthy: Healthy,
    #[serde(default)]
    pub confidence: Confidence,
    pub layer: Option<String>,
    pub pattern: Option<String>,
    /// Must be contained in the verdict's scope.
    pub scope: Option<Value>,
    /// Each must be among the verdict's.
    #[serde(default)]
    pub contributing: Vec<String>,
    #[serde(default)]
    pub alternatives: Vec<String>,
    #[serde(default)]
    pub risks: Vec<String>,
    /// For each, some item of evidence must contain it.
    #[serde(default)]
    pub evidence: Vec<Value>,
    /// Must be claimed neither as the cause nor as contributing nor as a risk.
    #[serde(default)]
    pub not: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", untagged)]
pub enum Healthy {
    Known(bool),
    Word(Unknown),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unknown {
    Unknown,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Confidence {
    pub is: Option<Level>,
    pub at_most: Option<Level>,
    pub at_least: Option<Level>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Level {
    Low,
    Medium,
    High,
}

fn one() -> u8 {
    1
}

fn two_seconds() -> u64 {
    2
}

fn three_seconds() -> u64 {
    3
}

fn yes() -> bool {
    true
}

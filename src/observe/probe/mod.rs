//! One request, one connection, one address: how a probe is made, stage by stage.
//!
//! Every stage has a deadline and a closed set of ways to fail, and every probe ends as evidence. There
//! is no redirect followed, no retry and no resumption, and proxies that the environment names are
//! ignored: what is measured is what was sent.

mod authority;
mod certificate;
mod connect;
mod echo;
mod exchange;
mod fault;
mod handshake;
mod hold;
mod http2;
mod identity;
mod judge;
mod maker;
mod manner;
mod once;
mod preamble;
mod relayed;
mod request;
mod resolve;
mod tcp_info;
mod trust;

pub use authority::NameServer;
pub use echo::EchoAbility;
pub use identity::{ID_HEADER, NONCE_PARAMETER, USER_AGENT};
pub use manner::Manner;
pub use request::ProbeRequest;
pub use resolve::ResolverError;
pub use trust::{Trust, TrustError};

use crate::api::spec::Method;
use crate::api::validated::{Deadlines, Host, SiteUrl, ValidExpect};
use crate::api::{Access, Observation, Outcome};
use crate::evidence::fact::{self, DnsSubject};
use crate::evidence::{Probe, Variant};
use once::{Done, once};
use parking_lot::Mutex;
use rustls::crypto::{CryptoProvider, ring};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Most CA bundles that are kept parsed; beyond it they are parsed again.
const BUNDLES: usize = 256;
/// Most addresses of the control target that are tried.
const CONTROL_ADDRESSES: usize = 4;

/// Where a prober stands and whom it trusts.
#[derive(Debug, Clone)]
pub struct ProberOptions {
    /// Name of the place that probes leave from.
    pub vantage: String,
    /// Resolvers, each asked by itself; empty means the system's.
    pub resolvers: Vec<SocketAddr>,
    /// PEM file with trust anchors beside the system's, for both paths.
    pub ca_file: Option<PathBuf>,
}

/// Why a prober could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ProberError {
    #[error("cannot read the CA file {}: {source}", path.display())]
    CaFile { path: PathBuf, source: std::io::Error },
    #[error("cannot use the CA file {}: {source}", path.display())]
    Anchors { path: PathBuf, source: TrustError },
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Resolver(#[from] ResolverError),
}

/// Makes probes. A clone shares everything.
#[derive(Clone)]
pub struct Prober(Arc<Inner>);

struct Inner {
    vantage: String,
    provider: Arc<CryptoProvider>,
    trust: Trust,
    bundles: Mutex<BTreeMap<Vec<u8>, Trust>>,
    resolvers: Vec<resolve::Resolver>,
    echo: EchoAbility,
}

impl fmt::Debug for Prober {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prober").field("vantage", &self.0.vantage).finish_non_exhaustive()
    }
}

impl Prober {
    /// Reads roots and resolvers once.
    pub fn new(options: ProberOptions) -> Result<Self, ProberError> {
        let provider = Arc::new(ring::default_provider());
        let trust = match options.ca_file {
            None => Trust::system(&provider, &[])?,
            Some(path) => match std::fs::read(&path) {
                Err(source) => return Err(ProberError::CaFile { path, source }),
                Ok(pem) => Trust::system(&provider, &pem).map_err(|source| ProberError::Anchors { path, source })?,
            },
        };
        let resolvers = resolve::Resolver::all(&options.resolvers)?;
        let echo = EchoAbility::find_out();
        let bundles = Mutex::new(BTreeMap::new());
        Ok(Self(Arc::new(Inner { vantage: options.vantage, provider, trust, bundles, resolvers, echo })))
    }

    /// Name of the place that probes leave from.
    pub fn vantage(&self) -> &str {
        &self.0.vantage
    }

    /// Whether this process may ping.
    pub fn echo(&self) -> &EchoAbility {
        &self.0.echo
    }

    /// Trust in the given PEM certificates and nothing else. Parsed once per bundle.
    pub fn trust(&self, pem: &[u8]) -> Result<Trust, TrustError> {
        if let Some(known) = self.0.bundles.lock().get(pem) {
            return Ok(known.clone());
        }
        let trust = Trust::only(&self.0.provider, pem)?;
        let mut bundles = self.0.bundles.lock();
        if bundles.len() >= BUNDLES {
            bundles.clear();
        }
        bundles.insert(pem.to_vec(), trust.clone());
        Ok(trust)
    }

    /// A configuration for connections that insist on a valid certificate, with the same trust anchors.
    pub fn verifying_tls(&self) -> rustls::ClientConfig {
        self.0.trust.verifying()
    }

    /// Exactly one request on one connection to one address. Faults are in the result.
    pub async fn probe(&self, request: &ProbeRequest) -> Probe {
        self.visit(request).await.0
    }

    /// A probe, and where its response would send a visitor.
    pub async fn visit(&self, request: &ProbeRequest) -> (Probe, Option<Url>) {
        let trust = request.trust.as_ref().unwrap_or(&self.0.trust);
        let Done { probe, location } = once(request, trust, &self.0.vantage, self.0.provider.secure_random).await;
        (probe, location)
    }

    /// Asks once and holds the connection until the peer closes it, `longest` at most.
    pub async fn hold(&self, request: &ProbeRequest, longest: Duration) -> fact::Idle {
        let trust = request.trust.as_ref().unwrap_or(&self.0.trust);
        let id = identity::random(self.0.provider.secure_random);
        hold::hold(request, trust, &self.0.vantage, &id, longest).await
    }

    /// What each resolver says of a name; A and AAAA joined. `suffixes` are names that it may be an alias of.
    pub async fn resolve(
        &self,
        name: &str,
        suffixes: &[String],
        subject: DnsSubject,
        deadline: Duration,
    ) -> Vec<fact::Dns> {
        resolve::resolve(&self.0.resolvers, (name, suffixes), subject, &self.0.vantage, deadline).await
    }

    /// The TXT records of a name, as the first resolver that has any knows them.
    pub async fn texts(&self, name: &str, deadline: Duration) -> Result<Vec<String>, Outcome> {
        resolve::texts(&self.0.resolvers, name, deadline).await
    }

    /// The name servers of the zone that a name is in, as the first resolver knows them.
    pub async fn name_servers(&self, name: &str) -> Vec<NameServer> {
        match self.0.resolvers.first().and_then(resolve::Resolver::address) {
            Some(resolver) => authority::servers(resolver, name).await,
            None => Vec::new(),
        }
    }

    /// What one of a zone's own name servers says of a name.
    pub async fn ask_authority(&self, server: &NameServer, name: &str, subject: DnsSubject) -> Option<fact::Dns> {
        authority::ask(server, name, subject, &self.0.vantage).await
    }

    /// Echo requests to an address, one every 200 ms.
    pub async fn ping(&self, address: IpAddr, count: u32) -> fact::Ping {
        echo::ping(address, count, &self.0.vantage).await
    }

    /// Opens a connection and closes it.
    pub async fn dial(&self, address: SocketAddr, access: Access, deadline: Duration) -> fact::ControlPort {
        let attempt = connect::connect(address, Instant::now() + deadline, false).await;
        let outcome = attempt.result.map_or_else(|ended| ended.outcome, |_| Outcome::OK);
        fact::ControlPort { vantage: self.0.vantage.clone(), access, address, outcome }
    }

    /// Whether the control target answers at all: any response will do.
    pub async fn control(&self, url: &SiteUrl, deadline: Duration) -> fact::Control {
        let outcome = tokio::time::timeout(deadline, self.ask_control(url, deadline)).await;
        fact::Control { vantage: self.0.vantage.clone(), outcome: outcome.unwrap_or(Outcome::TimedOut) }
    }

    async fn ask_control(&self, url: &SiteUrl, deadline: Duration) -> Outcome {
        let addresses = match &url.host {
            Host::Ip(ip) => vec![*ip],
            Host::Name(name) => {
                let facts = self.resolve(name, &[], DnsSubject::Site, deadline).await;
                let found: Vec<IpAddr> = facts.iter().flat_map(|fact| fact.addresses.iter().copied()).collect();
                match facts.first() {
                    Some(fact) if found.is_empty() => return fact.outcome,
                    _ => found,
                }
            }
        };
        let mut outcome = Outcome::Unavailable;
        for ip in addresses.into_iter().take(CONTROL_ADDRESSES) {
            let probe = self.probe(&control_request(url, ip, deadline)).await;
            if probe.response.is_some() {
                return Outcome::OK;
            }
            outcome = probe.outcome;
        }
        outcome
    }
}

fn control_request(url: &SiteUrl, ip: IpAddr, deadline: Duration) -> ProbeRequest {
    let d = deadline;
    ProbeRequest {
        observation: Observation::Control,
        variant: Variant::Plain,
        access: Access::Unknown,
        address: SocketAddr::new(ip, url.port),
        scheme: url.scheme,
        host_header: url.authority(),
        server_name: url.host.clone(),
        path: url.path.clone(),
        method: Method::GET,
        deadlines: Deadlines { dns: d, connect: d, tls: d, first_byte: d, body: d, total: d },
        expect: Arc::new(ValidExpect { statuses: vec![100..=599], body_contains: None, first_byte: None }),
        marker: None,
        trust: None,
        manner: Manner::default(),
    }
}

//! The addresses of a round, and what name servers said on the way to them.

use super::plan::Plan;
use crate::api::validated::{Host, Whereabouts};
use crate::evidence::fact::{self, Dns, DnsSubject};
use crate::observe::probe::Prober;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Most addresses of one name that a round dials.
const ANSWERS: usize = 16;
/// Most endpoints of a Service that a round dials.
const ENDPOINTS: usize = 64;

/// Both sides of a round.
#[derive(Debug)]
pub(super) struct Targets {
    pub(super) edges: Found,
    pub(super) origins: Found,
}

/// Addresses of one side.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) facts: Vec<Dns>,
    /// How long the name took, where the addresses come from one.
    pub(super) dns_ms: Option<u32>,
}

/// Resolves what has to be resolved, both sides at once.
pub(super) async fn find(prober: &Prober, plan: &Plan) -> Targets {
    let (edges, origins) = tokio::join!(edges(prober, plan), origins(prober, plan));
    Targets { edges, origins }
}

/// The name of the site is always resolved, since its answers are judged; pinned addresses only decide
/// which are dialled.
async fn edges(prober: &Prober, plan: &Plan) -> Found {
    let v = &plan.validated;
    let port = v.url.port;
    let at = |ips: &[IpAddr]| ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect::<Vec<_>>();
    let mut found = match &v.url.host {
        Host::Ip(ip) => Found { addresses: at(&[*ip]), ..Found::default() },
        Host::Name(name) => by_name(prober, plan, name, port, DnsSubject::Site).await,
    };
    if !v.edge_addresses.is_empty() {
        found.addresses = at(&v.edge_addresses);
        found.dns_ms = None;
    }
    found
}

async fn origins(prober: &Prober, plan: &Plan) -> Found {
    match &plan.validated.origin.whereabouts {
        Whereabouts::Addresses { ips, port } => {
            let addresses = ips.iter().map(|ip| SocketAddr::new(*ip, *port)).collect();
            Found { addresses, ..Found::default() }
        }
        Whereabouts::Hostname { name, port } => by_name(prober, plan, name, *port, DnsSubject::Origin).await,
        Whereabouts::Service { .. } => {
            let dialable = plan.endpoints.as_ref().map(fact::Endpoints::targets).unwrap_or_default();
            Found { addresses: dialable.iter().take(ENDPOINTS).copied().collect(), ..Found::default() }
        }
    }
}

async fn by_name(prober: &Prober, plan: &Plan, name: &str, port: u16, subject: DnsSubject) -> Found {
    let started = Instant::now();
    let facts = prober.resolve(name, &plan.edge_aliases, subject, plan.validated.probe.deadlines.dns).await;
    let dns_ms = u32::try_from(started.elapsed().as_millis()).ok();
    let all: BTreeSet<IpAddr> = facts.iter().flat_map(|fact| fact.addresses.iter().copied()).collect();
    let addresses = all.into_iter().take(ANSWERS).map(|ip| SocketAddr::new(ip, port)).collect();
    Found { addresses, facts, dns_ms }
}

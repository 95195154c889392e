//! The zone's own name servers: found through a resolver, asked without recursion.
//!
//! They tell a record that is wrong from one that resolvers remember wrongly. Only what a server says as an authority
//! (the AA bit of RFC 1035) is kept: somebody on the way who answers in its name is one more resolver, and silence
//! means as little as a firewall for port 53. Servers are looked for with checking disabled (the CD bit of RFC 4035),
//! since a zone whose signatures are broken has to be found, too.

use super::resolve::{QUERY, address};
use crate::api::Outcome;
use crate::evidence::fact::{Dns, DnsSubject};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::{DnsRequestSender, FirstAnswer};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// A lost datagram is sent once more within the patience with one question.
const RESEND_MS: u64 = 450;
/// Name servers of a zone that are asked.
const SERVERS: usize = 2;
/// Labels that are taken off a name on the way up to its zone.
const LEVELS: usize = 4;
const PORT: u16 = 53;

/// One of a zone's own name servers, as its delegation names it. Whether it may be asked is for the caller to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameServer {
    pub name: String,
    pub address: SocketAddr,
}

/// Which recursion and checking a question asks for.
#[derive(Clone, Copy)]
enum Manner {
    /// Of a resolver, signatures unchecked.
    Recursive,
    /// Of an authority.
    Direct,
}

/// The name servers of the zone that a name is in: two at most, one address each.
pub(super) async fn servers(resolver: SocketAddr, name: &str) -> Vec<NameServer> {
    let Ok(mut zone) = Name::from_ascii(name) else { return Vec::new() };
    zone.set_fqdn(true);
    let mut names = Vec::new();
    for _ in 0..LEVELS {
        // A zone of one label is a registry's, and never the site's.
        if zone.num_labels() < 2 {
            break;
        }
        names = delegated(resolver, &zone).await;
        if !names.is_empty() {
            break;
        }
        zone = zone.base_name();
    }
    let mut servers = Vec::new();
    for name in names.into_iter().take(SERVERS) {
        if let Some(ip) = first_address(resolver, &name).await {
            let name = name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
            servers.push(NameServer { name, address: SocketAddr::new(ip, PORT) });
        }
    }
    servers
}

/// What a server says of a name as its authority; nothing where it does not speak as one, or names an alias only, whose
/// addresses are another zone's business.
pub(super) async fn ask(server: &NameServer, name: &str, subject: DnsSubject, vantage: &str) -> Option<Dns> {
    let mut query = Name::from_ascii(name).ok()?;
    query.set_fqdn(true);
    let of = |kind| exchange(server.address, &query, kind, Manner::Direct);
    let (a, aaaa) = tokio::join!(of(RecordType::A), of(RecordType::AAAA));
    let said: Vec<DnsResponse> = [a, aaaa].into_iter().flatten().collect();
    let mut addresses = BTreeSet::new();
    let mut denials = BTreeSet::new();
    for response in said.iter().filter(|response| response.metadata.authoritative && !response.metadata.truncation) {
        if response.answers.iter().any(|record| matches!(record.data, RData::CNAME(_))) {
            return None;
        }
        addresses.extend(response.answers.iter().filter_map(|record| address(&record.data)));
        match response.metadata.response_code {
            ResponseCode::NoError => _ = denials.insert(Outcome::Missing),
            ResponseCode::NXDomain => _ = denials.insert(Outcome::NXDomain),
            // A server that cannot or will not says nothing of the name.
            _ => {}
        }
    }
    let outcome = match (addresses.is_empty(), denials.contains(&Outcome::NXDomain)) {
        (false, _) => Outcome::OK,
        (true, true) => Outcome::NXDomain,
        (true, false) => denials.pop_first()?,
    };
    Some(Dns {
        vantage: vantage.to_owned(),
        name: name.to_owned(),
        subject,
        resolver: server.name.clone(),
        outcome,
        addresses: addresses.into_iter().collect(),
        by_way_of: None,
        authority: Some(server.address.ip()),
    })
}

async fn delegated(resolver: SocketAddr, zone: &Name) -> Vec<Name> {
    let Ok(response) = exchange(resolver, zone, RecordType::NS, Manner::Recursive).await else { return Vec::new() };
    let mut names: Vec<Name> = response
        .answers
        .iter()
        .filter(|record| record.name == *zone)
        .filter_map(|record| match &record.data {
            RData::NS(server) => Some(server.0.clone()),
            _ => None,
        })
        .collect();
    names.sort();
    names
}

async fn first_address(resolver: SocketAddr, name: &Name) -> Option<IpAddr> {
    for kind in [RecordType::A, RecordType::AAAA] {
        let found = exchange(resolver, name, kind, Manner::Recursive).await.ok();
        let first = found.and_then(|r| r.answers.iter().find_map(|record| address(&record.data)));
        if first.is_some() {
            return first;
        }
    }
    None
}

async fn exchange(to: SocketAddr, name: &Name, kind: RecordType, manner: Manner) -> Result<DnsResponse, NetError> {
    let mut options = DnsRequestOptions::default();
    options.recursion_desired = matches!(manner, Manner::Recursive);
    let (mut message, options) = DnsRequest::from_query(Query::query(name.clone(), kind), options).into_parts();
    message.metadata.checking_disabled = matches!(manner, Manner::Recursive);
    let mut stream = UdpClientStream::builder(to, TokioRuntimeProvider::default())
        .with_timeout(Some(QUERY))
        .with_max_retries(2)
        .with_retry_interval_floor(RESEND_MS)
        .build();
    stream.send_message(DnsRequest::new(message, options)).first_answer().await
}

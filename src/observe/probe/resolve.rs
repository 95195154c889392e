//! The DNS phase: what each resolver says of a name, with the ways of saying nothing kept apart.
//!
//! Names are asked for with their trailing dot: the search domains of a pod would multiply the
//! queries, and might answer for another name.

use crate::api::Outcome;
use crate::evidence::fact::{Dns, DnsSubject};
use futures::future::join_all;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Hosts, TokioResolver, system_conf};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Patience with one query; one more is sent when a datagram is lost.
pub(super) const QUERY: Duration = Duration::from_millis(900);

/// Why resolvers could not be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolverError {
    #[error("cannot read the system's resolver configuration ({0}): name a resolver with --resolver ADDR:PORT")]
    System(String),
    #[error("cannot set up the resolver {name} ({reason})")]
    Setup { name: String, reason: String },
}

/// What a resolver said of a name: its addresses, and the names that it is an alias of.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    addresses: BTreeSet<IpAddr>,
    aliases: BTreeSet<String>,
}

/// A resolver under the name that evidence gives it.
pub(super) struct Resolver {
    name: String,
    inner: TokioResolver,
    /// Where its first server is.
    first: Option<SocketAddr>,
    /// The system's resolver reads the hosts file first, as every program on this machine does.
    hosts: bool,
}

impl Resolver {
    /// The given resolvers, each asked by itself; the system's where none is given.
    pub(super) fn all(addresses: &[SocketAddr]) -> Result<Vec<Self>, ResolverError> {
        if addresses.is_empty() {
            return Self::system().map(|resolver| vec![resolver]);
        }
        addresses.iter().map(|address| Self::at(*address)).collect()
    }

    fn system() -> Result<Self, ResolverError> {
        let (config, _) = system_conf::read_system_conf().map_err(|e| ResolverError::System(e.to_string()))?;
        let (_, _, servers) = config.into_parts();
        Self::new("system".to_owned(), ResolverConfig::from_parts(None, Vec::new(), servers), true)
    }

    fn at(address: SocketAddr) -> Result<Self, ResolverError> {
        let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
        udp.port = address.port();
        tcp.port = address.port();
        let server = NameServerConfig::new(address.ip(), true, vec![udp, tcp]);
        Self::new(address.to_string(), ResolverConfig::from_parts(None, Vec::new(), vec![server]), false)
    }

    fn new(name: String, config: ResolverConfig, hosts: bool) -> Result<Self, ResolverError> {
        let first = config.name_servers.first().map(|server| {
            let port = server.connections.first().map_or(53, |connection| connection.port);
            SocketAddr::new(server.ip, port)
        });
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options();
        match builder.build() {
            Ok(inner) => Ok(Self { name, inner, first, hosts }),
            Err(error) => Err(ResolverError::Setup { name, reason: error.to_string() }),
        }
    }

    /// For questions that need a message of their own.
    pub(super) const fn address(&self) -> Option<SocketAddr> {
        self.first
    }

    /// Asks for A and AAAA at once.
    async fn ask(&self, name: &Name, deadline: Instant) -> (Outcome, Answer) {
        if self.hosts {
            let addresses: BTreeSet<IpAddr> = from_hosts(name).into_iter().collect();
            if !addresses.is_empty() {
                return (Outcome::OK, Answer { addresses, aliases: BTreeSet::new() });
            }
        }
        let query = |kind| async move {
            match timeout_at(deadline, self.inner.lookup(name.clone(), kind)).await {
                Err(_) => Err(Outcome::TimedOut),
                Ok(Err(error)) => Err(class(&error)),
                Ok(Ok(lookup)) => Ok(Answer {
                    addresses: lookup.answers().iter().filter_map(|record| address(&record.data)).collect(),
                    aliases: lookup.answers().iter().filter_map(|record| alias(&record.data)).collect(),
                }),
            }
        };
        let (a, aaaa) = tokio::join!(query(RecordType::A), query(RecordType::AAAA));
        join(a, aaaa)
    }
}

/// The TXT records of a name, the strings of each joined without blanks (RFC 7208, 3.3): those of the first resolver that
/// has any. Else what the first one said.
pub(super) async fn texts(resolvers: &[Resolver], name: &str, patience: Duration) -> Result<Vec<String>, Outcome> {
    let deadline = Instant::now() + patience;
    let mut name = Name::from_ascii(name).map_err(|_| Outcome::NXDomain)?;
    name.set_fqdn(true);
    let mut said = None;
    for resolver in resolvers {
        match timeout_at(deadline, resolver.inner.lookup(name.clone(), RecordType::TXT)).await {
            Ok(Ok(lookup)) => {
                let texts: Vec<String> = lookup.answers().iter().filter_map(|record| text(&record.data)).collect();
                if !texts.is_empty() {
                    return Ok(texts);
                }
                said.get_or_insert(Outcome::Missing);
            }
            Ok(Err(error)) => _ = said.get_or_insert_with(|| class(&error)),
            Err(_) => _ = said.get_or_insert(Outcome::TimedOut),
        }
    }
    Err(said.unwrap_or(Outcome::Unavailable))
}

/// Bytes that are no text stay visible, so that whoever reads the record refuses them.
fn text(data: &RData) -> Option<String> {
    match data {
        RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
        _ => None,
    }
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    // A probe wants today's answer, and each resolver's own.
    options.cache_size = 0;
    options.timeout = QUERY;
    options.attempts = 1;
    options.num_concurrent_reqs = 1;
    options.edns0 = true;
    options
}

/// Asks every resolver for the addresses of a name, and whether it is an alias of one below these suffixes.
pub(super) async fn resolve(
    resolvers: &[Resolver],
    (name, suffixes): (&str, &[String]),
    subject: DnsSubject,
    vantage: &str,
    patience: Duration,
) -> Vec<Dns> {
    let deadline = Instant::now() + patience;
    let fact = |resolver: &Resolver, outcome, answer: Answer| Dns {
        vantage: vantage.to_owned(),
        name: name.to_owned(),
        subject,
        resolver: resolver.name.clone(),
        outcome,
        by_way_of: suffixes.iter().find(|suffix| answer.aliases.iter().any(|alias| is_below(alias, suffix))).cloned(),
        addresses: answer.addresses.into_iter().collect(),
        authority: None,
    };
    let Ok(mut query) = Name::from_ascii(name) else {
        return resolvers.iter().map(|resolver| fact(resolver, Outcome::NXDomain, Answer::default())).collect();
    };
    query.set_fqdn(true);
    let asked = resolvers.iter().map(|resolver| async {
        let (outcome, answer) = resolver.ask(&query, deadline).await;
        fact(resolver, outcome, answer)
    });
    join_all(asked).await
}

/// The two families joined: addresses of either are an answer; without any, the stronger statement wins.
fn join(a: Result<Answer, Outcome>, aaaa: Result<Answer, Outcome>) -> (Outcome, Answer) {
    let said = [&a, &aaaa].map(|answer| answer.as_ref().err().copied().unwrap_or(Outcome::Missing));
    let mut joined = Answer::default();
    for answer in [a, aaaa].into_iter().flatten() {
        joined.addresses.extend(answer.addresses);
        joined.aliases.extend(answer.aliases);
    }
    if !joined.addresses.is_empty() {
        return (Outcome::OK, joined);
    }
    let order = [Outcome::NXDomain, Outcome::ServFail, Outcome::TimedOut, Outcome::Unavailable];
    (order.into_iter().find(|outcome| said.contains(outcome)).unwrap_or(Outcome::Missing), joined)
}

/// Whether a name is this one or below it.
fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn class(error: &NetError) -> Outcome {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Outcome::NXDomain,
            ResponseCode::NoError => Outcome::Missing,
            _ => Outcome::ServFail,
        },
        NetError::Dns(DnsError::ResponseCode(ResponseCode::NXDomain)) => Outcome::NXDomain,
        NetError::Dns(_) | NetError::Proto(_) => Outcome::ServFail,
        NetError::Timeout | NetError::NoConnections => Outcome::TimedOut,
        NetError::Io(error) => match error.kind() {
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => Outcome::Unavailable,
            // A resolver that refuses is as silent as one that does not answer.
            _ => Outcome::TimedOut,
        },
        _ => Outcome::Unavailable,
    }
}

fn from_hosts(name: &Name) -> Vec<IpAddr> {
    let Ok(hosts) = Hosts::from_system() else { return Vec::new() };
    [RecordType::A, RecordType::AAAA]
        .into_iter()
        .filter_map(|kind| hosts.lookup_static_host(&Query::query(name.clone(), kind)))
        .flat_map(|lookup| lookup.answers().iter().filter_map(|r| address(&r.data)).collect::<Vec<_>>())
        .collect()
}

pub(super) fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}

fn alias(data: &RData) -> Option<String> {
    match data {
        RData::CNAME(name) => Some(name.to_ascii().trim_end_matches('.').to_ascii_lowercase()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::rr::rdata::TXT;

    #[test]
    fn resolvers_that_cannot_be_set_up_are_told_with_the_flag() {
        let why = || "no such file".to_owned();
        assert_eq!(
            ResolverError::System(why()).to_string(),
            "cannot read the system's resolver configuration (no such file): name a resolver with --resolver ADDR:PORT"
        );
        assert_eq!(
            ResolverError::Setup { name: "192.0.2.53:53".to_owned(), reason: why() }.to_string(),
            "cannot set up the resolver 192.0.2.53:53 (no such file)"
        );
    }

    fn answer(addresses: &[&str]) -> Answer {
        Answer { addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(), aliases: BTreeSet::new() }
    }

    #[test]
    fn the_strings_of_a_record_are_joined_without_blanks() {
        let data = TXT::from_bytes(vec![b"v=spf1 ip4:34.96.", b"0.0/20 ~all"]);
        assert_eq!(text(&RData::TXT(data)).unwrap(), "v=spf1 ip4:34.96.0.0/20 ~all");
        assert_eq!(text(&RData::TXT(TXT::from_bytes(vec![b"a\xff"]))).unwrap(), "a\u{fffd}");
    }

    #[test]
    fn one_family_is_an_answer() {
        let v4 = || answer(&["192.0.2.1"]);
        assert_eq!(join(Ok(v4()), Err(Outcome::ServFail)), (Outcome::OK, v4()));
        assert_eq!(join(Ok(v4()), Err(Outcome::Missing)), (Outcome::OK, v4()));
    }

    #[test]
    fn without_an_address_the_stronger_statement_wins() {
        assert_eq!(join(Err(Outcome::Missing), Err(Outcome::Missing)).0, Outcome::Missing);
        assert_eq!(join(Err(Outcome::Missing), Err(Outcome::TimedOut)).0, Outcome::TimedOut);
        assert_eq!(join(Err(Outcome::NXDomain), Err(Outcome::TimedOut)).0, Outcome::NXDomain);
        assert_eq!(join(Err(Outcome::ServFail), Err(Outcome::Missing)).0, Outcome::ServFail);
    }

    #[test]
    fn a_suffix_matches_whole_labels() {
        assert!(is_below("shop.cdn.example.net", "cdn.example.net") && is_below("cdn.example.net", "cdn.example.net"));
        assert!(!is_below("evilcdn.example.net", "cdn.example.net") && !is_below("example.net", "cdn.example.net"));
    }
}

//! What visitors who report a failure have in common: a family, a network, an edge, a place, a time, or
//! the pool member that a hash of their address pins them to.
//!
//! A trait is named when at least four in five share it. Whether other visitors share it too is not
//! known here, so it is a lead for the provider, never a cause.

use super::Client;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Fewest different visitors of whom a trait says anything.
const FEWEST: usize = 3;
/// A hash is named when so few of as many random groups would share a bucket.
const CHANCE: f64 = 0.01;
/// Most pool members of which hashes are tried.
const MOST_MEMBERS: usize = 64;

/// What kind of thing is shared.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trait {
    Family,
    Prefix,
    Edge,
    Pop,
    Status,
    Window,
    Hash,
}

/// Something that most of them share.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Shared {
    #[serde(rename = "trait")]
    pub kind: Trait,
    pub value: String,
    /// How many share it, of how many of whom it is known.
    pub sharing: usize,
    pub of: usize,
}

impl Shared {
    fn when(kind: Trait, value: impl Into<String>, sharing: usize, of: usize) -> Option<Self> {
        (of >= FEWEST && sharing * 5 >= of * 4).then(|| Self { kind, value: value.into(), sharing, of })
    }
}

/// Everything that most of them share. `pool` are the addresses among which a hash may choose.
pub fn shared(clients: &[Client], pool: &BTreeSet<IpAddr>) -> Vec<Shared> {
    let addresses: BTreeSet<IpAddr> = clients.iter().map(|c| c.address).collect();
    let most = |kind, values: Vec<String>| {
        let of = values.len();
        let (value, sharing) = commonest(values)?;
        Shared::when(kind, value, sharing, of)
    };
    let families = addresses.iter().map(|a| if a.is_ipv4() { "IPv4" } else { "IPv6" }.to_owned()).collect();
    [
        most(Trait::Family, families),
        prefix(&addresses),
        most(Trait::Edge, clients.iter().filter_map(|c| c.edge).map(|a| a.to_string()).collect()),
        most(Trait::Pop, clients.iter().filter_map(|c| c.pop.clone()).collect()),
        most(Trait::Status, clients.iter().filter_map(|c| c.status).map(|s| s.to_string()).collect()),
        window(clients),
        hash(&addresses, pool.len()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn commonest(values: Vec<String>) -> Option<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)))
}

/// The narrowest usual network that holds most of them.
fn prefix(addresses: &BTreeSet<IpAddr>) -> Option<Shared> {
    let network = |address: &IpAddr, v4: u8, v6: u8| {
        let length = if address.is_ipv4() { v4 } else { v6 };
        ipnet::IpNet::new(*address, length).ok().map(|n| n.trunc().to_string())
    };
    [(24, 48), (20, 40), (16, 32)].into_iter().find_map(|(v4, v6)| {
        let networks = addresses.iter().filter_map(|a| network(a, v4, v6)).collect();
        let (value, sharing) = commonest(networks)?;
        Shared::when(Trait::Prefix, value, sharing, addresses.len())
    })
}

/// The shortest time that holds most of the reports, where it is a part of the whole.
fn window(clients: &[Client]) -> Option<Shared> {
    let mut times: Vec<Timestamp> = clients.iter().map(|c| c.at).collect();
    times.sort_unstable();
    let (first, last) = (times.first()?, times.last()?);
    let need = (times.len() * 4).div_ceil(5);
    let shortest =
        times.windows(need).filter_map(|w| Some((w.first()?, w.last()?))).min_by_key(|(a, b)| b.duration_since(**a))?;
    let (from, to) = shortest;
    let whole = last.duration_since(*first);
    let burst = to.duration_since(*from);
    // Reports that are spread evenly fill most of the time with most of them.
    if whole > SignedDuration::ZERO && burst * 2 > whole {
        return None;
    }
    Shared::when(Trait::Window, format!("{from} to {to}"), need, times.len())
}

/// Whether a hash of the visitor's address, as nginx's `ip_hash` makes it, sends them all to one member.
fn hash(addresses: &BTreeSet<IpAddr>, members: usize) -> Option<Shared> {
    if !(2..=MOST_MEMBERS).contains(&members) {
        return None;
    }
    let keys: BTreeSet<Vec<u8>> = addresses.iter().map(key).collect();
    let buckets: BTreeSet<usize> = keys.iter().map(|key| bucket(key, members)).collect();
    let bucket = buckets.first()?;
    let others = i32::try_from(keys.len()).ok()?.saturating_sub(1);
    let chance = (1.0 / f64::from(u8::try_from(members).ok()?)).powi(others);
    if buckets.len() != 1 || chance > CHANCE {
        return None;
    }
    let value = format!("member {} of {members} of a pool that hashes by client (ip_hash)", bucket + 1);
    Shared::when(Trait::Hash, value, keys.len(), keys.len())
}

/// nginx hashes the first three octets of an IPv4 address and the whole of an IPv6 one.
fn key(address: &IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().into_iter().take(3).collect(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// `ngx_http_upstream_ip_hash_module`: 89, times 113 plus octet, modulo 6271; members of equal weight.
fn bucket(key: &[u8], members: usize) -> usize {
    key.iter().fold(89, |hash, octet| (hash * 113 + usize::from(*octet)) % 6271) % members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str, minute: i64) -> Client {
        let at = Timestamp::from_second(1_795_773_600 + minute * 60).unwrap();
        Client { address: address.parse().unwrap(), at, status: Some(502), edge: None, pop: None }
    }

    fn kinds(clients: &[Client], members: u8) -> Vec<Trait> {
        let pool = (0..members).map(|n| IpAddr::from([198, 51, 100, n])).collect();
        shared(clients, &pool).iter().map(|s| s.kind).collect()
    }

    #[test]
    fn one_network_is_found_at_its_narrowest() {
        let near: Vec<Client> = (1..=5).map(|n| client(&format!("203.0.113.{n}"), n * 60)).collect();
        let found = shared(&near, &BTreeSet::new());
        let prefix = found.iter().find(|s| s.kind == Trait::Prefix).unwrap();
        assert_eq!((prefix.value.as_str(), prefix.sharing, prefix.of), ("203.0.113.0/24", 5, 5));
        let wide: Vec<Client> = (1..=5).map(|n| client(&format!("203.0.{n}.9"), n * 60)).collect();
        let found = shared(&wide, &BTreeSet::new());
        assert_eq!(found.iter().find(|s| s.kind == Trait::Prefix).unwrap().value, "203.0.0.0/20");
    }

    #[test]
    fn what_fewer_than_four_in_five_share_is_nothing() {
        let mixed = [
            client("203.0.113.1", 0),
            client("198.51.100.1", 60),
            client("2001:db8::1", 120),
            client("192.0.2.1", 180),
        ];
        assert_eq!(kinds(&mixed, 0), [Trait::Status]);
        assert!(kinds(&mixed[..2], 0).is_empty(), "two visitors are no pattern");
    }

    #[test]
    fn a_burst_stands_out_of_a_day_and_even_reports_do_not() {
        let mut burst: Vec<Client> = (0..8).map(|n| client(&format!("10.{n}.0.1"), n)).collect();
        burst.push(client("10.9.0.1", 600));
        burst.push(client("10.10.0.1", 900));
        assert!(kinds(&burst, 0).contains(&Trait::Window));
        let even: Vec<Client> = (0..10).map(|n| client(&format!("10.{n}.0.1"), n * 90)).collect();
        assert!(!kinds(&even, 0).contains(&Trait::Window));
    }

    #[test]
    fn visitors_of_one_hash_bucket_are_told_from_chance() {
        let one = bucket(&[10, 0, 0], 3);
        let pinned: Vec<Client> = (0..=255_u8)
            .filter(|n| bucket(&[10, *n, 0], 3) == one)
            .take(6)
            .map(|n| client(&format!("10.{n}.0.1"), 0))
            .collect();
        assert!(kinds(&pinned, 3).contains(&Trait::Hash));
        let pool = (0..3).map(|n| IpAddr::from([198, 51, 100, n])).collect();
        let found = shared(&pinned, &pool);
        let hash = found.iter().find(|s| s.kind == Trait::Hash).unwrap();
        assert_eq!(hash.value, format!("member {} of 3 of a pool that hashes by client (ip_hash)", one + 1));
        assert!(!kinds(&pinned, 1).contains(&Trait::Hash), "a pool of one pins everybody");
        assert!(!kinds(&pinned[..3], 3).contains(&Trait::Hash), "three of three may be chance: 1 in 9");
        let all: Vec<Client> = (0..6).map(|n| client(&format!("10.{n}.0.1"), 0)).collect();
        assert!(!kinds(&all, 3).contains(&Trait::Hash));
    }

    #[test]
    fn the_hash_is_nginxs() {
        // Which of three servers of equal weight a real nginx (1.22, ip_hash behind real_ip) sent each of these to.
        for (address, member) in [
            ("192.0.2.1", 0),
            ("192.0.2.77", 0),
            ("192.0.3.1", 1),
            ("198.51.100.7", 0),
            ("203.0.113.9", 0),
            ("10.1.2.3", 1),
            ("8.8.8.8", 2),
            ("100.64.33.5", 1),
            ("2001:db8::1", 2),
            ("2001:db8::2", 0),
            ("2001:db8:1::1", 0),
            ("2001:db8:ffff:1::9", 0),
        ] {
            assert_eq!(bucket(&key(&address.parse().unwrap()), 3), member, "{address}");
        }
    }
}

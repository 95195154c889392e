//! What a network does to a SYN, and what a probe makes of it: the table of connect errors, held against
//! a real kernel with real firewalls and routes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use lab::network::{Host, Network, Route};
use leeward::api::spec::{Method, Scheme};
use leeward::api::validated::{Deadlines, Host as Name, ValidExpect};
use leeward::api::{Access, Observation, Outcome, Phase};
use leeward::evidence::probe::Fault;
use leeward::evidence::{Probe, Variant};
use leeward::observe::probe::{ProbeRequest, Prober, ProberOptions};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const V4: &str = "198.51.100.10";
const V6: &str = "2001:db8:1::10";
const PORT: u16 = 8080;

/// A visitor and an origin with the router between them, where this process may make them.
fn network() -> Option<(Network, Host, Host)> {
    let made = Network::new().and_then(|mut network| {
        let visitor = network.host("visitor", &["203.0.113.5", "2001:db8:2::5"])?;
        let origin = network.host("origin", &[V4, V6])?;
        Ok((network, visitor, origin))
    });
    match made {
        Ok(network) => Some(network),
        Err(error) => {
            // As root this must work, so there it is a failure.
            assert!(!is_root(), "cannot make network namespaces: {error:#}");
            eprintln!("skipped: network namespaces need root ({error:#})");
            None
        }
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

/// One probe from a host of the lab.
fn probe(from: &Host, to: SocketAddr, connect: Duration) -> Probe {
    from.inside(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let resolvers = vec!["192.0.2.1:53".parse().unwrap()];
            let options = ProberOptions { vantage: "lab".to_owned(), resolvers, ca_file: None };
            let prober = Prober::new(options).unwrap();
            let second = Duration::from_secs(1);
            prober
                .probe(&ProbeRequest {
                    observation: Observation::Direct,
                    variant: Variant::Plain,
                    access: Access::Listed,
                    address: to,
                    scheme: Scheme::HTTP,
                    host_header: "shop.example.com".to_owned(),
                    server_name: Name::Name("shop.example.com".to_owned()),
                    path: "/".to_owned(),
                    method: Method::GET,
                    deadlines: Deadlines {
                        dns: second,
                        connect,
                        tls: second,
                        first_byte: second,
                        body: second,
                        total: connect + second,
                    },
                    expect: Arc::new(ValidExpect { statuses: vec![200..=399], body_contains: None, first_byte: None }),
                    marker: None,
                    trust: None,
                    manner: leeward::observe::probe::Manner::default(),
                })
                .await
        })
    })
    .unwrap()
}

/// Probes and compares the fault; returns the milliseconds that connecting took.
fn expect(from: &Host, to: &str, what: &str, fault: Fault, outcome: Outcome) -> u32 {
    let to = SocketAddr::new(to.parse().unwrap(), PORT);
    let patience = if fault == Fault::Deadline { Duration::from_millis(1600) } else { Duration::from_secs(5) };
    let seen = probe(from, to, patience);
    assert_eq!(
        (seen.phase, seen.fault, seen.outcome),
        (Some(Phase::Connect), Some(fault), outcome),
        "{what} at {to}: {:?}",
        seen.timings
    );
    if !matches!(fault, Fault::NoLocalRoute) {
        assert!(seen.tcp.is_some(), "{what}: no TCP_INFO");
    }
    seen.timings.connect_ms.unwrap()
}

#[test]
fn firewalls_that_reject() {
    let Some((_network, visitor, origin)) = network() else { return };
    let table = [
        (V4, "", Fault::ConnectionRefused, Outcome::Refused),
        (V4, "reject with tcp reset", Fault::ConnectionRefused, Outcome::Refused),
        (V4, "reject with icmp type port-unreachable", Fault::ConnectionRefused, Outcome::Refused),
        (V4, "reject with icmp type host-unreachable", Fault::HostUnreachable, Outcome::Prohibited),
        (V4, "reject with icmp type admin-prohibited", Fault::HostUnreachable, Outcome::Prohibited),
        (V4, "reject with icmp type host-prohibited", Fault::HostUnreachable, Outcome::Prohibited),
        (V4, "reject with icmp type net-unreachable", Fault::NetworkUnreachable, Outcome::Unreachable),
        (V4, "reject with icmp type net-prohibited", Fault::NetworkUnreachable, Outcome::Unreachable),
        (V6, "", Fault::ConnectionRefused, Outcome::Refused),
        (V6, "reject with tcp reset", Fault::ConnectionRefused, Outcome::Refused),
        (V6, "reject with icmpv6 type port-unreachable", Fault::ConnectionRefused, Outcome::Refused),
        (V6, "reject with icmpv6 type admin-prohibited", Fault::AdminProhibited, Outcome::Prohibited),
        (V6, "reject with icmpv6 type policy-fail", Fault::AdminProhibited, Outcome::Prohibited),
        (V6, "reject with icmpv6 type reject-route", Fault::AdminProhibited, Outcome::Prohibited),
        (V6, "reject with icmpv6 type no-route", Fault::NetworkUnreachable, Outcome::Unreachable),
        (V6, "reject with icmpv6 type addr-unreachable", Fault::HostUnreachable, Outcome::Prohibited),
    ];
    for (address, rule, fault, outcome) in table {
        let family = if address == V4 { "meta nfproto ipv4" } else { "meta nfproto ipv6" };
        let whole = format!("{family} tcp dport {PORT} {rule}");
        let rules: &[&str] = if rule.is_empty() { &[] } else { &[&whole] };
        origin.firewall(rules).unwrap();
        let took = expect(&visitor, address, &whole, fault, outcome);
        // At once, or at the first retransmit where a rate limit held the ICMP error back.
        assert!(took < 1500, "{whole} took {took} ms");
    }
}

#[test]
fn routes_that_refuse_and_networks_that_swallow() {
    let Some((network, visitor, origin)) = network() else { return };
    let address = V4.parse().unwrap();
    network.route(address, Route::Prohibit).unwrap();
    expect(&visitor, V4, "route prohibit", Fault::HostUnreachable, Outcome::Prohibited);
    network.route(address, Route::Unreachable).unwrap();
    expect(&visitor, V4, "route unreachable", Fault::HostUnreachable, Outcome::Prohibited);
    network.route(address, Route::Blackhole).unwrap();
    expect(&visitor, V4, "route blackhole", Fault::Deadline, Outcome::TimedOut);
    network.route(address, Route::Deliver).unwrap();
    origin.firewall(&["tcp dport 8080 drop"]).unwrap();
    expect(&visitor, V4, "drop", Fault::Deadline, Outcome::TimedOut);
}

#[test]
fn a_dead_host_behind_a_live_router() {
    let Some((_network, visitor, origin)) = network() else { return };
    origin.remove_address(V4.parse().unwrap()).unwrap();
    let took = expect(&visitor, V4, "dead neighbour", Fault::NeighbourDead, Outcome::Unreachable);
    assert!((2500..4000).contains(&took), "{took} ms");
}

#[test]
fn a_family_without_a_route_says_nothing_of_the_target() {
    let Some((_network, visitor, _origin)) = network() else { return };
    visitor.exec(&["ip", "-6", "route", "del", "default"]).unwrap();
    let took = expect(&visitor, V6, "no route", Fault::NoLocalRoute, Outcome::Unavailable);
    assert!(took < 100, "{took} ms");
    expect(&visitor, V4, "the other family", Fault::ConnectionRefused, Outcome::Refused);
    visitor.exec(&["ip", "route", "replace", "prohibit", V4]).unwrap();
    let to = SocketAddr::new(V4.parse().unwrap(), PORT);
    let own = probe(&visitor, to, Duration::from_secs(1));
    assert_eq!((own.outcome, own.fault), (Outcome::Unavailable, Some(Fault::LocalSocket)));
}

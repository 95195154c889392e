use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

use proptest::prelude::*;
use strum::IntoEnumIterator as _;

use super::*;
use crate::net::{Prefix, RangeSet};

fn set(texts: &[&str]) -> RangeSet {
    texts.iter().map(|text| Prefix::parse(text).unwrap()).collect()
}

/// A cluster with one of everything, whose administrator opened all private ranges to the namespace `shop`.
fn policy() -> GuardPolicy {
    let flags = GuardFlags {
        allow_targets: [
            "shop=10.0.0.0/8",
            "shop=172.16.0.0/12",
            "shop=100.64.0.0/10",
            "shop=fc00::/7",
            "192.168.7.0/24",
        ]
        .map(|text| text.parse().unwrap())
        .to_vec(),
        deny_targets: set(&["198.51.100.128/25", "2001:db8:dead::/48"]),
        allow_ports: [9443, 6443].into(),
        require_allowed_hosts: true,
    };
    let facts = ClusterFacts {
        api_servers: set(&["10.96.0.1", "203.0.113.200", "2001:db8::c0"]),
        pods: set(&["10.244.0.0/16", "fd00:10:244::/56"]),
        services: set(&["10.96.0.0/12", "fd00:10:96::/112"]),
        nodes: set(&["10.1.0.4", "203.0.113.4", "203.0.113.200"]),
        allowed_hosts: [("shop".to_owned(), AllowedHosts::parse("shop.example.com"))].into(),
    };
    GuardPolicy::new(flags, facts)
}

const ORIGIN: Destination<'_> = Destination { role: Role::Origin, host: "shop.example.com" };
const EDGE: Destination<'_> = Destination { role: Role::Edge, host: "shop.example.com" };
const ENDPOINT: Destination<'_> = Destination { role: Role::Endpoint { ports: &[3000] }, host: "shop.example.com" };
const CLUSTER_IP: Destination<'_> = Destination { role: Role::ClusterIp { ports: &[3000] }, host: "shop.example.com" };
const NAME_SERVER: Destination<'_> = Destination { role: Role::NameServer, host: "example.com" };

fn verdict(namespace: &str, address: &str, to: Destination<'_>) -> Result<(), Rule> {
    let address: SocketAddr = address.parse().unwrap();
    policy().check(namespace, address, to).map(|_| ()).map_err(Denied::rule)
}

/// Every IPv6 address by which this IPv4 address could be reached.
fn embeddings(v4: Ipv4Addr) -> Vec<Ipv6Addr> {
    let bits = u128::from(v4.to_bits());
    let (high, low) = (bits >> 16, bits & 0xffff);
    let nat64_local = 0x0064_ff9b_0001_u128 << 80;
    [
        bits,
        0xffff << 32 | bits,
        0xffff << 48 | bits,
        0x0064_ff9b_u128 << 96 | bits,
        nat64_local | bits,
        nat64_local | high << 64 | low << 40,
        nat64_local | (bits >> 24) << 64 | (bits & 0x00ff_ffff) << 32,
        nat64_local | bits << 24,
        0x2002_u128 << 112 | bits << 80 | 1,
        0x2001_u128 << 112 | bits << 64 | 0x1234,
        0x2001_u128 << 112 | 0x0505_0505 << 64 | (bits ^ 0xffff_ffff),
        0x2a00_1450_u128 << 96 | 0x5efe << 32 | bits,
        0x2a00_1450_u128 << 96 | 0x0200_5efe << 32 | bits,
    ]
    .map(Ipv6Addr::from_bits)
    .to_vec()
}

/// What is denied to everybody, whatever was opened.
const NEVER_V4: &[(&str, Rule)] = &[
    ("169.254.169.254", Rule::Metadata),
    ("169.254.170.2", Rule::Metadata),
    ("169.254.170.23", Rule::Metadata),
    ("169.254.42.42", Rule::Metadata),
    ("100.100.100.200", Rule::Metadata),
    ("168.63.129.16", Rule::Metadata),
    ("192.0.0.192", Rule::Metadata),
    ("127.0.0.1", Rule::Loopback),
    ("127.1.2.3", Rule::Loopback),
    ("127.255.255.255", Rule::Loopback),
    ("0.0.0.0", Rule::Unspecified),
    ("0.1.2.3", Rule::Unspecified),
    ("169.254.0.1", Rule::LinkLocal),
    ("169.254.255.255", Rule::LinkLocal),
    ("224.0.0.1", Rule::Multicast),
    ("239.255.255.255", Rule::Multicast),
    ("240.0.0.1", Rule::Reserved),
    ("255.255.255.255", Rule::Reserved),
    ("10.96.0.1", Rule::ApiServer),
    ("203.0.113.200", Rule::ApiServer),
    ("198.51.100.200", Rule::DenyTarget),
    ("10.96.0.10", Rule::ServiceCidr),
    ("10.244.3.7", Rule::PodCidr),
];

const NEVER_V6: &[(&str, Rule)] = &[
    ("::", Rule::Unspecified),
    ("::1", Rule::Loopback),
    ("::2", Rule::Reserved),
    ("::5db8:d822", Rule::Reserved),
    ("fe80::1", Rule::LinkLocal),
    ("febf:ffff::1", Rule::LinkLocal),
    ("ff02::1", Rule::Multicast),
    ("ff0e::1", Rule::Multicast),
    ("fd00:ec2::254", Rule::Metadata),
    ("fd00:ec2::23", Rule::Metadata),
    ("fd20:ce::254", Rule::Metadata),
    ("fd00:42::42", Rule::Metadata),
    ("2001:db8::c0", Rule::ApiServer),
    ("2001:db8:dead::1", Rule::DenyTarget),
    ("fd00:10:96::a", Rule::ServiceCidr),
    ("fd00:10:244::7", Rule::PodCidr),
];

#[test]
fn the_deny_set_holds_for_every_encoding_of_every_address() {
    let policy = policy();
    let mut tried = 0;
    for (text, rule) in NEVER_V4 {
        let v4: Ipv4Addr = text.parse().unwrap();
        let plain = policy.check("shop", SocketAddr::new(IpAddr::V4(v4), 443), ORIGIN);
        assert_eq!(plain.map_err(Denied::rule), Err(*rule), "{text}");
        for dressed in embeddings(v4) {
            for to in [ORIGIN, EDGE] {
                let denied = policy.check("shop", SocketAddr::new(IpAddr::V6(dressed), 443), to);
                assert!(denied.is_err(), "{text} got through as {dressed}");
                tried += 1;
            }
        }
    }
    for (text, rule) in NEVER_V6 {
        let address = SocketAddr::new(text.parse().unwrap(), 443);
        for to in [ORIGIN, EDGE, NAME_SERVER] {
            assert_eq!(policy.check("shop", address, to).map_err(Denied::rule), Err(*rule), "{text}");
            tried += 1;
        }
    }
    assert!(tried >= 600, "only {tried} combinations were tried");
}

#[test]
fn private_addresses_need_an_opened_range_and_an_allowed_host() {
    for (address, expected) in [
        ("10.2.3.4:443", Ok(())),
        ("172.31.0.1:443", Ok(())),
        ("100.64.1.1:443", Ok(())),
        ("[fd12:3456::1]:443", Ok(())),
        ("192.168.7.9:443", Ok(())),
        ("192.168.8.9:443", Err(Rule::Private)),
        ("192.0.0.8:443", Err(Rule::Private)),
        ("198.18.0.1:443", Err(Rule::Private)),
        ("[fec0::1]:443", Err(Rule::Private)),
        ("[64:ff9b::c0a8:809]:443", Err(Rule::Private)),
        ("[64:ff9b::a02:304]:443", Ok(())),
        ("[2002:c0a8:809::1]:443", Err(Rule::Private)),
    ] {
        assert_eq!(verdict("shop", address, ORIGIN), expected, "{address}");
        assert_eq!(verdict("shop", address, EDGE), expected, "{address}");
    }
    assert_eq!(verdict("other", "10.2.3.4:443", ORIGIN), Err(Rule::Private));
    assert_eq!(verdict("other", "192.168.7.9:443", ORIGIN), Err(Rule::NamespacePermission));
    let unlisted = Destination { host: "elsewhere.example.com", ..ORIGIN };
    assert_eq!(verdict("shop", "10.2.3.4:443", unlisted), Err(Rule::NamespacePermission));
}

#[test]
fn permissions_need_no_annotation_where_the_administrator_says_so() {
    let flags = GuardFlags { require_allowed_hosts: false, ..GuardFlags::default() };
    let trusting = GuardPolicy::new(flags, ClusterFacts::default());
    assert!(trusting.permit("anything", "example.com").is_ok());
    let policy = policy();
    assert!(policy.permit("shop", "Shop.example.com").is_ok());
    assert!(policy.permit("shop", "other.example.com").is_err());
    assert!(policy.permit("unknown", "shop.example.com").is_err());
}

#[test]
fn public_addresses_pass_in_every_encoding_that_is_routed() {
    for address in [
        "203.0.113.10:443",
        "93.184.216.34:80",
        "203.0.113.4:8443",
        "[2606:4700::1111]:443",
        "[64:ff9b::5db8:d822]:443",
        "[2002:5db8:d822::1]:8080",
        "[::ffff:93.184.216.34]:443",
    ] {
        assert_eq!(verdict("any", address, ORIGIN), Ok(()), "{address}");
    }
    let mapped = policy().check("any", "[::ffff:93.184.216.34]:443".parse().unwrap(), ORIGIN).unwrap();
    assert_eq!(mapped.address(), "93.184.216.34:443".parse().unwrap());
}

#[test]
fn ports_are_web_ports_and_what_was_opened() {
    for (address, expected) in [
        ("203.0.113.10:22", Err(Rule::Port)),
        ("203.0.113.10:53", Err(Rule::Port)),
        ("203.0.113.10:3000", Err(Rule::Port)),
        ("203.0.113.10:0", Err(Rule::Port)),
        ("203.0.113.10:9443", Ok(())),
        // Opened by a flag in vain.
        ("203.0.113.10:6443", Err(Rule::ControlPlanePort)),
        ("203.0.113.10:10250", Err(Rule::ControlPlanePort)),
        ("203.0.113.10:2379", Err(Rule::ControlPlanePort)),
    ] {
        assert_eq!(verdict("shop", address, ORIGIN), expected, "{address}");
    }
    assert_eq!(verdict("shop", "203.0.113.53:53", NAME_SERVER), Ok(()));
    assert_eq!(verdict("shop", "10.244.0.53:53", NAME_SERVER), Err(Rule::PodCidr));
}

#[test]
fn endpoints_are_exempt_from_the_pod_rule_and_from_opened_ranges_only() {
    for (address, expected) in [
        ("10.244.3.7:3000", Ok(())),
        ("[fd00:10:244::7]:3000", Ok(())),
        ("192.168.200.1:3000", Ok(())),
        ("10.244.3.7:443", Ok(())),
        ("10.244.3.7:3001", Err(Rule::Port)),
        ("10.244.3.7:10250", Err(Rule::ControlPlanePort)),
        ("127.0.0.1:3000", Err(Rule::Loopback)),
        ("169.254.169.254:3000", Err(Rule::Metadata)),
        ("10.96.0.1:3000", Err(Rule::ApiServer)),
        ("10.96.0.10:3000", Err(Rule::ServiceCidr)),
        ("198.51.100.200:3000", Err(Rule::DenyTarget)),
        // A host-network pod: the Node's address, so only the administrator's ports.
        ("10.1.0.4:3000", Err(Rule::NodePort)),
        ("10.1.0.4:443", Ok(())),
        ("10.1.0.4:9443", Ok(())),
    ] {
        assert_eq!(verdict("other", address, ENDPOINT), expected, "{address}");
    }
    assert_eq!(verdict("other", "10.96.0.10:3000", CLUSTER_IP), Ok(()));
    assert_eq!(verdict("other", "10.96.0.1:3000", CLUSTER_IP), Err(Rule::ApiServer));
    assert_eq!(verdict("other", "10.244.3.7:3000", CLUSTER_IP), Err(Rule::PodCidr));
}

#[test]
fn a_feed_is_bound_by_the_deny_set_alone() {
    let policy = policy();
    for (address, expected) in [
        ("93.184.216.34:443", Ok(())),
        ("192.168.200.1:8444", Ok(())),
        ("169.254.169.254:443", Err(Rule::Metadata)),
        ("[64:ff9b::a9fe:a9fe]:443", Err(Rule::Metadata)),
        ("127.0.0.1:443", Err(Rule::Loopback)),
        ("10.96.0.1:443", Err(Rule::ApiServer)),
        ("10.244.1.1:443", Err(Rule::PodCidr)),
        ("203.0.113.10:6443", Err(Rule::ControlPlanePort)),
    ] {
        let verdict = policy.check_feed(address.parse().unwrap()).map(|_| ()).map_err(Denied::rule);
        assert_eq!(verdict, expected, "{address}");
    }
}

#[test]
fn an_address_with_a_zone_is_denied() {
    let zoned = SocketAddr::V6(SocketAddrV6::new("2606:4700::1111".parse().unwrap(), 443, 0, 2));
    assert_eq!(policy().check("shop", zoned, ORIGIN).map_err(Denied::rule), Err(Rule::LinkLocal));
}

#[test]
fn answers_are_sorted_and_the_good_ones_stay() {
    let answers =
        ["93.184.216.34:443", "169.254.169.254:443", "[2606:4700::1111]:443"].map(|text| text.parse().unwrap());
    let filtered = policy().filter("shop", answers, EDGE);
    assert_eq!(filtered.checked.iter().map(|checked| checked.address()).collect::<Vec<_>>(), [answers[0], answers[2]]);
    assert_eq!(filtered.denied, [(answers[1], Denied::by(Rule::Metadata))]);
}

#[test]
fn only_one_spelling_of_an_address_is_read() {
    for text in ["127.0.0.1", "203.0.113.10", "2001:db8::1", "::1", "::ffff:127.0.0.1"] {
        assert!(literal(text).is_ok(), "{text}");
    }
    for text in [
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "127.0.0.01",
        "127.0.0.1.",
        " 127.0.0.1",
        "127.0.0.1 ",
        "127.0.0.1:80",
        "127.0.0.256",
        "１２７.0.0.1",
        "127。0。0。1",
        "[::1]",
        "::1%lo",
        "0:0:0:0:0:0:0:1",
        "0::1",
        "::0001",
        "2001:DB8::1",
        "2001:0db8::1",
        "::127.0.0.1",
        "::ffff:7f00:1",
        "localhost",
        "",
        "%31%32%37.0.0.1",
        "1e3",
        "-1.0.0.1",
        "+127.0.0.1",
    ] {
        assert_eq!(literal(text).map_err(Denied::rule), Err(Rule::Literal), "{text:?}");
    }
}

#[test]
fn users_read_the_same_sentence_whatever_the_rule() {
    for rule in Rule::iter() {
        assert_eq!(Denied::by(rule).to_string(), "the target is not allowed by this installation's egress rules");
    }
}

fn denied_v4() -> impl Strategy<Value = Ipv4Addr> {
    let blocks: Vec<Prefix> = [
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/3",
        "10.96.0.0/12",
        "10.244.0.0/16",
        "198.51.100.128/25",
        "192.168.8.0/21",
        "198.18.0.0/15",
        "168.63.129.16/32",
    ]
    .map(|text| Prefix::parse(text).unwrap())
    .to_vec();
    (prop::sample::select(blocks), any::<u32>()).prop_map(|(block, noise)| match (block.first(), block.last()) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            Ipv4Addr::from_bits(first.to_bits() | (noise & (first.to_bits() ^ last.to_bits())))
        }
        _ => unreachable!("only IPv4 blocks are listed"),
    })
}

proptest! {
    #[test]
    fn no_embedding_of_a_denied_address_is_dialled(v4 in denied_v4(), port in prop::sample::select(vec![80_u16, 443, 8080, 9443])) {
        let policy = policy();
        prop_assert!(policy.check("shop", SocketAddr::new(IpAddr::V4(v4), port), ORIGIN).is_err());
        for dressed in embeddings(v4) {
            let address = SocketAddr::new(IpAddr::V6(dressed), port);
            prop_assert!(policy.check("shop", address, ORIGIN).is_err(), "{} got through as {}", v4, dressed);
        }
    }

    #[test]
    fn whatever_is_checked_is_dialled_unchanged(number: u128, port: u16) {
        let address = SocketAddr::new(IpAddr::V6(Ipv6Addr::from_bits(number)), port);
        if let Ok(checked) = policy().check("shop", address, ORIGIN) {
            prop_assert_eq!(checked.address(), SocketAddr::new(address.ip().to_canonical(), port));
        }
    }
}

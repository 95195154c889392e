//! What is never dialled, whoever asks and whatever was opened. Code and not configuration, so that no resource and no
//! flag can take an entry out.

use std::net::{IpAddr, Ipv4Addr};

use crate::net::prefix::Prefix;
use crate::net::special::{self, SpecialUse};

use super::Rule;

/// The API server, the kubelet and etcd.
pub(super) const PORTS: &[u16] = &[6443, 10250, 2379];

/// Metadata services of clouds that lie outside link-local space, or whose name is worth more than "link-local".
///
/// Sources: the documentation of AWS (`IMDS`, ECS and EKS credentials), Google Cloud, Azure (wire server), Alibaba Cloud,
/// Oracle Cloud and Scaleway, read in 2026.
const METADATA: &[Prefix] = &[
    Prefix::v4([169, 254, 169, 254], 32),
    Prefix::v4([169, 254, 170, 2], 32),
    Prefix::v4([169, 254, 170, 23], 32),
    Prefix::v4([169, 254, 42, 42], 32),
    Prefix::v4([100, 100, 100, 200], 32),
    Prefix::v4([168, 63, 129, 16], 32),
    Prefix::v4([192, 0, 0, 192], 32),
    // Whole prefixes: these clouds keep further instance services beside fd00:ec2::254, fd20:ce::254 and fd00:42::42.
    Prefix::v6([0xfd00, 0x0ec2, 0], 32),
    Prefix::v6([0xfd20, 0x00ce, 0], 32),
    Prefix::v6([0xfd00, 0x0042, 0], 32),
];

/// The rule of the fixed set that denies this address, its embedded forms aside.
pub(super) fn fixed(address: IpAddr) -> Option<Rule> {
    if METADATA.iter().any(|prefix| prefix.contains(address)) {
        return Some(Rule::Metadata);
    }
    if address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Some(Rule::Reserved);
    }
    special::overlapping(Prefix::single(address)).find_map(|(block, special)| match special {
        SpecialUse::Loopback => Some(Rule::Loopback),
        SpecialUse::LinkLocal => Some(Rule::LinkLocal),
        SpecialUse::Multicast => Some(Rule::Multicast),
        SpecialUse::Unspecified => Some(Rule::Unspecified),
        SpecialUse::Reserved => Some(Rule::Reserved),
        // Nothing in ::/32 is routed; the mapped form has been turned into IPv4 before. Tunnels and translators are
        // judged by the IPv4 address that they carry.
        SpecialUse::EmbeddedIPv4
            if block.length() == 32 && block.contains(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)) =>
        {
            Some(Rule::Reserved)
        }
        SpecialUse::EmbeddedIPv4 | SpecialUse::Private | SpecialUse::Documentation | SpecialUse::NotGlobal => None,
    })
}

/// Does it take `--allow-target` to dial this?
pub(super) fn is_private(address: IpAddr) -> bool {
    special::overlapping(Prefix::single(address))
        .any(|(_, special)| matches!(special, SpecialUse::Private | SpecialUse::NotGlobal))
}

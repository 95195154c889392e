//! Special-purpose address blocks, and what makes each special.
//!
//! Source: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates), read in 2026. The
//! table is short because it answers only two questions: may such a prefix stand in an allowlist, and may the prober
//! dial into it.

use super::prefix::Prefix;
use std::net::IpAddr;

/// Why a block of addresses is not an ordinary piece of the Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::EnumIter)]
pub enum SpecialUse {
    /// 0.0.0.0/8 and `::`: no host at all.
    #[strum(serialize = "unspecified")]
    Unspecified,
    /// The host itself.
    #[strum(serialize = "loopback")]
    Loopback,
    /// One link only.
    #[strum(serialize = "link-local")]
    LinkLocal,
    /// Groups of hosts.
    #[strum(serialize = "multicast")]
    Multicast,
    /// 240.0.0.0/4, which holds the broadcast address.
    #[strum(serialize = "reserved")]
    Reserved,
    /// IPv6 spellings of IPv4 addresses.
    #[strum(serialize = "embedded IPv4")]
    EmbeddedIPv4,
    /// RFC 1918, RFC 6598 (carrier-grade NAT), RFC 4193 (unique local), site-local.
    #[strum(serialize = "private")]
    Private,
    /// Examples in books; no host has one.
    #[strum(serialize = "documentation")]
    Documentation,
    /// Benchmarking, protocol assignments and discard: no host on the Internet has one, one inside may.
    #[strum(serialize = "not globally routed")]
    NotGlobal,
}

impl SpecialUse {
    /// Whether the address lies in a block of this kind.
    pub fn holds(self, address: IpAddr) -> bool {
        overlapping(Prefix::single(address)).any(|(_, special)| special == self)
    }
}

/// All blocks, the more telling name first where two overlap.
pub(crate) const BLOCKS: &[(Prefix, SpecialUse)] = &[
    (Prefix::v4([0, 0, 0, 0], 8), SpecialUse::Unspecified),
    (Prefix::v4([127, 0, 0, 0], 8), SpecialUse::Loopback),
    (Prefix::v4([169, 254, 0, 0], 16), SpecialUse::LinkLocal),
    (Prefix::v4([224, 0, 0, 0], 4), SpecialUse::Multicast),
    (Prefix::v4([240, 0, 0, 0], 4), SpecialUse::Reserved),
    (Prefix::v4([10, 0, 0, 0], 8), SpecialUse::Private),
    (Prefix::v4([172, 16, 0, 0], 12), SpecialUse::Private),
    (Prefix::v4([192, 168, 0, 0], 16), SpecialUse::Private),
    (Prefix::v4([100, 64, 0, 0], 10), SpecialUse::Private),
    (Prefix::v4([192, 0, 0, 0], 24), SpecialUse::NotGlobal),
    (Prefix::v4([192, 0, 2, 0], 24), SpecialUse::Documentation),
    (Prefix::v4([198, 18, 0, 0], 15), SpecialUse::NotGlobal),
    (Prefix::v4([198, 51, 100, 0], 24), SpecialUse::Documentation),
    (Prefix::v4([203, 0, 113, 0], 24), SpecialUse::Documentation),
    (LOOPBACK_V6, SpecialUse::Loopback),
    (Prefix::v6([0, 0, 0], 128), SpecialUse::Unspecified),
    (Prefix::v6([0xfe80, 0, 0], 10), SpecialUse::LinkLocal),
    (Prefix::v6([0xff00, 0, 0], 8), SpecialUse::Multicast),
    // ::/96 holds the deprecated v4-compatible form, ::ffff:0:0/96 the mapped one; the rest of ::/32 is not allocated.
    (Prefix::v6([0, 0, 0], 32), SpecialUse::EmbeddedIPv4),
    (Prefix::v6([0x64, 0xff9b, 0], 96), SpecialUse::EmbeddedIPv4),
    (Prefix::v6([0x64, 0xff9b, 1], 48), SpecialUse::EmbeddedIPv4),
    (Prefix::v6([0x2001, 0, 0], 32), SpecialUse::EmbeddedIPv4),
    (Prefix::v6([0x2002, 0, 0], 16), SpecialUse::EmbeddedIPv4),
    (Prefix::v6([0xfc00, 0, 0], 7), SpecialUse::Private),
    (Prefix::v6([0xfec0, 0, 0], 10), SpecialUse::Private),
    (Prefix::v6([0x0100, 0, 0], 64), SpecialUse::NotGlobal),
    (Prefix::v6([0x2001, 2, 0], 48), SpecialUse::NotGlobal),
    (Prefix::v6([0x2001, 0xdb8, 0], 32), SpecialUse::Documentation),
    (Prefix::v6([0x3fff, 0, 0], 20), SpecialUse::Documentation),
];

const LOOPBACK_V6: Prefix = Prefix::single_v6(1);

/// The blocks that share an address with the prefix.
pub(crate) fn overlapping(prefix: Prefix) -> impl Iterator<Item = (Prefix, SpecialUse)> {
    BLOCKS.iter().copied().filter(move |(block, _)| block.overlaps(prefix))
}

//! One address prefix, in the only spelling that an API server, a kernel and a person agree on.
//!
//! Address lists come from vendors and people, who write `192.0.2.77/24`, `192.0.2.1` or `::FFFF:192.0.2.1`. A `Prefix`
//! is what is left after reading them strictly: host bits masked, IPv6 in lower case, single addresses as /32 or /128.
//! Leading zeros and IPv4-mapped addresses are refused, because readers disagree about what they mean and the API server
//! (`StrictIPCIDRValidation`) refuses them too.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest piece of somebody else's text that an error repeats.
const QUOTED_CHARACTERS: usize = 64;

/// The two address families, in the order in which prefixes are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display)]
pub enum Family {
    /// IPv4.
    #[strum(serialize = "IPv4")]
    V4,
    /// IPv6.
    #[strum(serialize = "IPv6")]
    V6,
}

impl Family {
    /// The family of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Bits in an address of this family.
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The largest address as a number.
    pub(crate) const fn last_number(self) -> u128 {
        match self {
            Self::V4 => u32::MAX as u128,
            Self::V6 => u128::MAX,
        }
    }

    /// The address that a number stands for. IPv4 numbers never exceed 32 bits here.
    pub(crate) fn address(self, number: u128) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number).unwrap_or(u32::MAX))),
            Self::V6 => IpAddr::V6(Ipv6Addr::from_bits(number)),
        }
    }
}

/// An address as a number; IPv4 in the low 32 bits.
pub(crate) fn number_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Why a text is not a prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// Nothing there.
    #[error("a prefix is empty; write one such as 192.0.2.0/24")]
    Empty,
    /// The part before the slash is no address.
    #[error("{text:?} is not a prefix: {address:?} is not an IPv4 or IPv6 address (no leading zeros, names or ports)")]
    Address {
        /// The whole text, shortened.
        text: String,
        /// The part that should be an address, shortened.
        address: String,
    },
    /// The part after the slash is no length of this family.
    #[error("{text:?} is not a prefix: its length must be a number from 0 to {most}")]
    Length {
        /// The whole text, shortened.
        text: String,
        /// The longest length of the family.
        most: u8,
    },
    /// An IPv4 address dressed as IPv6.
    #[error("{text:?} is an IPv4 address written as IPv6; write it as {plain}")]
    Mapped {
        /// The whole text, shortened.
        text: String,
        /// The IPv4 address.
        plain: Ipv4Addr,
    },
    /// Bits set behind the length; only the strict reader minds.
    #[error("{text:?} has bits set behind its length; write {canonical}")]
    HostBits {
        /// The whole text, shortened.
        text: String,
        /// What it masks to.
        canonical: Prefix,
    },
}

/// A canonical prefix: host bits are zero.
///
/// Sorted IPv4 before IPv6, then by first address, then wider first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    family: Family,
    first: u128,
    length: u8,
}

impl Prefix {
    /// The prefix of `length` bits that holds `address`; `None` when the family has no such length.
    pub fn containing(address: IpAddr, length: u8) -> Option<Self> {
        let family = Family::of(address);
        (length <= family.bits()).then(|| Self::masked(family, number_of(address), length))
    }

    /// One address as a prefix.
    pub fn single(address: IpAddr) -> Self {
        let family = Family::of(address);
        Self { family, first: number_of(address), length: family.bits() }
    }

    /// A prefix known when this is compiled; host bits are masked and a length past the family's is the family's.
    pub(crate) const fn v4(octets: [u8; 4], length: u8) -> Self {
        Self::masked(Family::V4, Ipv4Addr::from_octets(octets).to_bits() as u128, length)
    }

    /// A prefix known when this is compiled, given by its first three groups.
    pub(crate) const fn v6(groups: [u16; 3], length: u8) -> Self {
        let [a, b, c] = groups;
        Self::masked(Family::V6, Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_bits(), length)
    }

    /// One IPv6 address known when this is compiled.
    pub(crate) const fn single_v6(number: u128) -> Self {
        Self { family: Family::V6, first: number, length: 128 }
    }

    const fn masked(family: Family, number: u128, length: u8) -> Self {
        let length = if length > family.bits() { family.bits() } else { length };
        Self { family, first: number & !host_mask(family, length), length }
    }

    /// The prefix that starts at a number; the caller has aligned it.
    pub(crate) const fn aligned(family: Family, first: u128, length: u8) -> Self {
        Self { family, first, length }
    }

    /// Reads a prefix or a single address; host bits are masked away.
    pub fn parse(text: &str) -> Result<Self, PrefixError> {
        read(text).map(|(prefix, _)| prefix)
    }

    /// Reads a prefix or a single address; host bits are an error that names the masked form.
    pub fn parse_strict(text: &str) -> Result<Self, PrefixError> {
        match read(text)? {
            (prefix, true) => Err(PrefixError::HostBits { text: quoted(text), canonical: prefix }),
            (prefix, false) => Ok(prefix),
        }
    }

    /// Its family.
    pub const fn family(self) -> Family {
        self.family
    }

    /// Bits that are fixed.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Its lowest address.
    pub fn first(self) -> IpAddr {
        self.family.address(self.first)
    }

    /// Its highest address.
    pub fn last(self) -> IpAddr {
        self.family.address(self.last_number())
    }

    /// Do the two share an address? Then one holds the other.
    pub const fn overlaps(self, other: Self) -> bool {
        let same_family = matches!((self.family, other.family), (Family::V4, Family::V4) | (Family::V6, Family::V6));
        same_family && self.first <= other.last_number() && other.first <= self.last_number()
    }

    /// Is the address inside? Families never cross.
    pub fn contains(self, address: IpAddr) -> bool {
        let number = number_of(address);
        Family::of(address) == self.family && self.first <= number && number <= self.last_number()
    }

    pub(crate) const fn first_number(self) -> u128 {
        self.first
    }

    pub(crate) const fn last_number(self) -> u128 {
        self.first | host_mask(self.family, self.length)
    }
}

/// The bits behind a length.
const fn host_mask(family: Family, length: u8) -> u128 {
    let all = family.last_number();
    let free = family.bits() - length;
    if free == 128 { all } else { all & ((1 << free) - 1) }
}

/// The prefix, and whether host bits were set.
fn read(text: &str) -> Result<(Prefix, bool), PrefixError> {
    if text.is_empty() {
        return Err(PrefixError::Empty);
    }
    let (address_text, length_text) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let Ok(address) = address_text.parse::<IpAddr>() else {
        return Err(PrefixError::Address { text: quoted(text), address: quoted(address_text) });
    };
    if let IpAddr::V6(v6) = address
        && let Some(plain) = v6.to_ipv4_mapped()
    {
        return Err(PrefixError::Mapped { text: quoted(text), plain });
    }
    let family = Family::of(address);
    let length = match length_text {
        None => family.bits(),
        Some(digits) => read_length(digits)
            .filter(|length| *length <= family.bits())
            .ok_or_else(|| PrefixError::Length { text: quoted(text), most: family.bits() })?,
    };
    let number = number_of(address);
    let host_bits = number & host_mask(family, length);
    Ok((Prefix { family, first: number ^ host_bits, length }, host_bits != 0))
}

/// Digits only: no sign, no blank, no leading zero.
fn read_length(digits: &str) -> Option<u8> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}

/// A text short enough to be repeated.
fn quoted(text: &str) -> String {
    text.chars().take(QUOTED_CHARACTERS).collect()
}

impl fmt::Display for Prefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.first(), self.length)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        Self::parse(text)
    }
}

impl From<IpNet> for Prefix {
    fn from(net: IpNet) -> Self {
        Self::masked(Family::of(net.addr()), number_of(net.addr()), net.prefix_len())
    }
}

impl From<Prefix> for IpNet {
    fn from(prefix: Prefix) -> Self {
        // A `Prefix` never holds a length that its family lacks, so the fallback is unreachable.
        Self::new(prefix.first(), prefix.length).unwrap_or_else(|_| Self::from(prefix.first()))
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, PrefixError> {
        Prefix::parse(text).map(|prefix| prefix.to_string())
    }

    #[test]
    fn every_reasonable_spelling_has_one_canonical_form() {
        for (text, canonical) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.77/24", "192.0.2.0/24"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("255.255.255.255/1", "128.0.0.0/1"),
            ("2001:DB8:0:0::1", "2001:db8::1/128"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("2001:0db8::/32", "2001:db8::/32"),
            ("::/0", "::/0"),
            ("ffff::/0", "::/0"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(canonical), "{text}");
        }
    }

    #[test]
    fn spellings_that_readers_disagree_about_are_refused() {
        for text in [
            "",
            " ",
            "192.0.2.0 /24",
            " 192.0.2.0/24",
            "192.0.2.0/24 ",
            "192.0.02.0/24",
            "0300.0.2.0/24",
            "3221225985",
            "0xc0000201",
            "192.0.2/24",
            "192.0.2.0/33",
            "192.0.2.0/024",
            "192.0.2.0/+24",
            "192.0.2.0/",
            "192.0.2.0/24/8",
            "192.0.2.0/255.255.255.0",
            "2001:db8::/129",
            "::ffff:192.0.2.1",
            "::ffff:c000:201/120",
            "::ffff:0.0.0.0/96",
            "fe80::1%eth0",
            "[2001:db8::1]",
            "example.com",
            "192.0.2.1:443",
            "<html>",
            "192.0.2.0/-1",
            "１92.0.2.1",
        ] {
            assert!(Prefix::parse(text).is_err(), "{text:?} was read as {:?}", Prefix::parse(text));
        }
    }

    #[test]
    fn the_strict_reader_reports_host_bits_with_the_masked_form() {
        let error = Prefix::parse_strict("192.0.2.77/24").unwrap_err();
        assert_eq!(error.to_string(), "\"192.0.2.77/24\" has bits set behind its length; write 192.0.2.0/24");
        assert!(Prefix::parse_strict("192.0.2.77").is_ok());
        assert!(Prefix::parse_strict("2001:db8::/32").is_ok());
    }

    #[test]
    fn a_wrong_text_is_repeated_with_what_to_write() {
        for (text, said) in [
            ("", "a prefix is empty; write one such as 192.0.2.0/24"),
            (
                "192.0.02.0/24",
                "\"192.0.02.0/24\" is not a prefix: \"192.0.02.0\" is not an IPv4 or IPv6 address (no leading zeros, names \
                 or ports)",
            ),
            ("192.0.2.0/33", "\"192.0.2.0/33\" is not a prefix: its length must be a number from 0 to 32"),
            ("::ffff:192.0.2.1", "\"::ffff:192.0.2.1\" is an IPv4 address written as IPv6; write it as 192.0.2.1"),
        ] {
            assert_eq!(Prefix::parse(text).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn an_error_repeats_little_of_a_long_text() {
        let error = Prefix::parse(&"x".repeat(1 << 20)).unwrap_err();
        assert!(error.to_string().len() < 300);
    }

    #[test]
    fn it_serialises_as_text_and_back() {
        let prefix = Prefix::parse("2001:db8::/33").unwrap();
        let json = serde_json::to_string(&prefix).unwrap();
        assert_eq!(json, "\"2001:db8::/33\"");
        assert_eq!(serde_json::from_str::<Prefix>(&json).unwrap(), prefix);
        assert_eq!(Prefix::from(IpNet::from(prefix)), prefix);
    }
}

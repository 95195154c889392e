//! An `ipBlock` as a set of addresses.
//!
//! Stored policies may be older than the API server's strict check, so this reader is as lenient as the one in Go that
//! network plugins use: host bits are masked, leading zeros are decimal, and IPv4-mapped blocks are IPv4.

use std::borrow::Cow;
use std::net::IpAddr;

use k8s_openapi::api::networking::v1::IPBlock;

use crate::net::{Prefix, RangeSet};

/// A block that Go's reader would not take either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ipBlock {0:?} is not a prefix")]
pub(super) struct BadBlock(String);

/// The addresses in `cidr` and in no `except`.
pub(super) fn addresses(block: &IPBlock) -> Result<RangeSet, BadBlock> {
    let mut set = RangeSet::from(read(&block.cidr)?);
    for hole in block.except.iter().flatten() {
        set = set.subtract(&RangeSet::from(read(hole)?));
    }
    Ok(set)
}

fn read(text: &str) -> Result<Prefix, BadBlock> {
    let bad = || BadBlock(text.chars().take(64).collect());
    let (address, length) = text.split_once('/').ok_or_else(bad)?;
    let address: IpAddr = without_leading_zeros(address).parse().map_err(|_| bad())?;
    let length: u8 = length.parse().map_err(|_| bad())?;
    let (address, length) = match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() && length >= 96 => (address.to_canonical(), length - 96),
        _ => (address, length),
    };
    Prefix::containing(address, length).ok_or_else(bad)
}

/// `010.000.1.1` as Go reads it: decimal.
fn without_leading_zeros(address: &str) -> Cow<'_, str> {
    if address.contains(':') {
        return Cow::Borrowed(address);
    }
    let octets: Vec<&str> = address
        .split('.')
        .map(|octet| match octet.trim_start_matches('0') {
            "" if !octet.is_empty() => "0",
            rest => rest,
        })
        .collect();
    Cow::Owned(octets.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(cidr: &str, except: &[&str]) -> Result<Vec<String>, BadBlock> {
        let except = Some(except.iter().map(|&text| text.to_owned()).collect());
        addresses(&IPBlock { cidr: cidr.to_owned(), except }).map(|set| set.texts())
    }

    #[test]
    fn blocks_are_read_as_leniently_as_network_plugins_read_them() {
        assert_eq!(block("192.168.242.213/24", &[]).unwrap(), ["192.168.242.0/24"]);
        assert_eq!(block("010.000.0.0/8", &[]).unwrap(), ["10.0.0.0/8"]);
        assert_eq!(block("::ffff:10.0.0.0/104", &[]).unwrap(), ["10.0.0.0/8"]);
        assert_eq!(block("10.0.0.0/30", &["10.0.0.1/32"]).unwrap(), ["10.0.0.0/32", "10.0.0.2/31"]);
        assert_eq!(block("10.0.0.0/30", &["10.0.0.0/24"]).unwrap(), Vec::<String>::new());
        assert_eq!(block("0.0.0.0/0", &["::/0"]).unwrap(), ["0.0.0.0/0"]);
    }

    #[test]
    fn what_go_would_not_read_is_an_error() {
        for text in ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "", "/8", "10..0.0/8", "::/129", "fe80::%1/64"]
        {
            assert!(block(text, &[]).is_err(), "{text}");
        }
        assert!(block("10.0.0.0/8", &["x"]).is_err());
    }
}

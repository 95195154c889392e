//! Which addresses may stand in an allowlist.
//!
//! A provider once answered `0.0.0.0/0` instead of failing, and in half of all targets an empty list means "everyone".
//! So nothing is written that did not pass here, and what passes is a type of its own, [`AdmittedRanges`], that cannot be
//! empty: writers take nothing else.

use super::prefix::{Family, Prefix};
use super::range_set::RangeSet;
use super::special::{self, SpecialUse};

/// The widest IPv4 prefix ever admitted. The widest genuine one known is a /10.
pub const WIDEST_IPV4: u8 = 8;

/// The widest IPv6 prefix ever admitted. The widest genuine one known is a /24.
pub const WIDEST_IPV6: u8 = 20;

/// IPv4 addresses that a remote list may cover in all; many narrow blocks add up to a wide one.
pub const MOST_REMOTE_IPV4: u128 = 1 << 26;

/// Who vouches for a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provenance {
    /// A file fetched from somewhere else: a preset, a URL, a name server.
    Remote,
    /// Somebody with rights in this cluster: Inline, a `ConfigMap`, `extraCIDRs`.
    Local,
}

/// Why a list may not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// No prefix at all.
    #[error("the list is empty, which many targets read as \"everyone\"; name at least one prefix")]
    Empty,
    /// Every address of a family.
    #[error("{prefix} is refused: a default route allows everyone")]
    DefaultRoute {
        /// The prefix.
        prefix: Prefix,
    },
    /// Wider than any genuine range.
    #[error("{prefix} is refused: it is wider than /{widest}, the widest {family} prefix that is ever allowed")]
    TooWide {
        /// The prefix, merged with its neighbours in the list.
        prefix: Prefix,
        /// Its family.
        family: Family,
        /// The floor.
        widest: u8,
    },
    /// More addresses than any proxy has.
    #[error("the list is refused: it covers {addresses} IPv4 addresses, more than the {most} that a fetched list may")]
    TooMany {
        /// Addresses covered.
        addresses: u128,
        /// The cap.
        most: u128,
    },
    /// No visitor's packet comes from there.
    #[error("{prefix} is refused: it overlaps {block} ({special}), from where no proxy connects")]
    Reserved {
        /// The prefix.
        prefix: Prefix,
        /// The special block.
        block: Prefix,
        /// Its use.
        special: SpecialUse,
    },
    /// Plausible from the cluster's own people only.
    #[error(
        "{prefix} is refused: it overlaps {block} ({special}), which a fetched list never needs; put it into an Inline \
         or ConfigMap source or into extraCIDRs if it is meant"
    )]
    NotFromRemote {
        /// The prefix.
        prefix: Prefix,
        /// The special block.
        block: Prefix,
        /// Its use.
        special: SpecialUse,
    },
}

/// Addresses that may be written into an allowlist: at least one, none too wide, none reserved.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct AdmittedRanges(RangeSet);

impl AdmittedRanges {
    /// Admits a set as a whole; one refused prefix refuses all of it.
    ///
    /// The canonical prefixes are judged, since those are written: two neighbouring /8 are a /7.
    pub fn admit(set: RangeSet, provenance: Provenance) -> Result<Self, AdmissionError> {
        if set.is_empty() {
            return Err(AdmissionError::Empty);
        }
        for prefix in set.prefixes() {
            admit_prefix(prefix, provenance)?;
        }
        let addresses = set.coverage(Family::V4);
        if provenance == Provenance::Remote && addresses > MOST_REMOTE_IPV4 {
            return Err(AdmissionError::TooMany { addresses, most: MOST_REMOTE_IPV4 });
        }
        Ok(Self(set))
    }

    /// Both together. Fails only where neighbours merge into a prefix that is too wide.
    pub fn union(&self, other: &Self) -> Result<Self, AdmissionError> {
        Self::admit(self.0.union(&other.0), Provenance::Local)
    }

    /// The addresses.
    pub const fn ranges(&self) -> &RangeSet {
        &self.0
    }

    /// The canonical prefixes; never empty.
    pub fn prefixes(&self) -> Vec<Prefix> {
        self.0.prefixes()
    }

    /// The set's stable hash.
    pub fn hash(&self) -> String {
        self.0.hash()
    }
}

/// Judges one prefix by itself.
pub fn admit_prefix(prefix: Prefix, provenance: Provenance) -> Result<(), AdmissionError> {
    let family = prefix.family();
    let widest = match family {
        Family::V4 => WIDEST_IPV4,
        Family::V6 => WIDEST_IPV6,
    };
    if prefix.length() == 0 {
        return Err(AdmissionError::DefaultRoute { prefix });
    }
    if prefix.length() < widest {
        return Err(AdmissionError::TooWide { prefix, family, widest });
    }
    for (block, special) in special::overlapping(prefix) {
        match special {
            SpecialUse::Private | SpecialUse::Documentation | SpecialUse::NotGlobal => {
                if provenance == Provenance::Local {
                    continue;
                }
                return Err(AdmissionError::NotFromRemote { prefix, block, special });
            }
            SpecialUse::Unspecified
            | SpecialUse::Loopback
            | SpecialUse::LinkLocal
            | SpecialUse::Multicast
            | SpecialUse::Reserved
            | SpecialUse::EmbeddedIPv4 => return Err(AdmissionError::Reserved { prefix, block, special }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str, provenance: Provenance) -> Result<(), AdmissionError> {
        admit_prefix(Prefix::parse(text).unwrap(), provenance)
    }

    fn set(texts: &[&str]) -> RangeSet {
        texts.iter().map(|text| Prefix::parse(text).unwrap()).collect()
    }

    #[test]
    fn some_addresses_are_refused_from_anybody() {
        for text in [
            "0.0.0.0/0",
            "::/0",
            "0.0.0.0/8",
            "0.0.0.0",
            "127.0.0.1",
            "127.0.0.0/8",
            "169.254.169.254",
            "169.0.0.0/8",
            "224.0.0.0/24",
            "239.255.255.255",
            "240.0.0.0/8",
            "255.255.255.255",
            "8.0.0.0/7",
            "128.0.0.0/1",
            "::",
            "::1",
            "::/96",
            "::7f00:1",
            "fe80::/64",
            "fe80::1",
            "febf::/32",
            "ff02::1",
            "2000::/19",
            "2001:db8::/16",
            "64:ff9b::a00:1",
            "64:ff9b:1::/64",
            "2002:a00:1::/48",
            "2001::/32",
        ] {
            for provenance in [Provenance::Local, Provenance::Remote] {
                assert!(judged(text, provenance).is_err(), "{text} was admitted as {provenance:?}");
            }
        }
    }

    #[test]
    fn private_and_documentation_addresses_need_somebody_of_the_cluster() {
        for text in [
            "10.0.0.0/8",
            "10.1.2.3",
            "172.16.0.0/12",
            "172.0.0.0/8",
            "192.168.1.0/24",
            "100.64.0.0/10",
            "192.0.2.0/24",
            "198.51.100.7",
            "203.0.113.0/24",
            "198.18.0.0/15",
            "192.0.0.8",
            "fd00::/48",
            "fc00::/20",
            "2001:db8::/32",
            "3fff::/20",
            "fec0::/64",
        ] {
            assert_eq!(judged(text, Provenance::Local), Ok(()), "{text}");
            assert!(
                matches!(judged(text, Provenance::Remote), Err(AdmissionError::NotFromRemote { .. })),
                "{text} was admitted from a remote list"
            );
        }
    }

    #[test]
    fn a_refusal_names_the_prefix_and_the_way_to_mean_it() {
        let remote = |texts: &[&str]| AdmittedRanges::admit(set(texts), Provenance::Remote).unwrap_err().to_string();
        assert_eq!(remote(&[]), "the list is empty, which many targets read as \"everyone\"; name at least one prefix");
        assert_eq!(remote(&["0.0.0.0/0"]), "0.0.0.0/0 is refused: a default route allows everyone");
        assert_eq!(
            remote(&["127.0.0.0/8"]),
            "127.0.0.0/8 is refused: it overlaps 127.0.0.0/8 (loopback), from where no proxy connects"
        );
        assert_eq!(
            remote(&["10.1.0.0/16"]),
            "10.1.0.0/16 is refused: it overlaps 10.0.0.0/8 (private), which a fetched list never needs; put it into an \
             Inline or ConfigMap source or into extraCIDRs if it is meant"
        );
        assert_eq!(
            remote(&["20.0.0.0/8", "22.0.0.0/8", "24.0.0.0/8", "26.0.0.0/8", "28.0.0.0/8"]),
            "the list is refused: it covers 83886080 IPv4 addresses, more than the 67108864 that a fetched list may"
        );
    }

    #[test]
    fn real_ranges_of_proxies_are_admitted_from_remote_lists() {
        for text in ["104.16.0.0/13", "23.32.0.0/11", "2a06:98c0::/29", "2600:1400::/24", "1.0.0.0/8", "130.211.0.0/22"]
        {
            assert_eq!(judged(text, Provenance::Remote), Ok(()), "{text}");
        }
    }

    #[test]
    fn neighbours_that_merge_into_a_too_wide_prefix_are_refused() {
        let error = AdmittedRanges::admit(set(&["2.0.0.0/8", "3.0.0.0/8"]), Provenance::Local).unwrap_err();
        assert_eq!(
            error.to_string(),
            "2.0.0.0/7 is refused: it is wider than /8, the widest IPv4 prefix that is ever allowed"
        );
        let one = AdmittedRanges::admit(set(&["2.0.0.0/8"]), Provenance::Local).unwrap();
        let other = AdmittedRanges::admit(set(&["3.0.0.0/8"]), Provenance::Local).unwrap();
        assert!(one.union(&other).is_err());
        assert_eq!(one.union(&one), Ok(one));
    }

    #[test]
    fn many_narrow_blocks_add_up_and_are_refused_from_remote_lists() {
        let wide = set(&["1.0.0.0/8", "3.0.0.0/8", "5.0.0.0/8", "7.0.0.0/8", "9.0.0.0/32"]);
        assert!(matches!(
            AdmittedRanges::admit(wide.clone(), Provenance::Remote),
            Err(AdmissionError::TooMany { addresses: 67_108_865, .. })
        ));
        assert!(AdmittedRanges::admit(wide, Provenance::Local).is_ok());
    }

    #[test]
    fn no_list_is_admitted_that_is_empty_or_has_one_bad_prefix() {
        assert_eq!(AdmittedRanges::admit(RangeSet::empty(), Provenance::Local), Err(AdmissionError::Empty));
        let tombstone = set(&["104.16.0.0/13", "0.0.0.0/0", "::/0"]);
        assert!(matches!(
            AdmittedRanges::admit(tombstone, Provenance::Remote),
            Err(AdmissionError::DefaultRoute { .. })
        ));
    }
}

//! A set of addresses: the value that every allowlist in Leeward is.
//!
//! Two lists that cover the same addresses are equal here, however they were written. That is what makes a
//! provider's re-aggregation (47 entries become 522 and no address changes) a non-event, and what lets "which of the
//! proxy's addresses does this policy not admit" be answered exactly instead of by sampling.

use crate::hex::hex;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::intervals::{Interval, Intervals};
use super::prefix::{Family, Prefix, number_of};

/// A set of IPv4 and IPv6 addresses. Equal sets are equal values.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct RangeSet {
    v4: Intervals,
    v6: Intervals,
}

impl RangeSet {
    /// No address at all.
    pub const fn empty() -> Self {
        Self { v4: Intervals::empty(), v6: Intervals::empty() }
    }

    /// Every address of both families.
    pub fn everything() -> Self {
        [Family::V4, Family::V6].into_iter().map(|family| Prefix::aligned(family, 0, 0)).collect()
    }

    /// The addresses in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self { v4: self.v4.intersect(&other.v4), v6: self.v6.intersect(&other.v6) }
    }

    /// The addresses in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }

    /// The addresses here and not in `other`.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        Self { v4: self.v4.subtract(&other.v4), v6: self.v6.subtract(&other.v6) }
    }

    /// The addresses of one family.
    #[must_use]
    pub fn only(&self, family: Family) -> Self {
        match family {
            Family::V4 => Self { v4: self.v4.clone(), v6: Intervals::empty() },
            Family::V6 => Self { v4: Intervals::empty(), v6: self.v6.clone() },
        }
    }

    /// Is the address in the set?
    pub fn contains(&self, address: IpAddr) -> bool {
        self.of(Family::of(address)).contains(number_of(address))
    }

    /// Is every address of the prefix in the set, also when several ranges make it up?
    pub fn covers(&self, prefix: Prefix) -> bool {
        self.of(prefix.family()).holds(Interval { first: prefix.first_number(), last: prefix.last_number() })
    }

    /// Is every address of the other set in this one?
    pub fn covers_all(&self, other: &Self) -> bool {
        other.subtract(self).is_empty()
    }

    /// Do the two share an address?
    pub fn overlaps(&self, other: &Self) -> bool {
        !self.intersect(other).is_empty()
    }

    /// Is there no address in it?
    pub fn is_empty(&self) -> bool {
        self.v4.as_slice().is_empty() && self.v6.as_slice().is_empty()
    }

    /// How many addresses of a family it holds; the whole of IPv6 counts as `u128::MAX`.
    pub fn coverage(&self, family: Family) -> u128 {
        self.of(family).count()
    }

    /// The fewest prefixes that cover exactly this set: IPv4 first, sorted, no two siblings.
    pub fn prefixes(&self) -> Vec<Prefix> {
        let mut prefixes = Vec::new();
        for family in [Family::V4, Family::V6] {
            for interval in self.of(family).as_slice() {
                split(family, *interval, &mut prefixes);
            }
        }
        prefixes
    }

    /// The canonical prefixes as texts, as they are written into objects and status.
    pub fn texts(&self) -> Vec<String> {
        self.prefixes().iter().map(Prefix::to_string).collect()
    }

    /// How many canonical prefixes of a family.
    pub fn prefix_count(&self, family: Family) -> usize {
        let mut prefixes = Vec::new();
        for interval in self.of(family).as_slice() {
            split(family, *interval, &mut prefixes);
        }
        prefixes.len()
    }

    /// `sha256:` and the digest of the canonical prefixes, one a line with a final newline. Equal sets, equal hashes.
    pub fn hash(&self) -> String {
        let mut digest = Sha256::new();
        for prefix in self.prefixes() {
            digest.update(prefix.to_string());
            digest.update(b"\n");
        }
        format!("sha256:{}", hex(&digest.finalize()))
    }

    const fn of(&self, family: Family) -> &Intervals {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

/// The fewest prefixes that make up an interval: always the largest that is aligned at the start and still fits.
fn split(family: Family, interval: Interval, into: &mut Vec<Prefix>) {
    let bits = u32::from(family.bits());
    let mut first = interval.first;
    loop {
        // Free bits that alignment allows, and that the room (last - first + 1 addresses) allows.
        let aligned = first.trailing_zeros().min(bits);
        let room = (interval.last - first).checked_add(1).map_or(bits, u128::ilog2);
        let free = aligned.min(room);
        let length = u8::try_from(bits - free).unwrap_or_else(|_| family.bits());
        let prefix = Prefix::aligned(family, first, length);
        into.push(prefix);
        if prefix.last_number() >= interval.last {
            return;
        }
        first = prefix.last_number() + 1;
    }
}

impl FromIterator<Prefix> for RangeSet {
    fn from_iter<I: IntoIterator<Item = Prefix>>(prefixes: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for prefix in prefixes {
            let interval = Interval { first: prefix.first_number(), last: prefix.last_number() };
            match prefix.family() {
                Family::V4 => v4.push(interval),
                Family::V6 => v6.push(interval),
            }
        }
        Self { v4: Intervals::of(v4), v6: Intervals::of(v6) }
    }
}

impl<'a> FromIterator<&'a Prefix> for RangeSet {
    fn from_iter<I: IntoIterator<Item = &'a Prefix>>(prefixes: I) -> Self {
        prefixes.into_iter().copied().collect()
    }
}

impl FromIterator<IpAddr> for RangeSet {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(addresses: I) -> Self {
        addresses.into_iter().map(Prefix::single).collect()
    }
}

impl From<Prefix> for RangeSet {
    fn from(prefix: Prefix) -> Self {
        std::iter::once(prefix).collect()
    }
}

impl fmt::Debug for RangeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.prefixes()).finish()
    }
}

impl Serialize for RangeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.prefixes())
    }
}

impl<'de> Deserialize<'de> for RangeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Prefix>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;

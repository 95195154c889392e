//! Addresses, and where they may be used: prefixes, sets of them, which may be written into an allowlist, and which the
//! prober may dial. Pure: nothing here opens a socket or asks a resolver.

mod intervals;
mod prefix;
mod range_set;

pub use prefix::{Family, Prefix, PrefixError};
pub use range_set::RangeSet;

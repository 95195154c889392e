//! Addresses, and where they may be used: prefixes, sets of them, which may be written into an allowlist, and which the
//! prober may dial. Pure: nothing here opens a socket or asks a resolver.

pub mod admission;
pub mod guard;
mod intervals;
mod prefix;
mod range_set;
mod special;

pub use admission::{AdmissionError, AdmittedRanges, Provenance};
pub use prefix::{Family, Prefix, PrefixError};
pub use range_set::RangeSet;
pub use special::SpecialUse;

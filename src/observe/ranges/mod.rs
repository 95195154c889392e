//! Feeds: the published lists of the addresses that a proxy connects from.
//!
//! A list goes through four gates, each a file of its own: [`fetch`] (only https, only where the guard lets it; or TXT
//! records, asked of the operator's own resolvers; or [`account`], where a provider wants a key), [`parse`] (one bad entry
//! refuses the whole document), plausibility (widths, reserved addresses, empty lists: [`plausible`]) and [`revise`] (what
//! may change now, what must wait, what a human has to look at). What comes out is always the last known good list, and it is never thrown away: an outage of a feed, a challenge page or a provider's glitch must not cut off a
//! proxy that works.

pub mod account;
pub mod csv;
pub mod fetch;
pub mod known;
pub mod parse;
pub mod plausible;
pub mod preset;
pub mod revise;
pub mod source;
pub mod status;
pub mod upstream;

mod records;
mod resolve;
mod sharing;

pub use account::{Account, Acknowledged, Announced, Keys, Listing};
pub use fetch::{FeedClient, Gate, SetupError};
pub use known::{Known, Shipped};
pub use parse::FeedError;
pub use plausible::Implausible;
pub use resolve::{Lookup, LookupError};
pub use revise::{Hold, Limits, Occasion, Revision, State, revise};
pub use source::{Feed, HttpFeed, Way};
pub use status::{Fetched, next_status};

#[cfg(test)]
mod replay;

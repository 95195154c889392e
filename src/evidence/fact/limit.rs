//! What limits per address at the origin refused.

use serde::{Deserialize, Serialize};

/// A counter of requests or connections that a limit per source address turned away at the origin.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limit {
    /// Who counted, in our own words: `profile default`, `nft counter`.
    pub source: String,
    /// Refused a minute; 0 when the counter stood still.
    pub refused_per_minute: u32,
}

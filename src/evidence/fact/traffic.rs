//! Requests at the origin, beside those that the proxy forwarded to it.

use serde::{Deserialize, Serialize};

/// How the origin's traffic moved against the proxy's: from a metrics server, or a record of another tool.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Traffic {
    /// Who counted, in our own words: `profile default`, `flow log`.
    pub source: String,
    pub trend: Trend,
    /// Requests a minute at the origin and forwarded by the proxy, in the newest window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_per_minute: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded_per_minute: Option<u32>,
    /// Requests at the origin for each forwarded one, in percent of what is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent_of_usual: Option<u32>,
}

/// What the two counts do together.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
pub enum Trend {
    /// As always.
    Usual,
    /// Both rose: visitors came in numbers, through the proxy.
    Together,
    /// The origin's rose and the proxy's did not: somebody comes past it.
    OriginAlone,
}

//! What a provider's own log, report or status page says. Given with `--merge`.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One record in the normal form of every provider: what the edge answered, what the origin had answered the edge, and
/// why.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderRecord {
    /// Who recorded it, in words.
    pub source: String,
    /// The edge or origin address that it speaks of; absent for all of the edge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Status that the edge gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge_status: Option<u16>,
    /// Status that the origin gave the edge; 0 when it never answered. Absent when not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<EdgeReason>,
    /// Where the provider says that it forwards to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwards_to: Option<IpAddr>,
}

/// Why, in the words of all providers together.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::EnumIter)]
pub enum EdgeReason {
    /// The address is null-routed.
    BlackHole,
    /// Traffic to the address is being scrubbed.
    Scrubbing,
    /// More traffic came than was bought.
    CapacityExceeded,
    /// The provider reports a fault of its own.
    Incident,
    /// No further connection to the origin may be opened.
    ConnectionLimit,
    ConnectTimeout,
    Refused,
    Unroutable,
    ReadTimeout,
    /// The origin ended the connection.
    Terminated,
    TlsFailed,
    CertificateInvalid,
    /// The origin's name did not resolve.
    NameFailed,
    HeaderTooLarge,
}

impl EdgeReason {
    /// Whether it is the edge that is attacked, throttled or taken off the network.
    pub const fn is_attack(self) -> bool {
        matches!(self, Self::BlackHole | Self::Scrubbing | Self::CapacityExceeded)
    }
}

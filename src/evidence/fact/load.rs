//! Traffic and saturation at the origin, from metrics or a record. No data is no fact: never a zero.

use serde::{Deserialize, Serialize};

/// How full something is, or how often it overflows.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Saturation {
    /// Who measured it, in words.
    pub source: String,
    pub resource: Resource,
    /// Use of its limit, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permille: Option<u32>,
    /// Overflows in a second (drops, refusals, cookies sent), in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflows_per_kilosecond: Option<u32>,
}

/// What can be full.
#[derive(
    Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter,
)]
pub enum Resource {
    Cpu,
    Memory,
    /// Threads, processes or connections of the server.
    Workers,
    /// Bytes that leave, against the declared uplink.
    Uplink,
    /// The kernel's queues of connections that wait: `ListenOverflows`, `ListenDrops`, `TCPReqQFullDrop`.
    AcceptQueue,
    /// `nf_conntrack_count` against `nf_conntrack_max`.
    Conntrack,
    /// `SyncookiesSent`: connections are opened faster than they are finished.
    SynCookies,
}

/// Above this a thing counts as full. Clouds throttle, and queues grow without bound, well before 100 %.
const FULL_PERMILLE: u32 = 900;
/// One overflow in a second: the threshold at which netdata warns of the same counters.
const OVERFLOWS_PER_KILOSECOND: u32 = 1000;

impl Saturation {
    /// Whether it is full, or overflows.
    pub fn full(&self) -> bool {
        self.permille.is_some_and(|p| p >= FULL_PERMILLE)
            || self.overflows_per_kilosecond.is_some_and(|n| n >= OVERFLOWS_PER_KILOSECOND)
    }
}

/// Requests at the origin beside those that the proxy forwarded, over the same windows.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Traffic {
    /// Who measured it, in words.
    pub source: String,
    pub trend: Trend,
    /// Five-minute windows of the last five that were out of the ordinary.
    pub windows: u8,
}

/// How the two counts moved.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::EnumIter)]
pub enum Trend {
    /// As in the day before.
    Usual,
    /// Both rose: a campaign, or an attack through the proxy.
    Together,
    /// The origin's rose while the proxy forwarded no more than usual.
    PastProxy,
    /// The proxy forwards as usual, and little of it arrives.
    Starved,
}

/// Probes through the proxy in quiet and in busy times of the same day.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadContrast {
    /// Who measured the load, in words.
    pub source: String,
    pub quiet_probes: u32,
    pub quiet_failures: u32,
    pub busy_probes: u32,
    pub busy_failures: u32,
}

/// What visitors report beside the probes. Their addresses are not here, and nowhere in evidence.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VisitorReports {
    pub reports: u32,
    pub visitors: u32,
}

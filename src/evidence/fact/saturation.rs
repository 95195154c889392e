//! How full a resource of the origin is.

use serde::{Deserialize, Serialize};

/// One resource of the origin's host or workload, as its own counters show it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Saturation {
    /// Who measured, in our own words: `profile default`, `nstat`.
    pub source: String,
    pub resource: Resource,
    pub level: Level,
    /// What was measured, in the unit of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u32>,
}

/// What may be full.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display)]
pub enum Resource {
    /// Percent of scheduling periods in which the limit held the workload back.
    Cpu,
    /// Percent of the memory limit.
    Memory,
    /// Percent of the server's workers, threads or pooled connections that are busy.
    Workers,
    /// Percent of the declared uplink that leaves the origin.
    Uplink,
    /// Connections dropped a minute, because the queue of the listener was full.
    ListenQueue,
    /// SYNs dropped a minute, because the queue of half-open connections was full.
    SynQueue,
    /// SYN cookies sent a minute: the kernel took the SYNs for a flood.
    SynCookies,
    /// Percent of the connection tracking table.
    Conntrack,
}

impl Resource {
    /// Whether the kernel drops new connections when it is full.
    pub const fn stops_connections(self) -> bool {
        matches!(self, Self::ListenQueue | Self::SynQueue | Self::SynCookies | Self::Conntrack)
    }

    /// Whether the server answers late, or not at all, when it is full.
    pub const fn slows_answers(self) -> bool {
        matches!(self, Self::Cpu | Self::Memory | Self::Workers)
    }
}

/// Full, or not.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
pub enum Level {
    Saturated,
    Spare,
}

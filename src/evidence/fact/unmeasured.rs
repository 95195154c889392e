//! What a traffic profile could not measure, and why: unknown, and never taken for zero.

use serde::{Deserialize, Serialize};

/// A measure that is not known.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unmeasured {
    /// `profile NAME`, or `spec.traffic.queries`.
    pub source: String,
    pub measure: Measure,
    pub why: Why,
}

/// What a profile may ask for.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display)]
pub enum Measure {
    /// Requests at the origin beside those that the proxy forwarded.
    Traffic,
    Cpu,
    Memory,
    Workers,
    Uplink,
    ListenQueue,
    SynQueue,
    SynCookies,
    Conntrack,
    /// Refusals by limits per address.
    Limits,
    /// Probes in quiet and in busy times.
    LoadContrast,
    /// All of them: the profile or the server is not there.
    Everything,
}

/// Why it is not known.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
pub enum Why {
    /// No profile of that name is configured.
    NoProfile,
    /// Queries of the resource's own, and the operator does not allow them.
    NotAllowed,
    /// No metrics server is configured.
    NoServer,
    /// The template wants a Service, and the origin is none.
    NoService,
    /// The name of the site may not stand in a query.
    UnsafeName,
    /// The server could not be reached.
    Unreachable,
    TimedOut,
    /// The server refused the query, or answered with an error.
    Refused,
    /// The answer is none of the API's.
    Malformed,
    /// No sample.
    NoData,
    /// More than one series: the template has to sum them up.
    ManySeries,
    /// Not a number, or below zero.
    NotANumber,
    /// Fewer than 100 windows of the last day.
    ShortBaseline,
}

//! The public vocabulary of evidence: the words that stand in status, in `leeward diagnose -o json`
//! and in saved evidence files. Closed enums, so that each can also be a metric label.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was looked at.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
pub enum Observation {
    /// A request through the proxy, as a visitor makes it.
    ViaProxy,
    /// The same with a deadline past the proxy's own timers, to see which timer answers.
    ViaProxyLong,
    /// A request straight to a declared origin address.
    Direct,
    /// A request straight to an endpoint of the cluster; it proves neither firewall nor exposure.
    InCluster,
    DNS,
    Ping,
    ControlPort,
    Certificate,
    Allowlist,
    NetworkPolicy,
    Endpoints,
    Pods,
    Nodes,
    /// An Ingress or HTTPRoute: the hosts that it serves, and whose certificate it names.
    Route,
    Traffic,
    /// The control target that shows whether this vantage can reach anything.
    Control,
    /// Something that was changed shortly before the failures began.
    Change,
    /// A record from elsewhere of whether the proxy's connections arrived at the origin.
    Arrival,
}

/// How an observation ended.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
pub enum Outcome {
    OK,
    UnexpectedStatus,
    UnexpectedBody,
    TooSlow,
    Refused,
    TimedOut,
    Reset,
    Unreachable,
    Prohibited,
    ClosedEarly,
    TLSAlert,
    CertInvalid,
    Truncated,
    Malformed,
    NXDomain,
    ServFail,
    /// Locked by a header or a client certificate, as an origin with lockdown should be.
    Guarded,
    Covered,
    Missing,
    /// Not looked at: the egress rules of this installation forbid the address.
    Forbidden,
    /// Could not be looked at, through no fault of the target.
    Unavailable,
    Lost,
    /// A count or a level beyond what is usual or allowed: a surge, a full queue, a limit that refuses.
    Exceeded,
}

/// Where in a request something ended.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum Phase {
    Dns,
    Connect,
    Tls,
    FirstByte,
    Body,
}

/// How sure a diagnosis is.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
pub enum Confidence {
    Low,
    Medium,
    High,
}

/// How the failure behaves over time.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::IntoStaticStr,
)]
pub enum Pattern {
    #[default]
    Steady,
    Intermittent,
    Flapping,
}

/// Whether an origin's allowlist lets a vantage in.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    clap::ValueEnum,
    strum::Display,
)]
#[clap(rename_all = "PascalCase")]
pub enum Access {
    Listed,
    Unlisted,
    #[default]
    Unknown,
}

//! The debounced state of one path: a vantage, a way (through the proxy or direct) and an address.

use super::link::Link;
use super::probe::{Probe, Variant};
use crate::api::{Access, Observation, Pattern};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Identifies a path. Results of different keys are never mixed.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "camelCase")]
pub struct PathKey {
    pub vantage: String,
    /// `ViaProxy`, `ViaProxyLong`, `Direct`, `InCluster` or `Control`.
    pub observation: Observation,
    pub variant: Variant,
    /// Absent while the name does not resolve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
}

/// Confirmed state of a path.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, strum::Display)]
pub enum Health {
    OK,
    Failing,
    /// No definite result yet, or not for three intervals.
    #[default]
    Unknown,
}

/// The beginning of a failure.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Onset {
    pub first_failure: Timestamp,
    /// The last good result before it.
    pub last_success: Timestamp,
}

/// A path with its score and its last results.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Track {
    pub key: PathKey,
    pub access: Access,
    /// 0 to 12: a failure adds 4, a success takes 1 (40-measurement: Bernoulli CUSUM).
    pub score: u8,
    pub health: Health,
    pub pattern: Pattern,
    /// Definite results counted, and failures among them (the last hour, or all rounds of `diagnose`).
    pub samples: u32,
    pub failures: u32,
    /// Probes of which the kernel told how often it had to send again, and those in which it had to, or whose connection
    /// was never answered. At most the last 120.
    #[serde(default)]
    pub measured: u32,
    #[serde(default)]
    pub lossy: u32,
    /// What its connections show of the way itself; absent before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// When this address last completed a TCP connection with this vantage; a later silence is
    /// evidence if it was within 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_connected: Option<Timestamp>,
    /// The newest definite probe, or the newest of any kind where none was definite.
    pub last: Probe,
    /// The newest failing probe, for paths that fail now and then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Probe>,
    /// When it began to fail; absent while it does not, and where it has failed since this history began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onset: Option<Onset>,
    /// Successive successful probes whose content equalled the proxy's (two make an exposure).
    #[serde(default)]
    pub content_matches: u32,
}

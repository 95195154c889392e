//! The newest probe of a path, as far as it may be shown: how it ended and how long its phases took.

use crate::api::{Observation, Outcome, Phase};
use crate::evidence::probe::Timings;
use crate::evidence::{Probe, Variant};
use jiff::Timestamp;
use serde::Serialize;
use std::net::SocketAddr;

/// One path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PathView {
    pub observation: Observation,
    pub variant: Variant,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    pub result: Outcome,
    /// Where it ended; absent when it is OK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    pub timings: Timings,
    pub time: Timestamp,
}

impl PathView {
    /// Of requests through the proxy and to the origin. An address that was refused was not dialled, and the refusal
    /// itself would be a map of the network.
    pub fn of(probe: &Probe) -> Option<Self> {
        let shown = matches!(probe.observation, Observation::ViaProxy | Observation::Direct | Observation::InCluster);
        (shown && probe.outcome != Outcome::Forbidden).then(|| Self {
            observation: probe.observation,
            variant: probe.variant,
            address: probe.address,
            result: probe.outcome,
            phase: probe.phase,
            status_code: probe.response.as_ref().map(|r| r.status),
            timings: probe.timings,
            time: probe.at,
        })
    }

    /// Whether both are of one path.
    pub fn is_path_of(&self, other: &Self) -> bool {
        self.address == other.address && self.is_kind_of(other)
    }

    /// Whether both are looked at together.
    pub fn is_kind_of(&self, other: &Self) -> bool {
        self.observation == other.observation && self.variant == other.variant
    }

    /// What is asked, in words.
    pub(super) fn words(&self) -> &'static str {
        match (self.observation, self.variant) {
            (Observation::ViaProxy, Variant::Plain) => "Through the proxy, as visitors ask",
            (Observation::ViaProxy, Variant::Bypass) => "Through the proxy, past its cache",
            (Observation::InCluster, _) => "To the origin, inside the cluster",
            _ => "To the origin",
        }
    }

    /// Each phase with its time in milliseconds.
    pub(super) fn phases(&self) -> [(&'static str, Option<u32>); 5] {
        let t = self.timings;
        [
            ("DNS", t.dns_ms),
            ("Connect", t.connect_ms),
            ("TLS", t.tls_ms),
            ("First byte", t.first_byte_ms),
            ("Body", t.body_ms),
        ]
    }
}

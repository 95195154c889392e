//! A case: what was declared, what was measured, what is known. The input of a diagnosis, and the
//! content of an evidence file.

use super::fact::Fact;
use super::track::Track;
use crate::api::Provider;
use crate::api::spec::{Lockdown, OriginType, Scheme, Verifies};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// `kind` of an evidence file.
pub const KIND: &str = "Evidence";

/// Everything known about one origin at one time.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    pub api_version: String,
    /// Always [`KIND`].
    pub kind: String,
    /// When the case was closed; rules take the time from here.
    pub at: Timestamp,
    pub subject: Subject,
    #[serde(default)]
    pub tracks: Vec<Track>,
    #[serde(default)]
    pub facts: Vec<Fact>,
}

/// The declared facts that rules need, after defaults.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subject {
    /// `NAMESPACE/NAME`, or the URL's host when there is no resource.
    pub origin: String,
    /// Host of the public URL.
    pub host: String,
    /// Port of the public URL.
    pub port: u16,
    pub provider: Provider,
    /// The proxy's own timers towards the origin, in seconds.
    pub connect_timeout_seconds: u16,
    pub read_timeout_seconds: u16,
    pub verifies: Verifies,
    pub origin_type: OriginType,
    pub origin_scheme: Scheme,
    /// What the column ORIGIN shows.
    pub origin_name: String,
    /// Addresses that the spec declares, or that origin.hostname resolved to.
    #[serde(default)]
    pub origin_addresses: Vec<IpAddr>,
    /// Origin addresses that belong to this cluster: a success there exposes nothing.
    #[serde(default)]
    pub cluster_addresses: Vec<IpAddr>,
    /// `ProxyNetwork.spec.edge.cidrs`; empty when not declared.
    #[serde(default)]
    pub edge: Vec<ipnet::IpNet>,
    pub lockdown: Lockdown,
    /// A marker is declared.
    pub marker: bool,
    /// A control target is configured.
    pub control: bool,
    /// `origin.controlPort`, where declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_port: Option<u16>,
    /// Prefixes in the ProxyNetwork; 0 when there is none.
    #[serde(default)]
    pub proxy_prefixes: u32,
    /// Leeward itself writes the allowlist here (mode Enforce, allowed by the namespace).
    #[serde(default)]
    pub enforcing: bool,
}

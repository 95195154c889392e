//! Providers that announce a list before they use it, and want to be told that it is allowed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether the provider is told that an announced list is allowed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, strum::Display)]
pub enum Acknowledge {
    #[default]
    Never,
    AfterEnforced,
}

/// What a provider has announced.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamStatus {
    /// Product and resource that this is about, as the spec names them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 192))]
    pub resource: String,
    /// Version that the provider uses now, where it names versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub version: Option<String>,
    /// Version that the provider has announced: its name, or the hash of its list. Absent while none is announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub pending_version: Option<String>,
    /// When the announcement was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_since: Option<Time>,
    /// When the provider begins to use the announced version, or wants it to be acknowledged, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    /// Version that was acknowledged last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub acknowledged_version: Option<String>,
    /// When Leeward acknowledged it; absent where somebody else did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_time: Option<Time>,
}

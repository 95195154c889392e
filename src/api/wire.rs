//! How a proxy speaks to its origin below HTTP: its TLS profile and the PROXY protocol.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The TLS profile that a proxy uses towards the origin.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct OriginTls {
    /// Highest TLS version that the proxy offers: `TLS12` or `TLS13`. Default: by provider, else TLS13.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_version: Option<TlsVersion>,
    /// Whether the proxy sends a server name (SNI): `Sent` or `NotSent`. Default: by provider, else Sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<ServerNameUse>,
}

/// A TLS version that can be replayed; older ones cannot.
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
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
)]
pub enum TlsVersion {
    TLS12,
    #[default]
    TLS13,
}

/// Whether a server name is sent.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, strum::Display)]
pub enum ServerNameUse {
    #[default]
    Sent,
    NotSent,
}

/// The preamble in front of a connection that carries the visitor's address.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, strum::Display)]
pub enum ProxyProtocol {
    #[default]
    None,
    V1,
    V2,
}

//! What users write and read: the two kinds as Rust types, their names, conditions and reasons.
//!
//! The CRDs in `crds/` are generated from these types, so every doc comment here is what
//! `kubectl explain` prints. [`validated`] turns a spec into types that cannot be wrong; nothing
//! behind it looks at the raw spec again.

pub mod cause;
pub mod conditions;
pub mod crds;
pub mod field;
pub mod names;
pub mod probing;
pub mod provider;
pub mod proxy_network;
pub mod shape;
pub mod spec;
pub mod status;
pub mod targets;
pub mod traffic;
pub mod validated;
pub mod vocabulary;
pub mod wire;

pub use cause::{Cause, Layer};
pub use provider::Provider;
pub use proxy_network::{ProxyNetwork, ProxyNetworkSpec, ProxyNetworkStatus};
pub use spec::{ProtectedOrigin, ProtectedOriginSpec};
pub use status::ProtectedOriginStatus;
pub use vocabulary::{Access, Confidence, Observation, Outcome, Pattern, Phase};

/// API group of both kinds.
pub const GROUP: &str = "leeward.dev";
/// Served and stored version.
pub const VERSION: &str = "v1alpha1";
/// `apiVersion` as it stands in manifests, evidence files and the JSON of `leeward diagnose`.
pub const API_VERSION: &str = "leeward.dev/v1alpha1";

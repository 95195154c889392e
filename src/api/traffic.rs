//! `spec.traffic`: counters of the origin's load, by the name that the administrator gave them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Counters of the origin's load, which tell an overloaded, attacked or limited origin from a slow one.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TrafficSpec {
    /// Name of a traffic profile: a set of Prometheus queries that the administrator of Leeward wrote (--traffic-profiles). It is measured once a minute at most. At most 63 characters. Default: none, and nothing is measured.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub profile: String,
}

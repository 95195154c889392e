//! `spec.traffic`: counters of the origin's load, by the name that the administrator gave them, or as queries of the
//! resource's own.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Counters of the origin's load, which tell an overloaded, attacked or limited origin from a slow one.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.profile) != has(self.queries)").message("traffic must have exactly one of profile (queries that the administrator of Leeward wrote) and queries (your own)"))]
pub struct TrafficSpec {
    /// Name of a traffic profile: a set of Prometheus queries that the administrator of Leeward wrote (--traffic-profiles). It is measured once a minute at most. At most 63 characters. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub profile: Option<String>,
    /// Queries of your own instead of a profile. They can read every metric of the server, so they are asked only where the operator runs with --allow-user-promql; elsewhere nothing is measured, and the evidence says so. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queries: Option<TrafficQueries>,
}

/// Prometheus queries, each of which comes to one number. In their strings $namespace, $name, $service and $host stand for this resource; $window is the window of rates and increases (5m). Leave out what cannot be measured.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TrafficQueries {
    /// Requests that reached the origin within $window, whoever sent them. Stands beside forwardedRequests or probes. Default: not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub origin_requests: Option<String>,
    /// Requests that the proxy forwarded to the origin within $window (its cache misses, not its cache hits). Stands beside originRequests or probes. Default: not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub forwarded_requests: Option<String>,
    /// Bytes a second that leave the origin. Stands beside uplinkBytesPerSecond. Default: not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub bytes_out_per_second: Option<String>,
    /// What the origin's uplink carries, in bytes a second, from 1 to 1000000000000: a number, no query. Default: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub uplink_bytes_per_second: Option<i64>,
    /// Share of the origin's CPU periods that were throttled, 0 to 1. Default: not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub cpu_throttled_ratio: Option<String>,
    /// The origin's memory in use as a share of its limit, 0 to 1. Default: not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub memory_ratio: Option<String>,
    /// Workers or connection slots in use as a share of all, 0 to 1. Default: not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub busy_workers_ratio: Option<String>,
    /// Connections a second that a full accept queue dropped. Default: not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub listen_drops_per_second: Option<String>,
    /// SYNs a second that a full queue of half-open connections dropped. Default: not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub syn_drops_per_second: Option<String>,
    /// SYN cookies a second. Default: not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub syn_cookies_per_second: Option<String>,
    /// Entries of the connection tracking table as a share of its limit, 0 to 1. Default: not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub conntrack_ratio: Option<String>,
    /// Requests or connections a second that limits per address turned away at the origin. Default: not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub limited_per_second: Option<String>,
    /// Probes through the proxy within $window, such as Leeward's own. Stands beside failedProbes and a count of requests. Default: not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub probes: Option<String>,
    /// Those of the probes that failed. Stands beside probes. Default: not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub failed_probes: Option<String>,
}

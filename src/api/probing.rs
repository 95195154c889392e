//! How a site is probed and which answer counts as good.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which answer counts as good.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Expect {
    /// Status codes and ranges that are good. Default: 200-399. At most 16.
    #[serde(default = "default_statuses")]
    #[schemars(
        length(min = 1, max = 16),
        inner(length(min = 3, max = 7), regex(pattern = r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub statuses: Vec<String>,
    /// Text that the first 64 KiB of the body must contain. Needs the host in the Namespace's annotation leeward.dev/allowed-hosts. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub body_contains: Option<String>,
    /// Milliseconds until the first byte that are still good, 1 to 60000. Default: no limit but the timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 60000))]
    pub first_byte_milliseconds: Option<i32>,
}

fn default_statuses() -> Vec<String> {
    vec!["200-399".to_owned()]
}

impl Default for Expect {
    fn default() -> Self {
        Self { statuses: default_statuses(), body_contains: None, first_byte_milliseconds: None }
    }
}

/// How often and how patiently to probe. A probe's total is the smaller of the sum of its phases and the period less one second.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct ProbeSpec {
    /// Seconds between rounds, 10 to 3600. The operator's --minimum-period-seconds is a second floor. Default: 30.
    #[schemars(range(min = 10, max = 3600))]
    pub period_seconds: i32,
    /// HTTP method: `GET` or `HEAD`. Default: GET.
    pub method: Method,
    /// How a probe through the proxy avoids its cache: `Query` adds leeward-probe=NONCE to the URL, `None` changes nothing. Default: Query.
    pub cache_bypass: CacheBypass,
    /// Seconds for name resolution, 1 to 60. Default: 2.
    #[schemars(range(min = 1, max = 60))]
    pub dns_timeout_seconds: i32,
    /// Seconds for the TCP connection, 1 to 60. Default: 4.
    #[schemars(range(min = 1, max = 60))]
    pub connect_timeout_seconds: i32,
    /// Seconds for the TLS handshake, 1 to 60. Default: 4.
    #[schemars(range(min = 1, max = 60))]
    pub tls_timeout_seconds: i32,
    /// Seconds until the response headers, 1 to 60. Default: 6.
    #[schemars(range(min = 1, max = 60))]
    pub first_byte_timeout_seconds: i32,
    /// Seconds for the first 64 KiB of the body, 1 to 60. Default: 4.
    #[schemars(range(min = 1, max = 60))]
    pub body_timeout_seconds: i32,
    /// Echo requests sent to a suspect origin address, 0 to 100; 0 turns ICMP off. Default: 20.
    #[schemars(range(min = 0, max = 100))]
    pub pings: i32,
    /// Path of a response over 16 KiB that no cache holds, such as /big; asked for every fourth period on both paths, it finds large packets that vanish on the way. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^/[^\s#]*$"))]
    pub large_path: Option<String>,
}

impl Default for ProbeSpec {
    fn default() -> Self {
        Self {
            period_seconds: 30,
            method: Method::GET,
            cache_bypass: CacheBypass::Query,
            dns_timeout_seconds: 2,
            connect_timeout_seconds: 4,
            tls_timeout_seconds: 4,
            first_byte_timeout_seconds: 6,
            body_timeout_seconds: 4,
            pings: 20,
            large_path: None,
        }
    }
}

/// HTTP method of a probe.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    #[default]
    GET,
    HEAD,
}

/// How a probe avoids the proxy's cache.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheBypass {
    #[default]
    Query,
    None,
}

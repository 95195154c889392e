//! A profile: what is asked about an origin, every query read once and known to be fillable.

use super::template::{Problem, Template};
use crate::api::traffic::TrafficQueries;
use std::collections::BTreeMap;

/// What a query asks for. Each has its unit, so that its answer can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter)]
pub enum Query {
    /// Requests that reached the origin within the window, whoever sent them.
    OriginRequests,
    /// Requests that the proxy forwarded within the window: cache misses, not edge hits.
    ForwardedRequests,
    /// Bytes a second that leave the origin.
    BytesOut,
    /// Share of CPU periods that were throttled, 0 to 1.
    CpuThrottled,
    /// Memory in use by its limit, 0 to 1.
    MemoryUsed,
    /// Workers in use by their number, 0 to 1.
    WorkersBusy,
    /// Connections a second that a full accept queue dropped.
    ListenDrops,
    /// SYNs a second that a full queue of half-open connections dropped.
    SynDrops,
    /// SYN cookies a second.
    SynCookies,
    /// Entries of the connection tracking table by its limit, 0 to 1.
    ConntrackUsed,
    /// Requests or connections a second that limits per address turned away.
    Limited,
    /// Probes through the proxy within the window, and those that failed.
    Probes,
    FailedProbes,
}

/// What is asked about an origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// How facts name where their numbers come from.
    pub source: String,
    pub queries: BTreeMap<Query, Template>,
    /// What the origin's uplink carries, in bytes a second.
    pub uplink: Option<f64>,
}

/// What is wrong with queries: words that follow the path of what holds them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueriesError {
    #[error(".{field} {problem}")]
    Template { field: &'static str, problem: Problem },
    #[error(" asks for nothing: give it at least one query")]
    Nothing,
    #[error(".{field} must stand beside {other}: {why}")]
    Pair { field: &'static str, other: &'static str, why: &'static str },
    #[error(".uplinkBytesPerSecond must be from 1 to 1000000000000")]
    Uplink,
}

/// Queries in their order, each under the field that it is written in.
fn written(queries: &TrafficQueries) -> [(Query, &'static str, &Option<String>); 13] {
    [
        (Query::OriginRequests, "originRequests", &queries.origin_requests),
        (Query::ForwardedRequests, "forwardedRequests", &queries.forwarded_requests),
        (Query::BytesOut, "bytesOutPerSecond", &queries.bytes_out_per_second),
        (Query::CpuThrottled, "cpuThrottledRatio", &queries.cpu_throttled_ratio),
        (Query::MemoryUsed, "memoryRatio", &queries.memory_ratio),
        (Query::WorkersBusy, "busyWorkersRatio", &queries.busy_workers_ratio),
        (Query::ListenDrops, "listenDropsPerSecond", &queries.listen_drops_per_second),
        (Query::SynDrops, "synDropsPerSecond", &queries.syn_drops_per_second),
        (Query::SynCookies, "synCookiesPerSecond", &queries.syn_cookies_per_second),
        (Query::ConntrackUsed, "conntrackRatio", &queries.conntrack_ratio),
        (Query::Limited, "limitedPerSecond", &queries.limited_per_second),
        (Query::Probes, "probes", &queries.probes),
        (Query::FailedProbes, "failedProbes", &queries.failed_probes),
    ]
}

impl Profile {
    /// Reads queries. Those that mean something only together must stand together.
    pub fn new(source: String, given: &TrafficQueries) -> Result<Self, QueriesError> {
        let uplink = given.uplink_bytes_per_second;
        if uplink.is_some_and(|bytes| !(1..=1_000_000_000_000).contains(&bytes)) {
            return Err(QueriesError::Uplink);
        }
        let mut queries = BTreeMap::new();
        for (query, field, text) in written(given) {
            let Some(text) = text else { continue };
            queries.insert(query, text.parse().map_err(|problem| QueriesError::Template { field, problem })?);
        }
        let pair = |field, other, why| QueriesError::Pair { field, other, why };
        let has = |query| queries.contains_key(&query);
        if has(Query::BytesOut) != uplink.is_some() {
            return Err(pair(
                "bytesOutPerSecond",
                "uplinkBytesPerSecond",
                "bytes mean nothing without the size of the uplink",
            ));
        }
        if has(Query::Probes) != has(Query::FailedProbes) {
            return Err(pair("probes", "failedProbes", "a share needs both"));
        }
        if has(Query::Probes) && !has(Query::ForwardedRequests) && !has(Query::OriginRequests) {
            return Err(pair("probes", "forwardedRequests", "it tells quiet times from busy ones"));
        }
        if has(Query::ForwardedRequests) && !has(Query::OriginRequests) && !has(Query::Probes) {
            return Err(pair("forwardedRequests", "originRequests", "the two are compared"));
        }
        if has(Query::OriginRequests) && !has(Query::ForwardedRequests) && !has(Query::Probes) {
            return Err(pair("originRequests", "forwardedRequests", "the two are compared"));
        }
        if queries.is_empty() {
            return Err(QueriesError::Nothing);
        }
        #[allow(clippy::cast_precision_loss, reason = "at most 10^12, far below the 53 bits that f64 holds exactly")]
        let uplink = uplink.map(|bytes| bytes as f64);
        Ok(Self { source, queries, uplink })
    }
}

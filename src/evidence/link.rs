//! What the connections of one path show of the way itself: round-trip times and how they vary. Times are the kernel's own
//! (`TCP_INFO`), so nothing that an application does is in them.

use serde::{Deserialize, Serialize};

/// Round-trip times of one path, in microseconds.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Connections that were measured, at most the last 120; minimum, median and 95th percentile are theirs.
    pub samples: u32,
    pub rtt_min_us: u32,
    pub rtt_median_us: u32,
    pub rtt_p95_us: u32,
    /// Interarrival jitter as in RFC 3550, from connection to connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_us: Option<u32>,
    /// What is usual here: the median of the medians of the last 24 hours that had at least ten connections, and the median
    /// of their distances from it. Absent before the first such hour has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_us: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_mad_us: Option<u32>,
}

/// The value in the middle; the lower one of two.
pub fn median(values: &mut [u32]) -> Option<u32> {
    quantile(values, 1, 2)
}

/// The value below which `part` of `whole` lie (nearest rank).
pub fn quantile(values: &mut [u32], part: usize, whole: usize) -> Option<u32> {
    values.sort_unstable();
    let rank = (values.len() * part).div_ceil(whole).max(1);
    values.get(rank - 1).copied()
}

//! When a resource counts as full. Thresholds are those that operators alarm on: netdata's shipped ones for the kernel's
//! counters (more than one drop a second), 90 % for tables and uplinks. A quarter of CPU periods throttled is usual for many a
//! healthy pod, so it takes half of them.

use super::profile::Query;
use crate::evidence::fact::{Level, Measure, Resource, Saturation};

/// A resource behind a query: what it is, from which value on it is full, and in which unit it is told.
#[derive(Debug, Clone, Copy)]
struct Scale {
    resource: Resource,
    full: f64,
    /// From the query's unit to the fact's: percent, or a minute's worth.
    times: f64,
}

fn scale(query: Query) -> Option<Scale> {
    let of = |resource, full, times| Some(Scale { resource, full, times });
    match query {
        Query::CpuThrottled => of(Resource::Cpu, 0.5, 100.0),
        Query::MemoryUsed => of(Resource::Memory, 0.95, 100.0),
        Query::WorkersBusy => of(Resource::Workers, 0.95, 100.0),
        Query::BytesOut => of(Resource::Uplink, 0.9, 100.0),
        Query::ListenDrops => of(Resource::ListenQueue, 1.0, 60.0),
        Query::SynDrops => of(Resource::SynQueue, 1.0, 60.0),
        Query::SynCookies => of(Resource::SynCookies, 1.0, 60.0),
        Query::ConntrackUsed => of(Resource::Conntrack, 0.9, 100.0),
        _ => None,
    }
}

/// The fact behind a value; none for queries that measure no resource.
pub fn judge(query: Query, value: f64, source: &str) -> Option<Saturation> {
    let scale = scale(query)?;
    let level = if value >= scale.full { Level::Saturated } else { Level::Spare };
    Some(Saturation {
        source: source.to_owned(),
        resource: scale.resource,
        level,
        value: Some(coarse(value * scale.times)),
    })
}

/// What is unknown when this query has no answer.
pub const fn measure(query: Query) -> Measure {
    match query {
        Query::OriginRequests | Query::ForwardedRequests => Measure::Traffic,
        Query::BytesOut => Measure::Uplink,
        Query::CpuThrottled => Measure::Cpu,
        Query::MemoryUsed => Measure::Memory,
        Query::WorkersBusy => Measure::Workers,
        Query::ListenDrops => Measure::ListenQueue,
        Query::SynDrops => Measure::SynQueue,
        Query::SynCookies => Measure::SynCookies,
        Query::ConntrackUsed => Measure::Conntrack,
        Query::Limited => Measure::Limits,
        Query::Probes | Query::FailedProbes => Measure::LoadContrast,
    }
}

/// Two significant digits: what hardly moves reads the same.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the type's range")]
pub fn coarse(value: f64) -> u32 {
    let value = value.clamp(0.0, 4e9);
    if value < 10.0 {
        // The least that there is must not read as nothing.
        return value.ceil() as u32;
    }
    let unit = 10_f64.powf(value.log10().floor() - 1.0);
    ((value / unit).round() * unit).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_full_from_its_threshold_on() {
        let level = |query, value| judge(query, value, "p").map(|s| (s.level, s.value));
        assert_eq!(level(Query::ConntrackUsed, 0.95), Some((Level::Saturated, Some(95))));
        assert_eq!(level(Query::ConntrackUsed, 0.5), Some((Level::Spare, Some(50))));
        assert_eq!(level(Query::ListenDrops, 12.34), Some((Level::Saturated, Some(740))));
        assert_eq!(level(Query::ListenDrops, 0.01), Some((Level::Spare, Some(1))));
        assert_eq!(level(Query::Limited, 5.0), None);
    }

    #[test]
    fn values_are_coarse_and_nothing_reads_as_nothing_but_nothing() {
        assert_eq!([0.0, 0.2, 7.1, 12.3, 1234.0, 9e12].map(coarse), [0, 1, 8, 12, 1200, 4_000_000_000]);
    }
}

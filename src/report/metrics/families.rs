//! The declarations: every metric's name and help.

use super::kinds::{Count, Real, Times, Whole};
use super::labels::{
    ByOrigin, CauseOf, ConditionOf, Labels, LinkOf, NetworkLabel, Pairs, PhaseOf, RejectedOf, ResultOf, RisksOf,
    RuleLabel, SkippedLabel, SyncedOf, TimingOf, Write,
};
use super::one_of::OneOf;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, family};
use prometheus_client::registry::Registry;

/// What every name begins with.
pub(super) const PREFIX: &str = "leeward";

/// A family by a label set of ours.
pub type Family<L, M> = family::Family<Labels<L>, M>;

/// Every series.
#[derive(Debug)]
pub struct Series {
    pub phases: family::Family<Labels<PhaseOf>, Times, fn() -> Times>,
    pub probes: Family<ResultOf, Count>,
    pub skipped: Family<SkippedLabel, Count>,
    pub verdicts: OneOf<ByOrigin, CauseOf>,
    pub risks: OneOf<ByOrigin, RisksOf>,
    pub rejected: OneOf<ByOrigin, RejectedOf>,
    pub healthy: Family<ByOrigin, Whole>,
    pub timings: Family<TimingOf, Real>,
    pub lost_least: Family<LinkOf, Real>,
    pub lost_most: Family<LinkOf, Real>,
    pub rtt: Family<LinkOf, Real>,
    pub jitter: Family<LinkOf, Real>,
    pub last_round: Family<ByOrigin, Whole>,
    pub proxied: Family<ByOrigin, Count>,
    pub proxied_failed: Family<ByOrigin, Count>,
    pub prefixes: Family<ByOrigin, Whole>,
    pub synced: OneOf<ByOrigin, SyncedOf>,
    pub lag: Times,
    pub in_flight: Whole,
    pub scheduled: Whole,
    pub writes: Family<Write, Count>,
    pub events_dropped: Count,
    pub feed_fetched: Family<NetworkLabel, Whole>,
    pub networks: OneOf<(String, &'static str), ConditionOf>,
    pub denied: Family<RuleLabel, Count>,
    pub leader: Whole,
    pub frozen: Whole,
}

fn phase_times() -> Times {
    Histogram::new([0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 130.0])
}

impl Series {
    pub(super) fn registered(registry: &mut Registry) -> (Self, Vec<Declared>) {
        let constructor: fn() -> Times = phase_times;
        let series = Self {
            phases: family::Family::new_with_constructor(constructor),
            probes: Family::default(),
            skipped: Family::default(),
            verdicts: OneOf::default(),
            risks: OneOf::default(),
            rejected: OneOf::default(),
            healthy: Family::default(),
            timings: Family::default(),
            lost_least: Family::default(),
            lost_most: Family::default(),
            rtt: Family::default(),
            jitter: Family::default(),
            last_round: Family::default(),
            proxied: Family::default(),
            proxied_failed: Family::default(),
            prefixes: Family::default(),
            synced: OneOf::default(),
            lag: Histogram::new([0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]),
            in_flight: Whole::default(),
            scheduled: Whole::default(),
            writes: Family::default(),
            events_dropped: Count::default(),
            feed_fetched: Family::default(),
            networks: OneOf::default(),
            denied: Family::default(),
            leader: Whole::default(),
            frozen: Whole::default(),
        };
        let mut put = Put { registry, declared: Vec::new() };
        put.put("probe_phase_seconds", "Time that a phase of a probe took, failed phases included", &series.phases);
        put.put("probes", "Probes by how they ended", &series.probes);
        put.put("skipped", "Rounds and probes that were not made, by reason", &series.skipped);
        put.put("origin_verdict", "1 for the confirmed cause of an origin, with how sure it is", &series.verdicts);
        put.put("origin_risks", "How many risks an origin has, all named in one label", &series.risks);
        put.put("origin_rejected", "1 while a resource is not accepted, so that nobody looks at it", &series.rejected);
        put.put("origin_healthy", "1 healthy, 0 unhealthy, absent while nobody can say", &series.healthy);
        put.put("origin_phase_seconds", "Time that the phase took in the newest probe of a path", &series.timings);
        put.put(
            "origin_link_loss_lower_ratio",
            "Least share of connections in which segments had to be sent again (95 %), worst address",
            &series.lost_least,
        );
        put.put("origin_link_loss_upper_ratio", "Largest share of them (95 %)", &series.lost_most);
        put.put(
            "origin_link_rtt_seconds",
            "Median round-trip time of the last 120 connections, worst address",
            &series.rtt,
        );
        put.put("origin_link_jitter_seconds", "Jitter of it (RFC 3550)", &series.jitter);
        put.put(
            "origin_last_round_timestamp_seconds",
            "When the newest round of an origin ended, in seconds since 1970",
            &series.last_round,
        );
        put.put("origin_probes", "Probes of an origin through the proxy that say something", &series.proxied);
        put.put("origin_probe_failures", "Those of them that failed", &series.proxied_failed);
        put.put("allowlist_prefixes", "Prefixes that an origin's allowlists are to carry", &series.prefixes);
        put.put(
            "allowlist_synced",
            "1 while an origin's allowlists are as they should be or nothing is to be written, 0 otherwise",
            &series.synced,
        );
        put.put("schedule_lag_seconds", "How much later than planned a round began", &series.lag);
        put.put("rounds_in_flight", "Rounds under way", &series.in_flight);
        put.put("origins_scheduled", "Origins on the schedule", &series.scheduled);
        put.put("api_writes", "Writes sent to the API server, by kind and verb", &series.writes);
        put.put(
            "events_dropped",
            "Events not sent because of the limits per object and namespace",
            &series.events_dropped,
        );
        put.put(
            "feed_fetched_timestamp_seconds",
            "When a ProxyNetwork's list was last fetched well, in seconds since 1970; its age is the time since",
            &series.feed_fetched,
        );
        put.put(
            "network_condition",
            "1 while a condition of a ProxyNetwork is True, 0 while it is False",
            &series.networks,
        );
        put.put("guard_denied", "Dials that the egress guard refused, by rule", &series.denied);
        put.put("leader", "1 while this replica holds the lease", &series.leader);
        put.put(
            "verdicts_frozen",
            "1 while so many origins fail at once that the prober suspects itself",
            &series.frozen,
        );
        (series, put.declared)
    }
}

/// What stands in the catalogue about one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// As queries write it, without the suffixes of a histogram.
    pub name: String,
    /// Of OpenMetrics, in lower case.
    pub kind: String,
    pub labels: &'static [&'static str],
    pub help: String,
}

impl Declared {
    pub(super) fn new(name: &str, kind: MetricType, labels: &'static [&'static str], help: &str) -> Self {
        let suffix = match kind {
            MetricType::Counter => "_total",
            MetricType::Info => "_info",
            _ => "",
        };
        let name = format!("{PREFIX}_{name}{suffix}");
        Self { name, kind: kind.as_str().to_owned(), labels, help: help.to_owned() }
    }
}

/// The names of a metric's labels.
pub trait Names {
    const NAMES: &'static [&'static str] = &[];
}

impl Names for Count {}
impl Names for Whole {}
impl Names for Times {}

impl<L: Pairs, M, C> Names for family::Family<Labels<L>, M, C> {
    const NAMES: &'static [&'static str] = L::NAMES;
}

/// Registers by name and help, and keeps what it registered.
struct Put<'a> {
    registry: &'a mut Registry,
    declared: Vec<Declared>,
}

impl Put<'_> {
    fn put<M: prometheus_client::registry::Metric + Clone + Names>(&mut self, name: &str, help: &str, metric: &M) {
        self.declared.push(Declared::new(name, metric.metric_type(), M::NAMES, help));
        self.registry.register(name, help, metric.clone());
    }
}

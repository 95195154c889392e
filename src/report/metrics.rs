//! Metrics: probe times and everything else that may not stand in a status, because it changes while
//! nothing happens.
//!
//! Labels are closed enums, and the namespace and name of a resource: never an error's text, never an
//! address. An origin has at most 24 series ([`SERIES_PER_ORIGIN`] is what it has today), and they go
//! away with it.

mod families;
mod labels;
mod one_of;

pub use families::{Declared, Series};
pub use labels::{Labels, Skipped, Verb, Write, Written};

use crate::api::conditions::{ConditionType, Reason, Truth};
use crate::api::spec::Mode;
use crate::api::{Observation, Outcome};
use crate::diagnose::{Quality, Verdict};
use crate::evidence::Probe;
use families::PREFIX;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use labels::{
    ByOrigin, CauseOf, ConditionOf, LinkOf, PhaseOf, RejectedOf, RisksOf, RuleLabel, SyncedOf, TimingOf, result_label,
};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Most series that one origin can have: verdict, risks, healthy, last round, prefixes, synced, probes and their
/// failures; and for each of its two ways three phases and a total, the bounds of loss, round-trip time and jitter.
/// One that is rejected has that and its allowlist's two, since it is not looked at.
pub const SERIES_PER_ORIGIN: usize = 8 + 2 * (4 + 4);

/// Phases of a probe, and the whole of it.
const PHASES: [&str; 6] = ["dns", "connect", "tls", "firstByte", "body", "total"];

/// Phases whose newest time is shown for each origin. Those of names (the resolvers are the same for all origins) and
/// bodies are in the histogram over all of them.
const SHOWN: [&str; 4] = ["connect", "tls", "firstByte", "total"];

/// Reasons why a resource is not looked at.
const REJECTIONS: [Reason; 2] = [Reason::InvalidTarget, Reason::TargetForbidden];

/// Conditions of a ProxyNetwork that are shown.
const CONDITIONS: [ConditionType; 4] =
    [ConditionType::Ready, ConditionType::Fetched, ConditionType::Plausible, ConditionType::Acknowledged];

/// The two ways to a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter, strum::IntoStaticStr)]
enum Way {
    ViaProxy,
    Direct,
}

/// Every metric of the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    series: Series,
    declared: Vec<Declared>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let (series, mut declared) = Series::registered(&mut registry);
        let help = "The build that runs";
        registry.register("build", help, Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        declared.push(Declared::new("build", MetricType::Info, &["version"], help));
        Self(Arc::new(Inner { registry, series, declared }))
    }

    /// Every metric that there can be, whether or not it has a series now.
    pub fn catalogue(&self) -> &[Declared] {
        &self.0.declared
    }

    /// The text that `/metrics` answers with.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }

    /// The series themselves, for what has no origin.
    pub fn series(&self) -> &Series {
        &self.0.series
    }

    /// One finished probe of an origin.
    pub fn probed(&self, namespace: &str, name: &str, probe: &Probe) {
        let series = self.series();
        series.probes.get_or_create(&result_label(probe)).inc();
        let way = match probe.observation {
            Observation::ViaProxy | Observation::ViaProxyLong => Way::ViaProxy,
            _ => Way::Direct,
        };
        if probe.observation == Observation::ViaProxy && probe.definite() {
            let origin = Labels(ByOrigin::new(namespace, name));
            let failed = !matches!(probe.outcome, Outcome::OK | Outcome::Guarded | Outcome::CertInvalid);
            series.proxied.get_or_create(&origin).inc();
            series.proxied_failed.get_or_create(&origin).inc_by(u64::from(failed));
        }
        let t = &probe.timings;
        let times = [t.dns_ms, t.connect_ms, t.tls_ms, t.first_byte_ms, t.body_ms, Some(t.total_ms)];
        for (phase, milliseconds) in PHASES.into_iter().zip(times) {
            let Some(milliseconds) = milliseconds else { continue };
            let seconds = f64::from(milliseconds) / 1000.0;
            series
                .phases
                .get_or_create(&Labels(PhaseOf { observation: probe.observation.into(), phase }))
                .observe(seconds);
            // The long probe is no measure of how the site is.
            if probe.observation != Observation::ViaProxyLong && SHOWN.contains(&phase) {
                let origin = ByOrigin::new(namespace, name);
                let path = way.into();
                series.timings.get_or_create(&Labels(TimingOf { origin, path, phase })).set(seconds);
            }
        }
    }

    /// A round of an origin has ended: when, and what the ways through the proxy and straight to the origin are like.
    pub fn round(&self, namespace: &str, name: &str, unix_seconds: i64, qualities: [Quality; 2]) {
        self.series().last_round.get_or_create(&Labels(ByOrigin::new(namespace, name))).set(unix_seconds);
        for (way, quality) in [Way::ViaProxy, Way::Direct].into_iter().zip(qualities) {
            self.quality(namespace, name, way, quality);
        }
    }

    /// What the prober says of an origin: its verdict, or that nothing of it may be dialled.
    pub fn assessed(&self, namespace: &str, name: &str, verdict: Option<&Verdict>, forbidden: bool) {
        match verdict {
            Some(verdict) => self.verdict(namespace, name, verdict),
            None if forbidden => self.unknown(namespace, name),
            None => {}
        }
    }

    /// What is confirmed about an origin. `healthy` is absent while nobody can say.
    pub fn verdict(&self, namespace: &str, name: &str, verdict: &Verdict) {
        let origin = ByOrigin::new(namespace, name);
        let series = self.series();
        let (cause, confidence) = (verdict.cause.into(), verdict.confidence.into());
        series.verdicts.show(origin.clone(), Some((CauseOf { origin: origin.clone(), cause, confidence }, 1)));
        let risks: Vec<&'static str> = verdict.risks.iter().map(Into::into).collect();
        let count = i64::try_from(risks.len()).unwrap_or(i64::MAX);
        let named = RisksOf { origin: origin.clone(), risks: risks.join(",") };
        series.risks.show(origin.clone(), (count > 0).then_some((named, count)));
        match verdict.healthy {
            Some(healthy) => {
                series.healthy.get_or_create(&Labels(origin)).set(i64::from(healthy));
            }
            None => {
                series.healthy.remove(&Labels(origin));
            }
        }
    }

    /// What the way itself is like, at its worst address.
    fn quality(&self, namespace: &str, name: &str, way: Way, quality: Quality) {
        let series = self.series();
        let link = Labels(LinkOf { origin: ByOrigin::new(namespace, name), path: way.into() });
        let seconds = |us: u32| f64::from(us) / 1e6;
        let (least, most) = quality.lost.unzip();
        for (family, value) in [
            (&series.lost_least, least),
            (&series.lost_most, most),
            (&series.rtt, quality.link.map(|l| seconds(l.rtt_median_us))),
            (&series.jitter, quality.link.and_then(|l| l.jitter_us).map(seconds)),
        ] {
            match value {
                Some(value) => {
                    family.get_or_create(&link).set(value);
                }
                None => {
                    family.remove(&link);
                }
            }
        }
    }

    /// Prefixes that an origin's allowlists are to carry.
    pub fn prefixes(&self, namespace: &str, name: &str, prefixes: i64) {
        self.series().prefixes.get_or_create(&Labels(ByOrigin::new(namespace, name))).set(prefixes);
    }

    /// How an origin's allowlists stand: the condition AllowlistSynced. Absent while it is Unknown.
    pub fn synced(&self, namespace: &str, name: &str, mode: Mode, truth: Truth, reason: Reason) {
        let origin = ByOrigin::new(namespace, name);
        let labels = SyncedOf { origin: origin.clone(), mode: mode.into(), reason: reason.into() };
        self.series().synced.show(origin, number(truth).map(|value| (labels, value)));
    }

    /// Whether a resource was accepted. One that was not is not looked at, and nothing else would show it.
    pub fn accepted(&self, namespace: &str, name: &str, truth: Truth, reason: Reason) {
        let origin = ByOrigin::new(namespace, name);
        let stopped = truth == Truth::False && REJECTIONS.contains(&reason);
        let labels = stopped.then(|| RejectedOf { origin: origin.clone(), reason: reason.into() });
        self.series().rejected.show(origin, labels.map(|labels| (labels, 1)));
    }

    /// How a ProxyNetwork stands.
    pub fn network(&self, network: &str, conditions: &[Condition]) {
        for shown in CONDITIONS {
            let condition: &'static str = shown.into();
            let found = conditions.iter().find(|c| c.type_ == condition).and_then(|c| {
                let reason: Reason = c.reason.parse().ok()?;
                let labels = ConditionOf { network: network.to_owned(), condition, reason: reason.into() };
                Some((labels, number(c.status.parse().ok()?)?))
            });
            self.series().networks.show((network.to_owned(), condition), found);
        }
    }

    /// A ProxyNetwork is gone, or another replica keeps it now.
    pub fn forget_network(&self, network: &str) {
        let series = self.series();
        series.feed_fetched.remove(&Labels::network(network));
        for condition in CONDITIONS {
            series.networks.show((network.to_owned(), condition.into()), None);
        }
    }

    /// Nothing is known of an origin any more, because nothing of it may be dialled.
    pub fn unknown(&self, namespace: &str, name: &str) {
        let origin = ByOrigin::new(namespace, name);
        let series = self.series();
        series.verdicts.show(origin.clone(), None);
        series.risks.show(origin.clone(), None);
        series.healthy.remove(&Labels(origin));
    }

    /// An origin is not probed any more, and what was seen of it goes away.
    pub fn forget(&self, namespace: &str, name: &str) {
        self.unknown(namespace, name);
        let origin = ByOrigin::new(namespace, name);
        let series = self.series();
        for way in [Way::ViaProxy, Way::Direct] {
            let path = way.into();
            for phase in SHOWN {
                series.timings.remove(&Labels(TimingOf { origin: origin.clone(), path, phase }));
            }
            let link = Labels(LinkOf { origin: origin.clone(), path });
            for family in [&series.lost_least, &series.lost_most, &series.rtt, &series.jitter] {
                family.remove(&link);
            }
        }
        series.last_round.remove(&Labels(origin.clone()));
        series.proxied.remove(&Labels(origin.clone()));
        series.proxied_failed.remove(&Labels(origin));
    }

    /// A resource is gone, and what was said of itself and its allowlists goes away.
    pub fn gone(&self, namespace: &str, name: &str) {
        let origin = ByOrigin::new(namespace, name);
        let series = self.series();
        series.rejected.show(origin.clone(), None);
        series.synced.show(origin.clone(), None);
        series.prefixes.remove(&Labels(origin));
    }

    /// Another replica leads and shows all of this; what this one knew would grow old beside it.
    pub fn rest(&self) {
        let s = self.series();
        s.verdicts.clear();
        s.risks.clear();
        s.rejected.clear();
        s.synced.clear();
        s.networks.clear();
        s.timings.clear();
        for family in [&s.lost_least, &s.lost_most, &s.rtt, &s.jitter] {
            family.clear();
        }
        for family in [&s.healthy, &s.last_round, &s.prefixes] {
            family.clear();
        }
        s.proxied.clear();
        s.proxied_failed.clear();
        s.feed_fetched.clear();
        for gauge in [&s.scheduled, &s.in_flight, &s.frozen] {
            gauge.set(0);
        }
    }

    /// The guard refused a dial by this rule.
    pub fn denied(&self, rule: &'static str) {
        self.series().denied.get_or_create(&Labels(RuleLabel { rule })).inc();
    }

    /// A round began this much later than planned.
    pub fn lag(&self, lag: Duration) {
        self.series().lag.observe(lag.as_secs_f64());
    }
}

/// A condition as a number; Unknown is none.
const fn number(truth: Truth) -> Option<i64> {
    match truth {
        Truth::True => Some(1),
        Truth::False => Some(0),
        Truth::Unknown => None,
    }
}

/// Names the types that the families use, so that their declarations read.
mod kinds {
    use super::{AtomicU64, Counter, Gauge, Histogram};
    pub type Count = Counter;
    pub type Whole = Gauge;
    pub type Real = Gauge<f64, AtomicU64>;
    pub type Times = Histogram;
}

#[cfg(test)]
mod tests;

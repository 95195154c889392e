//! Metrics: probe times and everything else that may not stand in a status, because it changes while
//! nothing happens.
//!
//! Labels are closed enums, and the namespace and name of a resource: never an error's text, never an
//! address. An origin has at most 24 series ([`SERIES_PER_ORIGIN`] is what it has today), and they go
//! away with it.

mod families;

pub use families::{Labels, Series, Write};

use crate::api::{Cause, Observation, Outcome};
use crate::diagnose::Quality;
use crate::evidence::Probe;
use families::{ByOrigin, CauseOf, LinkOf, PhaseOf, RuleLabel, TimingOf, result_label};
use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Most series that one origin can have: verdict, healthy, last round, prefixes, probes and their failures;
/// and for each of its two ways four phases and a total, the bounds of loss, round-trip time and jitter.
pub const SERIES_PER_ORIGIN: usize = 6 + 2 * (5 + 4);

/// Phases whose newest time is shown for each origin. The body's is in the histogram over all of them.
const SHOWN: [&str; 5] = ["dns", "connect", "tls", "firstByte", "total"];

/// The two ways to a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
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
    /// The cause shown for each origin, so that the former one goes away.
    causes: Mutex<HashMap<ByOrigin, Cause>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("leeward");
        let series = Series::registered(&mut registry);
        registry.register("build", "The build that runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        Self(Arc::new(Inner { registry, series, causes: Mutex::default() }))
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
        let phases = [
            ("dns", t.dns_ms),
            ("connect", t.connect_ms),
            ("tls", t.tls_ms),
            ("firstByte", t.first_byte_ms),
            ("body", t.body_ms),
            ("total", Some(t.total_ms)),
        ];
        for (phase, milliseconds) in phases {
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

    /// What is confirmed about an origin. `healthy` is absent while nobody can say.
    pub fn verdict(&self, namespace: &str, name: &str, cause: Cause, healthy: Option<bool>) {
        let origin = ByOrigin::new(namespace, name);
        let series = self.series();
        let former = self.0.causes.lock().insert(origin.clone(), cause);
        if let Some(former) = former.filter(|f| *f != cause) {
            series.verdicts.remove(&Labels(CauseOf { origin: origin.clone(), cause: former.into() }));
        }
        series.verdicts.get_or_create(&Labels(CauseOf { origin: origin.clone(), cause: cause.into() })).set(1);
        match healthy {
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

    /// An origin is gone, and its series with it.
    pub fn forget(&self, namespace: &str, name: &str) {
        let origin = ByOrigin::new(namespace, name);
        let series = self.series();
        if let Some(cause) = self.0.causes.lock().remove(&origin) {
            series.verdicts.remove(&Labels(CauseOf { origin: origin.clone(), cause: cause.into() }));
        }
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
        series.healthy.remove(&Labels(origin.clone()));
        series.last_round.remove(&Labels(origin.clone()));
        series.proxied.remove(&Labels(origin.clone()));
        series.proxied_failed.remove(&Labels(origin.clone()));
        series.prefixes.remove(&Labels(origin));
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

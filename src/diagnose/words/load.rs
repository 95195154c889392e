//! Facts of traffic and saturation as one line each.

use crate::api::Outcome;
use crate::evidence::fact::{
    Level, Limit, LoadContrast, Measure, Resource, Saturation, Traffic, Trend, Unmeasured, Why,
};
use std::fmt::Write;

pub(super) fn traffic(f: &Traffic) -> (Outcome, String) {
    let outcome = if f.trend == Trend::OriginAlone { Outcome::Exceeded } else { Outcome::OK };
    let mut text = match f.trend {
        Trend::Usual => "the origin's requests stand to the proxy's as always",
        Trend::Together => "the origin's requests rose together with the proxy's",
        Trend::OriginAlone => "the origin's requests rose, the proxy's did not",
    }
    .to_owned();
    if let (Some(origin), Some(forwarded)) = (f.origin_per_minute, f.forwarded_per_minute) {
        let _ = write!(text, ": {origin} a minute at the origin, {forwarded} forwarded");
    }
    if let Some(percent) = f.percent_of_usual {
        let _ = write!(text, "; {percent} % of the usual ratio");
    }
    (outcome, text)
}

pub(super) fn saturation(f: &Saturation) -> (Outcome, String) {
    let (what, unit) = match f.resource {
        Resource::Cpu => ("CPU limit", "% of periods throttled"),
        Resource::Memory => ("memory", "% of its limit"),
        Resource::Workers => ("workers", "% busy"),
        Resource::Uplink => ("uplink", "% of what is declared"),
        Resource::ListenQueue => ("accept queue", "connections dropped a minute"),
        Resource::SynQueue => ("queue of half-open connections", "SYNs dropped a minute"),
        Resource::SynCookies => ("SYN cookies", "sent a minute"),
        Resource::Conntrack => ("connection tracking table", "% full"),
    };
    let value = f.value.map_or_else(String::new, |v| format!(": {v} {unit}"));
    match f.level {
        Level::Saturated => (Outcome::Exceeded, format!("{what} saturated{value}")),
        Level::Spare => (Outcome::OK, format!("{what} not saturated{value}")),
    }
}

pub(super) fn limit(f: &Limit) -> (Outcome, String) {
    let outcome = if f.refused_per_minute > 0 { Outcome::Exceeded } else { Outcome::OK };
    (outcome, format!("limits per address turned away {} a minute", f.refused_per_minute))
}

pub(super) fn contrast(f: &LoadContrast) -> (Outcome, String) {
    let outcome = if f.shows_load() { Outcome::Exceeded } else { Outcome::OK };
    let text = format!(
        "probes failed {} of {} in quiet times, {} of {} in busy ones, in {} busy spells",
        f.quiet.failures, f.quiet.probes, f.busy.failures, f.busy.probes, f.spells
    );
    (outcome, text)
}

pub(super) fn unmeasured(f: &Unmeasured) -> String {
    let what = match f.measure {
        Measure::Traffic => "the origin's requests beside the proxy's",
        Measure::Cpu => "CPU throttling",
        Measure::Memory => "memory",
        Measure::Workers => "busy workers",
        Measure::Uplink => "the uplink",
        Measure::ListenQueue => "drops of the accept queue",
        Measure::SynQueue => "drops of half-open connections",
        Measure::SynCookies => "SYN cookies",
        Measure::Conntrack => "connection tracking",
        Measure::Limits => "refusals by limits",
        Measure::LoadContrast => "probes in quiet and busy times",
        Measure::Everything => "traffic",
    };
    let why = match f.why {
        Why::NoProfile => "no profile of that name",
        Why::NotAllowed => "the operator runs without --allow-user-promql",
        Why::NoServer => "no metrics server is configured",
        Why::NoService => "the query wants a Service",
        Why::UnsafeName => "the name may not stand in a query",
        Why::Unreachable => "the metrics server was not reached",
        Why::TimedOut => "the metrics server did not answer in time",
        Why::Refused => "the metrics server refused the query",
        Why::Malformed => "the answer was not understood",
        Why::NoData => "no data",
        Why::ManySeries => "more than one series",
        Why::NotANumber => "not a number",
        Why::ShortBaseline => "fewer than 100 windows to compare with",
    };
    format!("{what}: unknown, {why}")
}

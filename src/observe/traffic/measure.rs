//! One origin's profile, asked once: every query becomes a fact, or a reason why there is none.

use super::contrast::{self, contrast};
use super::level::{coarse, judge, measure as measure_of};
use super::place::Place;
use super::profile::{Profile, Query};
use super::ratio::{self, Ratio};
use super::server::Server;
use crate::evidence::Fact;
use crate::evidence::fact::{Limit, Measure, Traffic, Trend, Unmeasured, Why};
use std::collections::BTreeMap;

/// What is remembered of an origin between two questions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// A surge was raised and has not cleared yet.
    raised: bool,
}

/// Asks everything that the profile holds. A server that is not reached is asked no further.
pub async fn measure(server: &Server, profile: &Profile, place: &Place, memory: &mut Memory, now: i64) -> Vec<Fact> {
    let source = &profile.source;
    let unmeasured = |measure, why| Fact::Unmeasured(Unmeasured { source: source.clone(), measure, why });
    let mut series: BTreeMap<Query, Vec<(i64, f64)>> = BTreeMap::new();
    let mut facts: Vec<Fact> = Vec::new();
    let mut missing: Vec<(Measure, Why)> = Vec::new();
    let end = now.div_euclid(ratio::WINDOW) * ratio::WINDOW;
    for (&query, template) in &profile.queries {
        let asked = match template.fill(place) {
            Ok(text) => ask(server, query, &text, now, end).await,
            Err(why) => Err(why),
        };
        match asked {
            Ok(Got::Series(points)) => {
                series.insert(query, points);
            }
            Ok(Got::Value(value)) => facts.extend(fact(query, value, profile.uplink, source)),
            Err(why @ (Why::Unreachable | Why::TimedOut)) => return vec![unmeasured(Measure::Everything, why)],
            Err(why) => missing.push((measure_of(query), why)),
        }
    }
    let has = |query: Query| profile.queries.contains_key(&query);
    if has(Query::OriginRequests) && has(Query::ForwardedRequests) {
        match traffic(&series, end, memory.raised) {
            Ok(found) => {
                memory.raised = found.raised;
                facts.push(Fact::Traffic(told(&found, source)));
            }
            Err(why) => missing.push((Measure::Traffic, why)),
        }
    }
    if has(Query::Probes) {
        match probes(&series, source) {
            Ok(found) => facts.push(Fact::LoadContrast(found)),
            Err(why) => missing.push((Measure::LoadContrast, why)),
        }
    }
    // The first reason of each is the cause of the later ones.
    for (at, (measure, why)) in missing.iter().enumerate() {
        if missing.iter().take(at).all(|(earlier, _)| earlier != measure) {
            facts.push(unmeasured(*measure, *why));
        }
    }
    facts
}

enum Got {
    Value(f64),
    Series(Vec<(i64, f64)>),
}

async fn ask(server: &Server, query: Query, text: &str, now: i64, end: i64) -> Result<Got, Why> {
    match query {
        Query::OriginRequests | Query::ForwardedRequests | Query::Probes | Query::FailedProbes => {
            server.range(text, (end - ratio::SPAN, end), ratio::WINDOW).await.map(Got::Series)
        }
        // A peak is no plateau: a quarter of an hour, and its median.
        Query::BytesOut => {
            let mut values: Vec<f64> =
                server.range(text, (now - 900, now), 60).await?.into_iter().map(|(_, value)| value).collect();
            values.sort_by(f64::total_cmp);
            let enough = values.len() >= 8;
            values.get(values.len() / 2).copied().filter(|_| enough).map(Got::Value).ok_or(Why::NoData)
        }
        _ => server.at(text, now).await.map(Got::Value),
    }
}

fn fact(query: Query, value: f64, uplink: Option<f64>, source: &str) -> Option<Fact> {
    if query == Query::Limited {
        return Some(Fact::Limit(Limit { source: source.to_owned(), refused_per_minute: coarse(value * 60.0) }));
    }
    let value = if query == Query::BytesOut { value / uplink? } else { value };
    judge(query, value, source).map(Fact::Saturation)
}

fn traffic(series: &BTreeMap<Query, Vec<(i64, f64)>>, end: i64, raised: bool) -> Result<Ratio, Why> {
    let of = |query| series.get(&query).ok_or(Why::NoData);
    let forwarded: BTreeMap<i64, f64> = of(Query::ForwardedRequests)?.iter().copied().collect();
    let windows: Vec<ratio::Window> = of(Query::OriginRequests)?
        .iter()
        .filter_map(|&(end, origin)| Some(ratio::Window { end, origin, forwarded: *forwarded.get(&end)? }))
        .collect();
    ratio::judge(&windows, end, raised)
}

fn told(found: &Ratio, source: &str) -> Traffic {
    let minutes = 5.0;
    Traffic {
        source: source.to_owned(),
        trend: found.trend,
        origin_per_minute: Some(coarse(found.newest.origin / minutes)),
        forwarded_per_minute: Some(coarse(found.newest.forwarded / minutes)),
        percent_of_usual: (found.trend != Trend::Usual).then(|| coarse(found.percent_of_usual)),
    }
}

fn probes(series: &BTreeMap<Query, Vec<(i64, f64)>>, source: &str) -> Result<crate::evidence::fact::LoadContrast, Why> {
    let of = |query| series.get(&query).map(|points| points.iter().copied().collect::<BTreeMap<i64, f64>>());
    let load = of(Query::ForwardedRequests).or_else(|| of(Query::OriginRequests)).ok_or(Why::NoData)?;
    let (probes, failed) = (of(Query::Probes).ok_or(Why::NoData)?, of(Query::FailedProbes).ok_or(Why::NoData)?);
    let windows: Vec<contrast::Window> = probes
        .into_iter()
        .filter_map(|(end, probes)| {
            Some(contrast::Window { end, load: *load.get(&end)?, probes, failures: *failed.get(&end)? })
        })
        .collect();
    contrast(&windows, ratio::WINDOW, source)
}

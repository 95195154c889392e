//! What the pure diagnosis of one origin costs: time, and requests to the heap. One thread, no network; evidence files as
//! `leeward explain --evidence` reads them.
//!
//! Rounds of all rows alternate and medians are printed, so that what else the machine does meets every row alike.

#[path = "../probes/machine.rs"]
mod machine;

use anyhow::{Context, Result, ensure};
use lab::heap::{Counting, counted};
use leeward::api::Cause;
use leeward::diagnose::{Ledger, diagnose, plainly_healthy};
use leeward::evidence::{Case, Health};
use std::hint::black_box;
use std::time::{Duration, Instant};

#[global_allocator]
static HEAP: Counting = Counting;

/// Measurements of each row.
const ROUNDS: usize = 15;
/// How long one measurement takes, about.
const EACH: Duration = Duration::from_millis(100);

/// One thing that is measured.
struct Row<'a> {
    what: &'static str,
    work: Box<dyn Fn() + 'a>,
}

impl<'a> Row<'a> {
    fn new<T>(what: &'static str, work: impl Fn() -> T + 'a) -> Self {
        Self { what, work: Box::new(move || drop(black_box(work()))) }
    }

    /// Nanoseconds for each call, over so many calls.
    fn time(&self, calls: u32) -> f64 {
        let start = Instant::now();
        for _ in 0..calls {
            (self.work)();
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
    }

    /// Calls that take about [`EACH`].
    fn calls(&self) -> u32 {
        let mut calls = 16_u32;
        loop {
            let start = Instant::now();
            self.time(calls);
            if start.elapsed() >= EACH / 4 || calls > u32::MAX / 8 {
                return calls.saturating_mul(4);
            }
            calls *= 2;
        }
    }
}

fn main() -> Result<()> {
    let healthy = read(include_str!("../../tests/evidence/at-rest.json"))?;
    let blocked = read(include_str!("../../tests/cli/proxy-blocked-drop-nginx.json"))?;
    let mut ledger = Ledger::seeded(Health::Unknown);
    ledger.record(healthy.tracks.iter().map(|t| t.last.clone()).collect(), healthy.facts.clone(), true, healthy.at);
    let from_history = || {
        let addresses = &healthy.subject.origin_addresses;
        ledger.plainly_healthy(black_box(&healthy.subject), addresses, &[], healthy.at)
    };
    ensure!(plainly_healthy(&healthy) && from_history(), "the healthy case is not told without the chain");
    ensure!(diagnose(&healthy).cause == Cause::Healthy, "the healthy case is not healthy");
    ensure!(diagnose(&blocked).cause == Cause::ProxyBlocked, "the blocked case is not blocked");

    let rows = [
        Row::new("healthy, from the history (operator at rest)", from_history),
        Row::new("healthy, from a case", || plainly_healthy(black_box(&healthy))),
        Row::new("healthy, whole chain and words", || diagnose(black_box(&healthy))),
        Row::new("ProxyBlocked, told that it is not plain health", || plainly_healthy(black_box(&blocked))),
        Row::new("ProxyBlocked, whole chain and words", || diagnose(black_box(&blocked))),
    ];
    println!("{}", machine::describe());
    println!(
        "healthy: {} paths, {} facts; ProxyBlocked: {} paths, {} facts; {ROUNDS} rounds each, medians\n",
        healthy.tracks.len(),
        healthy.facts.len(),
        blocked.tracks.len(),
        blocked.facts.len()
    );
    println!("{:<50} {:>12} {:>18}", "", "µs", "heap requests");
    let calls: Vec<u32> = rows.iter().map(Row::calls).collect();
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); rows.len()];
    for _ in 0..ROUNDS {
        for ((row, calls), times) in rows.iter().zip(&calls).zip(&mut times) {
            times.push(row.time(*calls));
        }
    }
    for (row, times) in rows.iter().zip(times) {
        let ((), allocations) = counted(|| (row.work)());
        let median = median(times).context("no measurement")?;
        println!("{:<50} {:>12.3} {:>18}", row.what, median / 1000.0, allocations);
    }
    Ok(())
}

fn read(text: &str) -> Result<Case> {
    serde_json::from_str(text).context("an evidence file")
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

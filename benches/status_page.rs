//! How long a page takes, with 10,000 origins in memory. A measurement: nothing depends on it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a bench may fail

use jiff::Timestamp;
use leeward::report::page::{Known, Replica, Role, Wanted, fleet, origin};
use serde_json::json;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ORIGINS: usize = 10_000;
const ROUNDS: usize = 21;

fn known(number: usize) -> Known {
    let since = Timestamp::from_second(1_790_000_000 + i64::try_from(number).unwrap()).unwrap();
    let (status, cause) = if number.is_multiple_of(10) { ("False", "ProxyBlocked") } else { ("True", "Healthy") };
    let condition = |kind: &str| json!({"type": kind, "status": status, "reason": cause, "message": "Said of it.", "lastTransitionTime": since});
    let conditions = ["Accepted", "AllowlistSynced", "OriginHealthy", "Ready"].map(condition);
    let evidence =
        json!({"observation": "ViaProxy", "vantage": "cluster", "address": "198.51.100.10:443", "result": "OK"});
    let object = json!({
        "metadata": {"namespace": format!("team-{}", number % 100), "name": format!("site-{number}")},
        "spec": {"proxy": {"url": format!("https://site-{number}.example.com/")}, "origin": {"type": "Addresses"}},
        "status": {
            "conditions": conditions,
            "diagnosis": {"cause": cause, "layer": "None", "confidence": "High", "pattern": "Steady", "scope": {"type": "All"},
                "sinceTime": since, "summary": "One or two sentences.", "evidence": [evidence, evidence]},
        },
    });
    Known::Read(Arc::new(serde_json::from_value(object).unwrap()))
}

fn median(mut render: impl FnMut() -> String) -> (Duration, usize) {
    let bytes = render().len();
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            black_box(render());
            begin.elapsed()
        })
        .collect();
    times.sort();
    (times.get(ROUNDS / 2).copied().unwrap_or_default(), bytes)
}

fn main() {
    let all: Vec<Known> = (0..ORIGINS).map(known).collect();
    let replica = Replica { name: "leeward-0".to_owned(), role: Role::Leader };
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let ask = |query: &str| Wanted::read(query).unwrap();
    let (first, last, found, json) = (ask(""), ask("page=100"), ask("name=site-77"), ask("size=500"));
    println!("{ORIGINS} origins, medians of {ROUNDS}");
    for (what, wanted) in [("first page", &first), ("last page", &last), ("found by name", &found)] {
        let (time, bytes) = median(|| fleet(&all, wanted, &replica).html(now));
        println!("{what}: {time:?}, {bytes} bytes");
    }
    let (time, bytes) = median(|| fleet(&all, &json, &replica).json());
    println!("500 as JSON: {time:?}, {bytes} bytes");
    if let Some(one) = all.first() {
        let (time, bytes) = median(|| origin(one, &[], &replica).html(now));
        println!("one origin: {time:?}, {bytes} bytes");
    }
}

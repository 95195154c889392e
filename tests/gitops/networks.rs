//! Every state of a ProxyNetwork that reading its source can lead to.

use crate::state::{Health, State, Wait};
use jiff::Timestamp;
use leeward::api::validated::Invalid;
use leeward::api::{API_VERSION, ProxyNetworkStatus, proxy_network::ProxyNetworkSpec};
use leeward::net::{Prefix, RangeSet};
use leeward::observe::ranges::parse::{ParseProblem, Unreachable};
use leeward::observe::ranges::{FeedError, Fetched, Occasion, next_status};
use serde_json::{Value, json};

fn spec() -> ProxyNetworkSpec {
    serde_json::from_value(json!({"source": {"type": "HTTP", "http": {"urls": ["https://example.com/ips"]}}})).unwrap()
}

fn ranges(cidrs: &[&str]) -> Fetched {
    Fetched::List(cidrs.iter().map(|cidr| Prefix::parse(cidr).unwrap()).collect::<RangeSet>())
}

/// What a source may answer, and whether a source that has never answered otherwise may still come right by itself.
fn answers() -> Vec<(&'static str, Fetched, bool)> {
    let host = || "example.com".to_owned();
    vec![
        ("unreachable", Fetched::Failed(FeedError::Unreachable { host: host(), how: Unreachable::Connect }), true),
        ("forbidden", Fetched::Failed(FeedError::Forbidden { host: host() }), false),
        (
            "a web page",
            Fetched::Failed(FeedError::Unparsable { document: host(), problem: ParseProblem::WebPage }),
            false,
        ),
        ("no ConfigMap", Fetched::Failed(FeedError::NoConfigMap { name: "ranges".into(), key: "cidrs".into() }), true),
        ("invalid spec", Fetched::Invalid(Invalid::new("source.http.urls", "must be https")), false),
        ("empty", ranges(&[]), false),
        ("too wide", ranges(&["4.0.0.0/6"]), false),
        ("reserved", ranges(&["10.0.0.0/8"]), false),
    ]
}

fn object(generation: i64, status: &Value) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": "ProxyNetwork",
        "metadata": {"name": "edge", "uid": "1", "generation": generation},
        "spec": spec(),
        "status": status,
    })
}

pub fn states() -> Vec<State> {
    let now = Timestamp::UNIX_EPOCH;
    let after = |prior: Option<&ProxyNetworkStatus>, fetched: &Fetched| {
        next_status(prior, &spec(), 1, fetched, Occasion::Refresh, now)
    };
    let state = |name: String, status: &ProxyNetworkStatus, wait, health| State {
        name,
        object: object(1, &serde_json::to_value(status).unwrap()),
        wait,
        health,
    };
    let good = after(None, &ranges(&["203.0.113.0/24", "198.51.100.0/24", "8.8.8.0/24"]));
    let good = if good.active.is_some() { good } else { after(None, &ranges(&["8.8.8.0/24", "9.9.9.0/24"])) };
    assert!(good.active.is_some(), "{good:?}");
    let mut all = vec![
        State {
            name: "fresh, with what the schema says".to_owned(),
            object: object(1, &json!({"observedGeneration": -1})),
            wait: Wait::InProgress,
            health: Health::Progressing,
        },
        state("read".to_owned(), &good, Wait::Current, Health::Healthy),
    ];
    for (name, fetched, may_come) in answers() {
        let status = after(None, &fetched);
        let health = if may_come { Health::Progressing } else { Health::Degraded };
        all.push(state(format!("never read, {name}"), &status, Wait::InProgress, health));
        // A list that was once good is used on, whatever the source says now.
        let status = after(Some(&good), &fetched);
        assert!(status.active.is_some(), "{name}");
        all.push(state(format!("read before, {name}"), &status, Wait::Current, Health::Healthy));
    }
    let lost = after(Some(&good), &ranges(&["8.8.4.0/24"]));
    assert!(lost.quarantined.is_some());
    all.push(state("quarantined".to_owned(), &lost, Wait::Current, Health::Healthy));
    all
}

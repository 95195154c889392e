use super::*;
use crate::api::{Access, Observation, Outcome, Phase};
use crate::evidence::probe::Timings;
use crate::evidence::{Probe, Variant};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn probe() -> Probe {
    Probe {
        observation: Observation::ViaProxy,
        variant: Variant::Bypass,
        vantage: "cluster".to_owned(),
        access: Access::Unknown,
        address: Some("198.51.100.10:443".parse().unwrap()),
        outcome: Outcome::OK,
        phase: None,
        fault: None,
        alert: None,
        timings: Timings { connect_ms: Some(3), total_ms: 9, ..Timings::default() },
        response: None,
        certificate: None,
        tcp: None,
        id: "x".to_owned(),
        at: NOW,
    }
}

fn leader() -> Replica {
    Replica { name: "leeward-0".to_owned(), role: Role::Leader }
}

/// A resource with this verdict, confirmed so many seconds ago.
fn known(key: &str, status: &str, cause: &str, ago: i64) -> Known {
    let (namespace, name) = key.split_once('/').unwrap();
    let since = Timestamp::from_second(NOW.as_second() - ago).unwrap();
    let condition = |kind: &str| {
        json!({"type": kind, "status": status, "reason": cause, "message": "<b>said</b> & done",
               "lastTransitionTime": since, "observedGeneration": 1})
    };
    let mut object = json!({
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"proxy": {"url": format!("https://{name}.example.com/?a=\"<i>\"")}, "origin": {"type": "Addresses"}},
        "status": {"conditions": [condition("OriginHealthy"), condition("Ready")], "origin": "203.0.113.10:443"},
    });
    if cause.parse::<Cause>().is_ok() {
        object["status"]["diagnosis"] = json!({
            "cause": cause, "layer": "ProxyPolicy", "confidence": "Medium", "pattern": "Steady",
            "scope": {"type": "Partial", "originAddresses": ["203.0.113.10"]}, "sinceTime": since,
            "summary": "<script>alert(1)</script>", "risks": ["OriginCertExpiring"], "alternatives": ["ProxyOriginMisconfigured"],
            "nextObservation": "a look from a listed vantage",
            "remedy": {"action": "allow the proxy", "automatic": false, "reference": "docs/causes/ProxyBlocked.md"},
            "evidence": [{"observation": "ViaProxy", "vantage": "cluster", "address": "198.51.100.10:443",
                          "result": "UnexpectedStatus", "phase": "firstByte", "statusCode": 502, "detail": "after a while"}],
        });
    }
    Known::Read(Arc::new(serde_json::from_value(object).unwrap()))
}

fn fleet_of_four() -> Vec<Known> {
    vec![
        known("blog/blog", "True", "Healthy", 86_400),
        known("shop/old", "False", "OriginTimeout", 7200),
        known("shop/shop", "False", "ProxyBlocked", 60),
        known("shop/tea", "Unknown", "Suspended", 5),
        Known::Unreadable { namespace: "web".to_owned(), name: "web".to_owned() },
    ]
}

fn names(query: &str) -> Vec<String> {
    let (all, wanted, replica) = (fleet_of_four(), Wanted::read(query).unwrap(), leader());
    let text = fleet(&all, &wanted, &replica).json();
    let list: Value = serde_json::from_str(&text).unwrap();
    list["items"].as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_newest_failure_stands_on_top_and_what_is_asked_for_is_what_comes() {
    assert_eq!(names(""), ["shop", "old", "web", "blog", "tea"]);
    assert_eq!(names("state=Unhealthy"), ["shop", "old"]);
    assert_eq!(names("namespace=shop&state="), ["shop", "old", "tea"]);
    assert_eq!(names("name=o&size=2&page=2"), ["blog"]);
    assert!(names("page=9").is_empty() && names("namespace=sho").is_empty());
}

#[test]
fn a_query_that_means_nothing_says_what_would() {
    for (query, said) in [
        ("page=0", "page must be a number from 1"),
        ("page=-1", "page must be"),
        ("size=501", "size must be a number from 1 to 500"),
        ("state=healthy", "state must be one of Unhealthy, Unknown, Healthy, Suspended"),
        ("sort=name", "known are page, size, state, namespace and name"),
        (format!("name={}", "x".repeat(254)).as_str(), "a value is longer than any name"),
    ] {
        assert!(Wanted::read(query).unwrap_err().to_string().contains(said), "{query}");
    }
}

#[test]
fn no_text_becomes_markup() {
    let all = fleet_of_four();
    let replica = Replica { name: "<replica>".to_owned(), role: Role::Standby };
    let pages = [
        fleet(&all, &Wanted::read("name=%22%3E%3Cscript%3E").unwrap(), &replica).html(NOW),
        fleet(&all, &Wanted::read("").unwrap(), &replica).html(NOW),
        origin(&all[2], &[], &replica).html(NOW),
    ];
    for page in &pages {
        for mark in ["<script", "<i>", "<b>", "<replica>", "style=", "javascript:"] {
            assert!(!page.contains(mark), "{mark} in {page}");
        }
    }
    assert!(pages[2].contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn the_page_of_an_origin_says_what_the_status_says() {
    let all = fleet_of_four();
    let page = origin(&all[2], &[], &leader()).html(NOW);
    for said in [
        "ProxyBlocked",
        "2027-01-15T07:59:00Z",
        "1 minute ago",
        "203.0.113.10",
        "allow the proxy",
        "a look from a listed vantage",
        "ProxyOriginMisconfigured",
        "OriginCertExpiring",
        "198.51.100.10:443",
        "after a while",
        "OriginHealthy",
        "No probe has ended",
    ] {
        assert!(page.contains(said), "{said} is not in {page}");
    }
    let standby = Replica { role: Role::Standby, ..leader() };
    let page = origin(&all[2], &[], &standby).html(NOW);
    assert!(page.contains("does not lead") && page.contains("Known to the replica that leads"), "{page}");
    assert!(origin(&all[4], &[], &leader()).html(NOW).contains("does not fit the kind"));
}

#[test]
fn a_bar_says_in_words_what_it_shows() {
    let mut probe = probe();
    probe.timings = Timings {
        dns_ms: Some(2),
        connect_ms: Some(10),
        tls_ms: Some(20),
        first_byte_ms: Some(400),
        ..Timings::default()
    };
    probe.phase = Some(Phase::FirstByte);
    probe.outcome = Outcome::TimedOut;
    let failed = PathView::of(&probe).unwrap();
    let quick = PathView::of(&self::probe()).unwrap();
    let scale = chart::scale(&[failed.clone(), quick]);
    assert_eq!(scale, 432);
    let bar = chart::bar(&failed, scale).into_string();
    let said = "DNS 2 ms, Connect 10 ms, TLS 20 ms, First byte 400 ms; ended in phase firstByte with TimedOut";
    assert!(bar.contains(&format!("role=\"img\" aria-label=\"{said}\"")), "{bar}");
    assert_eq!(bar.matches("<rect").count(), 4);
    let drawn: u32 = bar.split(" width=\"").skip(2).filter_map(|w| w.split('"').next()?.parse::<u32>().ok()).sum();
    assert!(drawn <= 240, "{drawn} of 240 units: {bar}");
    let huge = Timings { connect_ms: Some(u32::MAX), body_ms: Some(u32::MAX), ..Timings::default() };
    let huge = PathView { timings: huge, ..failed };
    let _ = chart::bar(&huge, chart::scale(std::slice::from_ref(&huge)));
}

#[test]
fn what_was_refused_or_is_a_control_is_no_path() {
    let mut probe = probe();
    probe.outcome = Outcome::Forbidden;
    assert_eq!(PathView::of(&probe), None);
    probe.outcome = Outcome::OK;
    probe.observation = Observation::Control;
    assert_eq!(PathView::of(&probe), None);
}

/// The keys are a contract.
#[test]
fn the_documents_keep_their_keys() {
    let all = fleet_of_four();
    let read = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let paths = [PathView::of(&probe()).unwrap()];
    let keys = |value: &Value| {
        let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys.join(" ")
    };
    let list = read(fleet(&all[2..3], &Wanted::read("").unwrap(), &leader()).json());
    assert_eq!(keys(&list), "apiVersion found items kind page pages replica totals");
    assert_eq!((&list["apiVersion"], &list["kind"]), (&json!("leeward.dev/v1alpha1"), &json!("OriginStateList")));
    assert_eq!(list["replica"], json!({"name": "leeward-0", "role": "Leader"}));
    assert_eq!(list["totals"], json!({"Unhealthy": 1, "Unknown": 0, "Healthy": 0, "Suspended": 0}));
    let item = "cause confidence healthy name namespace risks sinceTime state summary url";
    assert_eq!(keys(&list["items"][0]), item);
    let one = read(origin(&all[2], &paths, &leader()).json());
    let own = ["apiVersion", "conditions", "diagnosis", "kind", "paths", "replica"];
    let mut wanted: Vec<&str> = item.split(' ').chain(own).collect();
    wanted.sort_unstable();
    assert_eq!(keys(&one), wanted.join(" "));
    assert_eq!(one["kind"], "OriginState");
    let path = json!({
        "observation": "ViaProxy", "variant": "Bypass", "address": "198.51.100.10:443", "result": "OK",
        "timings": {"connectMs": 3, "totalMs": 9}, "time": "2027-01-15T08:00:00Z",
    });
    assert_eq!(one["paths"], json!([path]));
}

/// A tag a line.
fn lines(page: &str) -> String {
    page.replace("><", ">\n<")
}

/// Two origins a page, so that the second of three is between others.
#[test]
fn every_word_of_the_fleet_is_as_it_was_read_last() {
    let all = fleet_of_four();
    let wanted = Wanted::read("size=2&page=2&namespace=&name=").unwrap();
    insta::assert_snapshot!("fleet", lines(&fleet(&all, &wanted, &leader()).html(NOW)));
    let none = Wanted::read("name=nobody").unwrap();
    let unconfirmed = Replica { role: Role::LeaderUnconfirmed, ..leader() };
    insta::assert_snapshot!("nobody", lines(&fleet(&all, &none, &unconfirmed).html(NOW)));
    let beyond = Wanted::read("page=9").unwrap();
    insta::assert_snapshot!("beyond", lines(&fleet(&all, &beyond, &leader()).html(NOW)));
    insta::assert_snapshot!("problem", lines(&problem(&leader(), "Not Found", &Problem::unknown())));
}

#[test]
fn every_word_of_an_origin_is_as_it_was_read_last() {
    let all = fleet_of_four();
    let via = |observation, variant| PathView::of(&Probe { observation, variant, ..probe() }).unwrap();
    let silent = Probe { timings: Timings::default(), outcome: Outcome::NXDomain, phase: Some(Phase::Dns), ..probe() };
    let paths = [
        via(Observation::ViaProxy, Variant::Plain),
        via(Observation::ViaProxy, Variant::Bypass),
        via(Observation::Direct, Variant::Bypass),
        via(Observation::InCluster, Variant::Bypass),
        PathView::of(&silent).unwrap(),
    ];
    insta::assert_snapshot!("origin", lines(&origin(&all[2], &paths, &leader()).html(NOW)));
    let standby = Replica { role: Role::Standby, ..leader() };
    insta::assert_snapshot!("standby", lines(&origin(&all[3], &[], &standby).html(NOW)));
    insta::assert_snapshot!("unprobed", lines(&origin(&all[3], &[], &leader()).html(NOW)));
    insta::assert_snapshot!("unreadable", lines(&origin(&all[4], &[], &leader()).html(NOW)));
}

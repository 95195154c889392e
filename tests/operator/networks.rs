//! Lists of proxies as their ProxyNetworks tell them: what is taken at once, what waits for somebody, and what is left
//! to another installation.

use crate::stage::{Stage, condition, stage};
use serde_json::Value;
use std::time::{Duration, Instant};

fn network(name: &str, spec: &str) -> String {
    format!("apiVersion: leeward.dev/v1alpha1\nkind: ProxyNetwork\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}

/// A list of `count` neighbouring prefixes.
fn inline(count: usize, more: &str) -> String {
    let cidrs: Vec<String> = (0..count).map(|i| format!("198.51.100.{}/32", 2 * i)).collect();
    format!("refreshSeconds: 10, source: {{type: Inline, inline: {{cidrs: [{}]}}}}{more}", cidrs.join(", "))
}

fn get(stage: &Stage, name: &str) -> Value {
    stage.server.get("default", "proxynetwork", name).unwrap()
}

fn says(object: &Value, kind: &str) -> String {
    condition(object, kind)
        .map_or_else(String::new, |c| format!("{}/{}", c["status"].as_str().unwrap(), c["reason"].as_str().unwrap()))
}

/// Waits until the network is as wanted.
fn until(stage: &Stage, name: &str, seconds: u64, wanted: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let object = get(stage, name);
        if wanted(&object) {
            return object;
        }
        assert!(start.elapsed() < Duration::from_secs(seconds), "after {seconds} s:\n{:#}", object["status"]);
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn prefixes(object: &Value) -> i64 {
    object["status"]["active"]["prefixes"].as_i64().unwrap_or_default()
}

#[test]
fn additions_are_taken_at_once_and_a_large_loss_waits_for_somebody() {
    let stage = stage();
    let operator = stage.run(&[]);
    operator.await_leader(30);

    stage.apply(&network("loss", &inline(10, "")));
    let object = until(&stage, "loss", 10, |n| says(n, "Ready") == "True/Ready");
    assert_eq!((prefixes(&object), says(&object, "Plausible").as_str()), (10, "True/Plausible"));
    assert_eq!(object["status"]["observedGeneration"], object["metadata"]["generation"]);

    stage.apply(&network("loss", &inline(11, "")));
    until(&stage, "loss", 5, |n| prefixes(n) == 11);

    stage.apply(&network("loss", &inline(5, "")));
    let object = until(&stage, "loss", 5, |n| says(n, "Plausible") == "False/Loss");
    assert_eq!((prefixes(&object), says(&object, "Ready").as_str()), (11, "True/Ready"), "the list in use stays");
    let hash = object["status"]["quarantined"]["hash"].as_str().unwrap().to_owned();
    let message = condition(&object, "Plausible").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains(&hash), "{message}");

    stage.apply(&network("loss", &inline(5, &format!(", acknowledgedHash: '{hash}'"))));
    let object = until(&stage, "loss", 5, |n| n["status"]["quarantined"].is_null());
    assert_eq!(prefixes(&object), 11, "a prefix goes after three misses");
    assert_eq!(object["status"]["pendingRemovals"].as_array().unwrap().len(), 6);
    let object = until(&stage, "loss", 60, |n| prefixes(n) == 5);
    assert!(object["status"]["pendingRemovals"].is_null());

    // A restart fetches again and finds nothing to say.
    let version = |n: &Value| n["metadata"]["resourceVersion"].clone();
    let before = version(&get(&stage, "loss"));
    drop(operator);
    let operator = stage.run(&[]);
    operator.await_leader(30);
    std::thread::sleep(Duration::from_secs(15));
    assert!(operator.metric("leeward_feed_fetched_timestamp_seconds", "network=\"loss\"") > 0.0);
    assert_eq!(version(&get(&stage, "loss")), before, "nothing changed and something was written");
}

#[test]
fn a_config_map_of_its_own_namespace_is_followed_and_its_end_takes_nothing_away() {
    let stage = stage();
    let operator = stage.run(&[]);
    operator.await_leader(30);
    let map = |cidrs: &str| {
        stage.apply(&format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: ranges, namespace: leeward-system}}\ndata: {{cidrs: '{cidrs}'}}\n"
        ));
    };
    let spec = "source: {type: ConfigMap, configMap: {name: ranges, key: cidrs}}";
    stage.apply(&network("map", spec));
    let object = until(&stage, "map", 10, |n| says(n, "Ready") == "False/NoUsableList");
    let message = condition(&object, "Fetched").unwrap()["message"].as_str().unwrap().to_owned();
    let said = "names ConfigMap ranges, which does not exist in namespace leeward-system: create it there";
    assert!(message.ends_with(said), "{message}");

    // The refresh is an hour away: only the change itself can bring it.
    stage.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ranges, namespace: leeward-system}\ndata: {ips: '198.51.100.0/24'}\n");
    let said = "names the key cidrs, which ConfigMap leeward-system/ranges does not have: add it there";
    until(&stage, "map", 5, |n| condition(n, "Fetched").unwrap()["message"].as_str().unwrap().ends_with(said));
    map("198.51.100.0/24");
    let object = until(&stage, "map", 5, |n| says(n, "Ready") == "True/Ready");
    assert_eq!(prefixes(&object), 1);
    map("198.51.100.0/24 203.0.113.0/25");
    until(&stage, "map", 5, |n| prefixes(n) == 2);
    map("198.51.100.0/24 203.0.113.0/255");
    let object = until(&stage, "map", 5, |n| says(n, "Fetched") == "False/Unparsable");
    assert_eq!(prefixes(&object), 2);
    stage.server.kubectl(&["delete", "configmap", "-n", "leeward-system", "ranges"]).unwrap();
    std::thread::sleep(Duration::from_secs(5));
    let object = get(&stage, "map");
    assert_eq!((prefixes(&object), says(&object, "Ready").as_str()), (2, "True/Ready"));
    assert!(says(&object, "Fetched").starts_with("False/"));
}

#[test]
fn a_provider_that_cannot_be_asked_begins_with_the_list_of_the_release() {
    let stage = stage();
    let operator = stage.run(&[]);
    operator.await_leader(30);
    // The lab has no way out, and its name server does not know the provider.
    stage.apply(&network("shipped", "refreshSeconds: 10, source: {type: Preset, preset: {name: Cloudflare}}"));
    stage.apply(&network("listed", "refreshSeconds: 10, source: {type: Preset, preset: {name: Sucuri}}"));
    stage.apply(&network("records", "source: {type: DNSTXT, dnsTXT: {name: _ranges.example.com}}"));
    let object = until(&stage, "shipped", 60, |n| says(n, "Ready") == "True/Ready");
    assert_eq!((prefixes(&object), says(&object, "Fetched").as_str()), (22, "False/Unreachable"));
    let day = object["status"]["active"]["asOf"].as_str().unwrap().to_owned();
    assert!(condition(&object, "Ready").unwrap()["message"].as_str().unwrap().contains(&day));
    let object = until(&stage, "listed", 30, |n| says(n, "Ready") == "True/Ready");
    assert_eq!(says(&object, "Fetched"), "True/Fetched");
    assert!(object["status"]["active"]["asOf"].is_string());
    let object = until(&stage, "records", 60, |n| says(n, "Fetched") == "False/Unreachable");
    assert_eq!(says(&object, "Ready"), "False/NoUsableList");
    let version = |name: &str| get(&stage, name)["metadata"]["resourceVersion"].clone();
    let before = ["shipped", "listed", "records"].map(version);
    std::thread::sleep(Duration::from_secs(25));
    assert_eq!(["shipped", "listed", "records"].map(version), before, "nothing changed and something was written");
}

#[test]
fn the_network_of_another_installation_is_left_to_it() {
    let stage = stage();
    let operator = stage.run(&[]);
    operator.await_leader(30);
    stage.apply(&network("theirs", &inline(3, ", controller: other")));
    stage.apply(&network("ours", &inline(3, "")));
    until(&stage, "ours", 10, |n| says(n, "Ready") == "True/Ready");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(get(&stage, "theirs")["status"], serde_json::json!({"observedGeneration": -1}));
}

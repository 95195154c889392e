//! `leeward report`: the ticket, from saved evidence, from a look, and from visitors' reports.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use std::path::Path;
use std::process::{Command, Output, Stdio};

use lab::network::Network;
use lab::servers::{Answer, Origin};
use serde_json::Value;

fn leeward(arguments: &str) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let mut command = Command::new(env!("CARGO_BIN_EXE_leeward"));
    command.args(arguments.split_whitespace()).current_dir(folder).env_remove("KUBECONFIG").stdin(Stdio::null());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(arguments: &str) -> Value {
    let output = leeward(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

const ONE_EDGE: &str = "report --evidence proxy-blocked-one-edge.json --clients visitors.txt";

#[test]
fn the_bundle_holds_both_paths_with_times_addresses_and_request_ids() {
    let bundle = json(&format!("{ONE_EDGE} -o json"));
    assert_eq!(bundle["kind"], "Report");
    assert_eq!(bundle["diagnosis"]["cause"], "ProxyBlocked");
    let saved: Value = serde_json::from_str(include_str!("cli/proxy-blocked-one-edge.json")).unwrap();
    let ids = |value: &Value| -> Vec<String> {
        let tracks = value["tracks"].as_array().or_else(|| value["paths"].as_array()).unwrap();
        let mut ids: Vec<String> = tracks.iter().map(|t| t["last"]["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&bundle), ids(&saved));
    assert!(bundle["paths"].as_array().unwrap().iter().all(|p| p["last"]["at"].as_str().unwrap().ends_with('Z')));
    assert_eq!(bundle["edgeAddresses"].as_array().unwrap().len(), 2);
    assert!(!bundle["toAdd"].as_array().unwrap().is_empty());
}

#[test]
fn what_visitors_share_is_named_and_their_addresses_stay_in_the_bundle() {
    let bundle = json(&format!("{ONE_EDGE} -o json"));
    let shared = bundle["visitors"]["shared"].as_array().unwrap();
    let value =
        |kind: &str| shared.iter().find(|s| s["trait"] == kind).map(|s| s["value"].as_str().unwrap().to_owned());
    assert_eq!(value("Prefix").as_deref(), Some("203.0.113.0/24"));
    assert_eq!(value("Edge").as_deref(), Some("198.51.100.11"));
    assert_eq!(value("Family").as_deref(), Some("IPv4"));
    assert_eq!(value("Pop"), None, "one visitor's place is no pattern");
    // 11:02 +01:00 is 10:02 Z: sorted by time, not by text.
    let times: Vec<&str> =
        bundle["visitors"]["reports"].as_array().unwrap().iter().map(|r| r["at"].as_str().unwrap()).collect();
    assert_eq!(times[1], "2026-11-20T10:02:00Z");
    assert!(!bundle["diagnosis"].to_string().contains("203.0.113.77"));
}

#[test]
fn the_ticket_reads_in_utc_and_in_the_zone_of_whoever_reads_it() {
    let output = leeward(&format!("{ONE_EDGE} --time-zone Asia/Shanghai"));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let ticket = text(&output.stdout);
    assert!(ticket.starts_with("# shop.example.com:80: ProxyBlocked ("), "{ticket}");
    for wanted in [
        "## Both paths",
        "## Evidence",
        "## Visitors who report failures",
        "## To add before this is sent",
        "network: 203.0.113.0/24 (4 of 4)",
        "| 2026-11-20 10:00:00Z (18:00:00+08:00) | 203.0.113.7 | 502 | 198.51.100.11 | FRA |",
    ] {
        assert!(ticket.contains(wanted), "{wanted} is missing in\n{ticket}");
    }
}

#[test]
fn bad_input_names_its_place_and_writes_nothing() {
    for (arguments, wanted) in [
        ("report", "error: the following required arguments were not provided"),
        ("report --evidence missing.json", "error: cannot open missing.json"),
        ("report --evidence exposed.yaml", "error: exposed.yaml: is no evidence"),
        (
            "report --evidence healthy-origin-exposed.json --clients exposed.yaml",
            "error: --clients exposed.yaml, line 2:",
        ),
        ("report --evidence healthy-origin-exposed.json --time-zone Mars", "error: --time-zone must be a name such as"),
    ] {
        let output = leeward(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments}");
        assert!(text(&output.stderr).contains(wanted), "{arguments}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{arguments} wrote something");
    }
}

/// The route to a host behind the lab's router: the router, then the host.
#[test]
fn a_route_is_traced_without_privilege() {
    let mut network = Network::new().unwrap();
    let vantage = network.host("vantage", &["198.51.100.20"]).unwrap();
    let origin = network.host("origin", &["203.0.113.10"]).unwrap();
    let mut server = Origin::new(&[origin.at(80)]);
    server.answer = Answer::Page("ok".to_owned());
    let _running = server.start(&origin, "site").unwrap();
    let output = vantage
        .command(env!("CARGO_BIN_EXE_leeward"))
        .args(["report", "--via", "http://203.0.113.10/", "--origin", "203.0.113.10:80", "--trace", "-o", "json"])
        .args(["--rounds", "1", "--long-probe", "0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let bundle: Value = serde_json::from_slice(&output.stdout).unwrap();
    let route = &bundle["routes"][0];
    assert_eq!(route["address"], "203.0.113.10");
    assert_eq!(route["reached"], true, "{route}");
    let hops = route["hops"].as_array().unwrap();
    assert_eq!(hops.len(), 2, "{route}");
    assert_eq!(hops[1]["routers"], serde_json::json!(["203.0.113.10"]));
    assert!(hops[0]["answered"].as_u64().unwrap() > 0, "{route}");
}

//! Both forms of the same findings, and what must not break them.

use super::*;
use serde_json::Value;

fn finding(check: &str, id: &str, outcome: Outcome) -> Finding {
    Finding {
        check: check.to_owned(),
        id: id.to_owned(),
        meaning: format!("What {id} means."),
        reference: format!("docs/causes/{id}.md"),
        outcome,
        level: Level::Warning,
        summary: format!("{id} <here> & \"now\"."),
        remedy: "Do \u{1b}[31mthis\u{0}.".to_owned(),
        details: "-one\n+two".to_owned(),
    }
}

fn findings(place: Option<Place>) -> Findings {
    Findings {
        command: "leeward diagnose",
        origin: "shop/shop".to_owned(),
        place,
        list: vec![
            finding("OriginHealthy", "ProxyBlocked", Outcome::Failed),
            finding("OriginCertExpiring", "OriginCertExpiring", Outcome::Noted),
            finding("fine", "Healthy", Outcome::Passed),
            finding("unknown", "Inconclusive", Outcome::Undecided),
            finding("offline", "Inconclusive", Outcome::NotLooked),
        ],
        seen: vec!["through the proxy 198.51.100.10: 502".to_owned()],
        exit: Exit::Finding,
    }
}

#[test]
fn a_test_report_counts_each_outcome_and_has_no_illegal_character() {
    let text = junit::render(&findings(None)).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn a_result_stands_at_the_line_of_the_manifest() {
    let place = |file: &str| Some(Place { file: file.to_owned(), line: Some(3) });
    let sarif = |place| -> Value { serde_json::from_str(&sarif::render(&findings(place))).unwrap() };
    let at = |log: &Value| log["runs"][0]["results"][0]["locations"][0]["physicalLocation"].clone();
    let uri = |file: &str| at(&sarif(place(file)))["artifactLocation"]["uri"].clone();
    assert_eq!(uri("./sites/a shop.yaml"), "sites/a%20shop.yaml");
    assert_eq!(uri("/srv/shop.yaml"), "file:///srv/shop.yaml");
    assert_eq!(at(&sarif(place("shop.yaml")))["region"]["startLine"], 3);
    assert_eq!(at(&sarif(None)), Value::Null);
    // It is the same finding wherever the file stands.
    let print = |place| sarif(place)["runs"][0]["results"][0]["partialFingerprints"].clone();
    assert_eq!(print(place("a.yaml")), print(None));

    let log = sarif(place("shop.yaml"));
    let run = &log["runs"][0];
    let ids = |path: &str, key: &str| -> Vec<String> {
        run.pointer(path).unwrap().as_array().unwrap().iter().map(|v| v[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("/results", "ruleId"), ["ProxyBlocked", "OriginCertExpiring"]);
    assert_eq!(ids("/tool/driver/rules", "id"), ["ProxyBlocked", "OriginCertExpiring"]);
    assert_eq!(run["invocations"][0]["exitCode"], 2);
    assert_eq!(run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap().len(), 2);
}

//! Alerts, runbooks and dashboards hold together: every alert has its runbook and cases of promtool that fire and that do not,
//! every query uses metrics and labels of the catalogue, and the dashboards lead from many sites to one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use lab::monitoring::{Page, alerts, pages};
use leeward::report::metrics::{Declared, Metrics};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

/// Runs promtool to its end; what it said where it refused.
fn promtool(words: &[&str]) -> Result<(), String> {
    let output = Command::new("promtool").args(words).output().expect("promtool (hack/tools installs it)");
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said).into_owned()) }
}

/// Sections of the runbooks by their heading.
fn runbooks() -> BTreeMap<String, String> {
    let text = read("docs/runbooks.md");
    let sections = text.split("\n## ").skip(1);
    sections.map(|s| s.split_once('\n').unwrap()).map(|(h, body)| (h.to_owned(), body.to_owned())).collect()
}

#[test]
fn every_alert_has_a_runbook_and_words_and_every_runbook_an_alert() {
    let runbooks = runbooks();
    let alerts = alerts().unwrap();
    let named: BTreeSet<String> = alerts.iter().map(|a| a.name.clone()).collect();
    assert_eq!(named.len(), alerts.len(), "a name stands twice");
    assert_eq!(named, runbooks.keys().cloned().collect());
    for alert in &alerts {
        let name = &alert.name;
        assert!(name.starts_with("Leeward"), "{name}");
        let severity = &alert.labels["severity"];
        assert!(["critical", "warning"].contains(&severity.as_str()), "{name}: {severity}");
        assert_eq!(alert.annotations["runbook_url"], format!("docs/runbooks.md#{}", name.to_lowercase()));
        let (summary, description) = (&alert.annotations["summary"], &alert.annotations["description"]);
        assert!(summary.len() < 120 && !summary.ends_with('.'), "{name}: {summary}");
        assert!(description.contains("kubectl "), "{name} does not say where to look: {description}");

        let book = &runbooks[name];
        for part in ["**Meaning.** ", "**First look.**", "**What to do.** ", "**False alarm.** "] {
            assert!(book.contains(part), "{name}: no {part}");
        }
        assert!(book.contains("\n```console\n$ kubectl "), "{name}: no first command");
        assert!(book.contains(&format!("Severity `{severity}`")), "{name} is {severity}");
        let labels = book.lines().find(|line| line.starts_with("Severity")).unwrap();
        for label in ["cause", "reason", "network", "risks", "mode"] {
            let used = [summary, description].iter().any(|words| words.contains(&format!("$labels.{label} ")));
            assert_eq!(used, labels.contains(&format!("`{label}`")), "{name}: label {label}");
        }
    }
}

#[test]
fn links_of_the_pages_lead_somewhere() {
    for page in ["docs/runbooks.md", "docs/metrics.md"] {
        for target in read(page).split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { page.trim_start_matches("docs/") } else { file };
            let file = path("docs").join(file);
            assert!(file.exists(), "{page}: {target}");
            if !anchor.is_empty() {
                let text = std::fs::read_to_string(file).unwrap();
                let heading = |line: &str| {
                    let words = line.trim_start_matches('#').trim().to_lowercase();
                    words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>()
                };
                let mut headings = text.lines().filter(|l| l.starts_with('#'));
                assert!(headings.any(|l| heading(l).replace(' ', "-") == anchor), "{page}: {target}");
            }
        }
    }
}

#[test]
fn every_alert_fires_in_a_case_of_promtool_and_keeps_silent_in_another() {
    promtool(&["check", "rules", path("deploy/monitoring/rules.yaml").to_str().unwrap()]).unwrap();
    promtool(&["test", "rules", path("deploy/monitoring/rules_test.yaml").to_str().unwrap()]).unwrap();

    let cases: Value = serde_saphyr::from_str(&read("deploy/monitoring/rules_test.yaml")).unwrap();
    let mut fires = BTreeSet::new();
    let mut silent = BTreeSet::new();
    for check in cases["tests"].as_array().unwrap().iter().flat_map(|t| t["alert_rule_test"].as_array().unwrap()) {
        let name = check["alertname"].as_str().unwrap().to_owned();
        if check["exp_alerts"].as_array().unwrap().is_empty() { &mut silent } else { &mut fires }.insert(name);
    }
    let mut all: BTreeSet<String> = alerts().unwrap().into_iter().map(|a| a.name).collect();
    assert_eq!(fires, all);
    // What fires at once is silent where another one fires, which is checked as well.
    all.retain(|name| !silent.contains(name));
    assert_eq!(all, BTreeSet::new(), "no case in which these keep silent");
}

#[test]
fn promtool_refuses_cases_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let rules = read("deploy/monitoring/rules.yaml");
    std::fs::write(folder.path().join("rules.yaml"), rules.replace("== 0", "== 2")).unwrap();
    std::fs::copy(path("deploy/monitoring/rules_test.yaml"), folder.path().join("rules_test.yaml")).unwrap();
    let said = promtool(&["test", "rules", folder.path().join("rules_test.yaml").to_str().unwrap()]).unwrap_err();
    for name in ["LeewardOriginUnhealthy", "LeewardNetworkStale", "LeewardAllowlistNotSynced"] {
        assert!(said.contains(&format!("alertname: {name}")), "{said}");
    }
}

/// Metrics with the labels that a query matches or groups them by.
fn selectors(expr: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in expr.match_indices("leeward_") {
        let rest = &expr[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let matchers = rest.strip_prefix('{').and_then(|r| r.split_once('}')).map_or("", |(inner, _)| inner);
        // Names stand before an operator, values within quotes.
        let names = matchers.split('"').step_by(2).map(|part| part.trim_matches([',', ' ', '=', '~', '!']));
        found.push((name.to_owned(), names.filter(|n| !n.is_empty()).map(str::to_owned).collect()));
    }
    found
}

fn in_the_catalogue(whose: &str, expr: &str, catalogue: &[Declared]) {
    let selected = selectors(expr);
    assert!(!selected.is_empty(), "{whose} asks for nothing of Leeward: {expr}");
    for (name, labels) in &selected {
        let plain = ["_bucket", "_sum", "_count"].into_iter().find_map(|suffix| name.strip_suffix(suffix));
        let known =
            catalogue.iter().find(|d| d.name == *name || (d.kind == "histogram" && Some(d.name.as_str()) == plain));
        let known = known.unwrap_or_else(|| panic!("{whose}: {name} is not in docs/metrics.md"));
        for label in labels {
            assert!(known.labels.contains(&label.as_str()), "{whose}: {name} has no label {label}");
        }
    }
    // Labels that it groups by belong to one of the metrics, but for those that the query makes itself.
    for list in expr.split("by (").skip(1).filter_map(|rest| rest.split_once(')')).map(|(list, _)| list) {
        for label in list.split(',').map(str::trim).filter(|label| *label != "le") {
            let one = selected
                .iter()
                .any(|(name, _)| catalogue.iter().any(|d| name.starts_with(&d.name) && d.labels.contains(&label)));
            assert!(one, "{whose}: nothing has the label {label}: {expr}");
        }
    }
}

#[test]
fn every_query_uses_metrics_and_labels_of_the_catalogue() {
    let metrics = Metrics::new();
    for alert in alerts().unwrap() {
        in_the_catalogue(&alert.name, &alert.expr, metrics.catalogue());
    }
    for page in pages().unwrap() {
        for query in page.queries() {
            in_the_catalogue(&format!("{}: {}", page.uid(), query.panel), &query.expr, metrics.catalogue());
        }
        for query in page.asked() {
            assert!(metrics.catalogue().iter().any(|d| query.contains(&d.name)), "{query}");
        }
    }
}

/// The values of every `url` in a document.
fn urls(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(url)) = fields.get("url") {
                found.push(url.clone());
            }
            fields.values().for_each(|v| urls(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| urls(v, found)),
        _ => {}
    }
}

#[test]
fn the_dashboards_lead_from_many_sites_to_one() {
    let pages = pages().unwrap();
    let by_uid: BTreeMap<&str, &Page> = pages.iter().map(|page| (page.uid(), page)).collect();
    assert_eq!(by_uid.keys().copied().collect::<Vec<_>>(), ["leeward-cause", "leeward-fleet", "leeward-origin"]);
    let mut ways = BTreeSet::new();
    for page in &pages {
        let mut found = Vec::new();
        urls(&page.0["panels"], &mut found);
        for url in found {
            let (uid, query) = url.strip_prefix("/d/").and_then(|rest| rest.split_once('?')).unwrap();
            let target = by_uid.get(uid).unwrap_or_else(|| panic!("{url} leads nowhere"));
            for variable in query.split('&').filter_map(|part| part.strip_prefix("var-")?.split_once('=')) {
                assert!(target.variables().contains(&variable.0), "{uid} has no variable {}", variable.0);
            }
            // What is handed on by its own name must be a variable on both sides.
            for name in query.split("${").filter_map(|part| Some(part.split_once(":queryparam}")?.0)) {
                assert!(page.variables().contains(&name) && target.variables().contains(&name), "{url}: {name}");
            }
            ways.insert((page.uid(), uid.to_owned()));
        }
        assert_eq!(page.0["links"][0]["tags"], page.0["tags"], "the bar above leads to the others");
    }
    for way in [
        ("leeward-fleet", "leeward-cause"),
        ("leeward-fleet", "leeward-origin"),
        ("leeward-cause", "leeward-origin"),
        ("leeward-origin", "leeward-cause"),
    ] {
        assert!(ways.contains(&(way.0, way.1.to_owned())), "no way from {} to {}", way.0, way.1);
    }
}

#[test]
fn panels_are_questions_with_units_on_a_source_that_the_reader_picks() {
    for page in pages().unwrap() {
        assert_eq!(page.0["schemaVersion"], 42);
        assert!(page.0.get("id").is_none(), "a number of somebody's own Grafana");
        assert_eq!(page.variables()[0], "datasource");
        let panels = page.0["panels"].as_array().unwrap();
        assert!(panels.len() <= 12, "{} has {} panels", page.uid(), panels.len());
        let mut taken = BTreeSet::new();
        for panel in panels {
            let title = panel["title"].as_str().unwrap();
            assert!(title.ends_with('?'), "{title}");
            assert!(!panel["description"].as_str().unwrap().is_empty(), "{title}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
            let sources = std::iter::once(panel).chain(panel["targets"].as_array().unwrap());
            for source in sources {
                assert_eq!(source["datasource"]["uid"], "${datasource}", "{title}");
            }
            let at = |field: &str| panel["gridPos"][field].as_u64().unwrap();
            assert!(at("x") + at("w") <= 24, "{title} is outside of the page");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{title} covers another panel");
                }
            }
        }
        for query in page.queries() {
            for name in query.expr.split('$').skip(1) {
                let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                assert!(name == "__rate_interval" || page.variables().contains(&name.as_str()), "{}", query.expr);
            }
        }
    }
}

#[test]
fn the_dashboards_are_those_of_the_script() {
    let fresh = tempfile::tempdir().unwrap();
    let status = Command::new(path("hack/dashboards/build")).arg(fresh.path()).status().unwrap();
    assert!(status.success());
    for name in ["fleet.json", "cause.json", "origin.json"] {
        let wanted = std::fs::read_to_string(fresh.path().join(name)).unwrap();
        let stored = read(&format!("deploy/monitoring/dashboards/{name}"));
        assert!(stored == wanted, "{name} is stale: run hack/dashboards/build");
    }
    assert_eq!(std::fs::read_dir(path("deploy/monitoring/dashboards")).unwrap().count(), 3);
}

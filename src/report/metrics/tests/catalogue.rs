//! `docs/metrics.md` is what is registered, row by row, and its closed sets are those of the code.

use super::*;
use crate::net::guard::Rule;
use std::collections::{BTreeMap, BTreeSet};
use strum::IntoEnumIterator;

const PAGE: &str = include_str!("../../../../docs/metrics.md");

/// The cells of the tables whose first heading is this.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut within = false;
    for line in PAGE.lines() {
        if !line.starts_with('|') {
            within = false;
            continue;
        }
        let cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        if cells[0] == heading {
            within = true;
        } else if within && !cells[0].starts_with('-') {
            found.push(cells);
        }
    }
    found
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_page_has_a_row_for_each_metric_and_no_other() {
    let wanted: Vec<Declared> = {
        let metrics = Metrics::new();
        let mut all = metrics.catalogue().to_vec();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    };
    let mut found: Vec<(String, String, Vec<String>, String)> = rows("Name")
        .into_iter()
        .map(|cells| {
            assert_eq!(cells.len(), 6, "{cells:?}");
            assert!(cells.iter().all(|cell| !cell.is_empty()), "{cells:?}");
            let labels = quoted(&cells[3]).into_iter().map(str::to_owned).collect();
            (quoted(&cells[0])[0].to_owned(), cells[1].clone(), labels, cells[4].clone())
        })
        .collect();
    found.sort();
    let wanted: Vec<_> = wanted
        .into_iter()
        .map(|d| (d.name, d.kind, d.labels.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>(), d.help))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn a_name_ends_in_its_unit() {
    for cells in rows("Name") {
        let name = quoted(&cells[0])[0];
        let unit = cells[2].as_str();
        let wanted = match name {
            _ if name.ends_with("_timestamp_seconds") => "seconds since 1970",
            _ if name.ends_with("_seconds") => "seconds",
            _ if name.ends_with("_ratio") => "share, 0 to 1",
            _ => {
                assert!(!unit.contains("seconds") && !unit.contains("share"), "{name} is in {unit}");
                continue;
            }
        };
        assert_eq!(unit, wanted, "{name}");
    }
}

#[test]
fn what_is_written_has_the_labels_that_were_declared() {
    let metrics = Metrics::new();
    fill(&metrics);
    metrics.accepted("shop", "web", Truth::False, Reason::InvalidTarget);
    metrics.network("cdn", &[condition("Fetched", "True", "Fetched")]);
    metrics.denied("Port");
    let series = metrics.series();
    series.feed_fetched.get_or_create(&Labels::network("cdn")).set(5);
    series.skipped.get_or_create(&Labels::skipped(Skipped::Late)).inc();
    series.writes.get_or_create(&Labels(Write { kind: Written::Lease, verb: Verb::Update })).inc();
    let text = metrics.text().unwrap();
    let mut seen: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once(['{', ' ']).unwrap();
        let name = ["_bucket", "_sum", "_count"].into_iter().fold(name, |n, suffix| n.trim_end_matches(suffix));
        let labels = rest.split_once('}').map_or("", |(labels, _)| labels);
        // A value holds commas only between risks.
        let names = labels.split("\",").filter_map(|l| Some(l.split_once('=')?.0.to_owned()));
        seen.entry(name.to_owned()).or_default().insert(names.filter(|name| name != "le").collect());
    }
    let wanted: BTreeMap<String, BTreeSet<Vec<String>>> = metrics
        .catalogue()
        .iter()
        .map(|d| (d.name.clone(), [d.labels.iter().map(|l| (*l).to_owned()).collect()].into()))
        .collect();
    assert_eq!(seen, wanted);
}

/// The closed set of a label, by name and by what it is a label of.
fn closed(label: &str, of: &str) -> Option<Vec<String>> {
    fn all<T: IntoEnumIterator>(word: impl Fn(T) -> &'static str) -> Vec<String> {
        T::iter().map(|one| word(one).to_owned()).collect()
    }
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    Some(match (label, of) {
        ("confidence", _) => all::<Confidence>(Into::into),
        ("mode", _) => all::<Mode>(Into::into),
        ("path", _) => all::<Way>(Into::into),
        ("observation", _) => all::<Observation>(Into::into),
        ("result", _) => all::<Outcome>(Into::into),
        ("rule", _) => all::<Rule>(Into::into),
        ("kind", _) => Written::iter().map(|k| k.as_ref().to_owned()).collect(),
        ("verb", _) => Verb::iter().map(|v| v.as_ref().to_owned()).collect(),
        ("condition", _) => CONDITIONS.map(|c| c.to_string()).to_vec(),
        ("phase", "leeward_origin_phase_seconds") => list(&SHOWN),
        ("phase", _) => list(&PHASES),
        ("reason", "leeward_skipped_total") => Skipped::iter().map(|s| s.as_ref().to_owned()).collect(),
        ("reason", "leeward_origin_rejected") => REJECTIONS.map(|r| r.to_string()).to_vec(),
        _ => return None,
    })
}

#[test]
fn closed_sets_are_those_of_the_code() {
    let mut told = BTreeSet::new();
    for cells in rows("Label") {
        let of = quoted(&cells[1]).first().copied().unwrap_or_default().to_owned();
        let values = quoted(&cells[2]);
        for label in quoted(&cells[0]) {
            told.insert(label.to_owned());
            if let Some(wanted) = closed(label, &of) {
                assert_eq!(values, wanted, "{label} of {of}");
            } else if matches!(label, "cause" | "risks") {
                assert!(values.iter().all(|v| v.parse::<Cause>().is_ok()), "{values:?}");
            } else if label == "reason" {
                assert!(values.iter().all(|v| v.parse::<Reason>().is_ok()), "{values:?}");
            } else {
                assert!(matches!(label, "namespace" | "name" | "network" | "version"), "no set is known for {label}");
            }
        }
    }
    let declared: BTreeSet<String> =
        Metrics::new().catalogue().iter().flat_map(|d| d.labels.iter().map(|l| (*l).to_owned())).collect();
    assert_eq!(told, declared);
}

//! Every sentence of a diagnosis, beside the situation that says it first: what the tables of this folder judge is
//! listened to, and each word of it stands in a snapshot. A sentence that no situation causes is in none of them, and
//! `tests/said.rs` names it.

use crate::diagnose::rules::CHAIN;
use crate::diagnose::{diagnose, explain};
use crate::evidence::Case;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

/// Names tables for [`TABLES`].
macro_rules! tables {
    ($($table:ident),+ $(,)?) => { &[$((stringify!($table), $table as fn())),+] };
}
pub(super) use tables;

/// A table's name, and the table.
pub type Table = (&'static str, fn());

const TABLES: [&[Table]; 10] = [
    super::load::TABLES,
    super::makers::TABLES,
    super::names::TABLES,
    super::onset::TABLES,
    super::paths::TABLES,
    super::records::TABLES,
    super::tables::TABLES,
    super::vantages::TABLES,
    super::workload::TABLES,
    // Last, so that what is said often stands where it is usual.
    super::rare::TABLES,
];

/// What a table judged, while somebody listens.
#[derive(Default)]
struct Heard {
    title: Option<&'static str>,
    cases: Vec<(Option<&'static str>, Case)>,
}

thread_local! {
    static HEARD: RefCell<Option<Heard>> = const { RefCell::new(None) };
}

fn heard(note: impl FnOnce(&mut Heard)) {
    HEARD.with_borrow_mut(|heard| heard.as_mut().map(note));
}

/// The next case that is judged has this name.
pub fn title(name: &'static str) {
    heard(|heard| heard.title = Some(name));
}

/// A case is judged.
pub fn hear(case: &Case) {
    heard(|heard| heard.cases.push((heard.title.take(), case.clone())));
}

/// Every case of every table, with a name.
fn cases() -> Vec<(String, Case)> {
    let mut all = Vec::new();
    for (table, judge) in TABLES.into_iter().flatten() {
        HEARD.set(Some(Heard::default()));
        judge();
        for (number, (title, case)) in HEARD.take().unwrap().cases.into_iter().enumerate() {
            let title = title.map_or_else(|| format!("case {}", number + 1), str::to_owned);
            all.push((format!("{}: {title}", table.replace('_', " ")), case));
        }
    }
    all
}

/// Sentences, each under the case that says it first.
#[derive(Default)]
struct Book {
    known: HashSet<String>,
    text: String,
    open: Option<String>,
}

impl Book {
    fn write(&mut self, case: &str, sentence: &str) {
        if !self.known.insert(sentence.to_owned()) {
            return;
        }
        if self.open.as_deref() != Some(case) {
            writeln!(self.text, "{case}").unwrap();
            self.open = Some(case.to_owned());
        }
        writeln!(self.text, "    {sentence}").unwrap();
    }
}

#[test]
fn every_sentence_of_a_verdict_is_said_by_some_situation() {
    let (mut summaries, mut evidence, mut next, mut remedies) =
        (Book::default(), Book::default(), Book::default(), Book::default());
    for (name, case) in cases() {
        let verdict = diagnose(&case);
        let name = format!("{name} ({}, {})", verdict.cause, verdict.confidence);
        summaries.write(&name, &verdict.summary);
        for row in &verdict.evidence {
            if let Some(detail) = &row.detail {
                evidence.write(&name, &format!("{} {}: {detail}", row.observation, row.result));
            }
        }
        if let Some(words) = &verdict.next_observation {
            next.write(&name, words);
        }
        if let Some(remedy) = &verdict.remedy {
            remedies.write(&name, &remedy.action);
        }
    }
    insta::assert_snapshot!("summaries", summaries.text);
    insta::assert_snapshot!("evidence", evidence.text);
    insta::assert_snapshot!("next_observations", next.text);
    insta::assert_snapshot!("remedies", remedies.text);
}

#[test]
fn every_reason_of_a_rule_is_given_in_some_situation() {
    // By rule, in the order of the chain: what it says or why it does not fit, and where first.
    let mut reasons: BTreeMap<usize, Vec<(bool, String, String)>> = BTreeMap::new();
    for (name, case) in cases() {
        for (number, step) in explain::chain(&case).into_iter().enumerate() {
            let said = reasons.entry(number % CHAIN.len()).or_default();
            if !said.iter().any(|(matched, why, _)| *matched == step.matched() && *why == step.why) {
                said.push((step.matched(), step.why, name.clone()));
            }
        }
    }
    let mut text = String::new();
    for (number, mut said) in reasons {
        writeln!(text, "{}: {}", CHAIN[number].cause, CHAIN[number].looks_for).unwrap();
        said.sort_by_key(|(matched, ..)| !matched);
        for (matched, why, name) in said {
            writeln!(text, "  {} {why}\n      {name}", if matched { "fits:" } else { "does not:" }).unwrap();
        }
    }
    insta::assert_snapshot!("reasons", text);
}

//! No evidence makes the diagnosis panic or break its promises. The same that `cargo fuzz run diagnose` looks for without
//! end, here for a few seconds, from seeds that are the same each time.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails this way")]

#[path = "../fuzz/evidence/mod.rs"]
mod evidence;

use evidence::mutate::{Dice, Mutator, SEEDS};
use leeward::api::Cause;
use leeward::evidence::{Case, Fact};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Files that are judged, where FILES does not say how many.
const FILES: u64 = 8000;
/// Files of each cause that are kept to be changed further: changes add up, and the rare causes are not lost among the
/// common ones.
const KEPT: usize = 12;

/// Judges a file; one that panics is left behind, to be read with `leeward explain --evidence`.
fn judge(text: &[u8]) -> Option<Cause> {
    catch_unwind(AssertUnwindSafe(|| evidence::judge(text))).unwrap_or_else(|panic| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panics.json");
        std::fs::write(&path, text).unwrap();
        eprintln!("the evidence that did it is {}", path.display());
        std::panic::resume_unwind(panic)
    })
}

#[test]
fn no_evidence_makes_the_diagnosis_panic() {
    let mutator = Mutator::default();
    let mut dice = Dice::new(2026);
    let files = std::env::var("FILES").map_or(FILES, |files| files.parse().unwrap());
    let mut kept: BTreeMap<Cause, Vec<Vec<u8>>> = BTreeMap::new();
    for seed in SEEDS {
        kept.entry(judge(seed.as_bytes()).unwrap()).or_default().push(seed.as_bytes().to_vec());
    }
    let mut read = 0_u64;
    for seed in 0..files {
        let of_cause = kept.values().nth(dice.below(kept.len())).unwrap();
        let text = mutator.mutate(&of_cause[dice.below(of_cause.len())], seed);
        let Some(cause) = judge(&text) else { continue };
        read += 1;
        let of_cause = kept.entry(cause).or_default();
        if of_cause.len() < KEPT {
            of_cause.push(text);
        } else {
            let at = dice.below(KEPT);
            of_cause[at] = text;
        }
    }
    // Else it is the reading that is tried, not the judging.
    assert!(read * 2 > files, "only {read} of {files} files were evidence");
    let causes: Vec<&Cause> = kept.keys().collect();
    assert!(causes.len() >= 20, "only {} causes were reached: {causes:?}", causes.len());
    eprintln!("{read} of {files} files were evidence, of {} causes: {causes:?}", causes.len());
}

#[test]
fn every_seed_is_evidence_and_every_kind_of_fact_is_among_them() {
    let mut kinds = BTreeSet::new();
    for seed in SEEDS {
        let case: Case = serde_json::from_str(seed).unwrap();
        let facts = serde_json::to_value(&case.facts).unwrap();
        kinds.extend(facts.as_array().unwrap().iter().map(|fact| fact["fact"].as_str().unwrap().to_owned()));
        assert!(evidence::judge(seed.as_bytes()).is_some());
    }
    // The reader itself names every kind there is.
    let unknown = serde_json::from_str::<Fact>(r#"{"fact": "None of them"}"#).unwrap_err().to_string();
    let all: BTreeSet<String> = unknown.split('`').skip(3).step_by(2).map(str::to_owned).collect();
    assert_eq!(kinds, all);
}

#[test]
fn what_is_no_evidence_is_refused() {
    for text in ["", "{", "[]", "null", "{\"kind\": \"Evidence\"}"] {
        assert_eq!(judge(text.as_bytes()), None, "{text}");
    }
}

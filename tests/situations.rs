//! Every file under `tests/situations/`, staged for real and asked about. `SITUATIONS=word` runs those whose name
//! contains the word.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use std::io::Write;

#[test]
fn every_situation_is_diagnosed_as_its_file_demands() {
    let run = lab::situation::Run {
        folder: lab::tools::checkout().join("tests/situations"),
        filter: std::env::var("SITUATIONS").ok(),
        leeward: Some(env!("CARGO_BIN_EXE_leeward").into()),
        parallel: 4,
    };
    // Straight to stderr: the test harness keeps what eprintln writes until the end, and this takes minutes.
    let outcomes = run.execute(&|outcome| _ = writeln!(std::io::stderr().lock(), "{outcome}")).unwrap();
    let wrong: Vec<&str> =
        outcomes.iter().filter(|outcome| !outcome.problems.is_empty()).map(|outcome| outcome.name.as_str()).collect();
    assert!(wrong.is_empty(), "{} of {} situations are wrong: {}", wrong.len(), outcomes.len(), wrong.join(", "));
}

//! The situations of `tests/every-build.txt`, staged for real and asked about; `make accuracy` asks about all of
//! them. `SITUATIONS=word` runs those whose name contains the word instead.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use lab::situation::{self, Run};
use leeward::api::Cause;
use strum::IntoEnumIterator;

fn folder() -> PathBuf {
    lab::tools::checkout().join("tests/situations")
}

fn every_build() -> PathBuf {
    lab::tools::checkout().join("tests/every-build.txt")
}

#[test]
fn every_situation_is_diagnosed_as_its_file_demands() {
    let mut run = Run::new(folder());
    run.filter = std::env::var("SITUATIONS").ok();
    run.only = run.filter.is_none().then(every_build);
    run.leeward = Some(env!("CARGO_BIN_EXE_leeward").into());
    // Straight to stderr: the test harness keeps what eprintln writes until the end, and this takes minutes.
    let outcomes = run.execute(&|outcome| _ = writeln!(std::io::stderr().lock(), "{outcome}")).unwrap();
    let wrong: Vec<&str> =
        outcomes.iter().filter(|outcome| !outcome.problems.is_empty()).map(|outcome| outcome.name.as_str()).collect();
    assert!(wrong.is_empty(), "{} of {} situations are wrong: {}", wrong.len(), outcomes.len(), wrong.join(", "));
}

/// A cause without a look-alike that must not be taken for it is not known to be told apart from anything.
#[test]
fn every_cause_has_situations_and_look_alikes_and_one_in_every_build() {
    let all = situation::load(&folder()).unwrap();
    let often = situation::listed(&every_build()).unwrap();
    let mut counts: BTreeMap<Cause, [usize; 3]> = Cause::iter().map(|cause| (cause, [0; 3])).collect();
    for (name, situation) in &all {
        let expect = &situation.expect;
        let shows = std::iter::once(&expect.cause).chain(&expect.contributing).chain(&expect.risks);
        for cause in shows.map(|text| text.parse::<Cause>().unwrap_or_else(|_| panic!("{name}: no cause {text}"))) {
            let count = counts.get_mut(&cause).unwrap();
            count[0] += 1;
            count[2] += usize::from(often.contains(name));
        }
        for cause in expect.not.iter().map(|text| text.parse::<Cause>().unwrap_or_else(|_| panic!("{name}: {text}"))) {
            counts.get_mut(&cause).unwrap()[1] += 1;
        }
    }
    // Nothing can be taken for these: they say that nothing is wrong, or that nobody knows.
    let meta =
        [Cause::Healthy, Cause::Inconclusive, Cause::VantageFault, Cause::ClientSubset, Cause::OriginCertExpiring];
    let lacking: Vec<String> = counts
        .iter()
        .filter(|(cause, [shown, denied, often])| {
            *shown == 0 || *often == 0 || (shown + denied < 2 || *denied == 0) && !meta.contains(cause)
        })
        .map(|(cause, [shown, denied, often])| {
            format!("{cause}: {shown} shown, {denied} denied, {often} in every build")
        })
        .collect();
    assert!(lacking.is_empty(), "{lacking:#?}");
}

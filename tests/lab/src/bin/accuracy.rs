//! Asks about every situation and writes `docs/accuracy.md`: `accuracy [--without-peer] [--parallel N] [FILTER]`.
//! With a filter nothing is written.

use std::process::ExitCode;

use anyhow::{Context, Result};
use lab::accuracy::{Tally, page};
use lab::situation::Run;
use lab::tools;

fn main() -> ExitCode {
    tools::exit(run())
}

fn run() -> Result<bool> {
    let mut run = Run::new(tools::checkout().join("tests/situations"));
    run.leeward = Some(tools::leeward()?);
    let mut peer = true;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--without-peer" => peer = false,
            "--parallel" => run.parallel = arguments.next().context("--parallel needs a number")?.parse()?,
            _ => run.filter = Some(argument),
        }
    }
    if peer {
        run.peer = Some(tools::blackbox_exporter()?);
    }
    let outcomes = run.execute(&|outcome| println!("{outcome}"))?;
    let tally = Tally::of(&outcomes);
    println!();
    for (what, figure) in page::figures(&tally) {
        println!("{what:<48} {figure}");
    }
    for ((wanted, said), times) in &tally.confusion {
        println!("  {wanted} taken for {said}: {times}");
    }
    if run.filter.is_none() {
        let path = tools::checkout().join("docs/accuracy.md");
        std::fs::write(&path, page::render(&outcomes)).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(tally.wrong_high == 0 && tally.share() >= 980)
}

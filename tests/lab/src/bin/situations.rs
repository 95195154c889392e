//! Runs situations by hand: `situations [--set-up] [--parallel N] [FILTER]`.
//!
//! With `--set-up` Leeward is not asked; the set-ups are built and held to what their files say visitors see.

use std::process::ExitCode;

use anyhow::{Context, Result};
use lab::situation::Run;
use lab::tools;

fn main() -> ExitCode {
    tools::exit(run())
}

fn run() -> Result<bool> {
    let mut run = Run::new(tools::checkout().join("tests/situations"));
    let mut set_up_only = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--set-up" => set_up_only = true,
            "--parallel" => run.parallel = arguments.next().context("--parallel needs a number")?.parse()?,
            _ => run.filter = Some(argument),
        }
    }
    if !set_up_only {
        run.leeward = Some(tools::leeward()?);
    }
    let outcomes = run.execute(&|outcome| println!("{outcome}"))?;
    let wrong = outcomes.iter().filter(|outcome| !outcome.problems.is_empty()).count();
    println!("{} situations, {wrong} wrong", outcomes.len());
    Ok(wrong == 0)
}

//! `make demo` and `make demo-shell`: `demo` tells the story, `demo --shell` leaves the lab up behind a shell.

use std::process::ExitCode;

use anyhow::{Result, bail};
use lab::demo::{interrupt, shell, story};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if interrupt::asked() => ExitCode::from(130),
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    interrupt::listen()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => story::run(),
        ["--shell"] => shell::run(),
        _ => bail!("usage: demo [--shell]"),
    }
}

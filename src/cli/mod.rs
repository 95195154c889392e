//! The command line: one file per command. Each command turns its arguments into one call of the
//! library, writes what it found to standard output and ends with an [`Exit`]; a command that cannot
//! do its work writes nothing there and says why on standard error.

mod check;
mod cluster;
mod color;
mod completion;
mod crds;
mod diagnose;
mod evidence_file;
mod exit;
mod explain;
mod findings;
mod input;
mod networks;
mod plan;
mod presets;
mod ranges;
mod report;
mod run;
mod style;
mod watch;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use exit::Exit;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// Find out why a site behind a protecting proxy fails, and keep the proxy's addresses allowed at its origin.
#[derive(Parser, Debug)]
#[command(name = "leeward", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 healthy or nothing to do, 2 unhealthy or something would change, \
    3 inconclusive, 1 bad input or an error.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the operator
    Run(Box<crate::operate::RunOptions>),
    /// Find out why a site fails: once, from here, with or without a cluster
    Diagnose(Box<diagnose::Args>),
    /// Tell what a cause means and what to do, or judge a saved diagnosis again
    Explain(explain::Args),
    /// Show what mode Enforce would write
    Plan(Box<plan::Args>),
    /// Print the addresses that a proxy connects from
    Ranges(Box<ranges::Args>),
    /// Write a ticket for the provider, the host or the network: times, paths, addresses, request ids, evidence
    Report(Box<report::Args>),
    /// Look whether the installation is in order: kinds, rights, Lease, lists, pings
    Check(check::Args),
    /// Watch all origins live in the terminal: state, cause, evidence, and what changes
    Watch(watch::Args),
    /// Print the CustomResourceDefinitions, ready for kubectl apply
    Crds(crds::Args),
    /// Print the completion script of a shell
    Completion(completion::Args),
}

impl Command {
    fn run(self, called: Called) -> anyhow::Result<Exit> {
        match self {
            Self::Run(options) => run::run(*options),
            Self::Diagnose(args) => block_on(args.run()),
            Self::Explain(args) => args.run(),
            Self::Plan(args) => block_on(args.run()),
            Self::Ranges(args) => block_on(args.run()),
            Self::Report(args) => block_on(args.run()),
            Self::Check(args) => block_on(args.run()),
            Self::Watch(args) => block_on(args.run()),
            Self::Crds(args) => args.run(),
            Self::Completion(args) => args.run(called),
        }
    }
}

/// Runs a command that waits for the network. One thread is enough: it hardly ever computes.
fn block_on(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(command)
}

/// The name that the user typed, so that help speaks of the command that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Called {
    Leeward,
    /// `kubectl leeward`: kubectl starts `kubectl-leeward` from the path.
    Plugin,
}

impl Called {
    /// The program that is started under this name.
    const fn program(self) -> &'static str {
        match self {
            Self::Leeward => "leeward",
            Self::Plugin => "kubectl-leeward",
        }
    }

    fn by(program: Option<&OsString>) -> Self {
        let stem = program.map(Path::new).and_then(Path::file_stem).and_then(OsStr::to_str);
        if stem.is_some_and(|name| name.starts_with("kubectl-") || name.starts_with("kubectl_")) {
            Self::Plugin
        } else {
            Self::Leeward
        }
    }
}

/// The arguments' grammar under the name that it was called by.
fn command(called: Called) -> clap::Command {
    let command = Cli::command();
    match called {
        Called::Leeward => command,
        Called::Plugin => command.name(called.program()).bin_name("kubectl leeward").display_name("kubectl leeward"),
    }
}

/// Parses the arguments, runs the command and returns the process's exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let called = Called::by(args.first());
    if let Some(answered) = completion::answer(&args, called) {
        return answered;
    }
    let parsed = command(called).try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    let outcome = match parsed {
        Ok(cli) => cli.command.run(called),
        Err(usage) => return exit::usage(&usage),
    };
    exit::end(outcome)
}

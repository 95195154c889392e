//! `leeward completion SHELL`, and the candidates that a shell then asks this program for.
//!
//! The script that is printed only knows how to ask: each Tab starts this program again with the words so far, so that
//! names come from the cluster and flags from the program that is installed now.

mod candidates;
mod kubectl;
mod words;

use super::exit::{self, Exit};
use super::{Called, command};
use clap_complete::CompleteEnv;
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use words::Words;

/// Set by the scripts when they ask for candidates. It is no `LEEWARD_…`, which are the operator's flags.
const ASKED: &str = "_LEEWARD_COMPLETE";

#[derive(clap::Args, Debug)]
#[command(
    after_help = "Each Tab asks this program, which asks the cluster for names; -n, --context and --kubeconfig on \
    the line are heeded.\n\n\
    bash:     source <(leeward completion bash)\n\
    zsh:      source <(leeward completion zsh)\n\
    fish:     leeward completion fish | source\n\
    kubectl:  kubectl leeward completion kubectl > ~/.local/bin/kubectl_complete-leeward && \
    chmod +x ~/.local/bin/kubectl_complete-leeward"
)]
pub struct Args {
    /// Shell to complete for; kubectl is the executable that kubectl's own completion asks, to be put on PATH
    shell: Shell,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Kubectl,
    Powershell,
    Zsh,
}

impl Shell {
    /// What writes its script; kubectl has an executable instead.
    fn completer(self) -> Option<&'static dyn EnvCompleter> {
        match self {
            Self::Bash => Some(&Bash),
            Self::Elvish => Some(&Elvish),
            Self::Fish => Some(&Fish),
            Self::Kubectl => None,
            Self::Powershell => Some(&Powershell),
            Self::Zsh => Some(&Zsh),
        }
    }
}

impl Args {
    pub fn run(&self, called: Called) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        let program = called.program();
        match self.shell.completer() {
            Some(shell) => shell.write_registration(ASKED, program, program, program, &mut script)?,
            None => script.extend_from_slice(kubectl::SHIM.as_bytes()),
        }
        let mut out = io::stdout().lock();
        out.write_all(&script)?;
        out.flush()?;
        Ok(Exit::Fine)
    }
}

/// Answers a shell, if one asks; none otherwise.
pub fn answer(args: &[OsString], called: Called) -> Option<ExitCode> {
    if let Some(words) = kubectl::asks(args) {
        return Some(exit::end(kubectl::answer(words).map(|()| Exit::Fine)));
    }
    let grammar = || candidates::attach(command(called), &Words::read(args));
    let here = std::env::current_dir().ok();
    match CompleteEnv::with_factory(grammar).var(ASKED).try_complete(args, here.as_deref()) {
        Ok(true) => Some(ExitCode::SUCCESS),
        Ok(false) => None,
        Err(error) => Some(exit::usage(&error)),
    }
}

/// The last part of a path, as a program's name.
fn stem(program: &OsString) -> Option<&str> {
    Path::new(program).file_stem()?.to_str()
}

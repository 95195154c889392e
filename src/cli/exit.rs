//! How a command ends: exit codes are a contract that pipelines branch on.

use kube::core::Status;
use std::io;
use std::process::ExitCode;

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: healthy (risks included), or nothing to do.
    Fine,
    /// 2: unhealthy, or something would change.
    Finding,
    /// 3: nobody can say.
    Inconclusive,
}

/// 1: bad input, wrong usage or an error of our own.
const FAILED: u8 = 1;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Fine => Self::SUCCESS,
            Exit::Finding => Self::from(2),
            Exit::Inconclusive => Self::from(3),
        }
    }
}

/// Ends the process: an error becomes one line on standard error and exit code 1.
pub fn end(outcome: anyhow::Result<Exit>) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        // A reader that went away (`leeward crds | head`) has what it wanted.
        Err(error) if closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", sentence(&error));
            ExitCode::from(FAILED)
        }
    }
}

/// Prints what clap says. Its own exit code for wrong usage is 2, which here means a finding.
pub fn usage(error: &clap::Error) -> ExitCode {
    let asked_for = !error.use_stderr();
    let printed = error.print();
    if asked_for && printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

/// The chain of causes as one line. Some errors say their cause themselves; nothing is said twice.
pub(super) fn sentence(error: &anyhow::Error) -> String {
    error.chain().filter_map(words).fold(String::new(), |said, cause| {
        if said.is_empty() {
            cause
        } else if said.ends_with(&cause) {
            said
        } else {
            format!("{said}: {cause}")
        }
    })
}

/// What a cause says for itself: of a refusal by the API server its message, without everything that its answer holds.
fn words(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    match cause.downcast_ref() {
        Some(error) => Some(of_api(error)),
        None => (!cause.is::<Status>() && !cause.is::<Box<Status>>()).then(|| cause.to_string()),
    }
}

/// What the API server, or the way to it, says in an error.
pub fn of_api(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

fn closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

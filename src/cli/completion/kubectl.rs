//! How kubectl asks a plugin: it starts `kubectl_complete-leeward` with the words behind `kubectl leeward`, and reads one
//! candidate a line, with a tab before its description, then a directive of its completion library.

use super::words::Words;
use super::{candidates, stem};
use crate::cli::{Called, command};
use clap_complete::engine::{CompletionCandidate, complete};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// The program's name that kubectl looks for. A link of that name to the plugin does as well.
const NAME: &str = "kubectl_complete-leeward";
/// What is put before the words when the shim starts the plugin.
const FLAG: &str = "__complete";

/// The executable of that name.
pub const SHIM: &str = "#!/bin/sh\n# Asked by kubectl's own completion for what follows `kubectl leeward`.\nexec kubectl-leeward __complete \"$@\"\n";

/// Directives of Cobra, kubectl's command line library.
const NO_SPACE: u8 = 2;
const NO_FILES: u8 = 4;

/// The words that kubectl wants completed, if it is kubectl who asks.
pub fn asks(args: &[OsString]) -> Option<&[OsString]> {
    let (program, words) = args.split_first()?;
    if stem(program) == Some(NAME) {
        return Some(words);
    }
    let (first, words) = words.split_first()?;
    (first == FLAG).then_some(words)
}

/// Prints the candidates for the last word.
pub fn answer(words: &[OsString]) -> anyhow::Result<()> {
    let mut grammar = candidates::attach(command(Called::Plugin), &Words::read(words));
    let mut line = vec![OsString::from(Called::Plugin.program())];
    line.extend_from_slice(words);
    if words.is_empty() {
        line.push(OsString::new());
    }
    let last = line.len() - 1;
    let here = std::env::current_dir().ok();
    let mut found = complete(&mut grammar, line, last, here.as_deref()).unwrap_or_default();
    // As kubectl does for its own commands: flags only to who has begun one.
    if !words.last().is_some_and(|word| is_flag(word)) {
        found.retain(|candidate| !is_flag(candidate.get_value()));
    }
    let mut out = io::stdout().lock();
    out.write_all(lines(&found).as_bytes())?;
    out.flush()?;
    Ok(())
}

fn is_flag(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

fn lines(found: &[CompletionCandidate]) -> String {
    let mut text = String::new();
    for candidate in found {
        let _ = write!(text, "{}", candidate.get_value().to_string_lossy());
        if let Some(help) = candidate.get_help().map(ToString::to_string)
            && let Some(first) = help.lines().next()
        {
            let _ = write!(text, "\t{first}");
        }
        text.push('\n');
    }
    // Files and folders are among the candidates where a file is wanted. A folder is not the end of a word.
    let unfinished = |c: &CompletionCandidate| c.get_value().to_string_lossy().ends_with(['/', '=']);
    let space = if !found.is_empty() && found.iter().all(unfinished) { NO_SPACE } else { 0 };
    let _ = writeln!(text, ":{}", NO_FILES | space);
    text
}

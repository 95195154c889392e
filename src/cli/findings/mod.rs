//! What a command found about one origin, in the forms that pipelines read: [`junit`] for test reports, [`sarif`] for
//! code scanning. Both say the same and agree with the exit code.

pub mod junit;
pub mod sarif;

use super::exit::Exit;
use crate::observe::cluster::Place;

/// Everything that one run found.
#[derive(Debug)]
pub struct Findings {
    /// The command, such as `leeward diagnose`.
    pub command: &'static str,
    /// What the origin is called.
    pub origin: String,
    /// Where its manifest stands, if it was read from a file.
    pub place: Option<Place>,
    pub list: Vec<Finding>,
    /// What was observed, a line each.
    pub seen: Vec<String>,
    pub exit: Exit,
}

/// The answer to one check.
#[derive(Debug)]
pub struct Finding {
    /// Name of the check, the same in every run.
    pub check: String,
    /// What was found: a cause or a reason.
    pub id: String,
    /// What that means in general.
    pub meaning: String,
    /// Page that tells the whole story, from the top of the repository.
    pub reference: String,
    pub outcome: Outcome,
    pub level: Level,
    /// What it means here: one or two sentences.
    pub summary: String,
    /// What to do, or what would decide.
    pub remedy: String,
    /// More, such as a diff.
    pub details: String,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// The exit code says so as well.
    Failed,
    /// It is told, and nothing fails for it.
    Noted,
    /// Nobody can say.
    Undecided,
    /// Nobody was to look.
    NotLooked,
}

/// How sure, or how bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
    Note,
}

impl Findings {
    fn count(&self, outcomes: &[Outcome]) -> usize {
        self.list.iter().filter(|finding| outcomes.contains(&finding.outcome)).count()
    }
}

impl Finding {
    /// The page as a link that works from anywhere.
    fn link(&self) -> String {
        format!("{}/blob/main/{}", env!("CARGO_PKG_REPOSITORY"), self.reference)
    }
}

#[cfg(test)]
mod tests;

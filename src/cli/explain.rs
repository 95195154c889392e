//! `leeward explain`: what a cause means, or why a saved diagnosis came out as it did.

use super::color::When;
use super::diagnose::{Answer, text};
use super::evidence_file;
use super::exit::Exit;
use super::style::{FAINT, GOOD, lines, paint};
use crate::api::Cause;
use crate::diagnose::{diagnose, explain};
use anyhow::bail;
use clap::ValueEnum;
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use strum::IntoEnumIterator;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Cause to explain, such as ProxyBlocked; without one, all causes are listed
    #[arg(conflicts_with = "evidence")]
    cause: Option<String>,
    /// Judge a saved diagnosis again and show every rule that was looked at
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// How to print the diagnosis, with --evidence
    #[arg(short, long, value_name = "FORMAT", default_value = "text", requires = "evidence")]
    output: Format,
    /// When to colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: When,
}

/// Form of the output.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    Json,
    Yaml,
}

/// A replay: the diagnosis, and the rules in the order in which they were looked at.
#[derive(Serialize)]
struct Replay {
    #[serde(flatten)]
    answer: Answer,
    rules: Vec<explain::Step>,
}

impl Args {
    pub fn run(&self) -> anyhow::Result<Exit> {
        match (&self.cause, &self.evidence) {
            (_, Some(path)) => self.replay(path),
            (Some(cause), None) => {
                self.color.print(explain::page(named(cause)?))?;
                Ok(Exit::Fine)
            }
            (None, None) => {
                self.color.print(&list())?;
                Ok(Exit::Fine)
            }
        }
    }

    /// The same judgement as when it was saved, so the same exit code.
    fn replay(&self, path: &Path) -> anyhow::Result<Exit> {
        let case = evidence_file::load(path)?;
        let answer = Answer::new(&case.subject.origin, &diagnose(&case));
        let exit = answer.exit(false);
        let rules = explain::chain(&case);
        let rendered = match self.output {
            Format::Text => format!("{}\n{}", chain(&rules), text(&case, &answer)),
            Format::Json => format!("{}\n", serde_json::to_string_pretty(&Replay { answer, rules })?),
            Format::Yaml => serde_saphyr::to_string(&Replay { answer, rules })?,
        };
        self.color.print(&rendered)?;
        Ok(exit)
    }
}

/// Every rule, place by place; those that matched stand out.
fn chain(rules: &[explain::Step]) -> String {
    let mut out = String::new();
    let mut place = "";
    for step in rules {
        if step.place != place {
            let _ = writeln!(out, "{}", step.place);
            place = &step.place;
        }
        let (style, mark) = if step.matched() { (GOOD, '✓') } else { (FAINT, '·') };
        let sure = step.confidence.map_or_else(String::new, |c| format!(" ({c})"));
        let line = format!("{mark} {}{sure}: {}", step.cause, step.why);
        for (i, part) in lines(&line, 92).iter().enumerate() {
            let indent = if i == 0 { "  " } else { "    " };
            let _ = writeln!(out, "{indent}{}", paint(style, part));
        }
    }
    out
}

fn list() -> String {
    let mut out = String::new();
    for cause in Cause::iter() {
        let _ = writeln!(out, "{:26}{:13}{}", cause.to_string(), cause.layer().to_string(), cause.meaning());
    }
    out
}

/// Finds a cause by its name, however it is spelt.
fn named(text: &str) -> anyhow::Result<Cause> {
    let wanted = text.to_ascii_lowercase();
    if let Some(cause) = Cause::iter().find(|c| c.to_string().to_ascii_lowercase() == wanted) {
        return Ok(cause);
    }
    let near = |cause: &Cause| strsim::jaro_winkler(&cause.to_string().to_ascii_lowercase(), &wanted);
    match Cause::iter().max_by(|a, b| near(a).total_cmp(&near(b))).filter(|best| near(best) > 0.8) {
        Some(best) => bail!("no cause is called {text}; did you mean {best}?"),
        None => bail!("no cause is called {text}; leeward explain lists them all"),
    }
}

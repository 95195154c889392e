//! Network situations, one small file each: staged for real, asked about, compared.
//!
//! A file under `tests/situations/` names a set-up (proxy, origins, firewall, name server), what visitors see of it,
//! and what `leeward diagnose` must and must not say. [`file`] is the vocabulary, [`stage`] builds the set-up in
//! namespaces of its own, [`question`] writes the `ProtectedOrigin` and the command line, [`verdict`] compares.

pub mod file;
pub mod load;
pub mod peer;
pub mod question;
pub mod reader;
pub mod stage;
pub mod verdict;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::Process;
use file::{Ask, Situation};
use stage::Stage;
use verdict::Said;

/// The longest that one diagnosis may take.
const DIAGNOSIS: Duration = Duration::from_secs(150);

/// How to run situations.
#[derive(Debug)]
pub struct Run {
    pub folder: PathBuf,
    /// Only files whose name contains this.
    pub filter: Option<String>,
    /// The `leeward` binary; without it only the set-ups are checked, by what visitors see.
    pub leeward: Option<PathBuf>,
    /// Only those in this list, one name a line.
    pub only: Option<PathBuf>,
    /// `blackbox_exporter`, to be asked the same.
    pub peer: Option<PathBuf>,
    pub parallel: usize,
}

/// How one situation went.
#[derive(Debug)]
pub struct Outcome {
    pub name: String,
    pub title: String,
    /// What was said, in a word or two.
    pub answer: String,
    /// The cause that the file demands.
    pub wanted: String,
    pub said: Option<Said>,
    /// What a reader of the peer's answer would conclude.
    pub peer: Option<String>,
    pub problems: Vec<String>,
    pub took: Duration,
}

/// Reads every situation of a folder, sorted by file name.
pub fn load(folder: &Path) -> Result<Vec<(String, Situation)>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("reading {}", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path)?;
            let situation = serde_saphyr::from_str(&text).with_context(|| format!("situation {name}"))?;
            Ok((name, situation))
        })
        .collect()
}

impl Run {
    /// Every situation of a folder, four at a time.
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder, filter: None, leeward: None, only: None, peer: None, parallel: 4 }
    }

    /// Runs them, several at a time, and tells `report` about each as it ends.
    pub fn execute(&self, report: &(dyn Fn(&Outcome) + Sync)) -> Result<Vec<Outcome>> {
        let mut situations = load(&self.folder)?;
        if let Some(filter) = &self.filter {
            situations.retain(|(name, _)| name.contains(filter.as_str()));
            ensure!(!situations.is_empty(), "no situation in {} matches {filter}", self.folder.display());
        }
        if let Some(path) = &self.only {
            let names = listed(path)?;
            for name in &names {
                ensure!(situations.iter().any(|(n, _)| n == name), "{}: no situation is called {name}", path.display());
            }
            situations.retain(|(name, _)| names.contains(name));
        }
        let next = AtomicUsize::new(0);
        let outcomes = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..self.parallel.max(1) {
                scope.spawn(|| {
                    while let Some((name, situation)) = situations.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let outcome = self.one(name, situation);
                        report(&outcome);
                        outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(outcome);
                    }
                });
            }
        });
        let mut outcomes = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        outcomes.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(outcomes)
    }

    fn one(&self, name: &str, situation: &Situation) -> Outcome {
        let mut outcome = Outcome {
            name: name.to_owned(),
            title: situation.title.clone(),
            answer: "failed".to_owned(),
            wanted: situation.expect.cause.clone(),
            said: None,
            peer: None,
            problems: Vec::new(),
            took: Duration::ZERO,
        };
        if let Err(error) = self.ask(situation, &mut outcome) {
            outcome.problems.push(format!("{error:#}"));
        }
        outcome
    }

    fn ask(&self, situation: &Situation, outcome: &mut Outcome) -> Result<()> {
        let stage = Stage::build(situation)?;
        outcome.problems = stage.check_visitors(situation)?;
        let _load = stage.load(situation)?;
        let Some(leeward) = &self.leeward else {
            "set-up".clone_into(&mut outcome.answer);
            return Ok(());
        };
        let question = question::Question::write(situation, &stage)?;
        let folder = stage.vantage.folder()?;
        let (out, err) = (folder.join("diagnosis.json"), folder.join("diagnose.log"));
        // Output and messages apart: the shell of the host redirects the first.
        let mut command = stage.vantage.command("sh");
        command.args(["-c", "out=$1; shift; exec \"$@\" >\"$out\"", "sh"]).arg(&out).arg(leeward);
        command.args(&question.arguments);
        let begin = Instant::now();
        let mut process = Process::start("leeward diagnose", &command, &err)?;
        let code = process.wait(DIAGNOSIS)?;
        outcome.took = begin.elapsed();
        let text = std::fs::read_to_string(&out).unwrap_or_default();
        let (said, wrong) = verdict::judge(&situation.expect, code, &text, &process.log());
        outcome.answer = said.as_ref().map_or_else(|| "no answer".to_owned(), ToString::to_string);
        outcome.said = said;
        outcome.problems.extend(wrong);
        if let Some(exporter) = self.peer.as_ref().filter(|_| situation.vantage.ask != Ask::Offline) {
            outcome.peer = Some(reader::conclude(&peer::ask(exporter, situation, &stage)?).to_owned());
        }
        Ok(())
    }
}

/// The names in a list: one a line, `#` starts a comment.
pub fn listed(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let names = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim().to_owned());
    Ok(names.filter(|name| !name.is_empty()).collect())
}

impl std::fmt::Display for Outcome {
    /// One line, then one for each problem.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.problems.is_empty() { "ok   " } else { "WRONG" };
        write!(formatter, "{mark} {:44} {:32} {:5.1} s", self.name, self.answer, self.took.as_secs_f64())?;
        for problem in &self.problems {
            write!(formatter, "\n      {}", problem.replace('\n', "\n      "))?;
        }
        Ok(())
    }
}

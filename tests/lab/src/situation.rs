//! Network situations, one small file each: staged for real, asked about, compared.
//!
//! A file under `tests/situations/` names a set-up (proxy, origins, firewall, name server), what visitors see of it,
//! and what `leeward diagnose` must and must not say. [`file`] is the vocabulary, [`stage`] builds the set-up in
//! namespaces of its own, [`question`] writes the `ProtectedOrigin` and the command line, [`verdict`] compares.

pub mod file;
pub mod load;
pub mod question;
pub mod stage;
pub mod verdict;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::Process;
use file::Situation;
use stage::Stage;

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
    pub parallel: usize,
}

/// How one situation went.
#[derive(Debug)]
pub struct Outcome {
    pub name: String,
    /// What was said, in a word or two.
    pub answer: String,
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
    /// Runs them, several at a time, and tells `report` about each as it ends.
    pub fn execute(&self, report: &(dyn Fn(&Outcome) + Sync)) -> Result<Vec<Outcome>> {
        let mut situations = load(&self.folder)?;
        if let Some(filter) = &self.filter {
            situations.retain(|(name, _)| name.contains(filter.as_str()));
            ensure!(!situations.is_empty(), "no situation in {} matches {filter}", self.folder.display());
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
        let begin = Instant::now();
        let (answer, problems) = match self.ask(situation) {
            Ok(answered) => answered,
            Err(error) => ("failed".to_owned(), vec![format!("{error:#}")]),
        };
        Outcome { name: name.to_owned(), answer, problems, took: begin.elapsed() }
    }

    fn ask(&self, situation: &Situation) -> Result<(String, Vec<String>)> {
        let stage = Stage::build(situation)?;
        let mut problems = stage.check_visitors(situation)?;
        let _load = stage.load(situation)?;
        let Some(leeward) = &self.leeward else {
            return Ok(("set-up".to_owned(), problems));
        };
        let question = question::Question::write(situation, &stage)?;
        let folder = stage.vantage.folder()?;
        let (out, err) = (folder.join("diagnosis.json"), folder.join("diagnose.log"));
        // Output and messages apart: the shell of the host redirects the first.
        let mut command = stage.vantage.command("sh");
        command.args(["-c", "out=$1; shift; exec \"$@\" >\"$out\"", "sh"]).arg(&out).arg(leeward);
        command.args(&question.arguments);
        let mut process = Process::start("leeward diagnose", &command, &err)?;
        let code = process.wait(DIAGNOSIS)?;
        let text = std::fs::read_to_string(&out).unwrap_or_default();
        let (answer, wrong) = verdict::judge(&situation.expect, code, &text, &process.log());
        problems.extend(wrong);
        Ok((answer, problems))
    }
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

//! A plan as it is printed, with what the API server said to it.

use crate::allow::{Change, Plan, Rehearsal, TargetPlan};
use crate::api::spec::Mode;
use crate::cli::style::{BAD, FAINT, GOOD, UNSURE, paint};
use crate::observe::cluster::Place;
use std::fmt::Write;

pub struct Shown {
    pub plan: Plan,
    /// Where the resource stands, if it was read from a file.
    pub place: Option<Place>,
    /// Mode in the spec; the plan is for Enforce.
    pub mode: Mode,
    /// By target; empty where no API server was asked.
    pub rehearsals: Vec<Option<Rehearsal>>,
    /// What stands in the operator's way, in its words.
    pub operator: Option<String>,
}

/// One thing to be said of a target.
struct Line {
    good: bool,
    label: String,
    text: String,
}

impl Shown {
    /// Whether there is nothing to do, and nothing that is refused.
    pub fn idle(&self) -> bool {
        self.plan.targets.iter().all(|t| t.change == Change::Nothing && t.veto.is_none())
    }

    /// Whether something would be written.
    pub fn writes(&self) -> bool {
        self.plan.targets.iter().any(|t| !t.steps.is_empty())
    }

    /// Each target with what would become of it, then the difference.
    pub fn diff(&self) -> String {
        let mut out = String::new();
        for note in self.notes() {
            let _ = writeln!(out, "{note}");
        }
        for (target, rehearsal) in self.targets() {
            let name = paint(FAINT, &format!("target {}", target.name));
            let _ = writeln!(out, "{name} {}: {}", target.key, target.counts());
            for line in lines(target, rehearsal) {
                let style = if line.good { GOOD } else { UNSURE };
                let _ = writeln!(out, "{} {}", paint(style, &format!("{}:", line.label)), line.text);
            }
            for note in &target.notes {
                let _ = writeln!(out, "note: {note}");
            }
            for line in target.diff.lines() {
                let _ = writeln!(out, "{}", coloured(line));
            }
        }
        for way in &self.plan.open {
            let _ = writeln!(out, "{} {way}", paint(UNSURE, "stays open:"));
        }
        out
    }

    /// What would be applied, one document a target; everything else as comments.
    pub fn yaml(&self) -> anyhow::Result<String> {
        let mut out = String::new();
        for note in self.notes() {
            let _ = writeln!(out, "# {note}");
        }
        for (target, rehearsal) in self.targets() {
            for line in lines(target, rehearsal) {
                let _ = writeln!(out, "# target {}: {}: {}", target.name, line.label, line.text);
            }
            if let Some(manifest) = TargetPlan::manifest(target) {
                let _ = write!(out, "---\n{}", serde_saphyr::to_string(&manifest)?);
            }
        }
        Ok(out)
    }

    /// Each target with what the API server said to it.
    pub fn targets(&self) -> impl Iterator<Item = (&TargetPlan, Option<&Rehearsal>)> {
        let said = self.rehearsals.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        self.plan.targets.iter().zip(said)
    }

    /// What concerns all targets.
    fn notes(&self) -> Vec<String> {
        let origin = &self.plan.origin;
        let mut notes = Vec::new();
        if self.plan.suspended {
            notes.push(format!("{origin} is suspended: nothing is written"));
        }
        if self.plan.targets.is_empty() {
            notes.push(format!("{origin} has no allowlist.targets: nothing is written"));
        } else if self.mode != Mode::Enforce {
            notes.push(format!(
                "{origin} has allowlist.mode {}: nothing of this is written until it is Enforce",
                <&str>::from(self.mode)
            ));
        }
        if let Some(concern) = self.plan.desired.as_ref().ok().and_then(|d| d.concern.as_ref()) {
            notes.push(concern.to_string());
        }
        let known =
            |said: &String| self.plan.targets.iter().any(|t| t.veto.as_ref().is_some_and(|v| *said == v.to_string()));
        notes.extend(self.operator.iter().filter(|said| !known(said)).map(|said| format!("the operator says {said}")));
        notes
    }
}

/// Vetoes of Leeward, then the word of the API server where that is another one.
fn lines(target: &TargetPlan, rehearsal: Option<&Rehearsal>) -> Vec<Line> {
    let line = |good, label: String, text: &str| Line { good, label, text: text.to_owned() };
    let veto = target.veto.as_ref().map(|veto| line(false, format!("refused, {}", veto.reason), &veto.message));
    let said = match rehearsal {
        None => None,
        Some(Rehearsal::Accepted) => Some(line(true, "dry run accepted".to_owned(), "the API server would take it")),
        Some(Rehearsal::Refused(veto)) if target.veto.as_ref() == Some(veto) => None,
        Some(Rehearsal::Refused(veto)) => Some(line(false, format!("dry run refused, {}", veto.reason), &veto.message)),
        Some(Rehearsal::NotMade(why)) => Some(line(false, "dry run not made".to_owned(), why)),
    };
    veto.into_iter().chain(said).collect()
}

fn coloured(line: &str) -> String {
    match line.as_bytes() {
        [b'+', ..] => paint(GOOD, line),
        [b'-', ..] => paint(BAD, line),
        [b'@', ..] => paint(FAINT, line),
        _ => line.to_owned(),
    }
}

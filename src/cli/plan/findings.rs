//! A plan as findings: each target is one check, which fails where something would change or is refused.

use super::shown::Shown;
use crate::allow::{Change, Rehearsal, TargetPlan};
use crate::cli::exit::Exit;
use crate::cli::findings::{Finding, Findings, Level, Outcome};

/// What is found where nothing is refused and something would be written.
const WOULD_CHANGE: &str = "WouldChange";

pub fn findings(shown: &Shown, exit: Exit) -> Findings {
    Findings {
        command: "leeward plan",
        origin: shown.plan.origin.clone(),
        place: shown.place.clone(),
        list: shown.targets().map(|(planned, said)| target(planned, said)).collect(),
        seen: shown.plan.open.iter().map(|way| format!("stays open: {way}")).collect(),
        exit,
    }
}

fn target(target: &TargetPlan, said: Option<&Rehearsal>) -> Finding {
    let summary = format!("{}: {}.", target.key, target.counts());
    let finding = Finding {
        check: format!("target {}", target.name),
        id: WOULD_CHANGE.to_owned(),
        meaning: "An object in front of the origin is not as mode Enforce would write it.".to_owned(),
        reference: "docs/targets.md".to_owned(),
        outcome: if target.change == Change::Nothing { Outcome::Passed } else { Outcome::Failed },
        level: Level::Warning,
        summary,
        remedy: target.notes.join(" "),
        details: target.diff.clone(),
    };
    let refused = match said {
        Some(Rehearsal::Refused(veto)) => Some(veto),
        Some(Rehearsal::Accepted | Rehearsal::NotMade(_)) | None => None,
    };
    let Some(veto) = target.veto.as_ref().or(refused) else { return finding };
    Finding {
        id: veto.reason.to_string(),
        meaning: format!("A write is refused, and AllowlistSynced would be False: {}.", veto.reason),
        reference: "docs/faq.md".to_owned(),
        outcome: Outcome::Failed,
        level: Level::Error,
        summary: format!("{} Refused: {}", finding.summary, veto.message),
        ..finding
    }
}

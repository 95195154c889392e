//! A diagnosis as findings: the verdict is one check, and every other cause and every risk that was found is one.
//! A risk that was not found is none: from here nobody may have been able to look.

use super::answer::Answer;
use super::text::seen;
use crate::api::{Cause, Confidence};
use crate::cli::findings::{Finding, Findings, Level, Outcome};
use crate::observe::cluster::Place;

/// How the diagnosis was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub fail_on_risk: bool,
    pub offline: bool,
}

pub fn findings(answer: &Answer, place: Option<Place>, asked: Asked) -> Findings {
    let mut list = vec![verdict(answer, asked.offline)];
    for cause in answer.contributing.iter().filter(|cause| !answer.risks.contains(cause)) {
        let outcome = if answer.healthy == Some(false) { Outcome::Failed } else { Outcome::Noted };
        list.push(beside(*cause, outcome));
    }
    for risk in &answer.risks {
        list.push(beside(*risk, if asked.fail_on_risk { Outcome::Failed } else { Outcome::Noted }));
    }
    Findings {
        command: "leeward diagnose",
        origin: answer.origin.clone(),
        place,
        list,
        seen: answer.evidence.iter().map(seen).collect(),
        exit: answer.exit(asked.fail_on_risk),
    }
}

fn verdict(answer: &Answer, offline: bool) -> Finding {
    let outcome = match answer.healthy {
        Some(true) => Outcome::Passed,
        Some(false) => Outcome::Failed,
        None if offline => Outcome::NotLooked,
        None => Outcome::Undecided,
    };
    let remedy = answer.remedy.as_ref().map(|remedy| remedy.action.clone());
    Finding {
        check: "OriginHealthy".to_owned(),
        outcome,
        level: match answer.confidence {
            Confidence::High => Level::Error,
            Confidence::Medium => Level::Warning,
            Confidence::Low => Level::Note,
        },
        summary: answer.summary.clone(),
        remedy: remedy.or_else(|| answer.next_observation.clone()).unwrap_or_default(),
        details: answer.evidence.iter().map(|item| format!("Seen: {}", seen(item))).collect::<Vec<_>>().join("\n"),
        ..of(answer.cause)
    }
}

/// What was found beside the verdict, in the words that every cause has.
fn beside(cause: Cause, outcome: Outcome) -> Finding {
    Finding {
        outcome,
        level: Level::Warning,
        summary: cause.meaning().to_owned(),
        remedy: cause.action().to_owned(),
        ..of(cause)
    }
}

fn of(cause: Cause) -> Finding {
    Finding {
        check: cause.to_string(),
        id: cause.to_string(),
        meaning: cause.meaning().to_owned(),
        reference: format!("docs/causes/{cause}.md"),
        outcome: Outcome::Passed,
        level: Level::Note,
        summary: String::new(),
        remedy: String::new(),
        details: String::new(),
    }
}

//! A diagnosis as a colleague would tell it: what is wrong and how sure that is, what was seen, what to
//! do, and what could not be told from here.

use super::answer::Answer;
use super::paths;
use crate::api::status::{EvidenceItem, Scope, ScopeType};
use crate::api::{Access, Cause, Confidence, Observation, Outcome, Pattern, Phase};
use crate::cli::style::{BAD, GOOD, UNSURE, lines, paint, paragraph};
use crate::evidence::Case;
use std::fmt::Write;

/// Columns of the summary.
const WIDTH: usize = 94;

/// The whole answer, styled.
pub fn text(case: &Case, answer: &Answer) -> String {
    let mut out = String::new();
    if !case.tracks.is_empty() {
        out.push_str(&paths::table(&case.tracks));
        out.push('\n');
    }
    out.push_str(&headline(answer));
    out.push('\n');
    for line in lines(&told_once(answer), WIDTH) {
        let _ = writeln!(out, "  {line}");
    }
    let mut label = "Seen";
    if !answer.evidence.is_empty() {
        out.push('\n');
    }
    for item in &answer.evidence {
        paragraph(&mut out, std::mem::take(&mut label), &seen(item));
    }
    if let Some(remedy) = &answer.remedy {
        out.push('\n');
        paragraph(&mut out, "What to do", &remedy.action);
        let topic = answer.risks.first().filter(|_| answer.healthy == Some(true)).unwrap_or(&answer.cause);
        paragraph(&mut out, "", &format!("More: leeward explain {topic}"));
    }
    let rest = [
        ("Also", names(&answer.contributing)),
        ("Not excluded", names(&answer.alternatives)),
        ("Would decide", answer.next_observation.clone().unwrap_or_default()),
        ("Risks", names(&answer.risks)),
    ];
    if rest.iter().any(|(_, text)| !text.is_empty()) {
        out.push('\n');
    }
    for (label, text) in rest.iter().filter(|(_, text)| !text.is_empty()) {
        paragraph(&mut out, label, text);
    }
    out
}

/// The summary without what stands below under a heading of its own.
fn told_once(answer: &Answer) -> String {
    let mut summary = answer.summary.clone();
    let action = answer.remedy.as_ref().map_or(String::new(), |r| r.action.clone());
    let lists = [("Not excluded", &answer.alternatives), ("Risks", &answer.risks)];
    for said in lists.map(|(label, causes)| format!("{label}: {}.", names(causes))).iter().chain([&action]) {
        if !said.is_empty() {
            summary = summary.replace(said.as_str(), "");
        }
    }
    summary
}

fn headline(answer: &Answer) -> String {
    let name = &answer.origin;
    match (answer.healthy, answer.cause) {
        (Some(true), _) if answer.risks.is_empty() => paint(GOOD, &format!("✓ {name} is healthy")),
        (Some(true), _) => paint(GOOD, &format!("✓ {name} is healthy, with a risk")),
        (Some(false), cause) => paint(BAD, &format!("✗ {name} fails: {cause}")) + &manner(answer),
        (None, Cause::VantageFault) => paint(UNSURE, "? This vantage reaches nothing: VantageFault"),
        (None, Cause::Inconclusive) => paint(UNSURE, &format!("? {name}: this cannot be told from here")),
        (None, cause) => paint(UNSURE, &format!("? {name}: {cause}")) + &manner(answer),
    }
}

/// How sure, how steady and how much of it.
fn manner(answer: &Answer) -> String {
    let mut parts = vec![match answer.confidence {
        Confidence::High => "high confidence".to_owned(),
        Confidence::Medium => "medium confidence".to_owned(),
        Confidence::Low => "low confidence".to_owned(),
    }];
    match answer.pattern {
        Pattern::Steady => {}
        Pattern::Intermittent => parts.push("now and then".to_owned()),
        Pattern::Flapping => parts.push("coming and going".to_owned()),
    }
    parts.extend(part(&answer.scope));
    format!(" ({})", parts.join(", "))
}

fn part(scope: &Scope) -> Option<String> {
    let parts = [&scope.edge_addresses, &scope.origin_addresses, &scope.families];
    let names: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    (scope.kind == ScopeType::Partial).then(|| format!("only {}", names.join(", ")))
}

/// One observation as a sentence.
pub(super) fn seen(item: &EvidenceItem) -> String {
    let way = match item.observation {
        Observation::ViaProxy => "through the proxy",
        Observation::ViaProxyLong => "through the proxy, waiting for its own timer",
        Observation::Direct => "straight to the origin",
        Observation::InCluster => "straight to the endpoint",
        Observation::DNS => "name",
        Observation::Ping => "ping",
        Observation::ControlPort => "control port",
        Observation::Certificate => "certificate",
        Observation::Allowlist => "allowlist",
        Observation::NetworkPolicy => "network policy",
        Observation::Endpoints => "endpoints",
        Observation::Pods => "pods",
        Observation::Nodes => "nodes",
        Observation::Route => "route",
        Observation::Traffic => "traffic",
        Observation::Control => "control target",
        Observation::Change => "changed before",
        Observation::Arrival => "at the origin's side",
    };
    let mut text = way.to_owned();
    if let Some(address) = &item.address {
        let _ = write!(text, " {address}");
    }
    match item.access {
        Some(Access::Listed) => text.push_str(" (from the allowlist)"),
        Some(Access::Unlisted) => text.push_str(" (from outside the allowlist)"),
        Some(Access::Unknown) | None => {}
    }
    let _ = match (item.status_code, item.result) {
        (Some(status), Outcome::OK | Outcome::UnexpectedStatus) => write!(text, ": {status}"),
        (Some(status), result) => write!(text, ": {status}, {}", paths::words(result)),
        (None, result) => write!(text, ": {}", paths::words(result)),
    };
    let phase = item.phase.filter(|_| item.status_code.is_none());
    text.push_str(match phase {
        Some(Phase::Dns) => " while resolving",
        Some(Phase::Connect) => " while connecting",
        Some(Phase::Tls) => " in the TLS handshake",
        Some(Phase::FirstByte) => " while waiting for the answer",
        Some(Phase::Body) => " in the middle of the answer",
        None => "",
    });
    if let Some(detail) = &item.detail {
        let _ = write!(text, ", {detail}");
    }
    text
}

fn names(causes: &[Cause]) -> String {
    causes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;

//! A diagnosis as a colleague would tell it: what is wrong and how sure that is, what was seen, what to
//! do, and what could not be told from here.

use super::answer::Answer;
use super::paths;
use crate::api::status::{EvidenceItem, Scope, ScopeType};
use crate::api::{Access, Cause, Confidence, Observation, Pattern};
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
    for line in lines(&answer.summary, WIDTH) {
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
        paragraph(&mut out, "", &format!("More: leeward explain {}", answer.cause));
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
    let named = [&scope.edge_addresses, &scope.origin_addresses, &scope.families];
    let names: Vec<&str> = named.into_iter().flatten().map(String::as_str).collect();
    (scope.kind == ScopeType::Partial).then(|| format!("only {}", names.join(", ")))
}

/// One observation as a sentence.
fn seen(item: &EvidenceItem) -> String {
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
        Observation::Traffic => "traffic",
        Observation::Control => "control target",
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
    let _ = write!(text, ": {}", item.result);
    if let Some(status) = item.status_code {
        let _ = write!(text, " {status}");
    }
    if let Some(phase) = item.phase {
        let _ = write!(text, " in phase {phase}");
    }
    if let Some(detail) = &item.detail {
        let _ = write!(text, ", {detail}");
    }
    text
}

fn names(causes: &[Cause]) -> String {
    causes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

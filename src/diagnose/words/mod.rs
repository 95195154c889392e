//! A judgement in our own words: summary, evidence, remedy. Nothing here repeats bytes that a target
//! sent, and times are rounded, so that the same state always reads the same.

mod evidence;
mod load;
pub mod next;
mod records;
mod remedy;
mod replays;

use super::judge::Judgement;
use super::verdict::Verdict;
use super::view::View;
use super::view::edge::Edge;
use super::view::vantages::Votes;
use crate::api::status::ScopeType;
use crate::api::{Cause, Confidence, Pattern, conditions};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Longest summary, in bytes.
const SUMMARY: usize = 1024;
/// Longest next observation and remedy.
const SENTENCE: usize = 512;
/// Most causes in one list.
const LIST: usize = 16;

/// Puts a judgement into words.
pub fn verdict(view: &View<'_>, judgement: Judgement<'_>) -> Verdict {
    let remedy = remedy::remedy(view, &judgement);
    let next_observation = (judgement.confidence < Confidence::High)
        .then(|| judgement.next.unwrap_or(next::Next::MoreRounds).words(view))
        .map(|text| conditions::cut(&format!("{text}{}", unmeasured(view, &judgement)), SENTENCE));
    let summary = conditions::cut(&summary(view, &judgement, remedy.as_ref().map(|r| r.action.as_str())), SUMMARY);
    let evidence = evidence::items(view, &judgement.exhibits);
    let cut = |mut causes: Vec<Cause>| {
        causes.truncate(LIST);
        causes
    };
    Verdict {
        healthy: judgement.healthy,
        cause: judgement.cause,
        confidence: judgement.confidence,
        pattern: judgement.pattern,
        scope: judgement.scope,
        summary,
        evidence,
        contributing: cut(judgement.contributing),
        alternatives: cut(judgement.alternatives),
        risks: cut(judgement.risks),
        next_observation,
        remedy,
    }
}

/// What it costs that a traffic profile measured nothing: causes that only counters show stay open.
fn unmeasured(view: &View<'_>, judgement: &Judgement<'_>) -> String {
    const BY_COUNTERS: [Cause; 6] = [
        Cause::OriginOverloaded,
        Cause::OriginAttackedDirectly,
        Cause::UplinkCongested,
        Cause::AcceptSaturated,
        Cause::ProxyRateLimited,
        Cause::OriginTimeout,
    ];
    let open = std::iter::once(&judgement.cause).chain(&judgement.alternatives).any(|c| BY_COUNTERS.contains(c));
    let missing = view.load.unmeasured();
    if !open || missing.is_empty() {
        return String::new();
    }
    let more = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
    let first = missing.first().map_or_else(String::new, |fact| evidence::of_unmeasured(fact));
    format!(" The traffic profile could not tell ({first}{more}), which keeps the confidence down.")
}

/// What, where, how often, how sure, what to do.
fn summary(view: &View<'_>, judgement: &Judgement<'_>, action: Option<&str>) -> String {
    let mut text = capital(&judgement.says);
    let scope = &judgement.scope;
    if scope.kind == ScopeType::Partial {
        let list = |what: &str, addresses: &[String]| {
            (!addresses.is_empty()).then(|| format!("{what} {}", addresses.join(", ")))
        };
        let parts: Vec<String> =
            [list("edge", &scope.edge_addresses), list("origin", &scope.origin_addresses), list("path", &scope.paths)]
                .into_iter()
                .flatten()
                .collect();
        let _ = write!(text, " (only at {})", parts.join(" and "));
    }
    match judgement.pattern {
        Pattern::Steady => {}
        Pattern::Intermittent => text.push_str(", now and then"),
        Pattern::Flapping => text.push_str(", changing all the time"),
    }
    text.push('.');
    if judgement.masked {
        text.push_str(" Visitors still get answers out of the proxy's cache, which masks it.");
    }
    for also in &judgement.also {
        let _ = write!(text, " Also, {also}.");
    }
    if let Some(after) = &judgement.after {
        let _ = write!(text, " {}.", capital(after));
    }
    let votes = view.failing_edges().map(|e| Votes::of(&view.edges, e.address)).find(Votes::minority);
    if let Some(votes) = &votes {
        let list = |vantages: &BTreeSet<&str>| vantages.iter().copied().collect::<Vec<_>>().join(", ");
        let _ = write!(text, " Seen from {}; it works from {}.", list(&votes.failing), list(&votes.working));
    }
    if judgement.healthy == Some(false) && judgement.confidence < Confidence::High && !judgement.alternatives.is_empty()
    {
        let _ = write!(text, " Not excluded: {}.", names(&judgement.alternatives));
    } else if judgement.cause == Cause::Inconclusive && !judgement.alternatives.is_empty() {
        let _ = write!(text, " It may be {}.", names(&judgement.alternatives));
    }
    if judgement.healthy == Some(true) && !judgement.risks.is_empty() {
        let _ = write!(text, " Risks: {}.", names(&judgement.risks));
    }
    if matches!(judgement.cause, Cause::Inconclusive) && votes.is_none() {
        let vantages: BTreeSet<&str> = view.edges.iter().map(|e: &Edge<'_>| e.vantage).collect();
        if !vantages.is_empty() {
            let list: Vec<&str> = vantages.into_iter().collect();
            let _ = write!(text, " Seen from {}.", list.join(", "));
        }
    }
    if let Some(action) = action.filter(|_| judgement.cause != Cause::Inconclusive) {
        text.push(' ');
        text.push_str(action);
    }
    text
}

fn names(causes: &[Cause]) -> String {
    causes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

//! From the matches of all places to one judgement: which cause has the largest share, what else
//! holds, what is left open.

use super::onset;
use super::rules::{self, CHAIN, Ground, Locus, Match, Rule, unknown};
use super::view::edge::{Edge, State};
use super::view::vantages::Votes;
use super::view::{Exhibit, Sanity, View};
use super::words::next::Next;
use crate::api::spec::Lockdown;
use crate::api::status::{Scope, ScopeType};
use crate::api::{Cause, Confidence, Pattern};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What was judged, before it is put into words.
#[derive(Debug, Clone)]
pub struct Judgement<'c> {
    pub cause: Cause,
    pub healthy: Option<bool>,
    pub confidence: Confidence,
    pub pattern: Pattern,
    pub scope: Scope,
    /// What happens, as a sentence without its full stop.
    pub says: String,
    /// The same of what contributes.
    pub also: Vec<String>,
    pub exhibits: Vec<Exhibit<'c>>,
    pub contributing: Vec<Cause>,
    pub alternatives: Vec<Cause>,
    pub risks: Vec<Cause>,
    pub next: Option<Next>,
    /// What was changed before it began, as a sentence without its full stop.
    pub after: Option<String>,
    /// Whether a fitting change may make it surer: nothing but the rule itself keeps the confidence down.
    pub surer: bool,
    /// Visitors still get answers out of a cache.
    pub masked: bool,
}

/// A rule that matched at a place.
struct Hit<'v, 'c> {
    rule: usize,
    cause: Cause,
    place: Locus<'v, 'c>,
    found: Match<'c>,
}

/// Judges the view.
pub fn judge<'c>(view: &View<'c>) -> Judgement<'c> {
    if let Sanity::Blind(control) = view.sanity {
        let says = "this vantage reaches nothing, not even the control target".to_owned();
        return Judgement {
            exhibits: vec![Exhibit::Fact(control)],
            ..blank(Cause::VantageFault, None, Confidence::High, says)
        };
    }
    let places = rules::places(view);
    let mut first: Vec<Hit<'_, 'c>> = Vec::new();
    let mut later: Vec<Hit<'_, 'c>> = Vec::new();
    let mut unexplained: Vec<Locus<'_, 'c>> = Vec::new();
    for place in &places {
        let mut hits = hits(view, *place);
        if hits.is_empty() {
            if !matches!(place, Locus::Site) {
                unexplained.push(*place);
            }
            continue;
        }
        first.push(hits.remove(0));
        later.extend(hits.into_iter().filter(|h| h.found.ground != Ground::Inferred));
    }
    let nothing_reached = view.sanity == Sanity::Unproven && !view.unprobed();
    let judgement = if let Some(primary) = largest_share(&first) {
        named(view, &first, &later, primary, &places)
    } else if nothing_reached {
        left_open(unknown::nothing_reached(), view, &places)
    } else if let Some(place) = unexplained.first() {
        left_open(unknown::at(view, *place), view, &places)
    } else {
        no_failure(view)
    };
    with_risks(view, onset::attach(view, judgement))
}

/// Every rule that matches at a place, best ground first, then the larger weight, then the order of the
/// chain.
fn hits<'v, 'c>(view: &'v View<'c>, place: Locus<'v, 'c>) -> Vec<Hit<'v, 'c>> {
    let judge =
        |(rule, r): (usize, &Rule)| (r.judge)(view, place).ok().map(|found| Hit { rule, cause: r.cause, place, found });
    let mut hits: Vec<Hit<'v, 'c>> = CHAIN.iter().enumerate().filter_map(judge).collect();
    hits.sort_by_key(|h| {
        let weight = if h.found.ground == Ground::Observed { h.found.weight } else { 0 };
        (h.found.ground, std::cmp::Reverse(weight), h.rule)
    });
    hits
}

/// The cause of the site as a whole if it has one, else that of the largest share of places; ties go to
/// the earlier rule.
fn largest_share(first: &[Hit<'_, '_>]) -> Option<Cause> {
    if let Some(site) = first.iter().find(|h| matches!(h.place, Locus::Site)) {
        return Some(site.cause);
    }
    let share = |cause: Cause| first.iter().filter(|h| h.cause == cause).count();
    first.iter().min_by_key(|h| (std::cmp::Reverse(share(h.cause)), h.rule)).map(|h| h.cause)
}

fn named<'c>(
    view: &View<'c>,
    first: &[Hit<'_, 'c>],
    later: &[Hit<'_, 'c>],
    cause: Cause,
    places: &[Locus<'_, 'c>],
) -> Judgement<'c> {
    let mine: Vec<&Hit<'_, 'c>> = first.iter().filter(|h| h.cause == cause).collect();
    let Some(best) = mine.iter().max_by_key(|h| (h.found.confidence, std::cmp::Reverse(h.rule))) else {
        return no_failure(view);
    };
    let mut confidence = best.found.confidence.min(limit(view, &mine));
    let outvoted = outvoted(view, &mine);
    if outvoted && best.found.ground != Ground::Fact {
        confidence = confidence.min(Confidence::Medium);
    }
    let others: Vec<&Hit<'_, 'c>> = first.iter().chain(later).filter(|h| h.cause != cause).collect();
    let contributing: BTreeSet<Cause> = others.iter().map(|h| h.cause).collect();
    let mut alternatives: Vec<Cause> = Vec::new();
    if confidence < Confidence::High {
        let of_mine = mine.iter().flat_map(|h| h.found.alternatives.iter().copied());
        for alternative in of_mine {
            if alternative != cause && !contributing.contains(&alternative) && !alternatives.contains(&alternative) {
                alternatives.push(alternative);
            }
        }
    }
    let healthy = if cause == Cause::ProxyPolicyDenied { None } else { Some(false) };
    let next = match best.found.next {
        _ if outvoted => Some(Next::OtherVantage),
        next if confidence == best.found.confidence => next,
        _ => Some(Next::MoreRounds),
    };
    let mut judgement = Judgement {
        pattern: pattern(&mine),
        scope: scope(view, &mine, places),
        exhibits: mine.iter().chain(&others).flat_map(|h| h.found.exhibits.iter().copied()).collect(),
        contributing: contributing.into_iter().collect(),
        alternatives,
        next,
        surer: !outvoted && confidence == best.found.confidence && best.found.ground != Ground::Inferred,
        masked: view.failing_edges().any(Edge::masked),
        ..blank(cause, healthy, confidence, best.found.says.clone())
    };
    for hit in others {
        if !judgement.also.contains(&hit.found.says) {
            judgement.also.push(hit.found.says.clone());
        }
    }
    judgement
}

/// A single failing probe never makes a High cause, unless a fact of its own stands behind it.
fn limit(view: &View<'_>, hits: &[&Hit<'_, '_>]) -> Confidence {
    let alone = |hit: &&Hit<'_, '_>| match hit.place {
        Locus::Edge(Edge { fault: Some(fault), .. }) => fault.failures <= 1,
        Locus::Origin(origin) => origin.failure().is_some_and(|f| f.track.failures <= 1),
        Locus::Site | Locus::Edge(_) => false,
    };
    let certain = |hit: &&Hit<'_, '_>| hit.cause == Cause::ProxyCertInvalid;
    let places = view.failing_edges().count().max(hits.len());
    if places <= 1 && hits.iter().all(alone) && !hits.iter().all(certain) {
        Confidence::Medium
    } else {
        Confidence::High
    }
}

/// Whether most vantages get good answers at the very addresses where this was seen.
fn outvoted(view: &View<'_>, hits: &[&Hit<'_, '_>]) -> bool {
    hits.iter().all(|h| matches!(h.place, Locus::Edge(edge) if Votes::of(&view.edges, edge.address).minority()))
}

fn pattern(hits: &[&Hit<'_, '_>]) -> Pattern {
    let patterns: Vec<(Pattern, bool)> = hits
        .iter()
        .filter_map(|h| match h.place {
            Locus::Site => None,
            Locus::Edge(edge) => edge.fault.as_ref().map(|f| (f.track.pattern, f.wavers)),
            Locus::Origin(origin) => origin.failure().map(|f| (f.track.pattern, f.wavers)),
        })
        .collect();
    if patterns.iter().any(|(p, _)| *p == Pattern::Flapping) {
        Pattern::Flapping
    } else if !patterns.is_empty() && patterns.iter().all(|(_, wavers)| *wavers) {
        Pattern::Intermittent
    } else {
        Pattern::Steady
    }
}

/// Everything, or the addresses that fail beside others that do not.
fn scope(view: &View<'_>, hits: &[&Hit<'_, '_>], places: &[Locus<'_, '_>]) -> Scope {
    let mut edges: BTreeSet<IpAddr> = hits.iter().flat_map(|h| h.found.edges.iter().copied()).collect();
    let mut origins: BTreeSet<IpAddr> = hits.iter().flat_map(|h| h.found.origins.iter().copied()).collect();
    let failing: BTreeSet<IpAddr> = places
        .iter()
        .filter_map(|p| match p {
            Locus::Edge(edge) => edge.address.map(|a| a.ip()),
            _ => None,
        })
        .collect();
    let working = view.edges.iter().any(|e| !e.fails() && works(e));
    if working && !hits.iter().any(|h| matches!(h.place, Locus::Site)) {
        edges.extend(failing);
    }
    for hit in hits {
        if let Locus::Origin(origin) = hit.place {
            origins.insert(origin.address.ip());
        }
    }
    let paths: BTreeSet<String> = hits.iter().flat_map(|h| h.found.paths.iter().cloned()).collect();
    if edges.is_empty() && origins.is_empty() && paths.is_empty() {
        return Scope::default();
    }
    let families = families(view, &edges, &origins);
    let text = |set: BTreeSet<IpAddr>| set.into_iter().take(16).map(|a| a.to_string()).collect();
    let paths = paths.into_iter().collect();
    Scope { kind: ScopeType::Partial, edge_addresses: text(edges), origin_addresses: text(origins), families, paths }
}

fn works(edge: &Edge<'_>) -> bool {
    [edge.plain, edge.bypass].iter().flatten().any(|p| matches!(p.state, State::Works))
}

/// The family that fails as a whole while the other does not, if there is one.
fn families(view: &View<'_>, edges: &BTreeSet<IpAddr>, origins: &BTreeSet<IpAddr>) -> Vec<String> {
    let all_edges = view.edges.iter().filter_map(|e| e.address).map(|a| a.ip());
    let all_origins = view.origins.iter().map(|o| o.address.ip());
    let part = |all: Vec<IpAddr>, bad: &BTreeSet<IpAddr>| {
        let v6 = bad.iter().next()?.is_ipv6();
        let whole = all.iter().all(|a| (a.is_ipv6() == v6) == bad.contains(a));
        whole.then(|| if v6 { "IPv6" } else { "IPv4" }.to_owned())
    };
    let found: BTreeSet<String> =
        [part(all_edges.collect(), edges), part(all_origins.collect(), origins)].into_iter().flatten().collect();
    found.into_iter().collect()
}

fn left_open<'c>(open: unknown::Open, view: &View<'c>, places: &[Locus<'_, 'c>]) -> Judgement<'c> {
    let edges = view.edges.iter().filter_map(|e| e.fault.as_ref()).map(|f| Exhibit::Probe(f.track, f.probe));
    let origins = view.origins.iter().flat_map(|o| o.exhibit().into_iter().chain(o.life.iter().copied()));
    let all_waver = view.failing_edges().next().is_some()
        && view.failing_edges().filter_map(|e| e.fault.as_ref()).all(|f| f.wavers);
    Judgement {
        pattern: if all_waver { Pattern::Intermittent } else { Pattern::Steady },
        scope: scope(view, &[], places),
        exhibits: edges.chain(origins).collect(),
        alternatives: open.candidates,
        next: Some(open.next),
        masked: view.failing_edges().any(Edge::masked),
        ..blank(Cause::Inconclusive, None, Confidence::Low, open.says)
    }
}

/// Nothing fails: healthy if visitors are seen to get answers.
fn no_failure<'c>(view: &View<'c>) -> Judgement<'c> {
    if !view.edges.iter().any(works) {
        return left_open(unknown::nothing(view), view, &[]);
    }
    let cached_only = !view.edges.iter().any(Edge::reaches_origin) && view.working_origins().next().is_none();
    let odd = rules::origin_proven_elsewhere(view);
    let confidence = if cached_only || odd { Confidence::Medium } else { Confidence::High };
    let says = if odd {
        "visitors get the expected answer, although no declared origin address answers from here"
    } else if cached_only {
        "visitors get the expected answer, but only out of a cache"
    } else {
        "visitors get the expected answer through the proxy"
    };
    let edges = view.edges.iter().flat_map(|e| [e.bypass, e.plain]).flatten();
    if let Some((exhibit, says)) = rules::visitors::reports(view) {
        return Judgement {
            exhibits: std::iter::once(exhibit).chain(edges.map(|p| Exhibit::Probe(p.track, &p.track.last))).collect(),
            alternatives: vec![Cause::ProxyFault, Cause::NetworkDegraded, Cause::DnsInconsistent],
            next: Some(Next::VisitorReports),
            ..blank(Cause::ClientSubset, Some(true), Confidence::Low, says)
        };
    }
    Judgement {
        exhibits: edges
            .map(|p| Exhibit::Probe(p.track, &p.track.last))
            .chain(view.origins.iter().filter_map(super::view::origin::OriginAddress::exhibit))
            .collect(),
        alternatives: if odd { vec![Cause::ProxyOriginMisconfigured] } else { Vec::new() },
        next: if odd { Some(Next::ProxySettings) } else { Some(Next::UncachedPath) },
        ..blank(Cause::Healthy, Some(true), confidence, says.to_owned())
    }
}

fn blank<'c>(cause: Cause, healthy: Option<bool>, confidence: Confidence, says: String) -> Judgement<'c> {
    Judgement {
        cause,
        healthy,
        confidence,
        pattern: Pattern::Steady,
        scope: Scope::default(),
        says,
        also: Vec::new(),
        exhibits: Vec::new(),
        contributing: Vec::new(),
        alternatives: Vec::new(),
        risks: Vec::new(),
        next: None,
        after: None,
        surer: false,
        masked: false,
    }
}

/// Adds what is wrong beside the cause. With lockdown required an exposure contributes as well.
fn with_risks<'c>(view: &View<'c>, mut judgement: Judgement<'c>) -> Judgement<'c> {
    for (cause, exhibits) in rules::risks::risks(view) {
        if cause == judgement.cause || judgement.contributing.contains(&cause) {
            continue;
        }
        if cause == Cause::OriginExposed && view.subject.lockdown == Lockdown::Required {
            judgement.contributing.push(cause);
        }
        judgement.risks.push(cause);
        judgement.exhibits.extend(exhibits);
    }
    judgement
}

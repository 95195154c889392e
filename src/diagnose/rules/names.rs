//! The name that visitors use: does it lead to the proxy, and does it resolve at all?

use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence, Outcome};
use crate::diagnose::view::edge::Seen;
use crate::diagnose::view::names::exhibits;
use crate::diagnose::view::{Exhibit, Sanity, View};
use crate::diagnose::words::next::Next;
use std::collections::BTreeSet;
use std::net::IpAddr;

pub const BYPASSES: Rule = Rule {
    cause: Cause::DnsBypassesProxy,
    looks_for: "an answer for the site's name that is an origin address, or outside the declared edge",
    judge: bypasses,
};

/// An answer that is a declared origin address, or one outside `ProxyNetwork.spec.edge` where that is
/// given. The ranges that a proxy connects *from* are no evidence here: edges and egress differ.
/// Look-alike: a name server that answers insiders with the origin on purpose; hence Medium while
/// other resolvers disagree.
fn bypasses<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    if !matches!(place, Locus::Site) {
        return Err("it is about the site's name, not about one address");
    }
    let subject = view.subject;
    let astray = |a: &IpAddr| {
        subject.origin_addresses.contains(a) || !subject.edge.is_empty() && !subject.edge.iter().any(|p| p.contains(a))
    };
    let answers: Vec<_> = view.names.site.iter().filter(|(_, d)| d.outcome == Outcome::OK).copied().collect();
    if answers.is_empty() {
        return Err("no resolver answered for the site's name");
    }
    let (wrong, right): (Vec<_>, Vec<_>) = answers.iter().copied().partition(|(_, d)| d.addresses.iter().any(astray));
    if wrong.is_empty() {
        return Err("every answer leads to the proxy, as far as its edge is declared");
    }
    let bad: BTreeSet<IpAddr> = wrong.iter().flat_map(|(_, d)| d.addresses.iter().copied().filter(astray)).collect();
    let to_origin = bad.iter().any(|a| subject.origin_addresses.contains(a));
    let says = if to_origin {
        format!("the name {} resolves to the origin itself, so visitors bypass the proxy", subject.host)
    } else {
        format!("the name {} resolves to an address outside the declared edge of the proxy", subject.host)
    };
    let confidence = if right.is_empty() { Confidence::High } else { Confidence::Medium };
    let mut found = Match::new(confidence, Ground::Fact, says).showing(exhibits(&wrong)).showing(exhibits(&right));
    let all_bad = wrong.iter().all(|(_, d)| d.addresses.iter().all(astray)) && right.is_empty();
    if !all_bad {
        found.edges = bad.into_iter().collect();
    }
    Ok(found.decided_by(Next::OtherResolver))
}

pub const FAILED: Rule =
    Rule { cause: Cause::DnsFailed, looks_for: "a site's name that no resolver can resolve", judge: failed };

/// All resolvers fail. "No such name" from two of them is High; from one alone it may be that
/// resolver (a company's inner view of a zone), so Medium. All of them silent says little: at most
/// Medium, and only while something else was reached.
fn failed<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    if !matches!(place, Locus::Site) {
        return Err("it is about the site's name, not about one address");
    }
    let site = &view.names.site;
    if site.iter().any(|(_, d)| d.outcome == Outcome::OK) {
        return Err("at least one resolver answers for the site's name");
    }
    let nameless: Vec<Exhibit<'c>> = view
        .edges
        .iter()
        .filter_map(|e| e.fault.as_ref())
        .filter(|f| matches!(f.seen, Seen::NoName))
        .map(|f| Exhibit::Probe(f.track, f.probe))
        .collect();
    if site.is_empty() && nameless.is_empty() {
        return Err("the site's name was not asked for");
    }
    let outcomes: BTreeSet<Outcome> = site.iter().map(|(_, d)| d.outcome).collect();
    let resolvers: BTreeSet<&str> = site.iter().map(|(_, d)| d.resolver.as_str()).collect();
    let reached = view.sanity == Sanity::Sane;
    let denied = |o: &Outcome| matches!(o, Outcome::NXDomain | Outcome::Missing);
    let silent = if site.is_empty() {
        view.edges.iter().filter_map(|e| e.fault.as_ref()).all(|f| f.probe.outcome == Outcome::TimedOut)
    } else {
        outcomes.iter().all(|o| *o == Outcome::TimedOut)
    };
    if silent && !reached {
        return Err("the resolvers are silent, and nothing else was reached either");
    }
    let agreed = resolvers.len() >= 2
        && reached
        && (outcomes.iter().all(denied) || outcomes.iter().all(|o| *o == Outcome::ServFail));
    let confidence = if agreed { Confidence::High } else { Confidence::Medium };
    let host = &view.subject.host;
    let says = if silent {
        format!("no resolver answers for the name {host}, while other things are reached")
    } else if !outcomes.is_empty() && outcomes.iter().all(denied) {
        format!("the name {host} does not exist, or has no address")
    } else {
        format!("the name {host} does not resolve")
    };
    Ok(Match::new(confidence, Ground::Fact, says)
        .showing(exhibits(site))
        .showing(nameless)
        .decided_by(Next::OtherResolver))
}

//! The name that visitors use: does it lead to the proxy, and does it resolve at all?

use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence, Outcome};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::hop::Proof;
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::names::exhibits;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, Sanity, View};
use crate::diagnose::words::next::Next;
use crate::evidence::Subject;
use crate::evidence::fact::Dns;
use crate::net::SpecialUse;
use std::collections::BTreeSet;
use std::net::IpAddr;

pub const BYPASSES: Rule = Rule {
    cause: Cause::DnsBypassesProxy,
    looks_for: "an answer for the site's name that is an origin address, or outside the declared edge",
    judge: bypasses,
};

/// An answer that is a declared origin address, or one outside `ProxyNetwork.spec.edge` where that is
/// given: neither in its prefixes nor by way of one of its names. The ranges that a proxy connects *from* are no evidence here: edges and egress differ.
/// Look-alike: a name server that answers insiders with the origin on purpose; hence Medium while only
/// one was asked, or others disagree.
fn bypasses<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    if !matches!(place, Locus::Site) {
        return Err("it is about the site's name, not about one address");
    }
    let subject = view.subject;
    let astray = |d: &Dns, a: &IpAddr| astray(subject, &subject.origin_addresses, d, *a);
    let answers: Vec<_> = view.names.site.iter().filter(|(_, d)| d.outcome == Outcome::OK).copied().collect();
    if answers.is_empty() {
        return Err("no resolver answered for the site's name");
    }
    let (wrong, right): (Vec<_>, Vec<_>) =
        answers.iter().copied().partition(|(_, d)| d.addresses.iter().any(|a| astray(d, a)));
    if wrong.is_empty() {
        return Err("every answer leads to the proxy, as far as its edge is declared");
    }
    let bad: BTreeSet<IpAddr> =
        wrong.iter().flat_map(|(_, d)| d.addresses.iter().copied().filter(|a| astray(d, a))).collect();
    let to_origin = bad.iter().any(|a| subject.origin_addresses.contains(a));
    let says = if to_origin {
        format!("the name {} resolves to the origin itself, so visitors bypass the proxy", subject.host)
    } else {
        format!("the name {} resolves to an address outside the declared edge of the proxy", subject.host)
    };
    // One name server may answer insiders with the origin on purpose; several that agree, or an answer that none of them
    // gives otherwise and that belongs to nobody declared, do not. An inner view has name servers of its own, so they
    // are no further voice here.
    let resolvers: BTreeSet<&str> =
        wrong.iter().filter(|(_, d)| d.authority.is_none()).map(|(_, d)| d.resolver.as_str()).collect();
    // Aliases alone prove little: at the top of a zone they are flattened, and the answer shows none.
    let enough = if to_origin { resolvers.len() >= 2 } else { !subject.edge.is_empty() };
    let sure = right.is_empty() && enough;
    let confidence = if sure { Confidence::High } else { Confidence::Medium };
    let mut found = Match::new(confidence, Ground::Fact, says)
        .or([Cause::DnsInconsistent].into_iter().filter(|_| !sure))
        .showing(exhibits(&wrong))
        .showing(exhibits(&right));
    let all_bad = wrong.iter().all(|(_, d)| d.addresses.iter().all(|a| astray(d, a))) && right.is_empty();
    if !all_bad {
        found.edges = bad.into_iter().collect();
    }
    Ok(found.decided_by(Next::OtherResolver))
}

/// Whether an answer for the site's name leads past the proxy, as far as origin and edge are declared.
pub fn astray(subject: &Subject, origin_addresses: &[IpAddr], dns: &Dns, answer: IpAddr) -> bool {
    let declared = !subject.edge.is_empty() || !subject.edge_aliases.is_empty();
    let elsewhere = declared && dns.by_way_of.is_none() && !subject.edge.iter().any(|p| p.contains(&answer));
    origin_addresses.contains(&answer) || elsewhere
}

pub const FAILED: Rule =
    Rule { cause: Cause::DnsFailed, looks_for: "a site's name that no resolver can resolve", judge: failed };

/// All resolvers fail. "No such name" is High from two of them, or from one and the zone's own name servers; from one
/// alone it may be that resolver (a company's inner view of a zone), so Medium. All of them silent says little: at most
/// Medium, and only while something else was reached. Where the zone's own servers answer, its records are not what is
/// broken: resolvers that fail over it are Medium (signatures, usually), and resolvers that deny it only disagree.
fn failed<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    if !matches!(place, Locus::Site) {
        return Err("it is about the site's name, not about one address");
    }
    let site: Vec<_> = view.names.resolvers().collect();
    let authorities: Vec<_> = view.names.authorities().collect();
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
    let all_deny = !outcomes.is_empty() && outcomes.iter().all(denied);
    let known = authorities.iter().any(|(_, d)| d.outcome == Outcome::OK);
    if known && all_deny {
        return Err("the zone's own name servers answer for the site's name, so its resolvers only disagree");
    }
    // A name server at a private address is part of an inner view, as its resolver may be.
    let seconded = authorities.iter().any(|(_, d)| denied(&d.outcome) && d.authority.is_some_and(is_public));
    let agreed = reached
        && !known
        && ((all_deny && (resolvers.len() >= 2 || seconded))
            || (resolvers.len() >= 2 && outcomes.iter().all(|o| *o == Outcome::ServFail)));
    let confidence = if agreed { Confidence::High } else { Confidence::Medium };
    let host = &view.subject.host;
    let says = if silent {
        format!("no resolver answers for the name {host}, while other things are reached")
    } else if all_deny && !authorities.is_empty() {
        format!("the name {host} does not exist, or has no address, and the zone's own name servers say so too")
    } else if all_deny {
        format!("the name {host} does not exist, or has no address")
    } else if known {
        format!(
            "the name {host} does not resolve although the zone's own name servers answer for it: its DNSSEC \
             signatures or its delegation are wrong, or the resolver is"
        )
    } else {
        format!("the name {host} does not resolve")
    };
    Ok(Match::new(confidence, Ground::Fact, says)
        .showing(exhibits(&site))
        .showing(exhibits(&authorities))
        .showing(nameless)
        .decided_by(Next::OtherResolver))
}

pub const ORIGIN_NAME: Rule = Rule {
    cause: Cause::ProxyOriginDnsFailed,
    looks_for: "a proxy that cannot resolve the origin's name",
    judge: origin_name,
};

/// The proxy's own word, or its error beside a name that nobody knows. The proxy asks its own resolvers, so what ours
/// say is High only where it agrees with what the proxy says, and Medium alone.
fn origin_name<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    let Seen::Answer { trouble: Trouble::Status(500..), hop, leg, .. } = fault.seen else {
        return Err("the proxy gave no error of its own");
    };
    if hop.origin() {
        return Err("the origin's answer came through");
    }
    let said = leg == Leg::NameFailed;
    let lost = view.names.origin_lost();
    if !said && !lost {
        return Err("the proxy does not say so, and the origin's name resolves or was not asked for");
    }
    if !said && !matches!(leg, Leg::AtOnce | Leg::Unknown | Leg::SomeTimeout | Leg::ConnectTimeout | Leg::ReadTimeout) {
        return Err("the proxy's attempt ended otherwise");
    }
    let sure = said && (lost || view.origin_works() || hop.proof == Proof::Record);
    let says = if said {
        "the proxy cannot resolve the name of the origin"
    } else {
        "the name of the origin does not resolve, and the proxy answers with an error of its own"
    };
    Ok(Match::new(if sure { Confidence::High } else { Confidence::Medium }, Ground::Fact, says)
        .showing([Exhibit::Probe(fault.track, fault.probe)])
        .showing(exhibits(&view.names.origin))
        .showing(view.working_origins().filter_map(super::OriginAddress::exhibit))
        .or([Cause::ProxyOriginMisconfigured, Cause::ProxyBlocked].into_iter().filter(|_| !sure))
        .decided_by(if said { Next::ProxySettings } else { Next::ProxyLog }))
}

pub const INCONSISTENT: Rule = Rule {
    cause: Cause::DnsInconsistent,
    looks_for: "a site's name that leads one family, or the clients of one resolver, to something dead",
    judge: inconsistent,
};

/// Two ways to disagree. One family's addresses accept no connection while the other's work: a stale AAAA, usually; but
/// this vantage's own IPv6 may be broken, so it is Medium. And a resolver that denies the name while others answer:
/// its clients fail; but it may be one company's inner view, so it is Medium, too.
fn inconsistent<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    if !matches!(place, Locus::Site) {
        return Err("it is about the site's name, not about one address");
    }
    let dead = |e: &&Edge<'_>| {
        e.fault
            .as_ref()
            .is_some_and(|f| !f.wavers && matches!(f.seen, Seen::NoEdge | Seen::NoHandshake | Seen::BadCertificate))
    };
    let v6 = |e: &&Edge<'_>| e.address.is_some_and(|a| a.is_ipv6());
    for family in [true, false] {
        let (mine, others): (Vec<_>, Vec<_>) =
            view.edges.iter().filter(|e| e.address.is_some()).partition(|e| v6(e) == family);
        if mine.is_empty() || others.is_empty() || !mine.iter().all(dead) || others.iter().any(|e| e.fails()) {
            continue;
        }
        let word = if family { "IPv6" } else { "IPv4" };
        let says = format!(
            "the {word} addresses of the name {} lead to nothing that serves the site, while the others do",
            view.subject.host
        );
        let shown = mine.iter().filter_map(|e| e.fault.as_ref()).map(|f| Exhibit::Probe(f.track, f.probe));
        let mut found = Match::new(Confidence::Medium, Ground::Fact, says)
            .showing(shown)
            .showing(exhibits(&view.names.site))
            .or([Cause::ProxyFault, Cause::VantageFault])
            .decided_by(Next::OtherVantage);
        found.edges = mine.iter().filter_map(|e| e.address).map(|a| a.ip()).collect();
        return Ok(found);
    }
    let (denied, answered): (Vec<_>, Vec<_>) = view
        .names
        .resolvers()
        .filter(|(_, d)| matches!(d.outcome, Outcome::OK | Outcome::NXDomain | Outcome::Missing))
        .partition(|(_, d)| d.outcome != Outcome::OK);
    let known: Vec<_> = view.names.authorities().filter(|(_, d)| d.outcome == Outcome::OK).collect();
    if denied.is_empty() || (answered.is_empty() && known.is_empty()) {
        return Err("no family is dead beside another that works, and no resolver denies what others answer");
    }
    let host = &view.subject.host;
    let says = if answered.is_empty() {
        format!(
            "the resolvers deny the name {host}, and the zone's own name servers answer for it: an old answer is kept, \
             or they have another view of the zone"
        )
    } else {
        format!("one resolver denies the name {host} and another answers it")
    };
    Ok(Match::new(Confidence::Medium, Ground::Fact, says)
        .showing(exhibits(&denied))
        .showing(exhibits(&answered))
        .showing(exhibits(&known))
        .or([Cause::DnsFailed])
        .decided_by(Next::OtherResolver))
}

/// Whether everybody may have such a name server.
fn is_public(address: IpAddr) -> bool {
    !SpecialUse::Private.holds(address)
}

//! Objects that decide whom the origin admits: NetworkPolicies and allowlists, compared with the
//! proxy's prefixes. These are facts of configuration; they are the cause only if they explain what
//! visitors see.

use super::fit::{Fit, beyond_the_edge, fit};
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, EdgeFault, Seen};
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::{Allowlist, PolicyVerdict};

/// Whether the proxy's packets being kept out below HTTP would look like this.
pub fn looks_blocked(edge: &Edge<'_>) -> bool {
    match &edge.fault {
        Some(EdgeFault { seen: Seen::Silent { .. }, .. }) => true,
        Some(EdgeFault { seen: Seen::Answer { trouble: Trouble::Status(status), hop, leg, .. }, .. }) => {
            *status >= 500 && !hop.origin() && leg.fits_block()
        }
        _ => false,
    }
}

/// The same without answers that need an established connection: a policy or list lets none come about.
fn looks_kept_out(edge: &Edge<'_>) -> bool {
    looks_blocked(edge)
        && !matches!(edge.fault, Some(EdgeFault { seen: Seen::Answer { leg: Leg::Terminated, .. }, .. }))
}

/// Whether a refusal by the origin's own web server looks like this: it answers 403, and nothing
/// shows that the edge made it.
pub fn looks_refused(edge: &Edge<'_>) -> bool {
    matches!(
        &edge.fault,
        Some(EdgeFault { seen: Seen::Answer { trouble: Trouble::Status(403), hop, .. }, .. }) if !hop.edge()
    )
}

/// Whether a gap in this allowlist would show itself as it does here. An Ingress answers with a
/// status; everything else keeps packets out.
pub fn gap_explains(list: &Allowlist, edge: &Edge<'_>) -> bool {
    if list.object.starts_with("Ingress") { looks_refused(edge) } else { looks_kept_out(edge) }
}

/// Whether the origin itself fails in a way that explains the edge as well, seen from a vantage that
/// nothing keeps out.
pub fn origin_explains(view: &View<'_>, fault: &EdgeFault<'_>) -> bool {
    view.failing_origins().filter_map(|o| o.failure()).any(|f| f.firm && fit(f.trouble, fault) != Fit::Contradicts)
}

pub const NETWORK_POLICY: Rule = Rule {
    cause: Cause::NetworkPolicyBlocks,
    looks_for: "NetworkPolicies that admit none of the proxy's prefixes to the origin's pods",
    judge: network_policy,
};

/// High when the pods are alive beside it: they answer a direct probe, or the kubelet calls them ready.
/// A cluster whose network does not enforce policies looks the same on paper, so it is Medium while
/// something else explains the failure as well.
fn network_policy<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let closed = view.cluster.policies_saying(PolicyVerdict::AdmitsNone);
    if closed.is_empty() {
        return Err("no policy is known to keep the whole proxy out");
    }
    let all = closed.len() == view.cluster.policies.len();
    let exhibits = closed.iter().map(|(fact, _)| Exhibit::Fact(fact));
    let names: Vec<&str> = closed.iter().flat_map(|(_, p)| p.isolating.iter().map(String::as_str)).collect();
    let says = format!(
        "{} isolates the origin's pods and {}",
        names.first().map_or_else(|| "a NetworkPolicy".to_owned(), |n| format!("NetworkPolicy {n}")),
        admits_none(closed.first().map_or(0, |(_, p)| p.proxy_prefixes))
    );
    let found = |confidence| Match::new(confidence, Ground::Fact, says).showing(exhibits);
    match place {
        Locus::Site if view.edges.is_empty() => Ok(found(Confidence::Medium).decided_by(Next::Probe)),
        Locus::Edge(edge @ Edge { fault: Some(fault), .. }) if beyond_the_edge(edge) && looks_kept_out(edge) => {
            let alive = view.working_origins().next().is_some() || view.cluster.any_ready() == Some(true);
            let sure = all && alive && !origin_explains(view, fault);
            Ok(found(if sure { Confidence::High } else { Confidence::Medium })
                .or((!all).then_some(Cause::ProxyBlocked))
                .or((!alive).then_some(Cause::OriginUnreachable))
                .decided_by(Next::ProbeAdmitted)
                .showing([Exhibit::Probe(fault.track, fault.probe)])
                .showing(view.working_origins().filter_map(super::OriginAddress::exhibit)))
        }
        Locus::Edge(_) => Err("what visitors see does not look like packets that are kept out"),
        _ => Err("no edge fails here"),
    }
}

pub const INCOMPLETE: Rule = Rule {
    cause: Cause::AllowlistIncomplete,
    looks_for: "an allowlist or policy that lacks some of the proxy's prefixes",
    judge: incomplete,
};

/// Some prefixes are missing. It explains failures of a part of the edge, or of some requests, best;
/// where everything fails always, the missing prefixes may be the ones in use, and may not be: Medium.
/// An outage that the origin explains by itself is never put on a gap.
fn incomplete<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let policies = view.cluster.policies_saying(PolicyVerdict::AdmitsSome);
    let partial = |l: &Allowlist| l.missing_prefixes < l.proxy_prefixes;
    let gaps: Vec<_> = view.cluster.gaps.iter().filter(|(_, l)| partial(l)).collect();
    if policies.is_empty() && gaps.is_empty() {
        return Err("no allowlist is known to lack a part of the proxy's prefixes");
    }
    // Only a part is missing, so there are several.
    let count = |missing, all, object: &str| format!("{object} lacks {missing} of the proxy's {all} prefixes");
    let says = gaps.first().map_or_else(
        || {
            policies.first().map_or_else(String::new, |(_, p)| {
                count(p.denied_prefixes, p.proxy_prefixes, "the NetworkPolicy in front of the pods")
            })
        },
        |(_, l)| count(l.missing_prefixes, l.proxy_prefixes, &l.object),
    );
    let found = |confidence, exhibits: Vec<Exhibit<'c>>| {
        Match::new(confidence, Ground::Fact, says).showing(exhibits).decided_by(Next::Probe)
    };
    match place {
        Locus::Site if view.edges.is_empty() => {
            let all = policies.iter().map(|(f, _)| Exhibit::Fact(f)).chain(gaps.iter().map(|(f, _)| Exhibit::Fact(f)));
            Ok(found(Confidence::Medium, all.collect()))
        }
        Locus::Edge(edge @ Edge { fault: Some(fault), .. }) => {
            let mut explaining: Vec<Exhibit<'c>> =
                gaps.iter().filter(|(_, l)| gap_explains(l, edge)).map(|(f, _)| Exhibit::Fact(f)).collect();
            if looks_kept_out(edge) {
                explaining.extend(policies.iter().map(|(f, _)| Exhibit::Fact(f)));
            }
            if explaining.is_empty() {
                return Err("what visitors see is not what a gap in this list does");
            }
            if origin_explains(view, fault) {
                return Err("the origin fails by itself, so the gap is only a risk");
            }
            let part = fault.wavers || view.edges.iter().any(|e| !e.fails());
            let sure = part && view.origin_works();
            Ok(found(if sure { Confidence::High } else { Confidence::Medium }, explaining)
                .or([Cause::ProxyBlocked, Cause::ProxyOriginMisconfigured].into_iter().filter(|_| !sure))
                .decided_by(Next::BlockFact)
                .showing([Exhibit::Probe(fault.track, fault.probe)])
                .showing(view.working_origins().filter_map(super::OriginAddress::exhibit)))
        }
        _ => Err("no edge fails here"),
    }
}

/// What an allowlist does that keeps all of the proxy out.
pub fn admits_none(prefixes: u32) -> String {
    match prefixes {
        1 => "does not admit the proxy's only prefix".to_owned(),
        all => format!("admits none of the proxy's {all} prefixes"),
    }
}

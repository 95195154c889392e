//! The proxy sends its requests elsewhere, or the list is compared with another address than the proxy's.

use super::fit::beyond_the_edge;
use super::policy::looks_blocked;
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::hop::Proof;
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::origin::{OriginAddress, Standing};
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::Arrived;

pub const MISCONFIGURED: Rule = Rule {
    cause: Cause::ProxyOriginMisconfigured,
    looks_for: "a proxy that says that it does not know the site, a record of another origin than declared, or an origin \
                that sees no packet of the proxy",
    judge: misconfigured,
};

/// High with the provider's own record of where it forwards to, and where the proxy itself says that it is not
/// configured for the site while the origin answers; without an origin that is seen to answer, Medium. That no packet of the proxy arrives at a declared
/// address which answers others fits a wrong address and a filter further up: Medium.
fn misconfigured<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(edge @ Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    if !beyond_the_edge(edge) {
        return Err("the edge itself fails first");
    }
    let declared = &view.subject.origin_addresses;
    let address = edge.address.map(|a| a.ip());
    let records: Vec<_> = view
        .records
        .records_of(address)
        .filter(|(_, r)| r.forwards_to.is_some_and(|to| !declared.is_empty() && !declared.contains(&to)))
        .map(|(fact, _)| Exhibit::Fact(fact))
        .collect();
    let shown = [Exhibit::Probe(fault.track, fault.probe)];
    let contrast = view.working_origins().filter_map(OriginAddress::exhibit);
    if !records.is_empty() {
        return Ok(Match::new(
            Confidence::High,
            Ground::Fact,
            "the proxy forwards to another address than the declared origin, as its provider records",
        )
        .showing(records)
        .showing(shown)
        .showing(contrast));
    }
    if let Seen::Answer { leg: Leg::NotConfigured, hop, .. } = fault.seen
        && hop.edge()
    {
        let sure = hop.firm() && view.origin_works();
        return Ok(Match::new(
            if sure { Confidence::High } else { Confidence::Medium },
            Ground::Fact,
            "the proxy says that it is not configured for this site",
        )
        .showing(shown)
        .showing(contrast)
        .or([Cause::ProxyFault, Cause::DnsBypassesProxy].into_iter().filter(|_| !sure))
        .decided_by(Next::ProxySettings));
    }
    let nothing = view.cluster.arrivals(Arrived::Nothing);
    if nothing.is_empty() || !looks_blocked(edge) {
        return Err("no record shows another origin, and none says that the proxy's packets do not arrive");
    }
    if !view.origin_works() {
        return Err("the declared origin is not seen to answer others");
    }
    Ok(Match::new(
        Confidence::Medium,
        Ground::Fact,
        "no packet of the proxy arrives at the declared origin, which answers others",
    )
    .showing(nothing)
    .showing(shown)
    .showing(contrast)
    .or([Cause::ProxyBlocked])
    .decided_by(Next::ProxySettings))
}

pub const WRONG_ADDRESS: Rule = Rule {
    cause: Cause::AllowlistWrongAddress,
    looks_for: "an allowlist that holds every prefix of the proxy and refuses it all the same",
    judge: wrong_address,
};

/// The list is right, and still the origin's own server refuses what the proxy asks while it answers others: it compares
/// with the visitor's address (a forwarded header, PROXY protocol) or a node's. A rule of the application's own looks
/// the same, so it is Medium.
fn wrong_address<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let Locus::Edge(edge @ Edge { fault: Some(fault), .. }) = place else { return Err("no edge fails here") };
    if !beyond_the_edge(edge) {
        return Err("the edge itself fails first");
    }
    let complete: Vec<_> = view
        .cluster
        .complete
        .iter()
        .filter(|(_, l)| l.object.starts_with("Ingress"))
        .map(|(f, _)| Exhibit::Fact(f))
        .collect();
    let works = view.origins.iter().any(|o| matches!(o.standing, Standing::Works(_)));
    let shown = [Exhibit::Probe(fault.track, fault.probe)];
    let refused = match fault.seen {
        Seen::Answer { trouble: Trouble::Status(403), hop, .. } => hop.origin() && hop.proof != Proof::SameBody,
        _ => false,
    };
    if !complete.is_empty() && refused && works {
        let says = "the allowlist holds every prefix of the proxy, and the origin refuses the proxy all the same";
        return Ok(Match::new(Confidence::Medium, Ground::Fact, says)
            .showing(complete)
            .showing(shown)
            .showing(view.working_origins().filter_map(OriginAddress::exhibit))
            .or([Cause::UnexpectedResponse, Cause::ProxyBlocked])
            .decided_by(Next::AddressSeen));
    }
    Err("no complete allowlist refuses the proxy")
}

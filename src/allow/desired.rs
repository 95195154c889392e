//! Which addresses every target of an origin should carry: the proxy's, and the extra ones of the spec.

use super::guard::Veto;
use crate::api::ProxyNetwork;
use crate::api::conditions::{self, ConditionType, Reason};
use crate::api::proxy_network::SourceType;
use crate::api::validated::{ValidExtra, Validated};
use crate::net::admission::admit_prefix;
use crate::net::{AdmittedRanges, Family, Prefix, Provenance, RangeSet};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;

/// Age from which a list that cannot be refreshed is reported.
const STALE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What every target should carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The proxy's addresses and the extra ones.
    pub ranges: AdmittedRanges,
    /// The proxy's alone: whom to believe what they say of visitors.
    pub proxy: AdmittedRanges,
    /// What is wrong with the source of the list, although the list is good: it is kept and written on.
    pub concern: Option<Veto>,
}

impl Desired {
    /// Hash of the canonical prefixes.
    pub fn hash(&self) -> String {
        self.ranges.hash()
    }

    /// Canonical prefixes of a family.
    pub fn count(&self, family: Family) -> usize {
        self.ranges.ranges().prefix_count(family)
    }
}

/// The addresses for an origin, or why there are none to be written.
pub fn desired(network: Option<&ProxyNetwork>, origin: &Validated, now: Timestamp) -> Result<Desired, Veto> {
    let Some(reference) = &origin.network else {
        return Err(Veto::new(
            Reason::ReferenceNotFound,
            "proxy.networkRef is not set: it names the proxy's addresses",
        ));
    };
    let network = network.ok_or_else(|| {
        let message = format!("ProxyNetwork {reference} does not exist: create it, or correct proxy.networkRef");
        Veto::new(Reason::ReferenceNotFound, message)
    })?;
    let proxy = active(network)?;
    let ranges = match extra(&origin.allowlist.extra)? {
        None => proxy.clone(),
        Some(extra) => proxy.union(&extra).map_err(|e| invalid_extra("", &e))?,
    };
    Ok(Desired { ranges, proxy, concern: concern(network, now) })
}

/// The list in use of a network; an Inline one that nobody has looked at yet is read from its spec.
pub fn active(network: &ProxyNetwork) -> Result<AdmittedRanges, Veto> {
    let name = network.name_any();
    let source = &network.spec.source;
    let status = network.status.as_ref();
    let listed = status.and_then(|s| s.active.as_ref()).map(|a| &a.cidrs);
    let cidrs = listed.or_else(|| source.inline.as_ref().map(|i| &i.cidrs));
    let unavailable = |problem: String| Veto::new(Reason::SourceUnavailable, problem);
    let Some(cidrs) = cidrs.filter(|c| !c.is_empty()) else {
        let why = status
            .and_then(|s| conditions::get(&s.conditions, ConditionType::Ready))
            .map_or_else(String::new, |c| format!(" ({}: {})", c.reason, c.message));
        return Err(unavailable(format!(
            "ProxyNetwork {name} has no usable list yet{why}; targets stay as they are until it has one"
        )));
    };
    let provenance = match source.kind {
        SourceType::Preset | SourceType::HTTP | SourceType::DNSTXT | SourceType::Account => Provenance::Remote,
        SourceType::ConfigMap | SourceType::Inline => Provenance::Local,
    };
    let prefixes: Result<RangeSet, _> = cidrs.iter().map(|text| Prefix::parse(text)).collect();
    let set = prefixes.map_err(|e| unavailable(format!("ProxyNetwork {name} cannot be used: {e}")))?;
    // What stands in a status is judged again: whoever may write it could widen every allowlist.
    AdmittedRanges::admit(set, provenance).map_err(|e| unavailable(format!("ProxyNetwork {name} cannot be used: {e}")))
}

fn extra(extra: &[ValidExtra]) -> Result<Option<AdmittedRanges>, Veto> {
    let mut prefixes = Vec::with_capacity(extra.len());
    for (i, one) in extra.iter().enumerate() {
        let at = format!("[{i}].cidr");
        let prefix = Prefix::parse(&one.cidr.to_string()).map_err(|e| invalid_extra(&at, &e))?;
        admit_prefix(prefix, Provenance::Local).map_err(|e| invalid_extra(&at, &e))?;
        prefixes.push(prefix);
    }
    if prefixes.is_empty() {
        return Ok(None);
    }
    let set: RangeSet = prefixes.into_iter().collect();
    AdmittedRanges::admit(set, Provenance::Local).map(Some).map_err(|e| invalid_extra("", &e))
}

fn invalid_extra(at: &str, problem: &dyn std::error::Error) -> Veto {
    Veto::new(Reason::InvalidTarget, format!("spec.allowlist.extraCIDRs{at}: {problem}"))
}

/// A quarantined revision, or a source that has been failing for long. The list in use is kept either way.
fn concern(network: &ProxyNetwork, now: Timestamp) -> Option<Veto> {
    let name = network.name_any();
    let status = network.status.as_ref()?;
    if let Some(q) = &status.quarantined {
        let message = format!(
            "ProxyNetwork {name} holds back a list ({}) that would add {} and remove {} prefixes; targets keep the last \
             good one. If the new list is right, set spec.acknowledgedHash of the ProxyNetwork to {}",
            q.reason, q.added, q.removed, q.hash
        );
        return Some(Veto::new(Reason::Quarantined, message));
    }
    let fetched = conditions::get(&status.conditions, ConditionType::Fetched)?;
    let age = now.duration_since(fetched.last_transition_time.0);
    if fetched.status == "False" && age > STALE {
        let message = format!(
            "ProxyNetwork {name} could not be refreshed for {} days ({}: {}); targets keep its last good list",
            age.as_hours() / 24,
            fetched.reason,
            fetched.message
        );
        return Some(Veto::new(Reason::SourceUnavailable, message));
    }
    None
}

//! What no write may ever do: an independent judge of writes, for tests.
//!
//! It knows nothing of plans. It sees one request as it leaves for the API server, the object as it stood before and the
//! world around it, and names every promise that the request would break. Tests put it behind the client of the operator
//! and let every write pass through it, so a mistake in planning, rendering or applying cannot hide behind itself.
//!
//! S6 (no connection to a denied address) and S8 (one writer) are not visible in a single write and are held elsewhere.

mod field;
mod finalizer;
mod network;
mod order;
mod output;
mod policy;
mod sent;

use std::fmt;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::Value;

use crate::api::names::{ENFORCE_ALLOWED, ENFORCE_LABEL, STATUS_MANAGER};
use crate::api::spec::{DeletionPolicy, Mode};
use crate::api::{ProtectedOrigin, ProxyNetwork};
use crate::net::{AdmittedRanges, Prefix, Provenance, RangeSet};

pub use sent::{Sent, Verb};

/// The promises, by the numbers of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display)]
pub enum Invariant {
    /// No list is empty, and an owned policy never lacks `from` or `ports`.
    S1,
    /// No prefix outside the admitted set or broader than the floor.
    S2,
    /// A set never shrinks because its source failed: every address in use stays.
    S3,
    /// A shrink over the limit is held until acknowledged.
    S4,
    /// No write to an object without our mark, and of somebody else's object only the one field.
    S5,
    /// Nothing that a probed target sent in any write.
    S7,
    /// Never the first isolating policy on a pod, nor the end of the last, without an explicit word.
    S9,
    /// Whoever is let in is believed before, and until after.
    Order,
    /// Writes only in mode Enforce, in a namespace that permits them.
    Consent,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub invariant: Invariant,
    /// How.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.invariant, self.what)
    }
}

/// The world just before the write, as an administrator reads it.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// All ProtectedOrigins; a deleted one stays here with its deletionTimestamp until another takes its name, since what
    /// it asked for at its end is done after it is gone.
    pub origins: Vec<ProtectedOrigin>,
    /// All ProxyNetworks.
    pub networks: Vec<ProxyNetwork>,
    /// All NetworkPolicies.
    pub policies: Vec<NetworkPolicy>,
    /// All Pods.
    pub pods: Vec<Pod>,
    /// Objects of others that targets of the origins name.
    pub objects: Vec<Value>,
    /// All Namespaces with their labels.
    pub namespaces: Vec<k8s_openapi::api::core::v1::Namespace>,
    /// Texts that probed servers send in bodies, headers and certificates.
    pub canaries: Vec<String>,
    /// A narrowing is being taken back: what it created may go again, and what it removed may come back.
    pub rolling_back: bool,
}

/// Every promise that a write breaks. `prior` is the object as it stood, if it did.
pub fn violations(sent: &Sent, prior: Option<&Value>, world: &World) -> Vec<Violation> {
    let mut found = Findings::default();
    let text = sent.object.to_string();
    for canary in world.canaries.iter().filter(|canary| text.contains(canary.as_str())) {
        found.add(Invariant::S7, format!("{sent} carries {canary:?}, which a probed server sent"));
    }
    match (sent.resource.as_str(), sent.subresource.as_deref()) {
        ("networkpolicies", None) => policy::check(sent, prior, world, &mut found),
        ("configmaps", None) if field::is_kept(sent, prior, world) => field::check(sent, prior, world, &mut found),
        ("configmaps", None) => output::check(sent, prior, world, &mut found),
        ("proxynetworks", Some("status")) => {
            status_of(sent, &mut found);
            network::check(sent, prior, &mut found);
        }
        ("protectedorigins", Some("status")) => status_of(sent, &mut found),
        ("protectedorigins", None) => finalizer::check(sent, prior, world, &mut found),
        ("leases" | "events", None) => {}
        (_, None) => field::check(sent, prior, world, &mut found),
        _ => found.add(Invariant::S5, format!("{sent} is no write that Leeward ever makes")),
    }
    order::check(sent, prior, world, &mut found);
    found.0
}

/// A status is applied by its own manager and touches nothing else.
fn status_of(sent: &Sent, found: &mut Findings) {
    let Some(object) = sent.object.as_object() else {
        return found.add(Invariant::S5, format!("{sent} has no object"));
    };
    if sent.verb != Verb::Apply || sent.manager.as_deref() != Some(STATUS_MANAGER) {
        found.add(Invariant::S5, format!("{sent} is not applied by {STATUS_MANAGER}"));
    }
    if object.contains_key("spec") {
        found.add(Invariant::S5, format!("{sent} carries a spec"));
    }
}

/// Collects violations.
#[derive(Debug, Default)]
struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, invariant: Invariant, what: String) {
        self.0.push(Violation { invariant, what });
    }
}

impl World {
    fn origin(&self, key: &str) -> Option<&ProtectedOrigin> {
        let (namespace, name) = key.split_once('/')?;
        self.origins.iter().find(|origin| {
            origin.metadata.namespace.as_deref() == Some(namespace) && origin.metadata.name.as_deref() == Some(name)
        })
    }

    /// Mode and namespace allow this write.
    fn check_consent(&self, sent: &Sent, origin: &ProtectedOrigin, found: &mut Findings) {
        let own = origin.metadata.namespace.as_deref().unwrap_or_default();
        // What belongs to the whole cluster is written for an origin that somebody named on it.
        let namespace = sent.namespace.as_deref().unwrap_or(own);
        let label = self
            .namespaces
            .iter()
            .find(|object| object.metadata.name.as_deref() == Some(namespace))
            .and_then(|object| object.metadata.labels.as_ref()?.get(ENFORCE_LABEL));
        if label.map(String::as_str) != Some(ENFORCE_ALLOWED) {
            found.add(Invariant::Consent, format!("{sent} in a namespace without {ENFORCE_LABEL}={ENFORCE_ALLOWED}"));
        }
        if origin.spec.allowlist.mode != Mode::Enforce && !ends(origin) {
            found.add(Invariant::Consent, format!("{sent} in mode {:?}", origin.spec.allowlist.mode));
        }
        if own != namespace {
            found.add(Invariant::S5, format!("{sent} for an origin of another namespace"));
        }
    }

    /// What the origin's targets may carry at most: the network's list and the extra prefixes. And what they must carry.
    fn admitted(&self, origin: &ProtectedOrigin) -> Admitted {
        let reference = origin.spec.proxy.network_ref.as_ref().map(|reference| reference.name.as_str());
        let network = self.networks.iter().find(|network| network.metadata.name.as_deref() == reference);
        let network = network.map_or_else(RangeSet::empty, listed);
        let extra = read(origin.spec.allowlist.extra_cidrs.iter().map(|extra| extra.cidr.as_str()));
        let restored = if self.rolling_back { RangeSet::everything() } else { RangeSet::empty() };
        Admitted { all: network.union(&extra).union(&restored), network }
    }
}

/// Addresses around one origin.
struct Admitted {
    /// The network's list in use.
    network: RangeSet,
    /// With the extra prefixes.
    all: RangeSet,
}

impl Admitted {
    /// Without the extra prefixes; what is restored stays.
    fn of_the_proxy(self) -> Self {
        let all = if self.all == RangeSet::everything() { self.all } else { self.network.clone() };
        Self { all, network: self.network }
    }

    /// S2 and S3 for a list that is about to be written. A widening keeps what stood before, so that may stay too.
    fn check(&self, sent: &Sent, written: &[Prefix], before: &RangeSet, found: &mut Findings) {
        let covered: RangeSet = written.iter().collect();
        let stranger = covered.subtract(&self.all).subtract(before);
        if !stranger.is_empty() {
            found.add(Invariant::S2, format!("{sent} admits {stranger:?}, which nobody listed"));
        }
        for prefix in written {
            if let Err(refused) = crate::net::admission::admit_prefix(*prefix, Provenance::Local) {
                found.add(Invariant::S2, format!("{sent}: {refused}"));
            }
        }
        if let Err(refused) = AdmittedRanges::admit(covered.clone(), Provenance::Local) {
            found.add(Invariant::S2, format!("{sent}: {refused}"));
        }
        let lacking = self.network.subtract(&covered);
        if !lacking.is_empty() {
            found.add(Invariant::S3, format!("{sent} lacks {lacking:?}, from where the proxy connects"));
        }
    }
}

/// A network's list in use, or its inline one while it has no status.
fn listed(network: &ProxyNetwork) -> RangeSet {
    let active = network.status.as_ref().and_then(|status| status.active.as_ref()).map(|active| &active.cidrs);
    let cidrs = active.or_else(|| network.spec.source.inline.as_ref().map(|inline| &inline.cidrs));
    read(cidrs.into_iter().flatten().map(String::as_str))
}

/// The readable prefixes.
fn read<'a>(texts: impl Iterator<Item = &'a str>) -> RangeSet {
    texts.filter_map(|text| Prefix::parse(text).ok()).collect()
}

/// The resource is being deleted and said that its traces go with it.
fn ends(origin: &ProtectedOrigin) -> bool {
    origin.metadata.deletion_timestamp.is_some() && origin.spec.allowlist.deletion_policy == DeletionPolicy::Delete
}

#[cfg(test)]
mod tests;

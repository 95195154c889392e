//! The ordered chain of rules. Each is a pure function of the view at one place that fails; the
//! first match names the cause, later ones contribute. Facts of configuration come before what is
//! observed at the origin, and that before what is only inferred; among equals the earliest hop wins.
//!
//! Rules read facts. None looks at the vendor, or at a status code alone.

mod accept;
mod attacked;
mod blackhole;
mod blocked;
mod certificate;
mod closed;
mod drops;
mod edge;
mod edge_down;
mod egress;
mod elsewhere;
mod fit;
mod headers;
mod invalid;
mod keepalive;
mod large;
mod limited;
mod links;
mod mtu;
pub mod names;
mod overloaded;
mod policy;
mod preamble;
mod protocol;
mod redirect;
mod refused;
mod returns;
pub mod risks;
mod service;
mod silence;
mod strain;
mod timeout;
mod tls;
mod unexpected;
pub mod unknown;
mod uplink;
mod vhost;
pub mod visitors;
mod workload;

use super::view::edge::Edge;
use super::view::origin::OriginAddress;
use super::view::{Exhibit, View};
use super::words::next::Next;
use crate::api::{Cause, Confidence};
use std::net::IpAddr;

/// A place that is judged.
#[derive(Debug, Clone, Copy)]
pub enum Locus<'v, 'c> {
    /// The site as a whole: its name, and what files say where nothing was probed.
    Site,
    /// An edge address that fails.
    Edge(&'v Edge<'c>),
    /// An origin address that fails although no edge does.
    Origin(&'v OriginAddress<'c>),
}

/// What kind of ground a match stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// A fact of its own: configuration, a certificate, a record.
    Fact,
    /// A failure observed at the origin itself.
    Observed,
    /// Concluded from what the proxy's answer shows. It may name the cause, but it never contributes
    /// beside another one that explains the same answer.
    Inferred,
}

/// A rule that applies.
#[derive(Debug, Clone)]
pub struct Match<'c> {
    pub confidence: Confidence,
    pub ground: Ground,
    /// Origin addresses that it explains.
    pub weight: usize,
    /// Parts of the origin that fail, where others work.
    pub origins: Vec<IpAddr>,
    /// Parts of the edge that fail, where the rule knows them better than the place does.
    pub edges: Vec<IpAddr>,
    /// Paths of the site that fail, where others work.
    pub paths: Vec<String>,
    /// Most telling first.
    pub exhibits: Vec<Exhibit<'c>>,
    /// What is not excluded.
    pub alternatives: Vec<Cause>,
    /// What would decide, below High.
    pub next: Option<Next>,
    /// What happens, for the summary: "the origin refuses connections".
    pub says: String,
}

impl<'c> Match<'c> {
    fn new(confidence: Confidence, ground: Ground, says: impl Into<String>) -> Self {
        Self {
            confidence,
            ground,
            weight: 1,
            origins: Vec::new(),
            edges: Vec::new(),
            paths: Vec::new(),
            exhibits: Vec::new(),
            alternatives: Vec::new(),
            next: None,
            says: says.into(),
        }
    }

    fn showing(mut self, exhibits: impl IntoIterator<Item = Exhibit<'c>>) -> Self {
        self.exhibits.extend(exhibits);
        self
    }

    fn or(mut self, alternatives: impl IntoIterator<Item = Cause>) -> Self {
        self.alternatives.extend(alternatives);
        self
    }

    fn decided_by(mut self, next: Next) -> Self {
        self.next = Some(next);
        self
    }

    /// Lowers the confidence to at most `limit`.
    fn at_most(mut self, limit: Confidence) -> Self {
        self.confidence = self.confidence.min(limit);
        self
    }
}

/// Why a rule does not apply.
pub type Why = &'static str;
/// What a rule says of a place.
pub type Finding<'c> = Result<Match<'c>, Why>;

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub cause: Cause,
    /// What it looks for, for `leeward explain --evidence`.
    pub looks_for: &'static str,
    pub judge: for<'v, 'c> fn(&'v View<'c>, Locus<'v, 'c>) -> Finding<'c>,
}

/// The chain, in order.
pub const CHAIN: &[Rule] = &[
    names::BYPASSES,
    names::FAILED,
    names::ORIGIN_NAME,
    names::INCONSISTENT,
    edge_down::UNDER_ATTACK,
    edge::CERTIFICATE,
    edge::STALE,
    redirect::LOOP,
    edge::DENIED,
    workload::OOM_KILLED,
    workload::CRASH_LOOP,
    service::NODE,
    workload::NO_ENDPOINTS,
    service::TARGET_PORT,
    service::READINESS,
    elsewhere::MISCONFIGURED,
    policy::NETWORK_POLICY,
    blocked::RECORDED,
    policy::INCOMPLETE,
    elsewhere::WRONG_ADDRESS,
    certificate::EXPIRED,
    certificate::MISMATCH,
    certificate::UNTRUSTED,
    tls::INCOMPATIBLE,
    protocol::MISMATCH,
    preamble::MISSING,
    preamble::UNEXPECTED,
    preamble::HTTP2,
    vhost::MISMATCH,
    headers::TOO_LARGE,
    mtu::BLACKHOLE,
    limited::LIMITED,
    egress::EXHAUSTED,
    blackhole::BLACKHOLED,
    attacked::ATTACKED,
    refused::REFUSED,
    silence::UNREACHABLE,
    silence::FILTERED,
    accept::SATURATED,
    drops::NOW_AND_THEN,
    closed::CLOSED,
    service::ROLLOUT,
    keepalive::RACE,
    overloaded::OVERLOADED,
    timeout::TIMEOUT,
    large::SLOW,
    invalid::INVALID,
    returns::RETURNS,
    uplink::CONGESTED,
    links::DEGRADED,
    unexpected::UNEXPECTED,
    large::UNEXPECTED,
    large::PROXY_ONLY,
    blocked::BLOCKED,
    edge_down::FAULT,
];

/// The places to be judged: the site, the failing edges, or else the failing origin addresses.
pub fn places<'v, 'c>(view: &'v View<'c>) -> Vec<Locus<'v, 'c>> {
    let mut places = vec![Locus::Site];
    places.extend(view.failing_edges().map(Locus::Edge));
    if places.len() == 1 && !origin_proven_elsewhere(view) {
        places.extend(view.failing_origins().map(Locus::Origin));
    }
    places
}

/// Whether the proxy reaches an origin although every address that was declared fails from here:
/// then it is the declaration, or this vantage, that is off, and visitors are served.
pub fn origin_proven_elsewhere(view: &View<'_>) -> bool {
    view.failing_origins().next().is_some()
        && view.working_origins().next().is_none()
        && view.edges.iter().any(Edge::reaches_origin)
}

//! One round of looking at one origin: every edge and every origin address, each once, the proxy first
//! and the direct path at once after it, so that the two can be compared.
//!
//! `leeward diagnose` and the operator share this; they differ in the [`Gate`] and in how often.

mod authority;
mod compare;
mod gate;
mod missing;
mod paths;
mod plan;
mod replay;
mod suspects;
mod targets;
mod walk;

pub use gate::{Denied, Gate, Starved, Via};
pub use plan::{Ask, Look, Plan};

use crate::api::{Access, Observation};
use crate::evidence::{Fact, Probe, Variant};
use crate::observe::probe::{ProbeRequest, Prober};
use futures::future::{BoxFuture, join_all};
use missing::Whose;
use replay::Replays;
use std::net::SocketAddr;
use targets::{Found, Targets};
use tokio_util::sync::CancellationToken;

/// Looks once. Every address ends as evidence, whatever became of it.
pub async fn look(prober: &Prober, plan: &Plan, ask: &Ask) -> Look {
    let targets = targets::find(prober, plan).await;
    let round = Round { prober, plan, begun: CancellationToken::new() };
    if targets.edges.addresses.is_empty() {
        round.begun.cancel();
    }
    let standing = paths::standing_variant(plan);
    let mut pending: Vec<BoxFuture<'_, Probe>> = Vec::new();
    let mut look = Look { all_denied: round.all_denied(&targets), ..Look::default() };

    for edge in &targets.edges.addresses {
        pending.push(Box::pin(round.dial(Via::Edge, paths::via_proxy(plan, *edge, standing), targets.edges.dns_ms)));
        if ask.plain && standing != Variant::Plain {
            let visitor = paths::via_proxy(plan, *edge, Variant::Plain);
            pending.push(Box::pin(round.dial(Via::Edge, visitor, targets.edges.dns_ms)));
        }
    }
    if let (true, Some(edge)) = (ask.long, long_edge(&targets, ask)) {
        pending.push(Box::pin(round.dial(Via::Edge, paths::long(plan, edge), targets.edges.dns_ms)));
    }
    let bundle = plan.ca_pem.as_deref().map(|pem| prober.trust(pem)).transpose();
    let unjudged = bundle.is_err();
    let trust = bundle.unwrap_or_default();
    for origin in &targets.origins.addresses {
        let request = paths::direct(plan, prober, *origin, trust.clone());
        let via = plan.origin_via();
        let (round, dns_ms) = (&round, targets.origins.dns_ms);
        pending.push(Box::pin(async move {
            // The proxy first, also where its probe waits for its turn: a fault that begins in between would else be
            // seen on one path only.
            round.begun.cancelled().await;
            round.dial(via, request, dns_ms).await
        }));
    }
    let echoes = suspects::pings(prober, plan, ask, &targets);
    let control = async {
        match &ask.control {
            Some(url) => Some(prober.control(url, plan.validated.probe.deadlines.total).await),
            None => None,
        }
    };
    let authorities = authority::ask(prober, plan, &targets);
    let (made, echoes, control, authorities) = tokio::join!(join_all(pending), echoes, control, authorities);
    look.probes = made;
    look.probes.extend(round.without_address(&targets));
    for probe in &mut look.probes {
        compare::guard(probe, plan.validated.origin.lockdown);
        if unjudged && matches!(probe.observation, Observation::Direct | Observation::InCluster) {
            // A bundle that does not parse is the spec's fault; the system's roots say nothing of this certificate.
            probe.certificate = None;
        }
    }
    look.matching = compare::matching(&look.probes);
    look.facts.extend(echoes.into_iter().map(Fact::Ping));
    look.facts.extend(control.map(Fact::Control));
    look.facts
        .extend(suspects::control_ports(prober, plan, ask, &look.probes).await.into_iter().map(Fact::ControlPort));
    let declared = suspects::declared_ports(prober, plan, &look.probes).await;
    look.facts.extend(declared.into_iter().map(Fact::ControlPort));
    let replays = Replays { prober, plan, targets: &targets, trust: trust.clone(), seen: &look.probes };
    let replayed = replays.run(ask).await;
    look.facts.extend(replayed);
    let Targets { edges, origins } = targets;
    look.facts.extend(edges.facts.into_iter().chain(origins.facts).chain(authorities).map(Fact::Dns));
    look.edges = edges.addresses;
    look.origins = origins.addresses;
    look
}

/// The edge of the long probe: a suspect one if there is any.
fn long_edge(targets: &Targets, ask: &Ask) -> Option<SocketAddr> {
    let edges = &targets.edges.addresses;
    edges.iter().find(|edge| ask.suspects.contains(&edge.ip())).or_else(|| edges.first()).copied()
}

struct Round<'a> {
    prober: &'a Prober,
    plan: &'a Plan,
    /// Cancelled once the first probe through the proxy is under way, or will not be made.
    begun: CancellationToken,
}

impl Round<'_> {
    /// Asks the gate, waits for the turn, probes.
    async fn dial(&self, via: Via, request: ProbeRequest, dns_ms: Option<u32>) -> Probe {
        let whose = Whose {
            observation: request.observation,
            variant: request.variant,
            vantage: self.prober.vantage(),
            access: request.access,
        };
        let host = self.plan.validated.url.host.to_string();
        if let Some(gate) = &self.plan.gate {
            if gate.admit(request.address, via, &host).is_err() {
                self.begin(via);
                return whose.forbidden(request.address);
            }
            let turn = gate.spend(request.address, via, &host).await;
            self.begin(via);
            if turn.is_err() {
                return whose.starved(request.address);
            }
        }
        self.begin(via);
        let visitor = request.observation == Observation::ViaProxy && request.variant == Variant::Plain;
        let mut probe = if visitor {
            walk::visit(self.prober, self.plan.gate.as_ref(), &request).await
        } else {
            self.prober.probe(&request).await
        };
        probe.timings.dns_ms = dns_ms;
        probe
    }

    fn begin(&self, via: Via) {
        if via == Via::Edge {
            self.begun.cancel();
        }
    }

    /// Names that gave no address, as probes that ended in the DNS phase.
    fn without_address(&self, targets: &Targets) -> Vec<Probe> {
        let whose =
            |observation, variant, access| Whose { observation, variant, vantage: self.prober.vantage(), access };
        let mut probes = Vec::new();
        let lost = |found: &Found| found.addresses.is_empty() && !found.facts.is_empty();
        if lost(&targets.edges) {
            let whose = whose(Observation::ViaProxy, paths::standing_variant(self.plan), Access::Unknown);
            probes.push(whose.without_address(&targets.edges.facts, targets.edges.dns_ms.unwrap_or_default()));
        }
        if lost(&targets.origins) {
            let access = self.plan.access(self.prober.vantage());
            let whose = whose(Observation::Direct, Variant::Plain, access);
            probes.push(whose.without_address(&targets.origins.facts, targets.origins.dns_ms.unwrap_or_default()));
        }
        probes
    }

    /// Whether a side has addresses and the gate lets none of them pass.
    fn all_denied(&self, targets: &Targets) -> bool {
        let Some(gate) = &self.plan.gate else { return false };
        let host = self.plan.validated.url.host.to_string();
        let via = self.plan.origin_via();
        let closed = |found: &Found, via| {
            !found.addresses.is_empty() && found.addresses.iter().all(|at| gate.admit(*at, via, &host).is_err())
        };
        closed(&targets.edges, Via::Edge) || closed(&targets.origins, via)
    }
}

//! The second look at addresses that are suspect: does the host reply to pings, does another port answer?

use super::gate::Via;
use super::plan::{Ask, Plan};
use super::targets::Targets;
use crate::api::{Access, Observation, Outcome, Phase};
use crate::evidence::Probe;
use crate::evidence::fact::{ControlPort, Ping};
use crate::observe::probe::Prober;
use futures::future::join_all;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Most declared ports that one round dials.
const DECLARED: usize = 4;

/// Pings suspects that this round dials anyway and the gate admits.
pub(super) async fn pings(prober: &Prober, plan: &Plan, ask: &Ask, targets: &Targets) -> Vec<Ping> {
    let count = plan.validated.probe.pings;
    if count == 0 {
        return Vec::new();
    }
    let origin = plan.origin_via();
    let edges = targets.edges.addresses.iter().map(|address| (*address, Via::Edge));
    let origins = targets.origins.addresses.iter().map(|address| (*address, origin));
    let addresses: BTreeSet<IpAddr> = edges
        .chain(origins)
        .filter(|(address, via)| ask.suspects.contains(&address.ip()) && plan.admits(*address, *via))
        .map(|(address, _)| address.ip())
        .collect();
    join_all(addresses.into_iter().map(|address| prober.ping(address, count))).await
}

/// Dials the control port of suspects whose service port just timed out. An open or a refusing port
/// shows a live host, so the service port is filtered.
pub(super) async fn control_ports(prober: &Prober, plan: &Plan, ask: &Ask, seen: &[Probe]) -> Vec<ControlPort> {
    let Some(port) = plan.validated.origin.control_port else { return Vec::new() };
    let silent = |probe: &&Probe| {
        matches!(probe.observation, Observation::Direct | Observation::InCluster)
            && probe.outcome == Outcome::TimedOut
            && probe.phase == Some(Phase::Connect)
    };
    let addresses: BTreeSet<IpAddr> =
        seen.iter().filter(silent).filter_map(|probe| Some(probe.address?.ip())).collect();
    let access = plan.access(prober.vantage());
    let dials = addresses
        .into_iter()
        .filter(|ip| ask.suspects.contains(ip))
        .map(|ip| SocketAddr::new(ip, port))
        .map(|address| dial(prober, plan, address, Via::ControlPort, access));
    join_all(dials).await.into_iter().flatten().collect()
}

/// Dials declared ports of endpoints whose target port just refused: one that answers shows that the Service sends to
/// the wrong port.
pub(super) async fn declared_ports(prober: &Prober, plan: &Plan, seen: &[Probe]) -> Vec<ControlPort> {
    let refused = |probe: &&Probe| probe.observation == Observation::InCluster && probe.outcome == Outcome::Refused;
    let addresses: BTreeSet<IpAddr> = seen.iter().filter(refused).filter_map(|p| Some(p.address?.ip())).collect();
    let declared = plan.endpoints.iter().flat_map(|e| &e.declared);
    let dials = declared
        .filter(|a| addresses.contains(&a.ip()))
        .filter(|a| plan.admits(**a, Via::Endpoint))
        .take(DECLARED)
        .map(|address| dial(prober, plan, *address, Via::Endpoint, Access::Unknown));
    join_all(dials).await.into_iter().flatten().collect()
}

/// A dial when it is its turn; nothing where the address has been asked often enough.
async fn dial(prober: &Prober, plan: &Plan, address: SocketAddr, via: Via, access: Access) -> Option<ControlPort> {
    if !plan.may(address, via).await {
        return None;
    }
    Some(prober.dial(address, access, plan.validated.probe.deadlines.connect).await)
}

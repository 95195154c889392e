//! What the cluster's objects, allowlists and records say.

use super::Exhibit;
use crate::api::Outcome;
use crate::evidence::Fact;
use crate::evidence::fact::{Allowlist, Arrived, ControlPort, Endpoints, Nodes, Pod, Policy, PolicyVerdict, Route};

/// Facts of configuration and of the workload.
#[derive(Debug, Default)]
pub struct Cluster<'c> {
    pub endpoints: Vec<(&'c Fact, &'c Endpoints)>,
    pub pods: Vec<(&'c Fact, &'c Pod)>,
    pub nodes: Vec<(&'c Fact, &'c Nodes)>,
    /// Dials of other ports of an address.
    pub ports: Vec<(&'c Fact, &'c ControlPort)>,
    pub policies: Vec<(&'c Fact, &'c Policy)>,
    /// Allowlists that hold every prefix of the proxy.
    pub complete: Vec<(&'c Fact, &'c Allowlist)>,
    /// Allowlists that lack at least one prefix of the proxy.
    pub gaps: Vec<(&'c Fact, &'c Allowlist)>,
    /// Ingresses and HTTPRoutes.
    pub routes: Vec<(&'c Fact, &'c Route)>,
    arrivals: Vec<(&'c Fact, Arrived)>,
}

impl<'c> Cluster<'c> {
    pub fn new(facts: &[&'c Fact]) -> Self {
        let mut cluster = Self::default();
        for fact in facts {
            match fact {
                Fact::Endpoints(f) => cluster.endpoints.push((fact, f)),
                Fact::Pods(f) => cluster.pods.extend(f.pods.iter().map(|p| (*fact, p))),
                Fact::Nodes(f) => cluster.nodes.push((fact, f)),
                Fact::ControlPort(f) => cluster.ports.push((fact, f)),
                Fact::Policy(f) => cluster.policies.push((fact, f)),
                Fact::Allowlist(f) if f.outcome == Outcome::Missing && f.missing_prefixes > 0 => {
                    cluster.gaps.push((fact, f));
                }
                Fact::Allowlist(f) if f.outcome == Outcome::Covered && f.proxy_prefixes > 0 => {
                    cluster.complete.push((fact, f));
                }
                Fact::Route(f) => cluster.routes.push((fact, f)),
                Fact::Arrival(f) => cluster.arrivals.push((fact, f.arrived)),
                _ => {}
            }
        }
        cluster
    }

    /// Records of this kind.
    pub fn arrivals(&self, kind: Arrived) -> Vec<Exhibit<'c>> {
        self.arrivals.iter().filter(|(_, a)| *a == kind).map(|(fact, _)| Exhibit::Fact(fact)).collect()
    }

    /// Ingresses and HTTPRoutes that lead to the origin's Service, where none of all those known serves its host.
    pub fn routes_without_the_host(&self) -> Vec<(&'c Fact, &'c Route)> {
        if self.routes.iter().any(|(_, route)| route.serves) {
            return Vec::new();
        }
        self.routes.iter().filter(|(_, route)| route.leads_to_origin).copied().collect()
    }

    /// Policies that say this of the proxy's prefixes.
    pub fn policies_saying(&self, verdict: PolicyVerdict) -> Vec<(&'c Fact, &'c Policy)> {
        self.policies.iter().filter(|(_, p)| p.verdict == verdict).copied().collect()
    }

    /// Whether any Service port has a ready endpoint; `None` when no Service is known.
    pub fn any_ready(&self) -> Option<bool> {
        (!self.endpoints.is_empty()).then(|| self.endpoints.iter().any(|(_, e)| e.port_exists && e.ready > 0))
    }

    /// Whether policies are known and none of them isolates the origin's pods.
    pub fn open_to_all(&self) -> bool {
        !self.policies.is_empty() && self.policies.iter().all(|(_, p)| p.verdict == PolicyVerdict::NotIsolated)
    }

    /// Whether a policy isolates the pods while the address that it sees is not known.
    pub fn isolates_in_doubt(&self) -> bool {
        self.policies.iter().any(|(_, p)| p.verdict == PolicyVerdict::Undefined && !p.isolating.is_empty())
    }

    /// Whether some policy keeps at least a part of the proxy out, and so perhaps this vantage too.
    pub fn isolates(&self) -> bool {
        self.policies.iter().any(|(_, p)| matches!(p.verdict, PolicyVerdict::AdmitsNone | PolicyVerdict::AdmitsSome))
    }
}

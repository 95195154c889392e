//! The zone's own name servers, asked where resolvers give no plain answer: they tell a wrong record from one that
//! resolvers remember wrongly.
//!
//! A zone's owner decides where its name servers are, so each goes through the gate like any other target.

use super::gate::Via;
use super::plan::Plan;
use super::targets::Targets;
use crate::api::Outcome;
use crate::api::validated::Whereabouts;
use crate::evidence::fact::{Dns, DnsSubject};
use crate::observe::probe::{NameServer, Prober};
use futures::future::join_all;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::timeout;

/// Longest that a round spends on the name servers of one name.
const PATIENCE: Duration = Duration::from_secs(4);

/// What name servers say of names that resolvers deny or fail over, or lead to the origin.
pub(super) async fn ask(prober: &Prober, plan: &Plan, targets: &Targets) -> Vec<Dns> {
    let sides = [&targets.edges.facts, &targets.origins.facts].map(|facts| one(prober, plan, facts));
    join_all(sides).await.into_iter().flatten().collect()
}

async fn one(prober: &Prober, plan: &Plan, facts: &[Dns]) -> Vec<Dns> {
    let declared: &[IpAddr] = match &plan.validated.origin.whereabouts {
        Whereabouts::Addresses { ips, .. } => ips,
        Whereabouts::Hostname { .. } | Whereabouts::Service { .. } => &[],
    };
    let Some(doubtful) = facts.iter().find(|dns| is_doubtful(dns, declared)) else { return Vec::new() };
    let asked = async {
        let servers = prober.name_servers(&doubtful.name).await;
        let answers = servers.iter().map(|server| admitted(prober, plan, server, &doubtful.name, doubtful.subject));
        join_all(answers).await.into_iter().flatten().collect()
    };
    timeout(PATIENCE, asked).await.unwrap_or_default()
}

/// Resolvers that are silent would be silent about the zone's servers, too.
fn is_doubtful(dns: &Dns, origins: &[IpAddr]) -> bool {
    match dns.outcome {
        Outcome::OK => dns.subject == DnsSubject::Site && dns.addresses.iter().any(|a| origins.contains(a)),
        Outcome::NXDomain | Outcome::ServFail | Outcome::Missing => true,
        _ => false,
    }
}

async fn admitted(prober: &Prober, plan: &Plan, server: &NameServer, name: &str, subject: DnsSubject) -> Option<Dns> {
    if !plan.may(server.address, Via::NameServer).await {
        return None;
    }
    prober.ask_authority(server, name, subject).await
}

//! Facts beside the probes: names, echoes, cluster objects, policies, allowlists, arrivals.

mod change;
mod idle;
mod limit;
mod load_contrast;
mod nodes;
mod record;
mod replay;
mod route;
mod saturation;
mod traffic;
mod unmeasured;
mod visitors;

pub use change::{Change, Changed};
pub use idle::Idle;
pub use limit::Limit;
pub use load_contrast::{LoadContrast, Tally};
pub use nodes::{Node, Nodes};
pub use record::{EdgeReason, ProviderRecord};
pub use replay::{Replay, Variation};
pub use route::Route;
pub use saturation::{Level, Resource, Saturation};
pub use traffic::{Traffic, Trend};
pub use unmeasured::{Measure, Unmeasured, Why};
pub use visitors::VisitorReports;

use crate::api::{Access, Outcome};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// One fact. Absent facts are unknown, never false.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(tag = "fact")]
pub enum Fact {
    Dns(Dns),
    Ping(Ping),
    ControlPort(ControlPort),
    Control(Control),
    Endpoints(Endpoints),
    Pods(Pods),
    Nodes(Nodes),
    Policy(Policy),
    Allowlist(Allowlist),
    Route(Route),
    Arrival(Arrival),
    Replay(Replay),
    Idle(Idle),
    ProviderRecord(ProviderRecord),
    VisitorReports(VisitorReports),
    Traffic(Traffic),
    Saturation(Saturation),
    Limit(Limit),
    LoadContrast(LoadContrast),
    Unmeasured(Unmeasured),
    Change(Change),
}

/// What one resolver said of one name, or one of the zone's own name servers.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Dns {
    pub vantage: String,
    pub name: String,
    pub subject: DnsSubject,
    /// Address of the resolver, or `system`; the name of a name server of the zone.
    pub resolver: String,
    /// `OK`, `NXDomain`, `ServFail`, `TimedOut`, `Missing` (the name exists, without addresses) or `Unavailable`.
    pub outcome: Outcome,
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// The one of `ProxyNetwork.spec.edge.cnameSuffixes` that the answer came by way of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_way_of: Option<String>,
    /// Address of the zone's own name server that said it, as an authority; absent for a resolver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<IpAddr>,
}

/// Whose name it is.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
pub enum DnsSubject {
    /// The name that visitors use.
    Site,
    /// `origin.hostname`.
    Origin,
}

/// Echo requests to an address.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Ping {
    pub vantage: String,
    pub address: IpAddr,
    /// `OK` (any reply), `Lost` (none), or `Unavailable` (this vantage may not ping).
    pub outcome: Outcome,
    pub sent: u32,
    pub received: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_rtt_us: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rtt_us: Option<u32>,
    /// Interarrival jitter as in RFC 3550.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_us: Option<u32>,
}

/// A dial of `origin.controlPort`, made only after the service port timed out.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ControlPort {
    pub vantage: String,
    pub access: Access,
    pub address: SocketAddr,
    /// `OK` and `Refused` both show a live host.
    pub outcome: Outcome,
}

/// The control target: whether this vantage can reach anything at all.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    pub vantage: String,
    pub outcome: Outcome,
}

/// The endpoints of the origin's Service.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// `NAMESPACE/NAME:PORT` of the Service.
    pub service: String,
    /// The Service has this port.
    pub port_exists: bool,
    /// Pods that its selector matches, running or not.
    pub selected_pods: u32,
    pub ready: u32,
    pub not_ready: u32,
    pub terminating: u32,
    /// Ready endpoints that may be dialled: pods of the namespace that hold the address.
    #[serde(default)]
    pub dialable: Vec<SocketAddr>,
    /// Endpoints of such pods that are not ready; dialled only while none is ready.
    #[serde(default)]
    pub unready: Vec<SocketAddr>,
    /// Ports that the containers of dialable endpoints declare beside the target port, at most 16.
    #[serde(default)]
    pub declared: Vec<SocketAddr>,
    /// Endpoints whose address belongs to no such pod; never dialled.
    #[serde(default)]
    pub foreign: u32,
}

impl Endpoints {
    /// What is dialled: the ready ones, or those that are not while none is.
    pub fn targets(&self) -> &[SocketAddr] {
        if self.dialable.is_empty() { &self.unready } else { &self.dialable }
    }
}

/// The pods behind the origin's Service.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Pods {
    pub pods: Vec<Pod>,
}

/// One pod, as far as it explains failures.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    pub name: String,
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    pub ready: bool,
    pub phase: String,
    /// Reason of a waiting container, such as `CrashLoopBackOff`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// Reason of the last termination, such as `OOMKilled` or `Error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_termination: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    pub restarts: u32,
    /// Name of its node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Seconds since the last container start, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_seconds_ago: Option<u32>,
}

/// What the NetworkPolicies of the origin's namespace say of the proxy's prefixes.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// `NAMESPACE/POD` that was judged.
    pub pod: String,
    pub port: u16,
    pub verdict: PolicyVerdict,
    /// `NAMESPACE/NAME` of the policies that isolate the pod.
    #[serde(default)]
    pub isolating: Vec<String>,
    /// Canonical proxy prefixes that are not admitted, at most 16 of them, and how many in all.
    #[serde(default)]
    pub denied: Vec<String>,
    pub denied_prefixes: u32,
    pub proxy_prefixes: u32,
    /// Why the answer is undefined (host network, source address rewritten on the way).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefined: Option<String>,
}

/// How much of the proxy's network the policies admit.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
pub enum PolicyVerdict {
    /// No policy isolates the pod.
    NotIsolated,
    AdmitsAll,
    AdmitsSome,
    AdmitsNone,
    Undefined,
}

/// An allowlist object compared with the proxy's network.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Allowlist {
    /// Kind and name, such as `Ingress shop/web`.
    pub object: String,
    /// `Covered`, `Missing` (some or all prefixes are not in it) or `Unavailable`.
    pub outcome: Outcome,
    /// Canonical proxy prefixes that it lacks, at most 16 of them, and how many in all.
    #[serde(default)]
    pub missing: Vec<String>,
    pub missing_prefixes: u32,
    pub proxy_prefixes: u32,
}

/// A record from the origin's side or the provider's of what became of the proxy's connections:
/// a firewall counter, a log, a provider's report. Given with `--merge`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Arrival {
    /// Who recorded it, in words.
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    pub arrived: Arrived,
}

/// What became of the proxy's packets.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
pub enum Arrived {
    /// Packets of the proxy were dropped or rejected at the origin.
    Blocked,
    /// Requests of the proxy reached the origin's server.
    Delivered,
    /// No packet of the proxy was seen.
    Nothing,
    /// A limit per address at the origin turned the proxy's requests or connections away.
    Limited,
    /// The proxy had no connection left for the origin: its cap, its queue or its ports were full.
    Exhausted,
}

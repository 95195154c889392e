//! The bundle as data: what stands in the ticket, in the order in which support reads it.

use super::clients::{Client, Shared, shared};
use super::providers::{self, Ticket};
use crate::api::{API_VERSION, Access, Observation, Outcome, Phase, Provider};
use crate::cli::diagnose::Answer;
use crate::diagnose::diagnose;
use crate::evidence::probe::{Fault, Timings};
use crate::evidence::{Case, Link, Probe, Track, Variant};
use crate::observe::route::Route;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Everything that a support desk asks for.
#[derive(Serialize, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub origin: String,
    pub site: String,
    pub provider: Provider,
    pub created: Timestamp,
    /// Times of the first and the last request in the bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<(Timestamp, Timestamp)>,
    pub diagnosis: Answer,
    pub edge_addresses: BTreeSet<IpAddr>,
    pub origin_addresses: BTreeSet<IpAddr>,
    pub paths: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitors: Option<Visitors>,
    /// To be copied from a failing answer, a log or the console before this is sent.
    pub to_add: Vec<String>,
    /// What only the provider's own records show.
    pub to_ask: Vec<String>,
}

/// One path: how often it failed, and its last requests.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    pub observation: Observation,
    pub variant: Variant,
    pub vantage: String,
    pub access: Access,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    pub samples: u32,
    pub failures: u32,
    /// Connections of which the kernel told how often it had to send again, and those in which it had to.
    pub measured: u32,
    pub lossy: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    pub last: Request,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Request>,
}

/// One request, as its maker and its target can both find it again.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub at: Timestamp,
    /// Sent in the request header `leeward-probe-id`.
    pub id: String,
    pub result: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    pub timings: Timings,
    /// Segments that had to be sent again, handshake included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retransmits: Option<u32>,
}

/// Visitors who report failures, and what they share.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Visitors {
    pub reports: Vec<Report>,
    pub shared: Vec<Shared>,
}

/// One visitor's report.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub address: IpAddr,
    pub at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pop: Option<String>,
}

impl Bundle {
    /// Puts together what is known at `now`.
    pub fn new(name: &str, case: &Case, clients: &[Client], routes: Vec<Route>, now: Timestamp) -> Self {
        let subject = &case.subject;
        let edge_addresses = addresses(case, |o| matches!(o, Observation::ViaProxy | Observation::ViaProxyLong));
        let mut origin_addresses = addresses(case, |o| matches!(o, Observation::Direct | Observation::InCluster));
        origin_addresses.extend(&subject.origin_addresses);
        let mut paths: Vec<Row> = case.tracks.iter().map(row).collect();
        paths.sort_by_key(|r| (r.observation, r.address, r.variant, r.vantage.clone()));
        let times = || paths.iter().flat_map(|r| std::iter::once(&r.last).chain(&r.last_failure)).map(|r| r.at);
        let Ticket { give, ask, .. } = providers::ticket(subject.provider);
        Self {
            api_version: API_VERSION,
            kind: "Report",
            origin: name.to_owned(),
            site: format!("{}:{}", subject.host, subject.port),
            provider: subject.provider,
            created: now,
            period: times().min().zip(times().max()),
            diagnosis: Answer::new(name, &diagnose(case)),
            visitors: visitors(clients, &edge_addresses, &origin_addresses),
            edge_addresses,
            origin_addresses,
            paths,
            routes,
            to_add: give,
            to_ask: ask,
        }
    }
}

fn addresses(case: &Case, mine: impl Fn(Observation) -> bool) -> BTreeSet<IpAddr> {
    let of = |track: &Track| track.key.address.filter(|_| mine(track.key.observation)).map(|a| a.ip());
    case.tracks.iter().filter_map(of).collect()
}

fn row(track: &Track) -> Row {
    Row {
        observation: track.key.observation,
        variant: track.key.variant,
        vantage: track.key.vantage.clone(),
        access: track.access,
        address: track.key.address,
        samples: track.samples,
        failures: track.failures,
        measured: track.measured,
        lossy: track.lossy,
        link: track.link,
        last: request(&track.last),
        last_failure: track.last_failure.as_ref().filter(|p| p.id != track.last.id).map(request),
    }
}

fn request(probe: &Probe) -> Request {
    Request {
        at: probe.at,
        id: probe.id.clone(),
        result: probe.outcome,
        phase: probe.phase,
        fault: probe.fault,
        status_code: probe.response.as_ref().map(|r| r.status),
        timings: probe.timings,
        retransmits: probe.tcp.map(|t| t.retransmits).filter(|n| *n > 0),
    }
}

/// A hash may pin visitors to an edge address or, behind the proxy, to an origin address.
fn visitors(clients: &[Client], edges: &BTreeSet<IpAddr>, origins: &BTreeSet<IpAddr>) -> Option<Visitors> {
    if clients.is_empty() {
        return None;
    }
    let pool = if origins.len() > 1 { origins } else { edges };
    let report =
        |c: &Client| Report { address: c.address, at: c.at, status_code: c.status, edge: c.edge, pop: c.pop.clone() };
    let mut reports: Vec<Report> = clients.iter().map(report).collect();
    reports.sort_by_key(|r| (r.at, r.address));
    Some(Visitors { reports, shared: shared(clients, pool) })
}

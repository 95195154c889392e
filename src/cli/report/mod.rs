//! `leeward report`: what a support desk needs to act, in one bundle: times with their zone, both paths,
//! addresses, request ids, evidence, the route, and what the visitors who complain have in common.

mod bundle;
mod clients;
mod markdown;
mod providers;

use super::diagnose::LookArgs;
use super::evidence_file;
use super::exit::Exit;
use crate::evidence::fact::VisitorReports;
use crate::evidence::{Case, Fact};
use crate::observe::route::{self, Route};
use anyhow::Context;
use bundle::Bundle;
use clap::{ArgGroup, ValueEnum};
use clients::Client;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
#[command(group(ArgGroup::new("subject").args(["name", "files", "via", "evidence"]).required(true)))]
#[command(after_help = "The bundle holds no secret and nothing that a target sent but numbers. It does hold the \
    origin's addresses and, with --clients, visitors' addresses: send it to nobody who may not have them.\n\n\
    Exit codes: 0 the report is written, whatever it says; 1 bad input or an error.")]
pub struct Args {
    #[command(flatten)]
    look: LookArgs,
    /// Report on a saved diagnosis (leeward diagnose --save-evidence) and probe nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "files", "via"], help_heading = "Subject")]
    evidence: Option<PathBuf>,
    /// Visitors who report failures, one ADDRESS TIME [status=502] [edge=ADDRESS] [pop=FRA] a line
    #[arg(long, value_name = "FILE", help_heading = "What is known")]
    clients: Option<PathBuf>,
    /// Also trace the route to each edge and origin address that was probed, at most 4 of them
    #[arg(long, help_heading = "How to look")]
    trace: bool,
    /// Zone of the times that stand beside UTC, such as Asia/Shanghai [default: this machine's]
    #[arg(long, value_name = "ZONE", help_heading = "Output")]
    time_zone: Option<String>,
    /// How to print the bundle
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "markdown", help_heading = "Output")]
    format: Format,
}

/// Form of the bundle.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Markdown,
    Json,
}

/// Most routes that are traced for one report.
const MOST_ROUTES: usize = 4;

impl Args {
    pub async fn run(self) -> anyhow::Result<Exit> {
        // Everything that may be wrong with the arguments comes before anything is probed.
        let zone = zone(self.time_zone.as_deref())?;
        let clients = self.clients.as_deref().map(clients::read).transpose()?.unwrap_or_default();
        let (name, mut case, notes) = if let Some(path) = &self.evidence {
            let case = evidence_file::load(path)?;
            (case.subject.origin.clone(), case, Vec::new())
        } else {
            let seen = self.look.look().await?;
            (seen.name, seen.case, seen.notes)
        };
        case.facts.extend(visitors(&clients));
        let routes = if self.trace { trace(&case).await } else { Vec::new() };
        let bundle = Bundle::new(&name, &case, &clients, routes, Timestamp::now());
        let rendered = match self.format {
            Format::Markdown => markdown::render(&bundle, &zone),
            Format::Json => format!("{}\n", serde_json::to_string_pretty(&bundle)?),
        };
        for note in &notes {
            eprintln!("note: {note}");
        }
        super::color::When::Never.print(&rendered)?;
        Ok(Exit::Fine)
    }
}

/// How many visitors report failures; who they are stays out of the evidence.
fn visitors(clients: &[Client]) -> Option<Fact> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let addresses: BTreeSet<IpAddr> = clients.iter().map(|c| c.address).collect();
    let reports = VisitorReports { reports: count(clients.len()), visitors: count(addresses.len()) };
    (!clients.is_empty()).then_some(Fact::VisitorReports(reports))
}

fn zone(name: Option<&str>) -> anyhow::Result<TimeZone> {
    match name {
        Some(name) => TimeZone::get(name)
            .with_context(|| format!("--time-zone must be a name such as Asia/Shanghai or UTC, not {name:?}")),
        None => Ok(TimeZone::system()),
    }
}

/// The routes to what was probed, side by side.
async fn trace(case: &Case) -> Vec<Route> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for track in &case.tracks {
        if let Some(address) = track.key.address.map(|a| a.ip())
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    addresses.truncate(MOST_ROUTES);
    futures::future::join_all(addresses.into_iter().map(route::trace)).await
}

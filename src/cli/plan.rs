//! `leeward plan`: what Enforce would write, why it would not, and what the API server would say to it.

mod findings;
mod shown;

use super::cluster::{self, NamespacedArgs, live};
use super::color::When;
use super::exit::Exit;
use super::findings::{junit, sarif};
use super::input;
use super::networks::{FeedArgs, Networks};
use crate::allow::{DryRun, Memory, Narrowing, Neighbour, Plan, PlanInput, plan, rehearse};
use crate::api::conditions::{self, ConditionType};
use crate::api::spec::Mode;
use crate::api::validated::Validated;
use crate::api::{ProtectedOrigin, ProxyNetwork};
use crate::observe::cluster::{ClusterSource, Files};
use crate::operate::ControllerOptions;
use anyhow::{Context, anyhow, bail};
use clap::{ArgGroup, ValueEnum};
use jiff::Timestamp;
use shown::Shown;
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
#[command(group(ArgGroup::new("subject").args(["name", "files"]).required(true)))]
#[command(
    after_help = "With a NAME, every write is tried on the API server as a dry run, which changes nothing and takes \
    the rights of the write.\n\nExit codes: 0 nothing to do, 2 something would change, also where it is refused, \
    1 bad input or an error."
)]
pub struct Args {
    /// ProtectedOrigin to read from the cluster
    #[arg(value_name = "[NAMESPACE/]NAME")]
    name: Option<String>,
    /// Manifest with a ProtectedOrigin, its ProxyNetwork and objects that stand in for a cluster; - is standard
    /// input. Repeat it for further files
    #[arg(short, long = "filename", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// diff shows what would change, yaml prints the objects and fields as they would be applied, junit and sarif are
    /// for pipelines
    #[arg(short, long, value_name = "FORMAT", default_value = "diff")]
    output: Format,
    /// When to colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: When,
    #[command(flatten)]
    feeds: FeedArgs,
    #[command(flatten)]
    cluster: NamespacedArgs,
    #[command(flatten, next_help_heading = "Cluster")]
    controllers: ControllerOptions,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Diff,
    Yaml,
    // Without comments that the help would show: one alone makes all of it twice as long.
    Junit,
    Sarif,
}

impl Args {
    pub async fn run(self) -> anyhow::Result<Exit> {
        let shown = match &self.name {
            Some(text) => self.in_cluster(text).await?,
            None => self.in_files().await?,
        };
        let exit = if shown.idle() { Exit::Fine } else { Exit::Finding };
        let text = match self.output {
            Format::Diff => shown.diff(),
            Format::Yaml => shown.yaml()?,
            Format::Junit => junit::render(&findings::findings(&shown, exit))?,
            Format::Sarif => sarif::render(&findings::findings(&shown, exit)),
        };
        self.color.print(&text)?;
        Ok(exit)
    }

    async fn in_files(&self) -> anyhow::Result<Shown> {
        let mut files = input::manifests(&self.files)?;
        files.vouch(self.controllers.namespaces());
        let origin = files.origin()?;
        let place = input::place(&files);
        if let Some(network) = files.network() {
            let filled = self.fill(&network, &files).await?;
            files.replace_network(filled);
        }
        let plan = planned(&origin, &files, &[])?;
        let mode = origin.spec.allowlist.mode;
        let shown = Shown { plan, place, mode, rehearsals: Vec::new(), operator: None };
        if shown.writes() {
            eprintln!("note: nothing was tried on an API server: plan NAMESPACE/NAME does that (a dry run)");
        }
        Ok(shown)
    }

    async fn in_cluster(&self, text: &str) -> anyhow::Result<Shown> {
        let found = live::read(&self.cluster, text, self.controllers.namespaces()).await?;
        for note in &found.objects.unknown {
            eprintln!("note: {note}");
        }
        let neighbours: Vec<Neighbour> = found.neighbours.iter().filter_map(Neighbour::of).collect();
        let plan = planned(&found.origin, &found.objects.source, &neighbours)?;
        let dry = DryRun::new(self.cluster.cluster.config().await?).context(cluster::NO_CLIENT)?;
        let rehearsals = rehearse(&dry, &plan, Timestamp::now()).await;
        let (mode, operator) = (found.origin.spec.allowlist.mode, operator(&found.origin));
        Ok(Shown { plan, place: None, mode, rehearsals, operator })
    }

    async fn fill(&self, network: &ProxyNetwork, files: &Files) -> anyhow::Result<ProxyNetwork> {
        let filled = Networks::online(&self.feeds)?.fill(network, files).await?;
        if let Some(note) = filled.note {
            eprintln!("note: {note}");
        }
        Ok(filled.network)
    }
}

fn planned(origin: &ProtectedOrigin, source: &dyn ClusterSource, neighbours: &[Neighbour]) -> anyhow::Result<Plan> {
    let name = origin.metadata.name.as_deref().unwrap_or_default();
    let spec = Validated::new(origin).map_err(|invalid| anyhow!("ProtectedOrigin {name}: {invalid}"))?;
    let plan = plan(&PlanInput {
        origin: &spec,
        uid: origin.metadata.uid.as_deref(),
        created: origin.metadata.creation_timestamp.as_ref().map(|t| t.0),
        mode: Mode::Enforce,
        source,
        neighbours,
        own_addresses: &[],
        memory: &Memory::default(),
        narrowing: &Narrowing::Now,
        now: Timestamp::now(),
    });
    if let Err(veto) = &plan.desired {
        bail!("the addresses to be allowed are not known: {}", veto.message);
    }
    Ok(plan)
}

/// What stands in the operator's way, as it said last: it also knows what it tried before, and from where it probes.
fn operator(origin: &ProtectedOrigin) -> Option<String> {
    let conditions = &origin.status.as_ref()?.conditions;
    let synced = conditions::get(conditions, ConditionType::AllowlistSynced)?;
    let stands = origin.spec.allowlist.mode == Mode::Enforce && synced.status != "True";
    stands.then(|| format!("{}: {}", synced.reason, synced.message))
}

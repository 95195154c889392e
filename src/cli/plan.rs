//! `leeward plan`: what Enforce would write, and why it would not.

use super::cluster::{NamespacedArgs, live};
use super::color::When;
use super::exit::Exit;
use super::input;
use super::networks::{FeedArgs, Networks};
use super::style::{BAD, FAINT, GOOD, UNSURE, paint};
use crate::allow::{Change, Memory, Narrowing, Neighbour, Plan, PlanInput, TargetPlan, plan};
use crate::api::spec::Mode;
use crate::api::validated::Validated;
use crate::api::{ProtectedOrigin, ProxyNetwork};
use crate::observe::cluster::{ClusterSource, Files};
use anyhow::{anyhow, bail};
use clap::{ArgGroup, ValueEnum};
use jiff::Timestamp;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(clap::Args, Debug)]
#[command(group(ArgGroup::new("subject").args(["name", "files"]).required(true)))]
#[command(after_help = "Exit codes: 0 nothing to do, 2 something would change or is refused, \
    1 bad input or an error.")]
pub struct Args {
    /// ProtectedOrigin to read from the cluster
    #[arg(value_name = "[NAMESPACE/]NAME")]
    name: Option<String>,
    /// Manifest with a ProtectedOrigin, its ProxyNetwork and objects that stand in for a cluster; - is standard
    /// input. Repeat it for further files
    #[arg(short, long = "filename", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// diff shows what would change, yaml prints the objects and fields as they would be applied
    #[arg(short, long, value_name = "FORMAT", default_value = "diff")]
    output: Format,
    /// When to colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: When,
    #[command(flatten)]
    feeds: FeedArgs,
    #[command(flatten)]
    cluster: NamespacedArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Diff,
    Yaml,
}

impl Args {
    pub async fn run(self) -> anyhow::Result<Exit> {
        let plan = match &self.name {
            Some(text) => self.in_cluster(text).await?,
            None => self.in_files().await?,
        };
        if let Err(veto) = &plan.desired {
            bail!("the addresses to be allowed are not known: {}", veto.message);
        }
        let text = match self.output {
            Format::Diff => diff(&plan),
            Format::Yaml => yaml(&plan)?,
        };
        self.color.print(&text)?;
        let idle = plan.targets.iter().all(|t| t.change == Change::Nothing && t.veto.is_none());
        Ok(if idle { Exit::Fine } else { Exit::Finding })
    }

    async fn in_files(&self) -> anyhow::Result<Plan> {
        let mut files = input::manifests(&self.files)?;
        let origin = files.origin()?;
        if let Some(network) = files.network() {
            let filled = self.fill(&network, &files).await?;
            files.replace_network(filled);
        }
        planned(&origin, &files, &[])
    }

    async fn in_cluster(&self, text: &str) -> anyhow::Result<Plan> {
        let found = live::read(&self.cluster, text).await?;
        for note in &found.objects.unknown {
            eprintln!("note: {note}");
        }
        let neighbours: Vec<Neighbour> = found.neighbours.iter().filter_map(neighbour).collect();
        planned(&found.origin, &found.objects.source, &neighbours)
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
    Ok(plan(&PlanInput {
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
    }))
}

/// Other origins that cannot be read keep no entrance.
fn neighbour(origin: &ProtectedOrigin) -> Option<Neighbour> {
    let created = origin.metadata.creation_timestamp.as_ref().map(|t| t.0);
    Some(Neighbour { origin: Arc::new(Validated::new(origin).ok()?), created })
}

/// Each target with what would become of it, then the difference.
fn diff(plan: &Plan) -> String {
    let mut out = String::new();
    if plan.suspended {
        let _ = writeln!(out, "{} is suspended: nothing is written", plan.origin);
    }
    if plan.targets.is_empty() {
        let _ = writeln!(out, "{} has no allowlist.targets: nothing is written", plan.origin);
    }
    for target in &plan.targets {
        let _ =
            writeln!(out, "{} {}: {}", paint(FAINT, &format!("target {}", target.name)), target.key, target.counts());
        if let Some(veto) = &target.veto {
            let _ = writeln!(out, "{} {}", paint(UNSURE, &format!("refused, {}:", veto.reason)), veto.message);
        }
        for note in &target.notes {
            let _ = writeln!(out, "note: {note}");
        }
        for line in target.diff.lines() {
            let _ = writeln!(out, "{}", coloured(line));
        }
    }
    for way in &plan.open {
        let _ = writeln!(out, "{} {way}", paint(UNSURE, "stays open:"));
    }
    out
}

fn coloured(line: &str) -> String {
    match line.as_bytes() {
        [b'+', ..] => paint(GOOD, line),
        [b'-', ..] => paint(BAD, line),
        [b'@', ..] => paint(FAINT, line),
        _ => line.to_owned(),
    }
}

/// What would be applied, one document a target; refusals as comments.
fn yaml(plan: &Plan) -> anyhow::Result<String> {
    let mut out = String::new();
    for target in &plan.targets {
        if let Some(veto) = &target.veto {
            let _ = writeln!(out, "# target {} is refused, {}: {}", target.name, veto.reason, veto.message);
        }
        if let Some(manifest) = TargetPlan::manifest(target) {
            let _ = write!(out, "---\n{}", serde_saphyr::to_string(&manifest)?);
        }
    }
    Ok(out)
}

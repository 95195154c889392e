//! `leeward ranges`: the addresses that a proxy connects from, in the form that some firewall reads.

use super::cluster::ClusterArgs;
use super::exit::Exit;
use super::networks::{self, FeedArgs, FileSecrets, Networks};
use super::presets;
use crate::allow::render::output;
use crate::api::ProxyNetwork;
use crate::api::targets::OutputFormat;
use crate::net::RangeSet;
use crate::observe::cluster::Files;
use anyhow::{Context, anyhow, bail};
use clap::{ArgGroup, ValueEnum};
use kube::Api;
use serde_json::Value;
use std::io::Write as _;
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
#[command(group(ArgGroup::new("source").args(["name", "preset", "presets", "file"]).required(true)))]
pub struct Args {
    /// ProxyNetwork to read from the cluster
    name: Option<String>,
    /// Provider whose published list is fetched, such as Cloudflare
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// List the providers whose list is known, with what is known of it; -o json tells all
    #[arg(long)]
    presets: bool,
    /// File with a ProxyNetwork, and the Secret with its key where it has an account; or with one prefix a line; - is standard input
    #[arg(short, long = "filename", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Form of the list
    #[arg(short, long, value_name = "FORMAT", default_value = "lines")]
    output: Form,
    #[command(flatten)]
    feeds: FeedArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// What the list is for.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One prefix a line
    Lines,
    /// An object with the hash and counts
    Json,
    /// allow and deny directives, to be included
    Nginx,
    /// A file for an ACL with -f
    Haproxy,
    /// One line, as annotations want it
    Comma,
}

impl Form {
    const fn key(self) -> OutputFormat {
        match self {
            Self::Lines => OutputFormat::Lines,
            Self::Json => OutputFormat::JSON,
            Self::Nginx => OutputFormat::Nginx,
            Self::Haproxy => OutputFormat::HAProxy,
            Self::Comma => OutputFormat::Comma,
        }
    }
}

impl Args {
    pub async fn run(self) -> anyhow::Result<Exit> {
        if self.presets {
            return print(&match self.output {
                Form::Lines => presets::table()?,
                Form::Json => pretty(&presets::all()?)?,
                _ => bail!("--presets is printed with -o lines or -o json"),
            });
        }
        let (network, secrets) = self.network().await?;
        let name = network.metadata.name.clone().unwrap_or_default();
        let network = Networks::online(&self.feeds)?.with(secrets).current(&network, &Files::default()).await?;
        let ranges = networks::ranges(&network)?.ok_or_else(|| anyhow!("ProxyNetwork {name} has no list"))?;
        if let Some(note) = networks::as_of(&network) {
            eprintln!("note: {note}");
        }
        print(&render(&network, &ranges, self.output)?)
    }

    async fn network(&self) -> anyhow::Result<(ProxyNetwork, FileSecrets)> {
        if let Some(preset) = &self.preset {
            return Ok((networks::of_preset(presets::named(preset)?), FileSecrets::default()));
        }
        if let Some(path) = &self.file {
            return networks::from_file(path);
        }
        let name = self.name.as_deref().unwrap_or_default();
        let api: Api<ProxyNetwork> = Api::all(self.cluster.client().await?);
        let found = api.get_opt(name).await.with_context(|| format!("cannot read ProxyNetwork {name}"))?;
        let found = found.ok_or_else(|| anyhow!("ProxyNetwork {name} does not exist in the cluster"))?;
        Ok((found, FileSecrets::default()))
    }
}

fn print(text: &str) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(Exit::Fine)
}

fn pretty(object: &Value) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(object)?))
}

fn render(network: &ProxyNetwork, ranges: &RangeSet, form: Form) -> anyhow::Result<String> {
    let name = network.metadata.name.as_deref().unwrap_or_default();
    let as_of = network.status.as_ref().and_then(|status| status.active.as_ref()?.as_of.as_deref());
    if form != Form::Json {
        return Ok(output::text(name, ranges, as_of, form.key()));
    }
    let mut object = output::object(name, ranges);
    if let Some(day) = as_of {
        object.insert("asOf".to_owned(), day.into());
    }
    if let Some(preset) = &network.spec.source.preset {
        object.insert("preset".to_owned(), presets::one(preset.name)?);
    }
    pretty(&Value::Object(object))
}

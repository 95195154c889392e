//! `leeward ranges`: the addresses that a proxy connects from, in the form that some firewall reads.

use super::cluster::ClusterArgs;
use super::exit::Exit;
use super::networks::{self, FeedArgs, Networks};
use crate::allow::render::output::text;
use crate::api::ProxyNetwork;
use crate::api::proxy_network::Preset;
use crate::api::targets::OutputFormat;
use crate::observe::cluster::Files;
use anyhow::{Context, anyhow};
use clap::{ArgGroup, ValueEnum};
use kube::Api;
use std::io::Write as _;
use std::path::PathBuf;
use strum::IntoEnumIterator;

#[derive(clap::Args, Debug)]
#[command(group(ArgGroup::new("source").args(["name", "preset", "file"]).required(true)))]
pub struct Args {
    /// ProxyNetwork to read from the cluster
    name: Option<String>,
    /// Provider whose published list is fetched, such as Cloudflare
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// File with a ProxyNetwork, or with one prefix a line; - is standard input
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
        let network = self.network().await?;
        let name = network.metadata.name.clone().unwrap_or_default();
        let network = Networks::online(&self.feeds)?.current(&network, &Files::default()).await?;
        let ranges = networks::ranges(&network)?.ok_or_else(|| anyhow!("ProxyNetwork {name} has no list"))?;
        let mut out = std::io::stdout().lock();
        out.write_all(text(&name, &ranges, self.output.key()).as_bytes())?;
        out.flush()?;
        Ok(Exit::Fine)
    }

    async fn network(&self) -> anyhow::Result<ProxyNetwork> {
        if let Some(preset) = &self.preset {
            return Ok(networks::of_preset(named(preset)?));
        }
        if let Some(path) = &self.file {
            return networks::from_file(path);
        }
        let name = self.name.as_deref().unwrap_or_default();
        let api: Api<ProxyNetwork> = Api::all(self.cluster.client().await?);
        let found = api.get_opt(name).await.with_context(|| format!("cannot read ProxyNetwork {name}"))?;
        found.ok_or_else(|| anyhow!("ProxyNetwork {name} does not exist in the cluster"))
    }
}

fn named(text: &str) -> anyhow::Result<Preset> {
    let found = Preset::iter().find(|preset| preset.to_string().eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let all: Vec<String> = Preset::iter().map(|preset| preset.to_string()).collect();
        anyhow!("--preset {text:?} is not known; it is one of {}", all.join(", "))
    })
}

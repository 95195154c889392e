//! ProxyNetworks with their lists: the one in status, which the operator checked, else the source, read
//! and guarded as the operator would.

mod keys;

use super::input;
use crate::api::proxy_network::{
    Acknowledge, Guards, InlineSource, Preset, PresetSource, ProxyNetworkSpec, Removal, Source, SourceType,
};
use crate::api::{ProxyNetwork, conditions};
use crate::net::guard::Checked;
use crate::net::{Prefix, Provenance, RangeSet};
use crate::observe::cluster::{ClusterSource, Files, Text};
use crate::observe::probe::{Prober, ProberOptions};
use crate::observe::ranges::{Feed, FeedClient, FeedError, Fetched, Occasion, Way, next_status, preset};
use anyhow::{Context, anyhow, bail};
use jiff::Timestamp;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use keys::FileSecrets;

/// Namespace where the operator looks for ConfigMaps with ranges.
const OWN_NAMESPACE: &str = "leeward-system";

/// How feeds are fetched.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct FeedArgs {
    /// Name server to ask instead of the system's. Repeat it for further ones
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub resolver: Vec<SocketAddr>,
    /// PEM file with certificate authorities to trust beside the system's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// Reads networks.
pub struct Networks {
    /// Absent: nothing is fetched.
    client: Option<FeedClient>,
    /// Keys that stand in files.
    secrets: FileSecrets,
}

/// A network with a list in its status, as far as one could be had.
pub struct Filled {
    pub network: ProxyNetwork,
    /// What the user should know about the list.
    pub note: Option<String>,
}

impl Networks {
    /// Fetches where a list is published, wherever this machine may connect to.
    pub fn online(args: &FeedArgs) -> anyhow::Result<Self> {
        let options = ProberOptions {
            vantage: "local".to_owned(),
            resolvers: args.resolver.clone(),
            ca_file: args.ca_file.clone(),
        };
        let gate = |address| Ok(Checked::unguarded(address));
        let client = Some(FeedClient::sharing(&Prober::new(options)?, Arc::new(gate))?);
        Ok(Self { client, secrets: FileSecrets::default() })
    }

    /// Fetches nothing.
    pub fn offline() -> Self {
        Self { client: None, secrets: FileSecrets::default() }
    }

    /// With the keys that stand in a file.
    pub fn with(self, secrets: FileSecrets) -> Self {
        Self { secrets, ..self }
    }

    /// Reads the list of a network, unless its status has one. A list that cannot be had is an error.
    pub async fn current(&self, network: &ProxyNetwork, objects: &dyn ClusterSource) -> anyhow::Result<ProxyNetwork> {
        let name = network.metadata.name.clone().unwrap_or_default();
        match self.read(network, objects).await? {
            Ok(network) => Ok(network),
            Err(why) => bail!("the list of ProxyNetwork {name} could not be had: {why}"),
        }
    }

    /// The same, for a judgement that goes on without the current list: with the one that came with this release, or
    /// with none. A local source that is wrong is an error all the same.
    pub async fn fill(&self, network: &ProxyNetwork, objects: &dyn ClusterSource) -> anyhow::Result<Filled> {
        match self.read(network, objects).await? {
            Ok(network) => {
                let note = as_of(&network).map(|note| format!("ProxyNetwork {}: {note}", name(&network)));
                Ok(Filled { network, note })
            }
            Err(why) => shipped(network, &why),
        }
    }

    /// The network with its list, or why a remote source gave none.
    async fn read(
        &self,
        network: &ProxyNetwork,
        objects: &dyn ClusterSource,
    ) -> anyhow::Result<Result<ProxyNetwork, String>> {
        let name = network.metadata.name.clone().unwrap_or_default();
        if network.status.as_ref().is_some_and(|s| s.active.is_some()) {
            return Ok(Ok(network.clone()));
        }
        let feed = Feed::new(&network.spec.source).map_err(|invalid| anyhow!("ProxyNetwork {name}: {invalid}"))?;
        let fetched = match (&feed.way, &self.client) {
            (Way::Inline(list), _) => Fetched::List(list.clone()),
            (Way::Release(listed), _) => Fetched::List(listed.ranges()),
            (Way::ConfigMap { name, key }, _) => config_map(objects, name, key),
            (Way::Http(_) | Way::DnsText(_) | Way::Account(_), None) => {
                return Ok(Err("nothing is fetched offline".to_owned()));
            }
            (Way::Http(http), Some(client)) => client.fetch(http).await.map_or_else(Fetched::Failed, Fetched::List),
            (Way::DnsText(name), Some(client)) => {
                client.records(name).await.map_or_else(Fetched::Failed, Fetched::List)
            }
            (Way::Account(account), Some(client)) => match self.secrets.keys(account) {
                Ok(keys) => client.listing(account, &keys).await.map_or_else(Fetched::Failed, Fetched::Listing),
                Err(error) => Fetched::Failed(error),
            },
        };
        // The operator would go on with the list of its release. Who asks here wants the current one, and is told.
        match fetched {
            Fetched::Failed(error) if feed.provenance() == Provenance::Remote => return Ok(Err(error.to_string())),
            Fetched::Failed(error) => bail!("ProxyNetwork {name}: {error}"),
            Fetched::List(_) | Fetched::Listing(_) | Fetched::Invalid(_) => {}
        }
        let read = with_list(network, &fetched);
        if read.status.as_ref().is_some_and(|s| s.active.is_some()) {
            return Ok(Ok(read));
        }
        bail!("ProxyNetwork {name}: {}", problem(&read))
    }
}

fn name(network: &ProxyNetwork) -> &str {
    network.metadata.name.as_deref().unwrap_or_default()
}

/// Where a list in use comes from, if it was not read from its source.
pub fn as_of(network: &ProxyNetwork) -> Option<String> {
    let day = network.status.as_ref()?.active.as_ref()?.as_of.as_ref()?;
    Some(format!("the list is that of {day}, which came with a release of Leeward"))
}

/// The list that came with this release, where the source is a preset.
fn shipped(network: &ProxyNetwork, why: &str) -> anyhow::Result<Filled> {
    let name = network.metadata.name.clone().unwrap_or_default();
    let preset = network.spec.source.preset.as_ref().map(|source| source.name);
    let sheet = preset.map(|preset| preset::sheet(preset).map(|sheet| (preset, sheet))).transpose();
    let sheet = sheet.map_err(|invalid| anyhow!("ProxyNetwork {name}: {invalid}"))?;
    let Some((preset, shipped)) = sheet.and_then(|(preset, sheet)| Some((preset, sheet.listed?))) else {
        let note = format!("the list of ProxyNetwork {name} is not known: {why}");
        return Ok(Filled { network: network.clone(), note: Some(note) });
    };
    let note = format!("taking the list of {preset} that came with this release, of {}: {why}", shipped.as_of);
    Ok(Filled { network: with_list(network, &Fetched::List(shipped.ranges())), note: Some(note) })
}

/// The prefixes in a network's status.
pub fn ranges(network: &ProxyNetwork) -> anyhow::Result<Option<RangeSet>> {
    let Some(active) = network.status.as_ref().and_then(|s| s.active.as_ref()) else { return Ok(None) };
    let name = network.metadata.name.as_deref().unwrap_or_default();
    let prefixes =
        active.cidrs.iter().enumerate().map(|(i, text)| {
            Prefix::parse(text).with_context(|| format!("ProxyNetwork {name}: status.active.cidrs[{i}]"))
        });
    prefixes.collect::<anyhow::Result<RangeSet>>().map(Some)
}

/// Reads a file that holds a ProxyNetwork, or a list with one prefix a line. The Secret with the key of its account may
/// stand beside it.
pub fn from_file(path: &Path) -> anyhow::Result<(ProxyNetwork, FileSecrets)> {
    let document = input::read(path)?;
    let mut secrets = FileSecrets::default();
    if let Some(list) = lines(&document) {
        return Ok((inline(list?), secrets));
    }
    let text = Text { name: &document.name, text: &document.text };
    let files = Files::parse_beside(&[text], &mut |document| secrets.take(document))?;
    let network =
        files.network().ok_or_else(|| anyhow!("{} holds no ProxyNetwork and no list of prefixes", document.name))?;
    Ok(((*network).clone(), secrets))
}

/// A network of a provider with a published list.
pub fn of_preset(preset: Preset) -> ProxyNetwork {
    let name = preset.to_string().to_ascii_lowercase();
    network(&name, SourceType::Preset, Some(PresetSource { name: preset }), None)
}

fn inline(cidrs: Vec<String>) -> ProxyNetwork {
    network("list", SourceType::Inline, None, Some(InlineSource { cidrs }))
}

fn network(name: &str, kind: SourceType, preset: Option<PresetSource>, inline: Option<InlineSource>) -> ProxyNetwork {
    let spec = ProxyNetworkSpec {
        controller: "leeward".to_owned(),
        source: Source { kind, preset, http: None, dns_txt: None, config_map: None, inline, account: None },
        edge: None,
        refresh_seconds: 3600,
        guards: Guards::default(),
        removal: Removal::default(),
        acknowledge: Acknowledge::Never,
        acknowledged_hash: String::new(),
    };
    ProxyNetwork::new(name, spec)
}

/// The lines of a list, if that is what the file is: its first line that is not a comment begins with an address.
fn lines(document: &input::Document) -> Option<anyhow::Result<Vec<String>>> {
    let content = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    let mut lines = document.text.lines().map(content).enumerate().filter(|(_, line)| !line.is_empty()).peekable();
    let (_, first) = lines.peek()?;
    first.split('/').next()?.parse::<IpAddr>().ok()?;
    let parsed = lines.map(|(i, line)| match Prefix::parse_strict(&line) {
        Ok(_) => Ok(line),
        Err(error) => Err(anyhow!("{}, line {}: {error}", document.name, i + 1)),
    });
    Some(parsed.collect())
}

fn config_map(objects: &dyn ClusterSource, name: &str, key: &str) -> Fetched {
    let found = objects.config_map(OWN_NAMESPACE, name);
    match found.as_ref().and_then(|map| map.data.as_ref()?.get(key)) {
        Some(text) => Feed::read(name, text).map_or_else(Fetched::Failed, Fetched::List),
        None => Fetched::Failed(FeedError::NoConfigMap { name: name.to_owned(), key: key.to_owned() }),
    }
}

fn with_list(network: &ProxyNetwork, fetched: &Fetched) -> ProxyNetwork {
    let generation = network.metadata.generation.unwrap_or_default();
    let status =
        next_status(network.status.as_ref(), &network.spec, generation, fetched, Occasion::Refresh, Timestamp::now());
    ProxyNetwork { status: Some(status), ..network.clone() }
}

/// Why a list was read and is not in use.
fn problem(network: &ProxyNetwork) -> String {
    let conditions = network.status.as_ref().map_or(&[][..], |s| s.conditions.as_slice());
    let kinds = [conditions::ConditionType::Plausible, conditions::ConditionType::Fetched];
    let wrong = kinds.into_iter().filter_map(|k| conditions::get(conditions, k)).find(|c| c.status != "True");
    // The operator goes on with the list it has; here there is none.
    wrong.map_or_else(|| "no list".to_owned(), |c| c.message.trim_end_matches("; the list in use stays").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_that_somebody_spoilt_is_named_with_its_place() {
        let network = |cidrs: &[&str]| {
            serde_json::from_value::<ProxyNetwork>(json!({
                "metadata": {"name": "edge"},
                "spec": {"source": {"type": "Inline", "inline": {"cidrs": ["192.0.2.0/24"]}}},
                "status": {"active": {"hash": "sha256:x", "shortHash": "x", "prefixes": 2, "ipv4Prefixes": 2, "ipv6Prefixes": 0, "cidrs": cidrs}},
            }))
            .unwrap()
        };
        assert_eq!(ranges(&network(&["192.0.2.0/24"])).unwrap().unwrap().texts(), ["192.0.2.0/24"]);
        let problem = ranges(&network(&["192.0.2.0/24", "192.0.2.0/33"])).unwrap_err();
        let said = format!("{problem:#}");
        assert!(said.starts_with("ProxyNetwork edge: status.active.cidrs[1]: "), "{said}");
    }
}

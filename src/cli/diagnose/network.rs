//! The proxy's addresses: from `--network`, or from the ProxyNetwork that was given.

use super::args::Args;
use crate::api::ProxyNetwork;
use crate::api::proxy_network::{Guards, InlineSource, ProxyNetworkSpec, Removal, Source, SourceType};
use crate::cli::input;
use crate::net::{AdmittedRanges, Prefix, Provenance, RangeSet};
use crate::observe::cluster::{ClusterSource, Files, Text};
use anyhow::{Context, anyhow, bail};

/// Name of a network that was given as a list.
const LIST_NAME: &str = "list";

/// What `--network` holds: a ProxyNetwork, or one prefix a line.
pub fn given(args: &Args) -> anyhow::Result<Option<ProxyNetwork>> {
    let Some(path) = &args.network else { return Ok(None) };
    let document = input::read(path)?;
    if let Some(list) = lines(&document) {
        return Ok(Some(ProxyNetwork::new(LIST_NAME, inline(list?))));
    }
    let files = Files::parse(&[Text { name: &document.name, text: &document.text }])?;
    let network =
        files.network().ok_or_else(|| anyhow!("{} holds no ProxyNetwork and no list of prefixes", document.name))?;
    Ok(Some((*network).clone()))
}

/// The lines of a list, if that is what the file is: its first line that is not a comment begins with an address.
fn lines(document: &input::Document) -> Option<anyhow::Result<Vec<String>>> {
    let content = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    let mut lines = document.text.lines().map(content).enumerate().filter(|(_, line)| !line.is_empty()).peekable();
    let (_, first) = lines.peek()?;
    let digits = first.split('/').next()?;
    if digits.parse::<std::net::IpAddr>().is_err() {
        return None;
    }
    let parsed = lines.map(|(i, line)| match Prefix::parse_strict(&line) {
        Ok(_) => Ok(line),
        Err(error) => Err(anyhow!("{}, line {}: {error}", document.name, i + 1)),
    });
    Some(parsed.collect())
}

fn inline(cidrs: Vec<String>) -> ProxyNetworkSpec {
    ProxyNetworkSpec {
        controller: "leeward".to_owned(),
        source: Source {
            kind: SourceType::Inline,
            preset: None,
            http: None,
            config_map: None,
            inline: Some(InlineSource { cidrs }),
        },
        edge: None,
        refresh_seconds: 3600,
        guards: Guards::default(),
        removal: Removal::default(),
        acknowledged_hash: String::new(),
    }
}

/// The prefixes of a network: the list in its status, which the operator checked, else its source.
pub async fn ranges(
    network: &ProxyNetwork,
    objects: &dyn ClusterSource,
    args: &Args,
    notes: &mut Vec<String>,
) -> anyhow::Result<Option<RangeSet>> {
    let _ = (objects, args, &notes);
    if let Some(active) = network.status.as_ref().and_then(|s| s.active.as_ref()) {
        return admitted("status.active.cidrs", &active.cidrs).map(Some);
    }
    if let Some(inline) = &network.spec.source.inline {
        return admitted("spec.source.inline.cidrs", &inline.cidrs).map(Some);
    }
    bail!("the source is not read yet")
}

fn admitted(field: &str, cidrs: &[String]) -> anyhow::Result<RangeSet> {
    let prefixes = cidrs
        .iter()
        .enumerate()
        .map(|(i, text)| Prefix::parse_strict(text).with_context(|| format!("{field}[{i}]")))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let set = AdmittedRanges::admit(prefixes.into_iter().collect(), Provenance::Local).context(field.to_owned())?;
    Ok(set.ranges().clone())
}

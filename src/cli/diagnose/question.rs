//! What is asked: one origin, with everything that is known about it before anybody looks. Files, flags
//! and the cluster all end here, so that there is one way from here on.

use super::args::LookArgs;
use super::flags;
use crate::api::spec::{Lockdown, NetworkRef};
use crate::api::validated::Validated;
use crate::api::{ProtectedOrigin, ProxyNetwork};
use crate::cli::cluster::live;
use crate::cli::input;
use crate::cli::networks::{self, FeedArgs, FileSecrets, Networks};
use crate::net::RangeSet;
use crate::net::guard::ClusterFacts;
use crate::observe::cluster::{ClusterSource, ControllerNamespaces, Files, Place, egress_facts};
use anyhow::bail;
use std::sync::Arc;

/// One origin and its surroundings.
pub struct Question {
    pub spec: Arc<Validated>,
    /// What the diagnosis calls it: `NAMESPACE/NAME`, or the URL's host.
    pub name: String,
    /// Where its manifest stands, if it was read from a file.
    pub place: Option<Place>,
    pub network: Option<Arc<ProxyNetwork>>,
    /// The prefixes of the network; absent where there is none or its list is not known.
    pub ranges: Option<RangeSet>,
    /// The objects of the cluster, or of the files that stand in for it.
    pub objects: Arc<dyn ClusterSource>,
    /// What `--guard` goes by; absent without it.
    pub egress: Option<ClusterFacts>,
    /// Which of those may be dialled.
    pub endpoints: Dial,
    /// What the user should know beside the diagnosis.
    pub notes: Vec<String>,
    /// The trust anchors of `origin.caBundle`.
    pub ca_pem: Option<Vec<u8>>,
}

/// Whether addresses of endpoints mean the same here as in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dial {
    Endpoints,
    /// A laptop's 10.x is another machine.
    Nothing,
}

impl Question {
    pub async fn ask(args: &LookArgs) -> anyhow::Result<Self> {
        if let Some(url) = &args.subject.via {
            let origin = flags::origin(args, url)?;
            let name = origin.metadata.name.clone().unwrap_or_default();
            return Self::join(args, origin, Files::default(), name).await;
        }
        if !args.subject.files.is_empty() {
            let files = input::manifests(&args.subject.files)?;
            let origin = Arc::unwrap_or_clone(files.origin()?);
            let name = key(&origin);
            let place = input::place(&files);
            return Ok(Self { place, ..Self::join(args, origin, files, name).await? });
        }
        // One of the three is given: the grammar sees to it.
        let text = args.subject.name.as_deref().unwrap_or_default();
        let live::Found { origin, objects, .. } =
            live::read(&args.cluster, text, ControllerNamespaces::default()).await?;
        let name = key(&origin);
        let (given, secrets) = given(args)?;
        let network = match given {
            Some(network) => Some(network),
            None => origin.spec.proxy.network_ref.as_ref().and_then(|r| objects.source.proxy_network(&r.name)),
        };
        let mut question = Self::new(args, origin, (network, secrets), Arc::new(objects.source), name).await?;
        question.notes.extend(objects.unknown);
        if args.vantage.guard {
            let whole = live::whole(&args.cluster.cluster).await?;
            question.egress = Some(egress_facts(&whole.source, &whole.api_server));
            question.notes.extend(whole.unknown);
        }
        if args.looking.dial_endpoints || live::inside() {
            question.endpoints = Dial::Endpoints;
        }
        Ok(question)
    }

    async fn join(args: &LookArgs, origin: ProtectedOrigin, files: Files, name: String) -> anyhow::Result<Self> {
        let (given, secrets) = given(args)?;
        let network = (given.or_else(|| files.network()), secrets);
        let mut question = Self::new(args, origin, network, Arc::new(files), name).await?;
        if args.looking.dial_endpoints {
            question.endpoints = Dial::Endpoints;
        }
        Ok(question)
    }

    async fn new(
        args: &LookArgs,
        mut origin: ProtectedOrigin,
        (network, secrets): (Option<Arc<ProxyNetwork>>, FileSecrets),
        objects: Arc<dyn ClusterSource>,
        name: String,
    ) -> anyhow::Result<Self> {
        if let Some(marker) = &args.known.marker {
            origin.spec.origin.marker = Some(flags::marker(marker)?);
        }
        if args.known.lockdown {
            origin.spec.origin.lockdown = Lockdown::Required;
        }
        if args.known.network.is_some() {
            let name = network.as_ref().and_then(|n| n.metadata.name.clone()).unwrap_or_default();
            origin.spec.proxy.network_ref = Some(NetworkRef { name });
        }
        let spec = Validated::new(&origin).map_err(|invalid| flags::blame(args, &origin, &invalid))?;
        let mut notes = Vec::new();
        let network = referred(&spec, network, &mut notes);
        let network = match network {
            Some(network) => {
                let feeds = FeedArgs { resolver: args.vantage.resolver.clone(), ca_file: args.vantage.ca_file.clone() };
                let reader = if args.looking.offline { Networks::offline() } else { Networks::online(&feeds)? };
                let filled = reader.with(secrets).fill(&network, &*objects).await?;
                notes.extend(filled.note);
                Some(Arc::new(filled.network))
            }
            None => None,
        };
        let ranges = network.as_deref().map(networks::ranges).transpose()?.flatten();
        let ca_pem = ca_pem(&spec, &*objects, args)?;
        let egress = args.vantage.guard.then(|| egress_facts(&*objects, &[]));
        let spec = Arc::new(spec);
        Ok(Self { spec, name, place: None, network, ranges, objects, egress, endpoints: Dial::Nothing, notes, ca_pem })
    }
}

/// The network, if it is the one that the spec names.
fn referred(
    spec: &Validated,
    network: Option<Arc<ProxyNetwork>>,
    notes: &mut Vec<String>,
) -> Option<Arc<ProxyNetwork>> {
    let named = spec.network.as_deref();
    let found = network.and_then(|n| n.metadata.name.clone().map(|name| (name, n)));
    match (named, found) {
        (Some(wanted), Some((name, network))) if wanted == name => Some(network),
        (Some(wanted), Some((name, _))) => {
            notes.push(format!(
                "spec.proxy.networkRef names {wanted}, and ProxyNetwork {name} was given: it is left out"
            ));
            None
        }
        (Some(wanted), None) => {
            notes.push(format!("ProxyNetwork {wanted} was not found: judging without the proxy's addresses"));
            None
        }
        (None, Some((name, network))) => {
            notes.push(format!(
                "spec.proxy.networkRef is not set: taking ProxyNetwork {name}, which was given beside it"
            ));
            Some(network)
        }
        (None, None) => None,
    }
}

/// The trust anchors that the spec names. `--ca-file` stands in for a ConfigMap that is not at hand.
fn ca_pem(spec: &Validated, objects: &dyn ClusterSource, args: &LookArgs) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(bundle) = &spec.origin.ca_bundle else { return Ok(None) };
    let (name, key) = (&bundle.config_map_ref.name, &bundle.config_map_ref.key);
    let found = objects.config_map(&spec.namespace, name);
    let pem = found.as_ref().and_then(|m| m.data.as_ref()?.get(key)).map(|text| text.clone().into_bytes());
    if pem.is_some() || args.vantage.ca_file.is_some() || args.looking.offline {
        return Ok(pem);
    }
    let what = if found.is_some() { format!("has no key {key}") } else { "is not at hand".to_owned() };
    bail!(
        "spec.origin.caBundle.configMapRef: ConfigMap {}/{name} {what}: add it, or give the certificates with --ca-file",
        spec.namespace
    )
}

/// The ProxyNetwork of `--network`, and the keys beside it.
fn given(args: &LookArgs) -> anyhow::Result<(Option<Arc<ProxyNetwork>>, FileSecrets)> {
    let Some(path) = &args.known.network else { return Ok((None, FileSecrets::default())) };
    let (network, secrets) = networks::from_file(path)?;
    Ok((Some(Arc::new(network)), secrets))
}

fn key(origin: &ProtectedOrigin) -> String {
    let namespace = origin.metadata.namespace.as_deref().unwrap_or("default");
    format!("{namespace}/{}", origin.metadata.name.as_deref().unwrap_or_default())
}

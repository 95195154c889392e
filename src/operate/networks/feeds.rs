//! Reading a source: documents over https, a ConfigMap of this installation, or the spec itself.

use crate::api::proxy_network::Source;
use crate::api::validated::Invalid;
use crate::evidence::fact::DnsSubject;
use crate::observe::cluster::{ClusterSource, Kind};
use crate::observe::probe::Prober;
use crate::observe::ranges::{Feed, FeedClient, FeedError, Fetched, Gate, Lookup, LookupError};
use crate::operate::prober::Rules;
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use std::future::Future;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Longest wait for a name of a feed.
const NAME: Duration = Duration::from_secs(10);
/// Longest read of a whole source, all documents included.
const SOURCE: Duration = Duration::from_mins(4);

/// Why feeds cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FeedsError {
    #[error("cannot read the CA file {}: {source}", path.display())]
    CaFile { path: PathBuf, source: std::io::Error },
    #[error("cannot use the CA file {}: {problem}", path.display())]
    Anchors { path: PathBuf, problem: String },
    #[error("cannot set up TLS for feeds: {0}")]
    Tls(#[from] rustls::Error),
    #[error("cannot set up the client for feeds: {0}")]
    Client(String),
}

/// Reads sources.
#[derive(Debug)]
pub struct Feeds {
    client: FeedClient,
}

/// The prober's resolvers, so that feeds and probes see one world.
#[derive(Debug)]
struct Names(Prober);

impl Lookup for Names {
    fn lookup(&self, name: String) -> Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, LookupError>> + Send + '_>> {
        Box::pin(async move {
            let facts = self.0.resolve(&name, DnsSubject::Origin, NAME).await;
            let found: Vec<IpAddr> = facts.into_iter().flat_map(|f| f.addresses).collect();
            if found.is_empty() { Err(LookupError::Unresolved) } else { Ok(found) }
        })
    }
}

impl Feeds {
    /// Feeds that trust the system's anchors and `ca_file`, resolve like the prober, and are bound by the
    /// deny set of the egress rules.
    pub fn new(prober: &Prober, rules: Rules, ca_file: Option<&Path>) -> Result<Self, FeedsError> {
        let gate: Gate = Arc::new(move |address| rules.now().check_feed(address));
        let client = FeedClient::new(Arc::new(Names(prober.clone())), gate, tls(ca_file)?)
            .map_err(|e| FeedsError::Client(e.to_string()))?;
        Ok(Self { client })
    }

    /// Reads a source. `namespace` is where the installation's `ConfigMaps` are.
    pub async fn read(&self, source: &Source, cluster: &dyn ClusterSource, namespace: &str) -> Fetched {
        let feed = match Feed::new(source) {
            Ok(feed) => feed,
            Err(invalid) => return Fetched::Invalid(invalid),
        };
        match feed {
            Feed::Inline(list) => Fetched::List(list),
            Feed::ConfigMap { name, key } => config_map(cluster, namespace, &name, &key).await,
            Feed::Http(http) => match timeout(SOURCE, self.client.fetch(&http)).await {
                Ok(Ok(list)) => Fetched::List(list),
                Ok(Err(error)) => Fetched::Failed(error),
                Err(_) => {
                    let host = http.urls.first().and_then(|u| u.host_str()).unwrap_or_default().to_owned();
                    let how = crate::observe::ranges::parse::Unreachable::Timeout;
                    Fetched::Failed(FeedError::Unreachable { host, how })
                }
            },
        }
    }
}

/// The first look begins the watch, so it may find nothing for a moment.
async fn config_map(cluster: &dyn ClusterSource, namespace: &str, name: &str, key: &str) -> Fetched {
    const LOOKS: u32 = 20;
    let mut found = cluster.config_map(namespace, name);
    for _ in 0..LOOKS {
        if found.is_some() || cluster.knows(Kind::ConfigMap) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        found = cluster.config_map(namespace, name);
    }
    // Listed a moment ago, perhaps between the two questions.
    let found = found.or_else(|| cluster.config_map(namespace, name));
    let field = "source.configMap";
    let Some(map) = found else {
        let problem = format!("names ConfigMap {name}, which does not exist in namespace {namespace}: create it there");
        return Fetched::Invalid(Invalid::new(field, problem));
    };
    let Some(text) = map.data.as_ref().and_then(|d| d.get(key)) else {
        let problem = format!("names the key {key}, which ConfigMap {namespace}/{name} does not have");
        return Fetched::Invalid(Invalid::new(field, problem));
    };
    match Feed::read(name, text) {
        Ok(list) => Fetched::List(list),
        Err(error) => Fetched::Failed(error),
    }
}

fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, FeedsError> {
    let provider = Arc::new(ring::default_provider());
    let extra = ca_file.map(anchors).transpose()?.unwrap_or_default();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    // An image may have no CA bundle: then Mozilla's roots serve.
    let Ok(verifier) = Verifier::new_with_extra_roots(extra.iter().cloned(), provider) else {
        let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for anchor in extra {
            roots.add(anchor)?;
        }
        return Ok(builder.with_root_certificates(roots).with_no_client_auth());
    };
    let verifier: Arc<dyn ServerCertVerifier> = Arc::new(verifier);
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn anchors(path: &Path) -> Result<Vec<CertificateDer<'static>>, FeedsError> {
    let bytes = std::fs::read(path).map_err(|source| FeedsError::CaFile { path: path.to_owned(), source })?;
    CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|e| FeedsError::Anchors { path: path.to_owned(), problem: format!("it is not PEM ({e:?})") })
}

//! Reading a source: documents over https, TXT records, a ConfigMap of this installation, the spec itself, or a provider's
//! API with a key out of this installation's namespace.

use super::secrets::Secrets;
use crate::api::proxy_network::Source;
use crate::api::validated::Invalid;
use crate::observe::cluster::{ClusterSource, Kind};
use crate::observe::probe::Prober;
use crate::observe::ranges::parse::Unreachable;
use crate::observe::ranges::{
    Account, Announced, Feed, FeedClient, FeedError, Fetched, Gate, Listing, SetupError, Way,
};
use crate::operate::prober::Rules;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Longest read of a whole source, all documents included.
const SOURCE: Duration = Duration::from_mins(4);

/// Reads sources.
#[derive(Debug)]
pub struct Feeds {
    client: FeedClient,
}

impl Feeds {
    /// Feeds that trust and resolve like the prober, and are bound by the deny set of the egress rules.
    pub fn new(prober: &Prober, rules: Rules) -> Result<Self, SetupError> {
        let gate: Gate = Arc::new(move |address| rules.now().check_feed(address));
        Ok(Self { client: FeedClient::sharing(prober, gate)? })
    }

    /// Reads a source. ConfigMaps and Secrets are those of the installation's own namespace.
    pub async fn read(&self, source: &Source, cluster: &dyn ClusterSource, secrets: &Secrets) -> Fetched {
        let feed = match Feed::new(source) {
            Ok(feed) => feed,
            Err(invalid) => return Fetched::Invalid(invalid),
        };
        match feed.way {
            Way::Inline(list) => Fetched::List(list),
            Way::Release(listed) => Fetched::List(listed.ranges()),
            Way::ConfigMap { name, key } => config_map(cluster, secrets.namespace(), &name, &key).await,
            Way::Http(http) => {
                let host = http.urls.first().and_then(|u| u.host_str()).unwrap_or_default();
                in_time(host, self.client.fetch(&http)).await.map_or_else(Fetched::Failed, Fetched::List)
            }
            Way::DnsText(name) => {
                in_time(&name, self.client.records(&name)).await.map_or_else(Fetched::Failed, Fetched::List)
            }
            Way::Account(account) => {
                let host = account.endpoint.host_str().unwrap_or_default();
                let read = async { self.client.listing(&account, &secrets.keys(&account).await?).await };
                in_time(host, read).await.map_or_else(Fetched::Failed, Fetched::Listing)
            }
        }
    }
}

impl Feeds {
    /// Tells a provider that the list which it has announced is allowed, if that is still `wanted` at this moment and `may`
    /// still says so. Returns what it lists, and why it did not take it.
    pub async fn acknowledge(
        &self,
        account: &Account,
        secrets: &Secrets,
        wanted: &Announced,
        may: &(dyn Fn() -> bool + Sync),
    ) -> Result<(Listing, Option<FeedError>), FeedError> {
        let host = account.endpoint.host_str().unwrap_or_default();
        let telling = async { self.client.confirm(account, &secrets.keys(account).await?, wanted, may).await };
        in_time(host, telling).await
    }
}

/// A read that ends.
async fn in_time<T>(host: &str, read: impl Future<Output = Result<T, FeedError>>) -> Result<T, FeedError> {
    let late = FeedError::Unreachable { host: host.to_owned(), how: Unreachable::Timeout };
    timeout(SOURCE, read).await.unwrap_or(Err(late))
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
        let problem = format!("names the key {key}, which ConfigMap {namespace}/{name} does not have: add it there");
        return Fetched::Invalid(Invalid::new(field, problem));
    };
    match Feed::read(name, text) {
        Ok(list) => Fetched::List(list),
        Err(error) => Fetched::Failed(error),
    }
}

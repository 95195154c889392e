//! Feeds see the world as probes do: the same resolvers, the same trust anchors.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::evidence::fact::DnsSubject;
use crate::observe::probe::Prober;

use super::fetch::{FeedClient, Gate, SetupError};
use super::resolve::{Lookup, LookupError};

/// Time for the questions about one name.
const PATIENCE: Duration = Duration::from_secs(10);

impl FeedClient {
    /// A client with the resolvers and the trust of a prober. Unlike a probe, it insists on a valid certificate.
    pub fn sharing(prober: &Prober, gate: Gate) -> Result<Self, SetupError> {
        Self::new(Arc::new(Resolvers(prober.clone())), gate, prober.verifying_tls())
    }
}

/// The prober's resolvers.
#[derive(Debug)]
struct Resolvers(Prober);

impl Lookup for Resolvers {
    fn lookup(&self, name: String) -> Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, LookupError>> + Send + '_>> {
        Box::pin(async move {
            let facts = self.0.resolve(&name, &[], DnsSubject::Site, PATIENCE).await;
            let mut addresses: Vec<IpAddr> = facts.into_iter().flat_map(|fact| fact.addresses).collect();
            addresses.sort();
            addresses.dedup();
            if addresses.is_empty() { Err(LookupError::Unresolved) } else { Ok(addresses) }
        })
    }

    fn texts(&self, name: String) -> Pin<Box<dyn Future<Output = Result<Vec<String>, LookupError>> + Send + '_>> {
        Box::pin(async move { self.0.texts(&name, PATIENCE).await.map_err(|_| LookupError::Unresolved) })
    }
}

#[cfg(test)]
mod tests;

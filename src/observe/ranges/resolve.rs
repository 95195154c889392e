//! Names of feeds, resolved so that only addresses which the guard lets through are ever connected to.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::net::guard::Checked;

use super::fetch::Gate;

/// Why a name gave no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// It has none, or no resolver answers.
    #[error("the name does not resolve")]
    Unresolved,
    /// All of its addresses are denied.
    #[error("{}", crate::net::guard::FORBIDDEN)]
    Forbidden,
}

/// What is known of a name. The operator gives its own resolver (`--resolver`), so that feeds and probes see one world.
pub trait Lookup: Send + Sync + std::fmt::Debug {
    /// All addresses of both families.
    fn lookup(&self, name: String) -> Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, LookupError>> + Send + '_>>;

    /// The TXT records of a name, the strings of each joined; at least one.
    fn texts(&self, name: String) -> Pin<Box<dyn Future<Output = Result<Vec<String>, LookupError>> + Send + '_>>;
}

/// A resolver for the HTTP client whose every answer has passed the guard.
#[derive(Clone)]
pub(super) struct GuardedResolver {
    lookup: Arc<dyn Lookup>,
    gate: Gate,
}

impl GuardedResolver {
    pub(super) const fn new(lookup: Arc<dyn Lookup>, gate: Gate) -> Self {
        Self { lookup, gate }
    }

    async fn resolve(&self, name: String) -> Result<Vec<SocketAddr>, LookupError> {
        let answers = self.lookup.lookup(name).await?;
        if answers.is_empty() {
            return Err(LookupError::Unresolved);
        }
        // Port 0 stands for the URL's own, which was judged before the request.
        let passed = answers.into_iter().filter_map(|ip| (self.gate)(SocketAddr::new(ip, 0)).ok());
        let passed: Vec<SocketAddr> = passed.map(Checked::address).collect();
        if passed.is_empty() { Err(LookupError::Forbidden) } else { Ok(passed) }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        let name = name.as_str().to_owned();
        Box::pin(async move {
            let addresses = this.resolve(name).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

//! The metrics server's name, as every program of the pod resolves names: with search domains and the hosts file.
//! (Targets of probes are asked for differently, through the resolvers under test.)

use hickory_resolver::TokioResolver;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;
use std::sync::Arc;

/// The system's resolver.
#[derive(Clone)]
pub(super) struct SystemResolver(Arc<TokioResolver>);

impl SystemResolver {
    /// None where the system has no configuration; addresses work then, names do not.
    pub(super) fn new() -> Option<Self> {
        let resolver = TokioResolver::builder_tokio().ok()?.build().ok()?;
        Some(Self(Arc::new(resolver)))
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = Arc::clone(&self.0);
        Box::pin(async move {
            let found = resolver.lookup_ip(name.as_str()).await?;
            // Port 0 stands for the URL's own.
            let addresses: Vec<SocketAddr> = found.iter().map(|ip| SocketAddr::new(ip, 0)).collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

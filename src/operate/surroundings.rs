//! The cluster's own addresses: looked up again when a watch brings news.

use crate::observe::cluster::{ClusterSource, cluster_addresses};
use parking_lot::RwLock;
use std::net::IpAddr;
use std::sync::Arc;

/// Addresses that connections from inside never leave the cluster for. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Surroundings(Arc<RwLock<Arc<Vec<IpAddr>>>>);

impl Surroundings {
    pub fn cluster_addresses(&self) -> Arc<Vec<IpAddr>> {
        Arc::clone(&self.0.read())
    }

    /// Looks again. True when something changed.
    pub fn refresh(&self, source: &dyn ClusterSource) -> bool {
        let found = cluster_addresses(source);
        let changed = *self.cluster_addresses() != found;
        if changed {
            *self.0.write() = Arc::new(found);
        }
        changed
    }
}

//! Word of changes: which origins have to be looked at, and whether the egress rules have changed.

use super::changes::ChangeBoard;
use super::key::OriginKey;
use super::origins::Origins;
use super::prober::Rules;
use super::queue::Queue;
use super::surroundings::Surroundings;
use crate::net::guard::{ClusterFacts, GuardFlags, GuardPolicy};
use crate::observe::cluster::{Change, Kind, Stores, egress_facts, egress_kind};
use jiff::Timestamp;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Changes that come together are looked at together.
const GATHER: Duration = Duration::from_millis(200);

/// Listens to the stores.
#[derive(Debug)]
pub struct Ears {
    pub source: Arc<Stores>,
    pub origins: Origins,
    pub queue: Arc<Queue>,
    pub rules: Rules,
    pub flags: Arc<GuardFlags>,
    pub surroundings: Surroundings,
    pub changes: ChangeBoard,
    /// Addresses by which this process reaches the API server.
    pub api_server: Vec<IpAddr>,
    /// What the rules were made of last.
    pub facts: Mutex<Arc<ClusterFacts>>,
}

/// Namespaces whose permissions have changed.
fn differing<'a>(before: &'a ClusterFacts, after: &'a ClusterFacts) -> BTreeSet<&'a String> {
    let (old, new) = (&before.allowed_hosts, &after.allowed_hosts);
    old.keys().chain(new.keys()).filter(|n| old.get(*n) != new.get(*n)).collect()
}

impl Ears {
    /// Takes in everything that is known now.
    pub fn refresh(&self) {
        let facts = Arc::new(egress_facts(self.source.as_ref(), &self.api_server));
        self.rules.replace(GuardPolicy::new(Arc::clone(&self.flags), Arc::clone(&facts)));
        let before = std::mem::replace(&mut *self.facts.lock(), Arc::clone(&facts));
        // Whoever was refused for a missing permission may have it now, and the other way round.
        for namespace in differing(&before, &facts) {
            self.add(self.of(namespace));
        }
        if self.surroundings.refresh(self.source.as_ref()) {
            self.all();
        }
    }

    /// Listens until `stop`.
    pub async fn listen(self, stop: CancellationToken) {
        let mut changes = self.source.changes();
        self.changes.learn(self.source.as_ref());
        // What changed between the first list and this line.
        self.refresh();
        let mut due: Option<Instant> = None;
        loop {
            let wake = due.unwrap_or_else(|| Instant::now() + Duration::from_hours(1));
            tokio::select! {
                () = stop.cancelled() => return,
                change = changes.recv() => match change {
                    Ok(change) => {
                        if egress_kind(change.kind) {
                            due = due.or_else(|| Some(Instant::now() + GATHER));
                        }
                        self.changes.hear(self.source.as_ref(), &change, Timestamp::now());
                        self.hear(&change);
                    }
                    Err(RecvError::Lagged(_)) => {
                        // What was missed is no news any more.
                        self.changes.learn(self.source.as_ref());
                        self.all();
                        due = due.or_else(|| Some(Instant::now() + GATHER));
                    }
                    Err(RecvError::Closed) => return,
                },
                () = sleep_until(wake) => {
                    due = None;
                    self.refresh();
                }
            }
        }
    }

    fn hear(&self, change: &Change) {
        match (change.kind, change.namespace.as_deref()) {
            (Kind::ProxyNetwork, _) => self.add(self.origins.naming(&change.name)),
            (Kind::Namespace, _) => self.add(self.of(&change.name)),
            // Whose node or entrance it is takes as long to find out as to look at all, and an object of the whole cluster
            // may be named from any namespace.
            (Kind::Node | Kind::Gateway | Kind::IngressClass, _) | (Kind::Foreign, None) => self.all(),
            (Kind::ProtectedOrigin | Kind::Event, _) | (_, None) => {}
            (_, Some(namespace)) => self.add(self.of(namespace)),
        }
    }

    fn of(&self, namespace: &str) -> Vec<OriginKey> {
        let name = |o: &Arc<crate::api::ProtectedOrigin>| o.metadata.name.clone();
        self.origins.of(namespace).iter().filter_map(name).map(|n| OriginKey::new(namespace, n)).collect()
    }

    fn all(&self) {
        self.add(self.origins.keys());
    }

    fn add(&self, keys: Vec<OriginKey>) {
        for key in keys {
            self.queue.add_after(key, GATHER);
        }
    }
}

//! The ProtectedOrigins themselves, by watch. An object that cannot be read is kept as such, so that it
//! can be told so; it stalls nobody else.

use super::key::OriginKey;
use super::queue::Queue;
use crate::api::ProtectedOrigin;
use crate::observe::cluster::Tolerant;
use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use parking_lot::RwLock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

type Guarded = Tolerant<ProtectedOrigin>;

/// A resource as it was last seen.
#[derive(Clone, Debug)]
pub enum Root {
    Read(Arc<ProtectedOrigin>),
    /// It does not fit the type: a newer or a changed schema let it in.
    Malformed(Arc<Malformed>),
}

/// What is known of a resource that cannot be read.
#[derive(Clone, Debug)]
pub struct Malformed {
    /// Without managed fields.
    pub meta: ObjectMeta,
    pub problem: String,
}

/// All resources of the watched namespaces.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    roots: Arc<RwLock<BTreeMap<OriginKey, Root>>>,
}

impl Origins {
    pub fn get(&self, key: &OriginKey) -> Option<Root> {
        self.roots.read().get(key).cloned()
    }

    #[cfg(test)]
    pub fn put(&self, key: OriginKey, root: Root) {
        self.roots.write().insert(key, root);
    }

    /// Something of each, in the order of their keys.
    pub fn each<T>(&self, of: impl Fn(&OriginKey, &Root) -> T) -> Vec<T> {
        self.roots.read().iter().map(|(key, root)| of(key, root)).collect()
    }

    pub fn keys(&self) -> Vec<OriginKey> {
        self.roots.read().keys().cloned().collect()
    }

    /// The readable ones of a namespace.
    pub fn of(&self, namespace: &str) -> Vec<Arc<ProtectedOrigin>> {
        let first = OriginKey::new(namespace, "");
        let roots = self.roots.read();
        let own = roots.range(first..).take_while(|(key, _)| key.namespace == namespace);
        own.filter_map(|(_, root)| if let Root::Read(object) = root { Some(Arc::clone(object)) } else { None })
            .collect()
    }

    /// The readable ones that refer to a ProxyNetwork.
    pub fn naming(&self, network: &str) -> Vec<OriginKey> {
        let names = |root: &Root| match root {
            Root::Read(object) => object.spec.proxy.network_ref.as_ref().is_some_and(|r| r.name == network),
            Root::Malformed(_) => false,
        };
        self.roots.read().iter().filter(|(_, root)| names(root)).map(|(key, _)| key.clone()).collect()
    }

    /// Follows the watches until `stop`; `listed` becomes true when every one has been listed once.
    pub fn follow(
        &self,
        client: &Client,
        namespaces: &[String],
        queue: &Arc<Queue>,
        stop: &CancellationToken,
    ) -> Listed {
        let scopes: Vec<Option<String>> =
            if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() };
        let (sender, listed) = watch::channel(scopes.len());
        let sender = Arc::new(sender);
        for scope in scopes {
            let api: Api<Guarded> = match &scope {
                None => Api::all(client.clone()),
                Some(namespace) => Api::namespaced(client.clone(), namespace),
            };
            let feed = Feed { origins: self.clone(), scope, queue: Arc::clone(queue), left: Arc::clone(&sender) };
            let stop = stop.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = feed.run(api) => {}
                }
            });
        }
        Listed(listed)
    }
}

/// How many watches have not been listed yet.
#[derive(Clone, Debug)]
pub struct Listed(watch::Receiver<usize>);

impl Listed {
    /// Waits until every watch has been listed once.
    pub async fn all(&mut self) {
        // An error means that the watches have ended, and so does the process.
        let _ = self.0.wait_for(|left| *left == 0).await;
    }
}

struct Feed {
    origins: Origins,
    scope: Option<String>,
    queue: Arc<Queue>,
    left: Arc<watch::Sender<usize>>,
}

impl Feed {
    async fn run(self, api: Api<Guarded>) {
        let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff());
        let mut listed = BTreeSet::new();
        let mut first = true;
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => {
                    listed.insert(key(&object));
                    self.take(object);
                }
                Ok(Event::InitDone) => {
                    self.drop_others(&listed);
                    if first {
                        first = false;
                        self.left.send_modify(|left| *left = left.saturating_sub(1));
                    }
                }
                Ok(Event::Apply(object)) => self.take(object),
                Ok(Event::Delete(object)) => {
                    let key = key(&object);
                    self.origins.roots.write().remove(&key);
                    self.queue.add(key);
                }
                Err(error) => tracing::warn!(%error, "watch of ProtectedOrigins failed; trying again"),
            }
        }
    }

    fn take(&self, object: Guarded) {
        let key = key(&object);
        let root = match object.0 {
            Ok(mut object) => {
                object.metadata.managed_fields = None;
                Root::Read(Arc::new(object))
            }
            Err(invalid) => {
                tracing::warn!(origin = %key, error = invalid.error, "ProtectedOrigin cannot be read");
                let meta = ObjectMeta { managed_fields: None, ..invalid.metadata };
                Root::Malformed(Arc::new(Malformed { meta, problem: invalid.error }))
            }
        };
        self.origins.roots.write().insert(key.clone(), root);
        self.queue.add(key);
    }

    fn drop_others(&self, listed: &BTreeSet<OriginKey>) {
        let own = |key: &OriginKey| self.scope.as_ref().is_none_or(|scope| *scope == key.namespace);
        let gone: Vec<OriginKey> =
            self.origins.roots.read().keys().filter(|k| own(k) && !listed.contains(k)).cloned().collect();
        for key in gone {
            self.origins.roots.write().remove(&key);
            self.queue.add(key);
        }
    }
}

fn key(object: &Guarded) -> OriginKey {
    OriginKey::new(object.namespace().unwrap_or_default(), object.name_any())
}

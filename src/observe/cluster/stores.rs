//! A cluster by watches: every kind that facts need, kept on shelves, with word of what changed.
//!
//! Each watch lists, then follows, and begins again by itself with growing pauses. One object that cannot be read is
//! logged and left out; it never stalls the others. What is kept of an object is what facts and plans read, so that a
//! heartbeat of a Node or a new `resourceVersion` changes nothing and wakes nobody.

mod absence;
mod feed;
mod groups;
mod named;
mod trim;

use super::carriers::{At, Sight};
use super::shelves::{Key, Shelf};
use super::tolerant::Tolerant;
use super::{ClusterSource, ControllerNamespaces, Kind, Shelves};
use crate::api::field::ObjectRef;
use feed::{Feed, Scope};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

pub use named::dynamic;
pub(super) use trim::without_versions;

/// Changes that a slow listener may fall behind before it has to look at everything.
const BACKLOG: usize = 4096;

/// Most `ConfigMaps` that are watched because an origin names them.
const MOST_CONFIG_MAPS: usize = 1024;

/// Most objects of other projects that are watched for the targets of one namespace, and of all.
const MOST_NAMED: (usize, usize) = (256, 4096);

/// What is watched.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Namespaces to watch; empty means all.
    pub namespaces: Vec<String>,
    /// Namespaces of ingress controllers.
    pub controllers: ControllerNamespaces,
}

/// An object that is new, different or gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    pub kind: Kind,
    /// Absent for cluster-scoped kinds.
    pub namespace: Option<String>,
    pub name: String,
}

/// A kind whose first list has not arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub kind: Kind,
    /// What the API server said, once it said something.
    pub problem: Option<String>,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Some(problem) => write!(f, "{}: {problem}", self.kind),
            None => write!(f, "{}: no answer yet", self.kind),
        }
    }
}

/// How one watch stands.
#[derive(Clone, Debug, Default)]
struct Standing {
    listed: bool,
    /// The cluster has no such kind, or not for us, and does without.
    absent: bool,
    problem: Option<String>,
}

/// What the watches share.
#[derive(Debug)]
struct Shared {
    shelves: Shelves,
    standings: Mutex<BTreeMap<(Kind, Scope), Standing>>,
    changes: broadcast::Sender<Change>,
    /// Counts every change of a standing.
    news: watch::Sender<u64>,
}

/// Objects kept by watches. Dropping it ends them.
pub struct Stores {
    shared: Arc<Shared>,
    client: Client,
    runtime: Handle,
    stop: CancellationToken,
    /// `ConfigMaps` that somebody asked for.
    config_maps: Mutex<BTreeSet<Key>>,
    /// Objects of other projects that targets name, each with the namespace that asked first.
    named: Mutex<BTreeMap<At, String>>,
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Stores {
    /// Starts every watch on the runtime that this is called in.
    pub fn start(client: Client, options: &Options) -> Self {
        let shared = Arc::new(Shared {
            shelves: Shelves { controllers: options.controllers.clone(), ..Shelves::default() },
            standings: Mutex::default(),
            changes: broadcast::channel(BACKLOG).0,
            news: watch::channel(0).0,
        });
        let this = Self {
            shared,
            client,
            runtime: Handle::current(),
            stop: CancellationToken::new(),
            config_maps: Mutex::default(),
            named: Mutex::default(),
        };
        let (groups, shared, stop) = (this.client.clone(), Arc::clone(&this.shared), this.stop.clone());
        this.runtime.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => (),
                () = groups::follow(groups, &shared) => (),
            }
        });
        let all = || vec![Scope::All];
        let scopes = || match options.namespaces.as_slice() {
            [] => all(),
            some => some.iter().cloned().map(Scope::Namespace).collect(),
        };
        this.watch(Kind::ProxyNetwork, all(), Api::all, |s| &s.networks, |_| ());
        this.watch(Kind::Namespace, all(), Api::all, |s| &s.namespaces, |_| ());
        this.watch(Kind::Node, all(), Api::all, |s| &s.nodes, trim::node);
        this.watch(Kind::IngressClass, all(), Api::all, |s| &s.ingress_classes, trim::ingress_class);
        for scope in scopes() {
            let one = || vec![scope.clone()];
            this.watch(Kind::Service, one(), |c| scope.api(c), |s| &s.services, |_| ());
            this.watch(Kind::EndpointSlice, one(), |c| scope.api(c), |s| &s.slices, |_| ());
            this.watch(Kind::Pod, one(), |c| scope.api(c), |s| &s.pods, trim::pod);
            this.watch(Kind::NetworkPolicy, one(), |c| scope.api(c), |s| &s.policies, |_| ());
            this.watch(Kind::Ingress, one(), |c| scope.api(c), |s| &s.ingresses, |_| ());
            this.watch(Kind::HTTPRoute, one(), |c| scope.api(c), |s| &s.http_routes, |_| ());
            this.watch(Kind::Gateway, one(), |c| scope.api(c), |s| &s.gateways, |_| ());
        }
        this
    }

    /// Word of changes from now on. A listener that is told it lagged has to look at everything.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.shared.changes.subscribe()
    }

    /// Kinds whose first list has not arrived, each with the last problem.
    pub fn waiting(&self) -> Vec<Waiting> {
        let standings = self.shared.standings.lock();
        let missing = standings.iter().filter(|((kind, _), s)| *kind != Kind::ConfigMap && !s.listed && !s.absent);
        missing.map(|((kind, _), s)| Waiting { kind: *kind, problem: s.problem.clone() }).collect()
    }

    /// Waits until every kind has been listed once; `false` when that took longer than `patience`.
    pub async fn ready(&self, patience: Duration) -> bool {
        let mut news = self.shared.news.subscribe();
        let wait = async {
            while !self.waiting().is_empty() {
                if news.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(patience, wait).await.is_ok()
    }

    fn watch<K: feed::Kept>(
        &self,
        kind: Kind,
        scopes: Vec<Scope>,
        api: impl Fn(Client) -> Api<Tolerant<K>>,
        place: fn(&Shelves) -> &Shelf<K>,
        trim: fn(&mut K),
    ) {
        for scope in scopes {
            self.shared.standings.lock().insert((kind, scope.clone()), Standing::default());
            let feed = Feed { kind, scope, api: api(self.client.clone()), place, trim };
            let (shared, stop) = (Arc::clone(&self.shared), self.stop.clone());
            self.runtime.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => (),
                    () = feed.run(&shared) => (),
                }
            });
        }
    }

    /// Begins to watch an object that a target names, unless it is watched. `false`: there are too many.
    fn follow_named(&self, object: &ObjectRef, at: &At, origin_namespace: &str) -> bool {
        let mut followed = self.named.lock();
        if followed.contains_key(at) {
            return true;
        }
        let (most_each, most) = MOST_NAMED;
        let of_namespace = followed.values().filter(|n| *n == origin_namespace).count();
        if followed.len() >= most || of_namespace >= most_each {
            return false;
        }
        followed.insert(at.clone(), origin_namespace.to_owned());
        let named = named::Named { client: self.client.clone(), api: object.api.clone(), at: at.clone() };
        let (shared, stop) = (Arc::clone(&self.shared), self.stop.clone());
        self.runtime.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => (),
                () = named.run(&shared) => (),
            }
        });
        true
    }

    /// Begins to watch one `ConfigMap`, unless it is watched.
    fn follow(&self, key: &Key) {
        let mut followed = self.config_maps.lock();
        if followed.len() >= MOST_CONFIG_MAPS && !followed.contains(key) {
            tracing::warn!(
                namespace = key.namespace,
                name = key.name,
                "too many ConfigMaps are named; not watching this one"
            );
            return;
        }
        if followed.insert(key.clone()) {
            let api = |client| Api::namespaced(client, &key.namespace);
            self.watch::<ConfigMap>(Kind::ConfigMap, vec![Scope::Object(key.clone())], api, |s| &s.config_maps, |_| ());
        }
    }
}

impl ClusterSource for Stores {
    fn shelves(&self) -> &Shelves {
        &self.shared.shelves
    }

    fn live(&self) -> bool {
        true
    }

    fn knows(&self, kind: Kind) -> bool {
        let standings = self.shared.standings.lock();
        let mut of_kind = standings.iter().filter(|((k, _), _)| *k == kind).map(|(_, s)| s.listed).peekable();
        of_kind.peek().is_some() && of_kind.all(|listed| listed)
    }

    /// `ConfigMaps` are many and hold anything, so only those that somebody asks for are watched: the first call begins
    /// the watch and finds nothing, and a [`Change`] tells when it arrived.
    fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
        self.follow(&Key { namespace: namespace.to_owned(), name: name.to_owned() });
        self.shared.shelves.config_maps.get(namespace, name)
    }

    /// Only the objects that targets name are watched, as with `ConfigMaps`.
    fn named(&self, object: &ObjectRef, origin_namespace: &str) -> Sight {
        let at = At::of(object, origin_namespace);
        if !self.follow_named(object, &at, origin_namespace) {
            return Sight::Unreadable("too many objects are named by the targets of this namespace".to_owned());
        }
        self.shared.shelves.carriers.get(&at).unwrap_or(Sight::Waiting)
    }
}

#[cfg(test)]
mod tests;

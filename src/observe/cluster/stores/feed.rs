//! One watch that fills one shelf.

use super::super::shelves::{Key, Shelf};
use super::super::tolerant::Tolerant;
use super::super::{Kind, Shelves};
use super::absence::{Absence, SLOWLY, absence, problem};
use super::{Change, Shared, trim};
use futures::{Stream, StreamExt as _};
use kube::core::NamespaceResourceScope;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fmt::Debug;
use tokio::time::sleep;

/// An object that can lie on a shelf.
pub(super) trait Kept:
    Resource<DynamicType = ()> + Clone + Debug + PartialEq + DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Kept for K where
    K: Resource<DynamicType = ()> + Clone + Debug + PartialEq + DeserializeOwned + Send + Sync + 'static
{
}

/// The part of the cluster that a watch sees.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    All,
    Namespace(String),
    Object(Key),
}

impl Scope {
    fn holds(&self, key: &Key) -> bool {
        match self {
            Self::All => true,
            Self::Namespace(namespace) => key.namespace == *namespace,
            Self::Object(one) => key == one,
        }
    }

    pub fn api<K>(&self, client: Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self {
            Self::All => Api::all(client),
            Self::Namespace(namespace) => Api::namespaced(client, namespace),
            Self::Object(key) => Api::namespaced(client, &key.namespace),
        }
    }

    fn config(&self) -> watcher::Config {
        match self {
            Self::All | Self::Namespace(_) => watcher::Config::default(),
            Self::Object(key) => watcher::Config::default().fields(&format!("metadata.name={}", key.name)),
        }
    }
}

/// A watch and where its objects go.
pub(super) struct Feed<K> {
    pub kind: Kind,
    pub scope: Scope,
    pub api: Api<Tolerant<K>>,
    pub place: fn(&Shelves) -> &Shelf<K>,
    pub trim: fn(&mut K),
}

impl<K: Kept> Feed<K> {
    /// Follows the watch for ever.
    pub async fn run(self, shared: &Shared) {
        loop {
            let events = watcher(self.api.clone(), self.scope.config()).default_backoff();
            self.follow(events, shared).await;
            sleep(SLOWLY).await;
        }
    }

    async fn follow(&self, events: impl Stream<Item = watcher::Result<Event<Tolerant<K>>>>, shared: &Shared) {
        let mut events = std::pin::pin!(events);
        let mut listed = BTreeSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => {
                    listed.insert(Key::of(&object));
                    self.take_in(object, shared);
                }
                Ok(Event::InitDone) => {
                    for key in (self.place)(&shared.shelves).keys(|k| self.scope.holds(k) && !listed.contains(k)) {
                        self.remove(&key, shared);
                    }
                    listed.clear();
                    self.stand(shared, true, None);
                }
                Ok(Event::Apply(object)) => {
                    self.take_in(object, shared);
                    self.stand(shared, false, None);
                }
                Ok(Event::Delete(object)) => self.remove(&Key::of(&object), shared),
                Err(error) => match self.absence(&error).await {
                    Some(absence) => return self.miss(shared, &absence),
                    None => self.stand(shared, false, Some(problem(&error))),
                },
            }
        }
    }

    fn take_in(&self, object: Tolerant<K>, shared: &Shared) {
        let key = Key::of(&object);
        match object.0 {
            Ok(mut object) => {
                trim::metadata(object.meta_mut());
                (self.trim)(&mut object);
                let place = (self.place)(&shared.shelves);
                if place.get(&key.namespace, &key.name).is_none_or(|old| *old != object) {
                    place.put(key.clone(), object);
                    self.tell(key, shared);
                }
            }
            Err(unreadable) => {
                let (kind, error) = (self.kind, unreadable.error.as_str());
                tracing::warn!(%kind, namespace = key.namespace, name = key.name, error, "object cannot be read; it is left out");
                self.remove(&key, shared);
            }
        }
    }

    fn remove(&self, key: &Key, shared: &Shared) {
        if (self.place)(&shared.shelves).take(key).is_some() {
            self.tell(key.clone(), shared);
        }
    }

    fn tell(&self, key: Key, shared: &Shared) {
        let namespace = Some(key.namespace).filter(|n| !n.is_empty());
        // Nobody may be listening yet.
        let _ = shared.changes.send(Change { kind: self.kind, namespace, name: key.name });
    }

    /// What is missing for a kind that is done without.
    async fn absence(&self, error: &watcher::Error) -> Option<Absence> {
        if !self.kind.is_optional() {
            return None;
        }
        absence(&self.api.clone().into_client(), &K::api_version(&()), &K::plural(&()), error).await
    }

    /// Notes that the kind is done without. It may be installed, or permitted, later.
    fn miss(&self, shared: &Shared, absence: &Absence) {
        let mut standings = shared.standings.lock();
        let standing = standings.entry((self.kind, self.scope.clone())).or_default();
        if !std::mem::replace(&mut standing.absent, true) {
            match absence {
                Absence::Kind => {
                    tracing::info!(kind = %self.kind, "the cluster does not have this kind; doing without");
                }
                Absence::Right(problem) => {
                    tracing::warn!(kind = %self.kind, %problem, "not permitted to read this kind; doing without");
                }
            }
            drop(standings);
            shared.news.send_modify(|n| *n = n.wrapping_add(1));
        }
    }

    /// Notes how the watch stands. A kind once listed stays known while the API server is away.
    fn stand(&self, shared: &Shared, listed: bool, problem: Option<String>) {
        let mut standings = shared.standings.lock();
        let standing = standings.entry((self.kind, self.scope.clone())).or_default();
        if let Some(problem) = problem.as_ref().filter(|p| standing.problem.as_ref() != Some(p)) {
            tracing::warn!(kind = %self.kind, %problem, "watch failed; trying again");
        }
        if (listed && !standing.listed) || standing.problem != problem {
            standing.listed |= listed;
            standing.absent &= !listed;
            standing.problem = problem;
            drop(standings);
            shared.news.send_modify(|n| *n = n.wrapping_add(1));
        }
    }
}

#[cfg(test)]
mod tests;

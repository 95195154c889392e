//! A watch on one object of a kind that the cluster may not have.
//!
//! Such kinds belong to other projects.

use super::super::carriers::{At, Carrier, Sight};
use super::super::{Change, Kind};
use super::Shared;
use super::absence::{Absence, SLOWLY, absence, problem};
use crate::api::field::ApiKind;
use futures::StreamExt as _;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use std::sync::Arc;
use tokio::time::sleep;

/// The object and where it is noted.
pub(super) struct Named {
    pub client: Client,
    pub api: ApiKind,
    pub at: At,
}

/// A kind as kube's client names it.
pub fn resource(api: &ApiKind) -> ApiResource {
    let gvk = GroupVersionKind::gvk(&api.group, &api.version, &api.kind);
    ApiResource::from_gvk_with_plural(&gvk, &api.plural)
}

/// The API for objects of a kind, in a namespace unless it has none.
pub fn dynamic(client: Client, api: &ApiKind, namespace: &str) -> Api<DynamicObject> {
    if api.namespaced {
        Api::namespaced_with(client, namespace, &resource(api))
    } else {
        Api::all_with(client, &resource(api))
    }
}

impl Named {
    /// Follows the watch for ever.
    pub async fn run(self, shared: &Shared) {
        let api = dynamic(self.client.clone(), &self.api, &self.at.namespace);
        let config = watcher::Config::default().fields(&format!("metadata.name={}", self.at.name));
        let mut events = std::pin::pin!(watcher(api, config).default_backoff());
        let mut listed = false;
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed = false,
                Ok(Event::InitApply(object) | Event::Apply(object)) => {
                    listed = true;
                    self.see(shared, Sight::Found(Arc::new(Carrier::trimmed(object))));
                }
                Ok(Event::InitDone) if listed => {}
                Ok(Event::InitDone | Event::Delete(_)) => self.see(shared, Sight::Missing),
                Err(error) => self.failed(shared, &error).await,
            }
        }
    }

    async fn failed(&self, shared: &Shared, error: &watcher::Error) {
        match absence(&self.client, &self.at.api_version, &self.api.plural, error).await {
            Some(Absence::Kind) => self.see(shared, Sight::NoKind),
            Some(Absence::Right(problem)) => self.see(shared, Sight::Unreadable(problem)),
            // What was seen stands while the API server is away.
            None => {
                if matches!(shared.shelves.carriers.get(&self.at), None | Some(Sight::Waiting)) {
                    self.see(shared, Sight::Unreadable(problem(error)));
                }
                return;
            }
        }
        sleep(SLOWLY).await;
    }

    fn see(&self, shared: &Shared, sight: Sight) {
        if let Sight::Unreadable(problem) = &sight
            && shared.shelves.carriers.get(&self.at).as_ref() != Some(&sight)
        {
            let At { kind, namespace, name, .. } = &self.at;
            tracing::warn!(kind, namespace, name, problem, "object of a target cannot be read");
        }
        if shared.shelves.carriers.put(&self.at, sight) {
            // What an ingress controller is told concerns origins of every namespace.
            let everywhere = self.at.kind == "ConfigMap";
            let namespace = Some(self.at.namespace.clone()).filter(|n| !n.is_empty() && !everywhere);
            // Nobody may be listening yet.
            let _ = shared.changes.send(Change { kind: Kind::Foreign, namespace, name: self.at.name.clone() });
        }
    }
}

//! Manifests that stand in for a cluster: `leeward diagnose -f` and `leeward plan -f`.
//!
//! A file holds any number of YAML documents: at most one `ProtectedOrigin`, its `ProxyNetwork`, and Kubernetes objects as
//! `kubectl get -o yaml` prints them, lists included. What stands in a file is judged as strictly as the API server
//! would: a field that nobody knows is an error, since it is most often a typing error.

mod document;

use super::carriers::At;
use super::shelves::{Key, Shelf};
use super::{Carrier, ClusterSource, ControllerNamespaces, Kind, Shelves, Sight};
use crate::api::proxy_network::absent;
use crate::api::shape::Shapes;
use crate::api::{ProtectedOrigin, ProxyNetwork};
use document::Document;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::events::v1 as events;
use kube::ResourceExt;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use document::{FileError, Place, Text};

/// Parsed manifests.
#[derive(Debug, Default)]
pub struct Files {
    origins: Vec<Arc<ProtectedOrigin>>,
    /// Where the first of them begins.
    place: Option<Place>,
    shelves: Shelves,
    seen: Seen,
}

/// What was read so far.
#[derive(Debug, Default)]
struct Seen {
    /// Kinds of which there is at least one object.
    kinds: BTreeSet<Kind>,
    /// Where each object stands, to name the first of two.
    places: BTreeMap<(Kind, Key), String>,
    shapes: Shapes,
}

impl Files {
    /// Reads every document of every text.
    pub fn parse(texts: &[Text<'_>]) -> Result<Self, FileError> {
        Self::parse_beside(texts, &mut |_| false)
    }

    /// The same, where some documents are not for the rules: `take` says which ones it keeps for itself.
    pub fn parse_beside(texts: &[Text<'_>], take: &mut dyn FnMut(&Value) -> bool) -> Result<Self, FileError> {
        let mut files = Self::default();
        for text in texts {
            for document in document::split(*text)? {
                if !take(document.value()) {
                    files.add(&document)?;
                }
            }
        }
        Ok(files)
    }

    /// The one `ProtectedOrigin`.
    pub fn origin(&self) -> Result<Arc<ProtectedOrigin>, FileError> {
        match self.origins.as_slice() {
            [one] => Ok(Arc::clone(one)),
            _ => Err(FileError::nowhere("no document is a ProtectedOrigin; exactly one must be")),
        }
    }

    /// Where the `ProtectedOrigin` begins.
    pub fn origin_place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// The one `ProxyNetwork`, if any.
    pub fn network(&self) -> Option<Arc<ProxyNetwork>> {
        self.shelves.networks.all().into_iter().next()
    }

    /// Puts a `ProxyNetwork` in place of the one of the same name, such as one whose list has been fetched meanwhile.
    pub fn replace_network(&mut self, network: ProxyNetwork) {
        self.seen.kinds.insert(Kind::ProxyNetwork);
        self.shelves.networks.put(Key { namespace: String::new(), name: network.name_any() }, network);
    }

    /// Takes these namespaces for those of ingress controllers.
    pub fn vouch(&mut self, controllers: ControllerNamespaces) {
        self.shelves.controllers = controllers;
    }

    fn add(&mut self, document: &Document) -> Result<(), FileError> {
        if document.is_foreign() {
            return self.add_foreign(document);
        }
        let kind = document.kind()?;
        let (shelves, seen) = (&self.shelves, &mut self.seen);
        match kind {
            Kind::ProtectedOrigin => {
                let (_, origin) = seen.typed::<ProtectedOrigin>(kind, true, document)?;
                if let Some(first) = self.origins.first() {
                    let problem =
                        format!("is a second ProtectedOrigin beside {}; exactly one may be given", first.name_any());
                    return Err(document.error(problem));
                }
                self.origins.push(Arc::new(origin));
                self.place = Some(document.begins().clone());
            }
            Kind::ProxyNetwork => {
                if let Some(first) = shelves.networks.all().first() {
                    let problem =
                        format!("is a second ProxyNetwork beside {}; at most one may be given", first.name_any());
                    return Err(document.error(problem));
                }
                let preset = document.value().pointer("/spec/source/preset/name").and_then(Value::as_str);
                if let Some(why) = preset.and_then(absent) {
                    return Err(document.error(format!("spec.source.preset.name: {why}")));
                }
                put(&shelves.networks, seen.typed(kind, false, document)?);
            }
            Kind::NetworkPolicy => put(&shelves.policies, seen.typed(kind, true, document)?),
            Kind::Namespace => put(&shelves.namespaces, seen.typed(kind, false, document)?),
            Kind::Service => put(&shelves.services, seen.typed(kind, true, document)?),
            Kind::EndpointSlice => put(&shelves.slices, seen.typed(kind, true, document)?),
            Kind::Pod => put(&shelves.pods, seen.typed(kind, true, document)?),
            Kind::Node => put(&shelves.nodes, seen.typed(kind, false, document)?),
            Kind::Ingress => put(&shelves.ingresses, seen.typed(kind, true, document)?),
            Kind::IngressClass => put(&shelves.ingress_classes, seen.typed(kind, false, document)?),
            Kind::HTTPRoute => put(&shelves.http_routes, seen.note(kind, true, document, document.loosely()?)?),
            Kind::Gateway => put(&shelves.gateways, seen.note(kind, true, document, document.loosely()?)?),
            Kind::ConfigMap => put(&shelves.config_maps, seen.typed(kind, true, document)?),
            // Accepted, because exports of a namespace hold them; no rule reads them yet.
            Kind::Event if document.api_version == "v1" => {
                seen.typed::<core::Event>(kind, true, document)?;
            }
            Kind::Event => {
                seen.typed::<events::Event>(kind, true, document)?;
            }
            // Nothing is written so.
            Kind::Foreign => {}
        }
        Ok(())
    }

    /// Takes in an object of another project, of whose shape nothing is known.
    fn add_foreign(&mut self, document: &Document) -> Result<(), FileError> {
        let object = document.untyped()?;
        let at = At {
            api_version: document.api_version.clone(),
            kind: document.kind.clone(),
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        };
        if self.shelves.carriers.put(&at, Sight::Found(Arc::new(Carrier::of(&object)))) {
            return Ok(());
        }
        Err(document.error("stands there twice; remove one of the two".to_owned()))
    }
}

impl Seen {
    /// Types a document and notes where it stands; a second object of the same name is an error.
    fn typed<K>(&mut self, kind: Kind, namespaced: bool, document: &Document) -> Result<(Key, K), FileError>
    where
        K: JsonSchema + DeserializeOwned + ResourceExt,
    {
        let object: K = document.typed(&mut self.shapes)?;
        self.note(kind, namespaced, document, object)
    }

    fn note<K: ResourceExt>(
        &mut self,
        kind: Kind,
        namespaced: bool,
        document: &Document,
        mut object: K,
    ) -> Result<(Key, K), FileError> {
        let meta = object.meta_mut();
        if meta.name.as_deref().unwrap_or_default().is_empty() {
            return Err(document.error("metadata.name must be set".to_owned()));
        }
        if namespaced {
            meta.namespace.get_or_insert_with(|| "default".to_owned());
        } else {
            meta.namespace = None;
        }
        let key = Key::of(&object);
        self.kinds.insert(kind);
        match self.places.insert((kind, key.clone()), document.place()) {
            None => Ok((key, object)),
            Some(first) => Err(document.error(format!("stands in {first} already; remove one of the two"))),
        }
    }
}

fn put<K>(shelf: &Shelf<K>, (key, object): (Key, K)) {
    shelf.put(key, object);
}

impl ClusterSource for Files {
    fn shelves(&self) -> &Shelves {
        &self.shelves
    }

    /// A kind of which no object is given is not known: the files are rarely the whole of a cluster.
    fn live(&self) -> bool {
        false
    }

    fn knows(&self, kind: Kind) -> bool {
        self.seen.kinds.contains(&kind)
    }
}

#[cfg(test)]
mod tests;

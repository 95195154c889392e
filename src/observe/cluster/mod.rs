//! What a cluster's own objects say: endpoints, pods, policies and allowlists become facts.
//!
//! Facts are pure functions of a [`ClusterSource`]. Two things are one: [`Stores`], kept by watches, and [`Files`], the
//! manifests that stand in for a cluster in `leeward diagnose -f`. Both give the same facts for the same objects.

mod addresses;
mod allowlists;
mod callers;
mod carriers;
mod content;
mod controllers;
mod egress;
mod endpoints;
mod entrances;
mod files;
mod gateway_api;
pub mod ingress_nginx;
mod marks;
mod nodes;
mod pods;
mod policies;
mod routes;
mod selection;
mod shelves;
mod stores;
mod tolerant;
mod traefik;
mod unread;

use crate::api::ProxyNetwork;
use crate::api::field::ObjectRef;
use crate::api::validated::Validated;
use crate::evidence::Fact;
use crate::net::RangeSet;
use gateway_api::{Gateway, HTTPRoute};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
use marks::Mark;
use std::sync::Arc;

pub use addresses::cluster_addresses;
pub use allowlists::ListedRanges;
pub use callers::{callers, leading_to};
pub use carriers::{Carrier, Sight};
pub use content::{content, names};
pub use controllers::{ControllerNamespaces, USUAL};
pub use egress::{egress_facts, egress_kind};
pub use endpoints::{TargetError, addresses_of, endpoints};
pub use entrances::{
    Entrance, Lost, entrances, in_front_of, lost, node_ports, services_of, unvouched_in_front_of, ways_in,
};
pub use files::{FileError, Files, Place, Text};
pub use policies::node_addresses;
pub use selection::{Guarded, GuardedError, matches, pods_behind, pods_of, selector_and_ports, within};
pub use shelves::Shelves;
pub use stores::{Change, Options, Stores, Waiting, dynamic};
pub use tolerant::Tolerant;
pub use traefik::{entry_points, unvouched_entry_points};
pub use unread::{kinds_are_known, unread_policies};

/// Kinds of objects that are read.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
    strum::EnumIter,
    strum::EnumString,
    strum::IntoStaticStr,
)]
pub enum Kind {
    ProtectedOrigin,
    ProxyNetwork,
    NetworkPolicy,
    Namespace,
    Service,
    EndpointSlice,
    Pod,
    Node,
    Ingress,
    IngressClass,
    ConfigMap,
    HTTPRoute,
    Gateway,
    Event,
    /// One that a target names, of another project; never a word in a manifest.
    #[strum(disabled)]
    Foreign,
}

impl Kind {
    /// Whether a cluster does well without it: it comes with another project, or an installation may lack the right to it.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::HTTPRoute | Self::Gateway | Self::IngressClass)
    }
}

/// Objects by name, from wherever they come.
pub trait ClusterSource: Send + Sync {
    /// Where the objects lie.
    fn shelves(&self) -> &Shelves;

    /// Whether objects of this kind are known here at all. Where they are not, their absence says nothing.
    fn knows(&self, kind: Kind) -> bool;

    /// Whether this stands for a running cluster. There, a kind that is not known exists all the same, and nothing may
    /// be written without having seen it; in files, what is left out is left out.
    fn live(&self) -> bool;

    fn service(&self, namespace: &str, name: &str) -> Option<Arc<Service>> {
        self.shelves().services.get(namespace, name)
    }

    /// Services of one namespace, or of all.
    fn services(&self, namespace: Option<&str>) -> Vec<Arc<Service>> {
        namespace.map_or_else(|| self.shelves().services.all(), |n| self.shelves().services.of(n))
    }

    /// The slices that belong to a Service.
    fn endpoint_slices(&self, namespace: &str, service: &str) -> Vec<Arc<EndpointSlice>> {
        let owner = |s: &Arc<EndpointSlice>| s.metadata.labels.as_ref()?.get(SERVICE_NAME_LABEL).cloned();
        let slices = self.shelves().slices.of(namespace).into_iter();
        slices.filter(|s| owner(s).as_deref() == Some(service)).collect()
    }

    fn pods(&self, namespace: &str) -> Vec<Arc<Pod>> {
        self.shelves().pods.of(namespace)
    }

    fn network_policies(&self, namespace: &str) -> Vec<Arc<NetworkPolicy>> {
        self.shelves().policies.of(namespace)
    }

    fn ingress(&self, namespace: &str, name: &str) -> Option<Arc<Ingress>> {
        self.shelves().ingresses.get(namespace, name)
    }

    fn ingresses(&self, namespace: &str) -> Vec<Arc<Ingress>> {
        self.shelves().ingresses.of(namespace)
    }

    fn ingress_class(&self, name: &str) -> Option<Arc<IngressClass>> {
        self.shelves().ingress_classes.get("", name)
    }

    /// Whether pods and Services of this namespace are believed to be an ingress controller's.
    fn vouched(&self, namespace: &str) -> bool {
        let shelves = self.shelves();
        shelves.controllers.hold(namespace) || shelves.ingress_classes.has(&Mark::Release(namespace.to_owned()))
    }

    fn http_routes(&self, namespace: &str) -> Vec<Arc<HTTPRoute>> {
        self.shelves().http_routes.of(namespace)
    }

    fn gateway(&self, namespace: &str, name: &str) -> Option<Arc<Gateway>> {
        self.shelves().gateways.get(namespace, name)
    }

    /// The object that a target of an origin in this namespace names, whatever its kind.
    fn carrier(&self, object: &ObjectRef, origin_namespace: &str) -> Sight {
        carriers::sight(self, object, origin_namespace)
    }

    /// The same for a kind of which there is no shelf.
    fn named(&self, object: &ObjectRef, origin_namespace: &str) -> Sight {
        carriers::on_shelf(self.shelves(), object, origin_namespace)
    }

    fn namespace(&self, name: &str) -> Option<Arc<Namespace>> {
        self.shelves().namespaces.get("", name)
    }

    fn namespaces(&self) -> Vec<Arc<Namespace>> {
        self.shelves().namespaces.all()
    }

    fn node(&self, name: &str) -> Option<Arc<Node>> {
        self.shelves().nodes.get("", name)
    }

    fn nodes(&self) -> Vec<Arc<Node>> {
        self.shelves().nodes.all()
    }

    fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
        self.shelves().config_maps.get(namespace, name)
    }

    fn proxy_networks(&self) -> Vec<Arc<ProxyNetwork>> {
        self.shelves().networks.all()
    }

    fn proxy_network(&self, name: &str) -> Option<Arc<ProxyNetwork>> {
        self.shelves().networks.get("", name)
    }
}

/// Label by which an `EndpointSlice` names its Service.
const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

/// Everything that the cluster says about one origin. A kind that is not known gives no fact.
pub fn facts(source: &dyn ClusterSource, origin: &Validated, proxy: Option<&RangeSet>, now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    facts.extend(endpoints::fact(source, origin).map(Fact::Endpoints));
    facts.extend(pods::fact(source, origin, now).map(Fact::Pods));
    facts.extend(nodes::fact(source, origin).map(Fact::Nodes));
    facts.extend(routes::facts(source, origin).into_iter().map(Fact::Route));
    if let Some(proxy) = proxy.filter(|set| !set.is_empty()) {
        facts.extend(policies::facts(source, origin, proxy).into_iter().map(Fact::Policy));
        facts.extend(allowlists::facts(source, origin, proxy).into_iter().map(Fact::Allowlist));
    }
    facts
}

#[cfg(test)]
mod tests;

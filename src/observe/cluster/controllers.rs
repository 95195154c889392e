//! Namespaces whose pods and Services are believed to be an ingress controller's.
//!
//! Whoever may create a pod anywhere can give it a controller's arguments, and whoever may create a Service can get one at
//! an address that others use. So neither counts by what it says of itself: its namespace has to be vouched for, by the
//! flags of this process or by an IngressClass. Those belong to the whole cluster, so administrators write them, and Helm
//! notes in them which namespace a release, and with it the controller, went to.

use super::ClusterSource;
use super::marks::{Mark, Program};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::IngressClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Namespaces that the projects' own manifests make, and the one that every cluster has.
pub const USUAL: [&str; 6] =
    ["haproxy-controller", "ingress-nginx", "kube-system", "nginx-ingress", "projectcontour", "traefik"];

/// How an administrator vouches for a namespace.
const FLAG: &str = "--ingress-controller-namespace, in the chart ingressControllers.namespaces";

/// Helm's note on everything that it makes.
pub(super) const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";

/// Namespaces that are vouched for by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerNamespaces(BTreeSet<String>);

impl Default for ControllerNamespaces {
    fn default() -> Self {
        Self(USUAL.map(str::to_owned).into())
    }
}

impl FromIterator<String> for ControllerNamespaces {
    /// An empty name stands for none.
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        Self(names.into_iter().filter(|name| !name.is_empty()).collect())
    }
}

impl ControllerNamespaces {
    pub(super) fn hold(&self, namespace: &str) -> bool {
        self.0.contains(namespace)
    }
}

/// The namespace of the Helm release that a class belongs to.
pub(super) fn release_namespace(class: &IngressClass) -> Option<&String> {
    class.metadata.annotations.as_ref()?.get(RELEASE_NAMESPACE).filter(|namespace| !namespace.is_empty())
}

/// Pods with the arguments of a program, in namespaces that are vouched for or in the others.
pub(super) fn pods_of_program(source: &dyn ClusterSource, program: Program, vouched: bool) -> Vec<Arc<Pod>> {
    let mut pods = source.shelves().pods.marked([Mark::Runs(program)]);
    pods.retain(|pod| is_vouched(source, &pod.metadata) == vouched);
    pods
}

/// Services with one of these addresses or names at their load balancer, in namespaces that are vouched for or in the others.
pub(super) fn balanced_at(source: &dyn ClusterSource, points: &BTreeSet<String>, vouched: bool) -> Vec<Arc<Service>> {
    let mut services = source.shelves().services.marked(points.iter().cloned().map(Mark::Balanced));
    services.retain(|service| is_vouched(source, &service.metadata) == vouched);
    services
}

fn is_vouched(source: &dyn ClusterSource, meta: &ObjectMeta) -> bool {
    source.vouched(meta.namespace.as_deref().unwrap_or_default())
}

/// What to do about objects that make a claim in namespaces that nobody vouches for; nothing where there are none.
pub(super) fn unvouched<'a>(claim: &str, claimants: impl Iterator<Item = &'a ObjectMeta>) -> Option<String> {
    let namespaces: BTreeSet<&str> = claimants.filter_map(|meta| meta.namespace.as_deref()).collect();
    let first = namespaces.first()?;
    let more = if namespaces.len() > 1 { format!(" and {} more", namespaces.len() - 1) } else { String::new() };
    Some(format!(
        "in namespace {first}{more} {claim}, and nobody vouches for that: if it is the ingress controller, an administrator \
         adds the namespace to {FLAG}"
    ))
}

//! By what else than its name an object is found. What a plan asks of the whole cluster is noted when an object comes in,
//! so that a plan costs what its own namespace costs, whatever else there is.

use super::callers::is_particular;
use super::gateway_api::HTTPRoute;
use super::{controllers, ingress_nginx, traefik};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::{IngressClass, NetworkPolicy, NetworkPolicyPeer};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::{BTreeMap, BTreeSet};

/// Label that the API server gives every Namespace.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Programs that pods are told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
pub(super) enum Program {
    #[strum(serialize = "ingress-nginx")]
    IngressNginx,
    Traefik,
}

/// What an object is looked up by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// A pod has arguments of this program.
    Runs(Program),
    /// A Service has this address or name at its load balancer.
    Balanced(String),
    /// A Service is another name for this one: namespace and name.
    Alias(String, String),
    /// A route forwards to this Service: namespace and name.
    Backend(String, String),
    /// A policy's egress names pods of namespaces with this label.
    ToNamespaces(String, String),
    /// A policy's egress names pods with this label, in namespaces that no label tells.
    ToPods(String, String),
    /// A policy's egress names pods, and no label alone tells which.
    ToSome,
    /// A class belongs to a Helm release of this namespace.
    Release(String),
}

pub(super) fn pod(pod: &Pod) -> Vec<Mark> {
    let nginx = ingress_nginx::arguments_of(pod).is_some().then_some(Mark::Runs(Program::IngressNginx));
    let traefik = (!traefik::lists(pod).is_empty()).then_some(Mark::Runs(Program::Traefik));
    nginx.into_iter().chain(traefik).collect()
}

pub(super) fn service(service: &Service) -> Vec<Mark> {
    let status = service.status.as_ref().and_then(|s| s.load_balancer.as_ref()).and_then(|l| l.ingress.as_ref());
    let points = status.into_iter().flatten().flat_map(|p| [p.ip.clone(), p.hostname.clone()]).flatten();
    points.map(Mark::Balanced).chain(alias(service)).collect()
}

/// `NAME.NAMESPACE.svc`, alone or with the cluster's domain.
fn alias(service: &Service) -> Option<Mark> {
    let mut labels = service.spec.as_ref()?.external_name.as_deref()?.split('.');
    let (name, namespace) = (labels.next()?, labels.next()?);
    (labels.next() == Some("svc")).then(|| Mark::Alias(namespace.to_owned(), name.to_owned()))
}

pub(super) fn http_route(route: &HTTPRoute) -> Vec<Mark> {
    let own = route.metadata.namespace.as_deref().unwrap_or("default");
    let backends = route.spec.rules.iter().flat_map(|rule| &rule.backend_refs);
    backends.map(|b| Mark::Backend(b.namespace.as_deref().unwrap_or(own).to_owned(), b.name.clone())).collect()
}

pub(super) fn ingress_class(class: &IngressClass) -> Vec<Mark> {
    controllers::release_namespace(class).cloned().map(Mark::Release).into_iter().collect()
}

/// Of peers in other namespaces; those of its own are found with the namespace's policies.
pub(super) fn policy(policy: &NetworkPolicy) -> Vec<Mark> {
    let rules = policy.spec.iter().flat_map(|spec| spec.egress.iter().flatten());
    rules.flat_map(|rule| rule.to.iter().flatten()).flat_map(peer).collect()
}

fn peer(peer: &NetworkPolicyPeer) -> Vec<Mark> {
    let Some(namespaces) = peer.namespace_selector.as_ref().filter(|_| is_particular(peer)) else { return Vec::new() };
    if let Some(labels) = demanded(namespaces) {
        return labels.into_iter().map(|(key, value)| Mark::ToNamespaces(key, value)).collect();
    }
    match peer.pod_selector.as_ref().and_then(demanded) {
        Some(labels) => labels.into_iter().map(|(key, value)| Mark::ToPods(key, value)).collect(),
        None => vec![Mark::ToSome],
    }
}

/// Labels of which everything that a selector matches has one; `None` where no label is demanded.
fn demanded(selector: &LabelSelector) -> Option<Vec<(String, String)>> {
    let labels = selector.match_labels.as_ref();
    // The one that tells namespaces apart, where it is there.
    let telling = labels.and_then(|labels| labels.get_key_value(NAMESPACE_NAME).or_else(|| labels.iter().next()));
    if let Some((key, value)) = telling {
        return Some(vec![(key.clone(), value.clone())]);
    }
    let one_of = selector.match_expressions.iter().flatten().find(|e| e.operator == "In")?;
    Some(one_of.values.iter().flatten().map(|value| (one_of.key.clone(), value.clone())).collect())
}

/// What policies of other namespaces that name pods with one of these sets of labels are found by.
pub(super) fn towards<'a>(
    namespace: Option<&BTreeMap<String, String>>,
    pods: impl Iterator<Item = &'a BTreeMap<String, String>>,
) -> BTreeSet<Mark> {
    let of_namespace = namespace.into_iter().flatten().map(|(k, v)| Mark::ToNamespaces(k.clone(), v.clone()));
    let of_pods = pods.flatten().map(|(k, v)| Mark::ToPods(k.clone(), v.clone()));
    of_namespace.chain(of_pods).chain([Mark::ToSome]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of_peer(value: Value) -> Vec<Mark> {
        peer(&serde_json::from_value(value).unwrap())
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn a_policy_is_found_by_a_label_that_everything_it_names_has() {
        let namespaces = |(key, value): (String, String)| Mark::ToNamespaces(key, value);
        let pods = |(key, value): (String, String)| Mark::ToPods(key, value);
        let rows = [
            (json!({"podSelector": {"matchLabels": {"app": "web"}}}), vec![]),
            (json!({"namespaceSelector": {}}), vec![]),
            (
                json!({"namespaceSelector": {"matchLabels": {"a": "b", "kubernetes.io/metadata.name": "shop"}}}),
                vec![namespaces(pair("kubernetes.io/metadata.name", "shop"))],
            ),
            (
                json!({"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "Exists"}, {"key": "team", "operator": "In", "values": ["a", "b"]}]}}),
                vec![namespaces(pair("team", "a")), namespaces(pair("team", "b"))],
            ),
            (
                json!({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}}),
                vec![pods(pair("app", "web"))],
            ),
            (
                json!({"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]}}),
                vec![Mark::ToSome],
            ),
        ];
        for (value, marks) in rows {
            assert_eq!(of_peer(value.clone()), marks, "{value}");
        }
        let labels: BTreeMap<String, String> = [pair("app", "web")].into();
        let sought = towards(Some(&labels), [&labels].into_iter());
        let wanted = [namespaces(pair("app", "web")), pods(pair("app", "web")), Mark::ToSome];
        assert_eq!(sought, wanted.into());
    }

    #[test]
    fn a_name_for_a_service_is_told_from_names_outside() {
        let of = |name: &str| {
            let value = json!({"spec": {"type": "ExternalName", "externalName": name}});
            service(&serde_json::from_value(value).unwrap())
        };
        let web = [Mark::Alias("shop".to_owned(), "web".to_owned())];
        assert_eq!((of("web.shop.svc").as_slice(), of("web.shop.svc.cluster.local").as_slice()), (&web[..], &web[..]));
        assert_eq!((of("web.shop.svcs"), of("web.example.com"), of("svc")), (vec![], vec![], vec![]));
    }
}

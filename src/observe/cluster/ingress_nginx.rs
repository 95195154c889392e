//! ingress-nginx: which pods run it for an Ingress, and what its ConfigMap says about whose address it compares with a list.

use super::controllers::{pods_of_program, unvouched};
use super::marks::Program;
use super::{ClusterSource, Sight};
use crate::api::field::ObjectRef;
use crate::net::{Family, Prefix, RangeSet};
use k8s_openapi::api::core::v1::{Container, Pod};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Its program, as the first word of its arguments.
const PROGRAM: &str = "nginx-ingress-controller";

/// Arguments that say which Ingresses are its own, and which ConfigMap it reads.
const FLAGS: [&str; 3] = ["--configmap", "--controller-class", "--ingress-class"];

/// What an IngressClass calls it, and what an Ingress of its own does, where nothing else is said.
const CONTROLLER: &str = "k8s.io/ingress-nginx";
const CLASS: &str = "nginx";
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// Keys of its ConfigMap.
const TRUSTED: &str = "proxy-real-ip-cidr";
const PREAMBLE: &str = "use-proxy-protocol";
const HEADERS: [&str; 2] = ["use-forwarded-headers", "enable-real-ip"];
const HEADER: &str = "forwarded-for-header";

/// Whose address is compared with a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// That of whoever opened the connection: nothing else is believed.
    Peer,
    /// What somebody says it to be.
    Said(Hearsay),
    /// What decides it is being read.
    Waiting(String),
    /// It cannot be said, and why.
    Unseen(String),
}

/// An address that is taken from what comes over the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hearsay {
    /// The setting that makes it so.
    pub setting: &'static str,
    pub carried: Carried,
    /// `NAMESPACE/NAME` of the ConfigMap.
    pub config_map: String,
    /// From whom it is believed; `None` is everybody.
    pub believed: Option<RangeSet>,
}

/// Where the address stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum Carried {
    #[strum(serialize = "X-Forwarded-For")]
    ForwardedFor,
    #[strum(serialize = "the header that forwarded-for-header names")]
    OtherHeader,
    #[strum(serialize = "the PROXY protocol preamble")]
    Preamble,
}

/// What tells two of them apart.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    namespace: String,
    config_map: Option<(String, String)>,
    /// What an IngressClass calls it.
    controller: String,
    /// What an annotation of an Ingress calls it.
    class: String,
}

/// Pods that run the same ingress-nginx.
#[derive(Clone, Debug, Default)]
pub struct Controller {
    pub namespace: String,
    pub pods: Vec<Arc<Pod>>,
    /// Namespace and name.
    config_map: Option<(String, String)>,
}

/// What is kept of a container's arguments: those that are read here, and nothing of other programs.
pub(super) fn arguments(container: &Container) -> Option<Vec<String>> {
    let words: Vec<&String> = container.command.iter().chain(&container.args).flatten().collect();
    let program = words.iter().find(|word| word.rsplit('/').next() == Some(PROGRAM))?;
    let mut kept = vec![(*program).clone()];
    for name in FLAGS {
        let next = |at: usize| words.get(at + 1).map(|value| (*value).clone());
        let value = words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix(name)? {
            "" => next(at),
            rest => rest.strip_prefix('=').map(str::to_owned),
        });
        kept.extend(value.map(|value| format!("{name}={value}")));
    }
    Some(kept)
}

/// The controller that serves an Ingress, or why it is not known.
pub fn controller_of(source: &dyn ClusterSource, ingress: &Value) -> Result<Controller, String> {
    let mut all: BTreeMap<Identity, Vec<Arc<Pod>>> = BTreeMap::new();
    for pod in pods_of_program(source, Program::IngressNginx, true) {
        all.entry(identity(&pod)).or_default().push(pod);
    }
    if all.is_empty() {
        let others = pods_of_program(source, Program::IngressNginx, false);
        let claims = unvouched("a pod says that it runs ingress-nginx", others.iter().map(|pod| &pod.metadata));
        return Err(claims.unwrap_or_else(|| "no pod that runs ingress-nginx is seen".to_owned()));
    }
    let text = |pointer: &str| ingress.pointer(pointer).and_then(Value::as_str);
    let annotated = || ingress.pointer("/metadata/annotations")?.get(CLASS_ANNOTATION)?.as_str();
    if let Some(name) = text("/spec/ingressClassName") {
        match source.ingress_class(name).and_then(|class| class.spec.as_ref()?.controller.clone()) {
            Some(controller) => {
                all.retain(|own, _| own.controller == controller);
                if all.is_empty() {
                    return Err(format!(
                        "no pod is seen that runs {controller}, the controller of IngressClass {name}"
                    ));
                }
            }
            // The controller's own name for its class need not be the IngressClass's.
            None if all.len() > 1 => all.retain(|own, _| own.class == name),
            None => {}
        }
    } else if let Some(class) = annotated() {
        all.retain(|own, _| own.class == class);
        if all.is_empty() {
            return Err(format!("no pod is seen that runs ingress-nginx for class {class}"));
        }
    }
    if all.len() != 1 {
        return Err("which of several ingress-nginx serves it is not seen".to_owned());
    }
    let found = all.into_iter().next();
    Ok(found.map_or_else(Controller::default, |(Identity { namespace, config_map, .. }, pods)| Controller {
        namespace,
        pods,
        config_map,
    }))
}

fn identity(pod: &Pod) -> Identity {
    let words = arguments_of(pod).unwrap_or_default();
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let flag = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let map = flag("--configmap").map(|map| map.replace("$(POD_NAMESPACE)", &namespace));
    Identity {
        config_map: map.and_then(|map| map.split_once('/').map(|(at, name)| (at.to_owned(), name.to_owned()))),
        controller: flag("--controller-class").unwrap_or(CONTROLLER).to_owned(),
        class: flag("--ingress-class").unwrap_or(CLASS).to_owned(),
        namespace,
    }
}

pub(super) fn arguments_of(pod: &Pod) -> Option<Vec<String>> {
    pod.spec.as_ref()?.containers.iter().find_map(arguments)
}

/// Whose address the controller compares.
pub fn compared(source: &dyn ClusterSource, controller: &Controller) -> Compared {
    let Some((namespace, name)) = &controller.config_map else { return Compared::Peer };
    let key = format!("{namespace}/{name}");
    match source.carrier(&ObjectRef::config_map(name), namespace) {
        Sight::Found(map) => settings(&map.value, key),
        // Without its ConfigMap the controller does not start; in files it was left out.
        Sight::Missing | Sight::NoKind => Compared::Unseen(format!("ConfigMap {key} is not there")),
        Sight::Waiting => Compared::Waiting(format!("ConfigMap {key}")),
        Sight::Unreadable(problem) => Compared::Unseen(format!("ConfigMap {key} cannot be read: {problem}")),
    }
}

fn settings(map: &Value, config_map: String) -> Compared {
    let text = |key: &str| map.get("data")?.get(key)?.as_str().map(str::trim);
    // As the controller reads a boolean.
    let on = |key: &&&str| text(key).is_some_and(|v| matches!(v, "true" | "True" | "TRUE" | "t" | "T" | "1"));
    let preamble = on(&&PREAMBLE);
    let Some(setting) = preamble.then_some(PREAMBLE).or_else(|| HEADERS.iter().find(on).copied()) else {
        return Compared::Peer;
    };
    let carried = match text(HEADER) {
        _ if preamble => Carried::Preamble,
        Some(name) if !name.is_empty() && !name.eq_ignore_ascii_case("X-Forwarded-For") => Carried::OtherHeader,
        _ => Carried::ForwardedFor,
    };
    let listed = text(TRUSTED).filter(|list| !list.is_empty());
    let believed = listed.map(|list| list.split(',').filter_map(|one| Prefix::parse(one.trim()).ok()).collect());
    Compared::Said(Hearsay { setting, carried, config_map, believed: believed.filter(|set| !is_everybody(set)) })
}

fn is_everybody(set: &RangeSet) -> bool {
    let all = RangeSet::everything();
    [Family::V4, Family::V6].into_iter().any(|family| set.covers_all(&all.only(family)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn container(words: &[&str]) -> Container {
        Container { args: Some(words.iter().map(|w| (*w).to_owned()).collect()), ..Container::default() }
    }

    #[test]
    fn of_arguments_only_what_is_read_is_kept_and_nothing_of_other_programs() {
        let kept = arguments(&container(&[
            "/nginx-ingress-controller",
            "--election-id=leader",
            "--configmap",
            "$(POD_NAMESPACE)/settings",
            "--ingress-class=edge",
        ]));
        let kept = kept.unwrap();
        assert_eq!(
            kept,
            ["/nginx-ingress-controller", "--configmap=$(POD_NAMESPACE)/settings", "--ingress-class=edge"]
        );
        let again: Vec<&str> = kept.iter().map(String::as_str).collect();
        assert_eq!(arguments(&container(&again)), Some(kept.clone()));
        assert_eq!(arguments(&container(&["/haproxy-ingress", "--configmap=a/b", "--password=x"])), None);
    }

    #[test]
    fn what_is_believed_and_from_whom_is_read_as_the_controller_reads_it() {
        let said = |data: Value| match settings(&json!({"data": data}), "a/b".to_owned()) {
            Compared::Said(said) => Some((said.setting, said.carried, said.believed.map(|set| set.texts()))),
            other => {
                assert_eq!(other, Compared::Peer);
                None
            }
        };
        let list = |texts: &[&str]| Some(texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
        let rows = [
            (json!({}), None),
            (json!({"use-forwarded-headers": "false", "proxy-real-ip-cidr": "192.0.2.0/24"}), None),
            (json!({"use-forwarded-headers": "yes"}), None),
            (json!({"use-forwarded-headers": "true"}), Some(("use-forwarded-headers", Carried::ForwardedFor, None))),
            (
                json!({"enable-real-ip": "1", "proxy-real-ip-cidr": ""}),
                Some(("enable-real-ip", Carried::ForwardedFor, None)),
            ),
            (
                json!({"use-forwarded-headers": "true", "proxy-real-ip-cidr": "10.0.0.0/8, 0.0.0.0/0"}),
                Some(("use-forwarded-headers", Carried::ForwardedFor, None)),
            ),
            (
                json!({"use-forwarded-headers": "true", "proxy-real-ip-cidr": "0.0.0.0/1,128.0.0.0/1"}),
                Some(("use-forwarded-headers", Carried::ForwardedFor, None)),
            ),
            (
                json!({"use-forwarded-headers": "true", "forwarded-for-header": "CF-Connecting-IP", "proxy-real-ip-cidr": "192.0.2.0/24, 2001:db8::/32"}),
                Some(("use-forwarded-headers", Carried::OtherHeader, list(&["192.0.2.0/24", "2001:db8::/32"]))),
            ),
            (
                json!({"use-proxy-protocol": "true", "use-forwarded-headers": "true", "proxy-real-ip-cidr": "10.0.0.0/8"}),
                Some(("use-proxy-protocol", Carried::Preamble, list(&["10.0.0.0/8"]))),
            ),
        ];
        for (data, expected) in rows {
            assert_eq!(said(data.clone()), expected, "{data}");
        }
    }
}

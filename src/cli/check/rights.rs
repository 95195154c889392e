//! Every right that the operator uses by default, asked of the API server one by one: those of `deploy/base/rbac.yaml`, which
//! is read here as it is applied. Those of mode Enforce are given by namespace, and a resource says itself where they are
//! missing.

use super::Answer;
use anyhow::{Context, anyhow};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::PostParams;
use kube::{Api, Client};
use serde::Deserialize;
use std::collections::BTreeSet;

const MANIFEST: &str = include_str!("../../../deploy/base/rbac.yaml");

/// Roles of the manifest: of the whole cluster whatever is watched, of each watched namespace, and of its own.
const CLUSTER: (&str, &str) = ("ClusterRole", "leeward");
const WATCHED: (&str, &str) = ("ClusterRole", "leeward-watched");
const OWN: (&str, &str) = ("Role", "leeward");

/// Without these there is less to see, and nothing else. In its own namespace the operator needs its `ConfigMaps`.
const LESS: [&str; 4] = ["configmaps", "gateways", "httproutes", "ingressclasses"];

/// Where the operator stands and looks.
#[derive(Debug)]
pub struct Place<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    /// Empty: everywhere.
    pub watched: &'a [String],
    /// Secrets of its own namespace that its ProxyNetworks name.
    pub secrets: BTreeSet<String>,
}

/// One right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Right {
    group: String,
    /// `plural` or `plural/subresource`.
    resource: String,
    verb: String,
    /// Empty: the whole cluster.
    namespace: String,
    object: Option<String>,
    optional: bool,
}

#[derive(Deserialize)]
struct Role {
    kind: String,
    metadata: Metadata,
    #[serde(default)]
    rules: Vec<PolicyRule>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

/// What is missing, each in words; or that nothing is.
pub async fn check(client: &Client, place: &Place<'_>) -> anyhow::Result<Vec<Answer>> {
    let rights = rights(place)?;
    let mut answers = Vec::new();
    for right in &rights {
        if !may(client, right).await? {
            answers.push(right.missing());
        }
    }
    if answers.is_empty() {
        answers.push(Answer::fine(format!("all {} rights are there", rights.len())));
    }
    Ok(answers)
}

fn rights(place: &Place<'_>) -> anyhow::Result<Vec<Right>> {
    let roles: Vec<Role> = serde_saphyr::from_multiple(MANIFEST).context("deploy/base/rbac.yaml")?;
    let everywhere = [String::new()];
    let watched = if place.watched.is_empty() { everywhere.as_slice() } else { place.watched };
    let mut all = of_role(&roles, CLUSTER, "", place.name)?;
    for namespace in watched {
        all.extend(of_role(&roles, WATCHED, namespace, place.name)?);
    }
    all.extend(of_role(&roles, OWN, place.namespace, place.name)?);
    // deploy/accounts/role.yaml names an example: which Secrets they are, the ProxyNetworks say.
    all.extend(place.secrets.iter().map(|secret| Right {
        resource: "secrets".to_owned(),
        verb: "get".to_owned(),
        namespace: place.namespace.to_owned(),
        object: Some(secret.clone()),
        ..Right::default()
    }));
    Ok(all)
}

fn of_role(roles: &[Role], wanted: (&str, &str), namespace: &str, installation: &str) -> anyhow::Result<Vec<Right>> {
    let role = roles.iter().find(|role| (role.kind.as_str(), role.metadata.name.as_str()) == wanted);
    let role = role.ok_or_else(|| anyhow!("deploy/base/rbac.yaml has no {} {}", wanted.0, wanted.1))?;
    let mut found = Vec::new();
    for rule in &role.rules {
        // The one object that is named is the Lease, and it is named after the installation.
        let object = rule.resource_names.as_ref().filter(|names| !names.is_empty()).map(|_| installation.to_owned());
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                found.extend(rule.verbs.iter().map(|verb| Right {
                    group: group.clone(),
                    resource: resource.clone(),
                    verb: verb.clone(),
                    namespace: namespace.to_owned(),
                    object: object.clone(),
                    optional: wanted != OWN && LESS.contains(&resource.as_str()),
                }));
            }
        }
    }
    Ok(found)
}

impl Right {
    fn attributes(&self) -> ResourceAttributes {
        let (resource, subresource) = self.resource.split_once('/').unzip();
        ResourceAttributes {
            group: Some(self.group.clone()),
            resource: Some(resource.unwrap_or(&self.resource).to_owned()),
            subresource: subresource.map(str::to_owned),
            verb: Some(self.verb.clone()),
            namespace: Some(self.namespace.clone()).filter(|namespace| !namespace.is_empty()),
            name: self.object.clone(),
            ..ResourceAttributes::default()
        }
    }

    fn missing(&self) -> Answer {
        let Self { group, resource, verb, namespace, object, optional } = self;
        let group = if group.is_empty() { String::new() } else { format!(".{group}") };
        let object = object.as_ref().map_or_else(String::new, |name| format!(" {name}"));
        let place = match namespace.as_str() {
            "" => " in the whole cluster".to_owned(),
            namespace => format!(" in namespace {namespace}"),
        };
        let how =
            if resource == "secrets" { ": name it in accounts.secrets, or in deploy/accounts/role.yaml" } else { "" };
        let text = format!("not allowed to {verb} {resource}{group}{object}{place}{how}");
        if *optional { Answer::less(text) } else { Answer::wrong(text) }
    }
}

async fn may(client: &Client, right: &Right) -> anyhow::Result<bool> {
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(right.attributes()), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..Default::default() };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = api.create(&PostParams::default(), &review).await.context("cannot ask for its own rights")?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::sentence;
    use crate::operate::saying;

    #[tokio::test]
    async fn who_cannot_be_asked_is_said() {
        let right = rights(&Place { namespace: "edge", name: "leeward", watched: &[], secrets: BTreeSet::new() })
            .unwrap()
            .remove(0);
        let problem = may(&saying(500, "etcd is gone"), &right).await.unwrap_err();
        assert_eq!(sentence(&problem), "cannot ask for its own rights: etcd is gone");
    }

    fn texts(place: &Place<'_>) -> Vec<String> {
        rights(place).unwrap().iter().map(|right| right.missing().text).collect()
    }

    #[test]
    fn what_the_manifest_grants_is_asked_for_where_the_operator_uses_it() {
        let watched = ["shop".to_owned(), "blog".to_owned()];
        let place = |watched, secrets: &[&str]| Place {
            namespace: "edge",
            name: "second",
            watched,
            secrets: secrets.iter().map(|name| (*name).to_owned()).collect(),
        };
        let everywhere = texts(&place(&[], &[]));
        let few = texts(&place(&watched, &["edgeone-key"]));
        for right in ["list nodes in the whole cluster", "list pods in the whole cluster"] {
            assert!(everywhere.contains(&format!("not allowed to {right}")), "{everywhere:#?}");
        }
        for right in [
            "list nodes in the whole cluster",
            "list pods in namespace shop",
            "watch httproutes.gateway.networking.k8s.io in namespace blog",
            "patch protectedorigins/status.leeward.dev in namespace shop",
            "create leases.coordination.k8s.io in namespace edge",
            "update leases.coordination.k8s.io second in namespace edge",
            "get secrets edgeone-key in namespace edge: name it in accounts.secrets, or in deploy/accounts/role.yaml",
        ] {
            assert!(few.contains(&format!("not allowed to {right}")), "{few:#?}");
        }
        assert!(!few.iter().any(|right| right.contains("pods in the whole")));
        let missing = of_role(&[], OWN, "edge", "second").unwrap_err();
        assert_eq!(missing.to_string(), "deploy/base/rbac.yaml has no Role leeward");
        let optional = rights(&place(&[], &[])).unwrap().into_iter().filter(|right| right.optional).map(|r| r.resource);
        assert_eq!(optional.collect::<BTreeSet<_>>(), LESS.map(str::to_owned).into());
    }
}

//! Every right that the operator uses by default, asked of the API server one by one. Those of mode Enforce are given
//! by namespace, and a resource says itself where they are missing.

use super::Answer;
use anyhow::Context;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};

/// Where the operator stands and looks.
#[derive(Debug)]
pub struct Place<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    /// Empty: everywhere.
    pub watched: &'a [String],
}

/// A resource, and what is done with it.
#[derive(Clone, Copy, Debug)]
struct Use {
    group: &'static str,
    /// `plural` or `plural/subresource`.
    resource: &'static str,
    verbs: &'static [&'static str],
    /// Without it there is less to see, and nothing else.
    optional: bool,
}

const READ: &[&str] = &["list", "watch"];
const LEEWARD: &str = "leeward.dev";
const NETWORKING: &str = "networking.k8s.io";
const GATEWAY: &str = "gateway.networking.k8s.io";

const fn needs(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Use {
    Use { group, resource, verbs, optional: false }
}

const fn likes(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Use {
    Use { group, resource, verbs, optional: true }
}

/// Of the whole cluster, whatever is watched.
const CLUSTER: [Use; 4] = [
    needs(LEEWARD, "proxynetworks", READ),
    needs(LEEWARD, "proxynetworks/status", &["patch"]),
    needs("", "namespaces", READ),
    needs("", "nodes", READ),
];

/// In every watched namespace.
const WATCHED: [Use; 11] = [
    needs(LEEWARD, "protectedorigins", READ),
    needs(LEEWARD, "protectedorigins/status", &["patch"]),
    needs("", "services", READ),
    needs("", "pods", READ),
    needs("discovery.k8s.io", "endpointslices", READ),
    needs(NETWORKING, "networkpolicies", READ),
    needs(NETWORKING, "ingresses", READ),
    needs("events.k8s.io", "events", &["create", "patch"]),
    likes("", "configmaps", READ),
    likes(GATEWAY, "httproutes", READ),
    likes(GATEWAY, "gateways", READ),
];

/// What is missing, each in words; or that nothing is.
pub async fn check(client: &Client, place: &Place<'_>) -> anyhow::Result<Vec<Answer>> {
    let mut asked = 0;
    let mut answers = Vec::new();
    let everywhere = [String::new()];
    let watched = if place.watched.is_empty() { everywhere.as_slice() } else { place.watched };
    let cluster = CLUSTER.iter().map(|used| (*used, ""));
    let origins = watched.iter().flat_map(|namespace| WATCHED.iter().map(|used| (*used, namespace.as_str())));
    for (used, namespace) in cluster.chain(origins) {
        for verb in used.verbs {
            asked += 1;
            let attributes = attributes(&used, verb, namespace);
            if !may(client, attributes).await? {
                answers.push(missing(&used, verb, namespace));
            }
        }
    }
    for verb in ["create", "get", "update"] {
        asked += 1;
        let used = needs("coordination.k8s.io", "leases", &[]);
        let mut attributes = attributes(&used, verb, place.namespace);
        if verb != "create" {
            attributes.name = Some(place.name.to_owned());
        }
        if !may(client, attributes).await? {
            answers.push(missing(&used, verb, place.namespace));
        }
    }
    if answers.is_empty() {
        answers.push(Answer::fine(format!("all {asked} rights are there")));
    }
    Ok(answers)
}

fn attributes(used: &Use, verb: &str, namespace: &str) -> ResourceAttributes {
    let (resource, subresource) =
        used.resource.split_once('/').map_or((used.resource, None), |(resource, sub)| (resource, Some(sub)));
    ResourceAttributes {
        group: Some(used.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: subresource.map(str::to_owned),
        verb: Some(verb.to_owned()),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        ..ResourceAttributes::default()
    }
}

async fn may(client: &Client, attributes: ResourceAttributes) -> anyhow::Result<bool> {
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..Default::default() };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = api.create(&PostParams::default(), &review).await.context("cannot ask for its own rights")?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

fn missing(used: &Use, verb: &str, namespace: &str) -> Answer {
    let group = if used.group.is_empty() { String::new() } else { format!(".{}", used.group) };
    let place =
        if namespace.is_empty() { " in the whole cluster".to_owned() } else { format!(" in namespace {namespace}") };
    let text = format!("not allowed to {verb} {}{group}{place}", used.resource);
    if used.optional { Answer::less(text) } else { Answer::wrong(text) }
}

//! Names out of the cluster. Nothing is said when it does not answer: the line belongs to the shell.

use super::words::Words;
use crate::api::{Cause, ProtectedOrigin, ProxyNetwork};
use crate::cli::presets;
use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::config::Kubeconfig;
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::fmt::Debug;
use std::time::Duration;
use strum::IntoEnumIterator;
use tokio::time::timeout;

/// Who presses Tab does not wait longer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most names that are asked for.
const MOST: u32 = 1000;

/// Adds to the grammar where values come from.
pub fn attach(command: Command, words: &Words) -> Command {
    command.mut_subcommands(|sub| {
        let of = sub.get_name().to_owned();
        sub.mut_args(|arg| value(&of, arg, words))
    })
}

fn value(of: &str, arg: Arg, words: &Words) -> Arg {
    let words = words.clone();
    match (of, arg.get_id().as_str()) {
        ("diagnose" | "plan" | "report", "name") => {
            from(arg, move |typed| ask(origins(words.clone(), typed.contains('/'))))
        }
        ("ranges", "name") => from(arg, move |_| ask(networks(words.clone()))),
        ("ranges", "preset") => from(arg, |_| presets::names()),
        ("explain", "cause") => from(arg, |_| Cause::iter().map(|cause| cause.to_string()).collect()),
        (_, "namespace" | "watch_namespace") => from(arg, move |_| ask(namespaces(words.clone()))),
        (_, "context") => from(arg, move |_| contexts(&words)),
        _ => arg,
    }
}

/// A value that is one of `names`; what was typed narrows them.
fn from(arg: Arg, names: impl Fn(&str) -> Vec<String> + Send + Sync + 'static) -> Arg {
    arg.add(ArgValueCompleter::new(move |typed: &OsStr| {
        let Some(typed) = typed.to_str() else { return Vec::new() };
        let names = names(typed).into_iter().filter(|name| name.starts_with(typed));
        names.map(CompletionCandidate::new).collect::<Vec<_>>()
    }))
}

/// Waits for an answer of the cluster, for a moment.
fn ask(names: BoxFuture<'static, Option<Vec<String>>>) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asked = async { timeout(PATIENCE, names).await.ok().flatten() };
    runtime.ok().and_then(|runtime| runtime.block_on(asked)).unwrap_or_default()
}

/// Names of ProtectedOrigins: bare ones of the namespace that would be meant, and `NAMESPACE/NAME` of the others,
/// unless `-n` says which.
fn origins(words: Words, qualified: bool) -> BoxFuture<'static, Option<Vec<String>>> {
    async move {
        let config = words.cluster.config().await.ok()?;
        let own = words.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).ok()?;
        let within = |namespace: &str| Api::<ProtectedOrigin>::namespaced(client.clone(), namespace);
        if words.namespace.is_some() && !qualified {
            return listed(&within(&own)).await.map(|all| all.into_iter().map(|(_, name)| name).collect());
        }
        let all = match listed(&Api::<ProtectedOrigin>::all(client.clone())).await {
            Some(all) => all,
            // Who may not list every namespace may still list this one.
            None => listed(&within(&own)).await?,
        };
        let word = |(namespace, name): (String, String)| {
            if namespace == own && !qualified { name } else { format!("{namespace}/{name}") }
        };
        let mut names: Vec<String> = all.into_iter().map(word).collect();
        names.sort_by_key(|name| (name.contains('/'), name.clone()));
        Some(names)
    }
    .boxed()
}

fn networks(words: Words) -> BoxFuture<'static, Option<Vec<String>>> {
    async move {
        let client = words.cluster.client().await.ok()?;
        let all = listed(&Api::<ProxyNetwork>::all(client)).await?;
        Some(all.into_iter().map(|(_, name)| name).collect())
    }
    .boxed()
}

fn namespaces(words: Words) -> BoxFuture<'static, Option<Vec<String>>> {
    async move {
        let client = words.cluster.client().await.ok()?;
        let all = listed(&Api::<Namespace>::all(client)).await?;
        Some(all.into_iter().map(|(_, name)| name).collect())
    }
    .boxed()
}

/// Namespace and name of everything that is listed; none where that is refused.
async fn listed<K>(api: &Api<K>) -> Option<Vec<(String, String)>>
where
    K: Clone + DeserializeOwned + Debug,
{
    let list = api.list_metadata(&ListParams::default().limit(MOST)).await.ok()?;
    let key = |meta: &ObjectMeta| (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
    Some(list.items.iter().map(|item| key(&item.metadata)).collect())
}

/// Contexts of the kubeconfig, which is a file: no cluster is asked.
fn contexts(words: &Words) -> Vec<String> {
    let read = words.cluster.kubeconfig.as_ref().map_or_else(Kubeconfig::read, Kubeconfig::read_from);
    read.map(|config| config.contexts.into_iter().map(|context| context.name).collect()).unwrap_or_default()
}

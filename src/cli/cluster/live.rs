//! One look at a live cluster: the ProtectedOrigin and the objects around it.

use super::{ClusterArgs, NamespacedArgs, client};
use crate::api::ProtectedOrigin;
use crate::api::field::Sees;
use crate::api::names::owned_name;
use crate::api::validated::{ValidTarget, Validated};
use crate::observe::cluster::ingress_nginx::{Compared, compared, controller_of};
use crate::observe::cluster::{
    ClusterSource, ControllerNamespaces, Kind, Options, Sight, Stores, Waiting, egress_kind, kinds_are_known,
};
use crate::operate::api_server;
use anyhow::{Context, bail};
use kube::Api;
use kube::api::ListParams;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Longest wait for the first list of every kind.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between looks at what is still missing.
const PAUSE: Duration = Duration::from_millis(50);

/// The objects around an origin.
pub struct Objects {
    pub source: Stores,
    /// Kinds that could not be read, in words.
    pub unknown: Vec<String>,
}

/// What was found.
pub struct Found {
    pub origin: ProtectedOrigin,
    /// The other origins of the namespace.
    pub neighbours: Vec<ProtectedOrigin>,
    pub objects: Objects,
}

/// Reads the resource and everything in its namespace that facts are made of.
pub async fn read(args: &NamespacedArgs, text: &str, controllers: ControllerNamespaces) -> anyhow::Result<Found> {
    let asked = args.named(text)?;
    let config = args.cluster.config().await?;
    let name = asked.within(&config);
    let client = client(config)?;
    let api: Api<ProtectedOrigin> = Api::namespaced(client.clone(), &name.namespace);
    let mut neighbours = api
        .list(&ListParams::default())
        .await
        .with_context(|| format!("cannot read the ProtectedOrigins of namespace {}", name.namespace))?
        .items;
    let Some(place) = neighbours.iter().position(|o| o.metadata.name.as_ref() == Some(&name.name)) else {
        bail!("ProtectedOrigin {}/{} does not exist in the cluster", name.namespace, name.name);
    };
    let origin = neighbours.swap_remove(place);
    let source = Stores::start(client, &Options { namespaces: vec![name.namespace.clone()], controllers });
    let waiting = waiting(&source).await.into_iter();
    let unknown = waiting.map(|w| format!("judging without objects of kind {w}")).collect();
    // The stores learn about ConfigMaps by being asked.
    if let Some(bundle) = &origin.spec.origin.ca_bundle {
        let wanted = &bundle.config_map_ref.name;
        let deadline = Instant::now() + PATIENCE;
        while source.config_map(&name.namespace, wanted).is_none() && Instant::now() < deadline {
            if source.knows(Kind::ConfigMap) {
                break;
            }
            sleep(PAUSE).await;
        }
    }
    named(&source, &origin).await;
    Ok(Found { origin, neighbours, objects: Objects { source, unknown } })
}

/// Waits until the objects that targets name have been looked at: the stores learn about them by being asked.
async fn named(source: &Stores, origin: &ProtectedOrigin) {
    let Ok(origin) = Validated::new(origin) else { return };
    let namespace = &origin.namespace;
    let read = |target: &ValidTarget| match target {
        ValidTarget::NetworkPolicy { .. } => true,
        ValidTarget::Field { field, .. } => match source.carrier(&field.object, namespace) {
            Sight::Waiting => false,
            Sight::Found(object) if field.sees == Sees::AsIngressNginxIsTold => !controller_of(source, &object.value)
                .is_ok_and(|controller| matches!(compared(source, &controller), Compared::Waiting(_))),
            _ => true,
        },
        ValidTarget::ConfigMap { name, first, .. } => {
            source.config_map(namespace, &owned_name(&origin.name, name, *first)).is_some()
                || source.knows(Kind::ConfigMap)
        }
    };
    let deadline = Instant::now() + PATIENCE;
    let all_read = || kinds_are_known(source) && origin.allowlist.targets.iter().all(read);
    while !all_read() && Instant::now() < deadline {
        sleep(PAUSE).await;
    }
}

/// What the egress guard must know: objects of all namespaces, and how this process reaches the API server.
pub struct Whole {
    pub source: Stores,
    pub api_server: Vec<IpAddr>,
    /// What the guard cannot know, in words.
    pub unknown: Vec<String>,
}

/// Looks at the whole cluster, as the operator does.
pub async fn whole(args: &ClusterArgs) -> anyhow::Result<Whole> {
    let config = args.config().await?;
    let api_server = api_server(&config).await;
    let source = Stores::start(client(config)?, &Options::default());
    let waiting = waiting(&source).await.into_iter().filter(|w| egress_kind(w.kind));
    let unknown = waiting.map(|w| format!("--guard refuses less than the operator, without objects of kind {w}"));
    let unknown = unknown.collect();
    Ok(Whole { source, api_server, unknown })
}

/// Whether this process runs in a pod, where addresses of pods mean what they say.
pub fn inside() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

/// Waits until each kind is listed or has said why not; the latter are returned.
async fn waiting(source: &Stores) -> Vec<Waiting> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let waiting = source.waiting();
        if waiting.iter().all(|w| w.problem.is_some()) || Instant::now() >= deadline {
            return waiting;
        }
        sleep(PAUSE).await;
    }
}

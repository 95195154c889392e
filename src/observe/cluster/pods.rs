//! Why pods do not serve: what their containers wait for, and how they ended last.

use super::endpoints::addresses_of;
use super::selection::pods_behind;
use super::{ClusterSource, Kind};
use crate::api::validated::{Validated, Whereabouts};
use crate::evidence::fact;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

/// Most pods that one fact carries; those that are not ready come first.
const MOST_PODS: usize = 32;

/// The pods behind the origin's Service. `None` for other origins, and while pods are not known.
pub(super) fn fact(source: &dyn ClusterSource, origin: &Validated, now: Timestamp) -> Option<fact::Pods> {
    let Whereabouts::Service { name, .. } = &origin.origin.whereabouts else { return None };
    if !source.knows(Kind::Pod) {
        return None;
    }
    let service = source.service(&origin.namespace, name)?;
    let mut pods: Vec<fact::Pod> =
        pods_behind(source, &origin.namespace, &service).iter().map(|p| one(p, now)).collect();
    pods.sort_by(|a, b| (a.ready, &a.name).cmp(&(b.ready, &b.name)));
    pods.truncate(MOST_PODS);
    Some(fact::Pods { pods })
}

fn one(pod: &Pod, now: Timestamp) -> fact::Pod {
    let status = pod.status.clone().unwrap_or_default();
    let containers: Vec<&ContainerStatus> =
        status.container_statuses.iter().flatten().chain(status.init_container_statuses.iter().flatten()).collect();
    let waiting = containers.iter().filter_map(|c| c.state.as_ref()?.waiting.as_ref()?.reason.clone());
    // A container that just ended is still in `state`; one that was started again has it in `lastState`.
    let ended = containers.iter().filter_map(|c| {
        let current = c.state.as_ref().and_then(|s| s.terminated.as_ref());
        current.or_else(|| c.last_state.as_ref().and_then(|s| s.terminated.as_ref()))
    });
    // An init container that finished its job is no failure.
    let failed = ended.filter(|t| t.exit_code != 0).max_by_key(|t| t.finished_at.as_ref().map(|f| f.0));
    let started =
        containers.iter().filter_map(|c| c.state.as_ref()?.running.as_ref()?.started_at.as_ref()).map(|t| t.0);
    fact::Pod {
        name: pod.metadata.name.clone().unwrap_or_default(),
        addresses: addresses_of(pod),
        ready: is_ready(pod),
        phase: status.phase.unwrap_or_else(|| "Unknown".to_owned()),
        waiting: first_of_note(waiting),
        last_termination: failed.map(|t| t.reason.clone().unwrap_or_else(|| "Error".to_owned())),
        exit_code: failed.map(|t| t.exit_code),
        node: pod.spec.as_ref().and_then(|s| s.node_name.clone()),
        restarts: containers.iter().map(|c| u32::try_from(c.restart_count).unwrap_or(0)).sum(),
        started_seconds_ago: started.max().map(|t| u32::try_from((now - t).get_seconds()).unwrap_or(0)),
    }
}

/// Condition Ready.
pub(super) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True")
}

/// `PodInitializing` and `ContainerCreating` are said of containers that wait for others; any other reason says more.
fn first_of_note(reasons: impl Iterator<Item = String>) -> Option<String> {
    let all: Vec<String> = reasons.collect();
    let dull = |r: &&String| matches!(r.as_str(), "PodInitializing" | "ContainerCreating");
    all.iter().find(|r| !dull(r)).or_else(|| all.first()).cloned()
}

//! What a watch does to its shelf, event by event.

use super::*;
use crate::observe::cluster::stores::Standing;
use crate::observe::cluster::tolerant::Unreadable;
use futures::stream;
use k8s_openapi::api::core::v1::Node;
use parking_lot::Mutex;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

type Events = Vec<watcher::Result<Event<Tolerant<Node>>>>;

fn shared() -> Shared {
    Shared {
        shelves: Shelves::default(),
        standings: Mutex::new(BTreeMap::from([((Kind::Node, Scope::All), Standing::default())])),
        changes: broadcast::channel(64).0,
        news: watch::channel(0).0,
    }
}

fn node(name: &str, version: &str, address: &str) -> Tolerant<Node> {
    Tolerant(Ok(serde_json::from_value(json!({
        "metadata": {"name": name, "resourceVersion": version, "annotations": {"beat": version}},
        "status": {"addresses": [{"type": "InternalIP", "address": address}], "conditions": [{"type": "Ready", "status": "True", "message": version}]},
    }))
    .unwrap()))
}

fn broken(name: &str) -> Tolerant<Node> {
    let metadata = serde_json::from_value(json!({"name": name})).unwrap();
    Tolerant(Err(Unreadable { error: "status.addresses is no list".to_owned(), metadata }))
}

/// Lets the events pass; the names that changed, in order, and what lies on the shelf then.
async fn after(shared: &Shared, events: Events) -> (Vec<String>, Vec<String>) {
    let client = Client::new(
        tower::service_fn(|_| std::future::pending::<Result<http::Response<kube::client::Body>, std::io::Error>>()),
        "default",
    );
    let feed =
        Feed { kind: Kind::Node, scope: Scope::All, api: Api::all(client), place: |s| &s.nodes, trim: trim::node };
    let mut changes = shared.changes.subscribe();
    feed.follow(stream::iter(events), shared).await;
    let told = std::iter::from_fn(|| changes.try_recv().ok()).map(|c| c.name).collect();
    let kept = shared.shelves.nodes.all().into_iter().map(|n: Arc<Node>| n.metadata.name.clone().unwrap()).collect();
    (told, kept)
}

fn standing(shared: &Shared) -> Standing {
    shared.standings.lock().values().next().unwrap().clone()
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|&n| n.to_owned()).collect()
}

#[tokio::test]
async fn a_list_replaces_what_was_there_and_only_differences_are_told() {
    let shared = shared();
    let list = |names: &[&str]| {
        let mut events: Events = vec![Ok(Event::Init)];
        events.extend(names.iter().map(|n| Ok(Event::InitApply(node(n, "1", "10.0.0.1")))));
        events.push(Ok(Event::InitDone));
        events
    };
    assert!(!standing(&shared).listed);
    assert_eq!(after(&shared, list(&["a", "b"])).await, (names(&["a", "b"]), names(&["a", "b"])));
    assert!(standing(&shared).listed);
    assert_eq!(after(&shared, list(&["b", "c"])).await, (names(&["c", "a"]), names(&["b", "c"])));
}

#[tokio::test]
async fn a_heartbeat_is_no_change_and_a_new_address_is() {
    let shared = shared();
    after(&shared, vec![Ok(Event::Apply(node("a", "1", "10.0.0.1")))]).await;
    assert_eq!(after(&shared, vec![Ok(Event::Apply(node("a", "2", "10.0.0.1")))]).await.0, names(&[]));
    assert_eq!(after(&shared, vec![Ok(Event::Apply(node("a", "3", "10.0.0.2")))]).await.0, names(&["a"]));
    assert_eq!(after(&shared, vec![Ok(Event::Delete(node("a", "4", "10.0.0.2")))]).await, (names(&["a"]), names(&[])));
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_left_out_and_stalls_nobody() {
    let shared = shared();
    let events: Events = vec![
        Ok(Event::Init),
        Ok(Event::InitApply(broken("bad"))),
        Ok(Event::InitApply(node("good", "1", "10.0.0.1"))),
        Ok(Event::InitDone),
        Ok(Event::Apply(broken("good"))),
        Ok(Event::Apply(node("later", "1", "10.0.0.1"))),
    ];
    assert_eq!(after(&shared, events).await, (names(&["good", "good", "later"]), names(&["later"])));
}

#[tokio::test]
async fn a_failing_watch_says_why_and_keeps_what_it_knew() {
    let shared = shared();
    let forbidden =
        kube::core::Status::failure("nodes is forbidden: User \"x\" cannot list", "Forbidden").with_code(403);
    let error = || Err(watcher::Error::InitialListFailed(kube::Error::Api(forbidden.clone().boxed())));
    after(&shared, vec![error()]).await;
    assert_eq!(
        (standing(&shared).listed, standing(&shared).problem.as_deref()),
        (false, Some("list failed: nodes is forbidden: User \"x\" cannot list"))
    );
    let events: Events =
        vec![Ok(Event::Init), Ok(Event::InitApply(node("a", "1", "10.0.0.1"))), Ok(Event::InitDone), error()];
    assert_eq!(after(&shared, events).await.1, names(&["a"]));
    assert!(standing(&shared).listed && standing(&shared).problem.is_some());
}

#[tokio::test]
async fn a_kind_that_the_cluster_does_not_have_is_done_without() {
    use crate::observe::cluster::gateway_api::HTTPRoute;
    let shared = shared();
    let client = Client::new(
        tower::service_fn(|_| std::future::pending::<Result<http::Response<kube::client::Body>, std::io::Error>>()),
        "default",
    );
    let kind = Kind::HTTPRoute;
    let feed: Feed<HTTPRoute> =
        Feed { kind, scope: Scope::All, api: Api::all(client), place: |s| &s.http_routes, trim: |_| () };
    let error = |code| {
        let status = kube::core::Status::failure("the server could not find the requested resource", "NotFound");
        Err(watcher::Error::InitialListFailed(kube::Error::Api(status.with_code(code).boxed())))
    };
    let standing = || shared.standings.lock().get(&(kind, Scope::All)).unwrap().clone();
    feed.follow(stream::iter(vec![error(500)]), &shared).await;
    assert!(!standing().absent && standing().problem.is_some());
    feed.follow(stream::iter(vec![error(404), Ok(Event::Init), Ok(Event::InitDone)]), &shared).await;
    assert!(standing().absent && !standing().listed, "what comes behind is a later watch's");
    feed.follow(stream::iter(vec![Ok(Event::Init), Ok(Event::InitDone)]), &shared).await;
    assert!(!standing().absent && standing().listed);
}

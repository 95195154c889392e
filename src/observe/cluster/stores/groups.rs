//! Which API groups the cluster serves. Everybody may ask that.

use super::Shared;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroupList;
use kube::Client;
use std::time::Duration;
use tokio::time::sleep;

/// Projects are rarely installed, and still more rarely removed.
const AGAIN: Duration = Duration::from_mins(10);

/// Asks for ever.
pub(super) async fn follow(client: Client, shared: &Shared) {
    loop {
        note(shared, client.list_api_groups().await.ok());
        sleep(AGAIN).await;
    }
}

/// Without an answer, what was known stands.
fn note(shared: &Shared, answer: Option<APIGroupList>) {
    let mut known = shared.shelves.groups.write();
    match answer {
        Some(list) => *known = Some(list.groups.into_iter().map(|group| group.name).collect()),
        None => *known = Some(known.take().unwrap_or_default()),
    }
}

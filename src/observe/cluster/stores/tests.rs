//! What is said of a cluster that does not answer, and how many objects somebody may have watched.

use super::*;
use crate::api::field::ApiKind;

/// A client of an API server that never answers.
fn silent() -> Client {
    let pending = |_| std::future::pending::<Result<http::Response<kube::client::Body>, std::io::Error>>();
    Client::new(tower::service_fn(pending), "default")
}

fn stores() -> Stores {
    Stores::start(silent(), &Options::default())
}

#[tokio::test]
async fn what_has_not_been_listed_is_waited_for_by_name() {
    let waiting: Vec<String> = stores().waiting().iter().map(Waiting::to_string).collect();
    assert!(waiting.contains(&"Pod: no answer yet".to_owned()), "{waiting:?}");
    assert_eq!(waiting.len(), 11, "{waiting:?}");
}

#[tokio::test]
async fn one_namespace_takes_no_more_than_its_share_of_watches() {
    let stores = stores();
    let api = ApiKind {
        group: "traefik.io".to_owned(),
        version: "v1alpha1".to_owned(),
        kind: "Middleware".to_owned(),
        plural: "middlewares".to_owned(),
        namespaced: true,
        project: "Traefik".to_owned(),
    };
    let see = |namespace: &str, number: usize| {
        stores.named(&ObjectRef { api: api.clone(), name: format!("m{number}") }, namespace)
    };
    for number in 0..MOST_NAMED.0 {
        assert_eq!(see("shop", number), Sight::Waiting);
    }
    let refused = Sight::Unreadable("too many objects are named by the targets of this namespace".to_owned());
    assert_eq!(see("shop", MOST_NAMED.0), refused);
    assert_eq!(see("shop", 0), Sight::Waiting, "what is watched stays so");
    assert_eq!(see("blog", 0), Sight::Waiting, "others are none the worse");
}

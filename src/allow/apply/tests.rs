//! What is said where the API server does not do its part: it is one that each test makes answer as it likes. What a real one
//! does is tried in `tests/allowlist.rs` and `tests/targets.rs`.

use super::*;
use crate::allow::plan::tests::{CLOSED, Situation, annotated, foreign, written};
use http::{Method, Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;

/// An API server with these answers: a code and an object, or silence.
fn server(answer: impl Fn(&Method, &str) -> Option<(u16, Value)> + Send + Sync + 'static) -> Client {
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: Request<Body>| {
        let said = answer(request.method(), request.uri().path());
        async move {
            let Some((code, body)) = said else { return std::future::pending().await };
            let body = Body::from(body.to_string().into_bytes());
            Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap())
        }
    });
    Client::new(service, "default")
}

fn failure(code: u16, reason: &str, message: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason,
        "code": code});
    (code, status)
}

fn overloaded() -> Client {
    let (code, status) = failure(503, "ServiceUnavailable", "the server is currently unable to handle the request");
    server(move |_, _| Some((code, status.clone())))
}

async fn applied(client: &Client, site: &Situation) -> Applied {
    apply(client, &site.plan(), &|| true, &mut Memory::default(), Timestamp::UNIX_EPOCH).await
}

/// What each target says of itself.
fn details(applied: &Applied) -> Vec<&str> {
    applied.targets.iter().map(|target| target.detail.as_deref().unwrap_or_default()).collect()
}

const ONLY: &str = "cidrs: [192.0.2.0/24, '2001:db8::/32']";
const MORE: &str = "cidrs: [192.0.2.0/24, 198.51.100.0/24, '2001:db8::/32']";

const CANNOT: &str = "the server is currently unable to handle the request; trying again";

#[tokio::test]
async fn nobody_is_shut_out_while_another_target_lets_too_few_in() {
    let ours = annotated("192.0.2.0/24", &[("leeward-shop", "Apply")]);
    let wide = written(&ours.replace(ONLY, MORE), |text| text).replace(MORE, ONLY);
    let applied = applied(&overloaded(), &Situation::of(&wide)).await;
    assert_eq!(
        details(&applied),
        [
            "keeps 1 prefix (198.51.100.0/24) until every other target could be written",
            &format!("could not get Ingress shop/web: {CANNOT}")
        ]
    );
    assert!(applied.again && applied.writes.is_empty());
}

/// A list of trusted proxies and the annotation of an Ingress.
fn twins(trusted: &str, ingress: &str) -> Situation {
    let fields = "managedFields: [{manager: leeward-shop, operation: Apply, fieldsV1: {'f:data': {'f:proxy-real-ip-cidr': {}}}}]";
    let map = format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: settings, namespace: shop, uid: map-uid, annotations: \
         {{leeward.dev/origin: shop/shop}}, {fields}}}, data: {{proxy-real-ip-cidr: '{trusted}', use-forwarded-headers: 'true'}}}}"
    );
    let trust = "type: TrustedProxies, trustedProxies: {name: settings, preset: IngressNginx}";
    let web = "    - {name: web, type: IngressAnnotation, ingressAnnotation: {name: web, preset: IngressNginx}}\n";
    let site = foreign(trust, &map).replace("    - {name: t,", &format!("{web}    - {{name: t,"));
    let (_, annotated) = ingress.split_once("kind: Ingress\n").unwrap();
    let (head, _) = site.split_once("kind: Ingress\n").unwrap();
    let annotated = annotated.replace(CLOSED, "");
    Situation::of(&format!("{head}kind: Ingress\n{annotated}{CLOSED}---\n{map}\n"))
}

#[tokio::test]
async fn whoever_is_let_in_is_believed_first() {
    let site = twins("192.0.2.0/24", &annotated("192.0.2.0/24", &[("leeward-shop", "Apply")]));
    let applied = applied(&overloaded(), &site).await;
    assert_eq!(
        details(&applied),
        [
            "would be changed, adds 1 prefix (2001:db8::/32); waits until the list of trusted proxies could be written",
            &format!("could not get ConfigMap shop/settings: {CANNOT}")
        ]
    );
}

#[tokio::test]
async fn whoever_is_still_let_in_stays_believed() {
    let all = "192.0.2.0/24,198.51.100.0/24,2001:db8::/32";
    // Somebody else holds the annotation, so nobody leaves it.
    let site = twins(all, &annotated(all, &[("argocd", "Apply")]));
    let applied = applied(&overloaded(), &site).await;
    assert!(details(&applied)[0].contains("is held by field manager argocd"), "{:?}", details(&applied));
    assert_eq!(details(&applied)[1], "keeps 1 prefix (198.51.100.0/24) until nobody whom it names is let in any more");
    assert_eq!(applied.synced.reason, Reason::FieldConflict);
}

/// A plan that creates the policy.
fn creation() -> Situation {
    Situation::of(&foreign(
        "type: NetworkPolicy",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: shop}}",
    ))
}

/// An API server where each write of the policy is answered with this object, and each read afterwards as well.
fn taking(policy: Value, read: Option<Value>) -> Client {
    let reads = std::sync::atomic::AtomicUsize::new(0);
    server(move |method, _| match (method, reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst), &read) {
        (&Method::PATCH, ..) => Some((201, policy.clone())),
        (_, 2.., Some(read)) => Some((200, read.clone())),
        _ => Some(failure(404, "NotFound", "not found")),
    })
}

#[tokio::test]
async fn what_does_not_stay_as_it_was_written_is_said() {
    let site = creation();
    let policy = site.plan().targets[0].manifest().unwrap();
    let gone = applied(&taking(policy.clone(), None), &site).await;
    assert_eq!(
        details(&gone),
        ["NetworkPolicy shop/leeward-shop was deleted right after it was written; looking again"]
    );
    assert!(gone.again);
    let mut other = policy.clone();
    other["spec"]["podSelector"]["matchLabels"]["tier"] = json!("x");
    let altered = applied(&taking(policy, Some(other)), &site).await;
    assert_eq!(
        details(&altered),
        [
            "NetworkPolicy shop/leeward-shop reads back otherwise than it was written: an admission webhook or another tool \
          alters it; make it leave the object alone"
        ]
    );
    assert_eq!((altered.synced.reason, altered.again), (Reason::FieldConflict, false));
}

#[tokio::test(start_paused = true)]
async fn silence_is_not_waited_for() {
    let silent = applied(&server(|_, _| None), &creation()).await;
    assert_eq!(
        details(&silent),
        ["could not get NetworkPolicy shop/leeward-shop: no answer within 10 s; trying again"]
    );
}

#[tokio::test]
async fn a_rehearsal_without_rights_says_whose_count() {
    let message = "networkpolicies.networking.k8s.io \"leeward-shop\" is forbidden: User \"dev\" cannot patch resource \"networkpolicies\" in API group \"networking.k8s.io\" in the namespace \"shop\"";
    let client = server(move |method, _| match *method {
        Method::PATCH => Some(failure(403, "Forbidden", message)),
        _ => Some(failure(404, "NotFound", "not found")),
    });
    let tried = rehearse(&DryRun::over(client), &creation().plan(), Timestamp::UNIX_EPOCH).await;
    let [Some(Rehearsal::NotMade(said))] = tried.as_slice() else { panic!("{tried:?}") };
    assert!(
        said.ends_with(". A dry run needs the rights of the write; Leeward writes with those of its ServiceAccount"),
        "{said}"
    );
    assert!(said.contains("cannot patch"), "{said}");
}

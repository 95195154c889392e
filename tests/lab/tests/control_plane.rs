//! The control plane by itself: it answers, gives out tokens, comes back after a stop, and leaves nothing.

use std::time::{Duration, Instant};

use lab::control_plane::{ControlPlane, Options};

#[test]
fn it_starts_answers_restarts_and_ends() {
    let begin = Instant::now();
    let control_plane = ControlPlane::start_with(Options { audit: true }).unwrap();
    eprintln!("ready after {:?}", begin.elapsed());
    let folder = control_plane.folder().to_owned();

    control_plane
        .apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: kept, namespace: default}, data: {a: b}}")
        .unwrap();

    let restricted = folder.join("restricted.kubeconfig");
    std::fs::write(&restricted, control_plane.service_account_kubeconfig("default", "default").unwrap()).unwrap();
    let refused = control_plane
        .kubectl(&["--kubeconfig", restricted.to_str().unwrap(), "get", "configmaps"])
        .unwrap_err()
        .to_string();
    assert!(refused.contains("system:serviceaccount:default:default"), "{refused}");
    let events = control_plane.audit_events().unwrap();
    assert!(
        events.iter().any(|event| event["user"]["username"] == "system:serviceaccount:default:default"
            && event["objectRef"]["resource"] == "configmaps"
            && event["responseStatus"]["code"] == 403),
        "{events:#?}"
    );

    control_plane.stop_api_server();
    assert!(control_plane.kubectl(&["get", "--raw", "/readyz", "--request-timeout=2s"]).is_err());
    control_plane.restart_api_server().unwrap();
    assert_eq!(control_plane.get("default", "configmap", "kept").unwrap()["data"]["a"], "b");

    let begin = Instant::now();
    drop(control_plane);
    assert!(begin.elapsed() < Duration::from_secs(5), "ending took {:?}", begin.elapsed());
    assert!(!folder.exists());
}

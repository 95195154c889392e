use super::*;
use crate::net::{Prefix, RangeSet};
use crate::observe::ranges::{Acknowledged, Fetched, Listing, Occasion, next_status};
use serde_json::json;
use std::sync::Arc;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn set(prefixes: &[&str]) -> RangeSet {
    prefixes.iter().map(|text| Prefix::parse(text).unwrap()).collect()
}

fn announced(prefixes: &[&str]) -> Announced {
    Announced { version: "v2".to_owned(), ranges: set(prefixes), deadline: None, acknowledged: Acknowledged::No }
}

/// A network whose list contains the announced one since second 100.
fn network(next: &Announced) -> ProxyNetwork {
    let mut network: ProxyNetwork = serde_json::from_value(json!({
        "apiVersion": "leeward.dev/v1alpha1", "kind": "ProxyNetwork", "metadata": {"name": "edgeone"},
        "spec": {"acknowledge": "AfterEnforced", "source": {"type": "Account", "account": {
            "product": "TencentEdgeOne", "region": "Mainland", "resourceID": "zone-1", "secretRef": {"name": "a"}}}},
    }))
    .unwrap();
    let listing = |next| Fetched::Listing(Listing { version: None, current: set(&["47.0.0.0/24"]), next });
    let first = next_status(None, &network.spec, 1, &listing(None), Occasion::Change, at(0));
    let fetched = listing(Some(next.clone()));
    network.status = Some(next_status(Some(&first), &network.spec, 1, &fetched, Occasion::Change, at(100)));
    network
}

/// What is read back, and what the site looks like.
struct Told<'a> {
    mode: &'a str,
    hash: Option<String>,
    synced: (&'a str, &'a str, &'a str),
    healthy: (&'a str, i64),
}

impl Told<'_> {
    fn origin(&self) -> Arc<ProtectedOrigin> {
        let condition = |kind: &str, status: &str, reason: &str, message: &str, since: i64| {
            json!({"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 2,
                   "lastTransitionTime": at(since).to_string()})
        };
        let (status, reason, message) = self.synced;
        let origin = json!({
            "apiVersion": "leeward.dev/v1alpha1", "kind": "ProtectedOrigin",
            "metadata": {"name": "shop", "namespace": "shop", "generation": 2},
            "spec": {
                "proxy": {"url": "https://shop.example.com/", "networkRef": {"name": "edgeone"}},
                "origin": {"type": "Addresses", "addresses": {"ips": ["203.0.113.10"]}},
                "allowlist": {"mode": self.mode, "targets": [{"name": "out", "type": "ConfigMap"}]},
            },
            "status": {
                "conditions": [
                    condition("AllowlistSynced", status, reason, message, 50),
                    condition("OriginHealthy", self.healthy.0, "Healthy", "", self.healthy.1),
                ],
                "allowlist": {"hash": self.hash.clone().unwrap_or_default(), "prefixes": 2, "ipv4Prefixes": 2, "ipv6Prefixes": 0},
            },
        });
        Arc::new(serde_json::from_value(origin).unwrap())
    }
}

fn good(network: &ProxyNetwork) -> Told<'static> {
    let hash = State::of(network.status.as_ref().unwrap()).active.unwrap().hash();
    Told { mode: "Enforce", hash: Some(hash), synced: ("True", "Synced", "1 target"), healthy: ("True", 10) }
}

fn users(read: &[(Arc<ProtectedOrigin>, Seen)]) -> Users {
    Users { read: read.to_vec(), unreadable: Vec::new() }
}

#[test]
fn one_that_cannot_be_read_holds_it_up_however_well_the_others_are() {
    let next = announced(&["47.1.0.0/24"]);
    let network = network(&next);
    let key = OriginKey::new("shop", "odd");
    let fine = Users { unreadable: vec![key], ..users(&[(good(&network).origin(), Seen::Well)]) };
    let held = Some(Waiting::Unreadable(vec!["shop/odd".to_owned()]));
    assert_eq!(waiting(&network, &next, &fine, at(200)), held);
    // It is the one that may carry the list: to say that no origin does would send the reader elsewhere.
    assert_eq!(waiting(&network, &next, &Users { read: Vec::new(), ..fine }, at(200)), held);
}

#[test]
fn it_is_sent_once_every_origin_carries_the_list_and_is_well() {
    let next = announced(&["47.1.0.0/24"]);
    let network = network(&next);
    let now = at(200);
    let ask = |origins: &[(Arc<ProtectedOrigin>, Seen)]| waiting(&network, &next, &users(origins), now);
    let fine = || (good(&network).origin(), Seen::Well);
    assert_eq!(ask(&[fine()]), None);
    assert_eq!(ask(&[fine(), fine()]), None);
    assert_eq!(ask(&[]), Some(Waiting::NoOrigin));
    let watching = Told { mode: "Observe", ..good(&network) };
    assert_eq!(ask(&[(watching.origin(), Seen::Well)]), Some(Waiting::NoOrigin));
    assert_eq!(ask(&[(watching.origin(), Seen::Well), fine()]), None, "one that only looks is not waited for");

    let other = Told { hash: Some("sha256:0".to_owned()), ..good(&network) };
    let conflict = Told { synced: ("False", "FieldConflict", ""), ..good(&network) };
    let planned = Told { synced: ("True", "PlanPending", ""), ..good(&network) };
    for told in [other, conflict, planned] {
        assert_eq!(ask(&[fine(), (told.origin(), Seen::Well)]), Some(Waiting::Origins { carry: 1, of: 2 }));
    }
    let probing = Told { synced: ("True", "Synced", "1 target; probing after the write"), ..good(&network) };
    assert_eq!(ask(&[(probing.origin(), Seen::Well)]), Some(Waiting::Probes { of: 1 }));
    assert_eq!(
        ask(&[(good(&network).origin(), Seen::Nothing)]),
        Some(Waiting::Probes { of: 1 }),
        "a new leader looks itself"
    );
    let worse = Told { healthy: ("False", 150), ..good(&network) };
    assert_eq!(ask(&[fine(), (worse.origin(), Seen::Failing)]), Some(Waiting::Failing { of: 1 }));
    let before = Told { healthy: ("False", 20), ..good(&network) };
    assert_eq!(ask(&[(before.origin(), Seen::Failing)]), None, "it failed before the announcement");
    // The prober knows more than the status says yet.
    assert_eq!(ask(&[(good(&network).origin(), Seen::Failing)]), Some(Waiting::Failing { of: 1 }));
}

#[test]
fn a_list_that_the_guards_hold_back_is_not_acknowledged() {
    let next = announced(&["48.0.0.0/12"]);
    let network = network(&next);
    assert!(network.status.as_ref().unwrap().quarantined.is_some());
    assert_eq!(
        waiting(&network, &next, &users(&[(good(&network).origin(), Seen::Well)]), at(200)),
        Some(Waiting::List)
    );
}

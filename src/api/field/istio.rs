//! An AuthorizationPolicy of Istio. Its rules are kept whole: one rule about the list. A policy of action DENY shuts out
//! whoever is not listed, whatever others allow; of several that allow, each lets in whom it names.

use super::{ApiKind, Capacity, Consent, Empty, Field, Form, Need, ObjectRef, Place, Sees};
use crate::api::targets::{IstioAction, IstioAddress, IstioTarget};
use serde_json::{Value, json};

pub(super) fn field(target: &IstioTarget) -> Field {
    let (template, hole) = match (target.action, target.address) {
        (IstioAction::Deny, IstioAddress::Peer) => rule("notIpBlocks", "/0/from/0/source/notIpBlocks"),
        (IstioAction::Deny, IstioAddress::Client) => rule("notRemoteIpBlocks", "/0/from/0/source/notRemoteIpBlocks"),
        (IstioAction::Allow, IstioAddress::Peer) => rule("ipBlocks", "/0/from/0/source/ipBlocks"),
        (IstioAction::Allow, IstioAddress::Client) => rule("remoteIpBlocks", "/0/from/0/source/remoteIpBlocks"),
    };
    let (allowed, otherwise, empty) = match target.action {
        IstioAction::Deny => (
            vec!["DENY"],
            "is not of action DENY, as the target says: set spec.action to DENY, or action of the target to Allow",
            Empty::Opens,
        ),
        IstioAction::Allow => (
            vec!["absent", "ALLOW"],
            "is not of action ALLOW, as the target says: set spec.action to ALLOW, or action of the target to Deny",
            Empty::Closes,
        ),
    };
    Field {
        object: ObjectRef {
            api: ApiKind::of("security.istio.io", "v1", "AuthorizationPolicy", "authorizationpolicies", "Istio"),
            name: target.name.clone(),
        },
        place: Place::path("spec.rules"),
        form: Form::framed(template, hole),
        empty,
        sees: match target.address {
            IstioAddress::Peer => Sees::Peer,
            IstioAddress::Client => Sees::Client,
        },
        capacity: Capacity::Object,
        // A policy without rules may be there to let nobody in.
        consent: Consent::Mark,
        needs: vec![Need { place: Place::path("spec.action"), allowed, otherwise }],
        named_by: "istioAuthorizationPolicy.name",
    }
}

fn rule(list: &str, hole: &'static str) -> (Value, &'static str) {
    (json!([{"from": [{"source": {list: []}}]}]), hole)
}

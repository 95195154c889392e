//! Calico's network sets: named by the labels that policies select.

use super::{ApiKind, Capacity, Consent, Empty, Field, Items, ObjectRef, Place, Sees};
use crate::api::targets::{CalicoApi, CalicoTarget};

pub(super) fn namespaced(target: &CalicoTarget) -> Field {
    field(kind(target.api, "NetworkSet", "networksets"), Consent::Rights, target, "calicoNetworkSet.name")
}

pub(super) fn global(target: &CalicoTarget) -> Field {
    field(
        kind(target.api, "GlobalNetworkSet", "globalnetworksets").cluster(),
        Consent::Mark,
        target,
        "calicoGlobalNetworkSet.name",
    )
}

fn kind(api: CalicoApi, kind: &str, plural: &str) -> ApiKind {
    match api {
        CalicoApi::V3 => ApiKind::of("projectcalico.org", "v3", kind, plural, "the Calico API server"),
        CalicoApi::CRD => ApiKind::of("crd.projectcalico.org", "v1", kind, plural, "Calico"),
    }
}

fn field(api: ApiKind, consent: Consent, target: &CalicoTarget, named_by: &'static str) -> Field {
    Field {
        object: ObjectRef { api, name: target.name.clone() },
        place: Place::path("spec.nets"),
        form: Items::Strings.into(),
        // A policy that selects an empty set lets nobody in.
        empty: Empty::Closes,
        sees: Sees::Peer,
        capacity: Capacity::Object,
        consent,
        needs: Vec::new(),
        named_by,
    }
}

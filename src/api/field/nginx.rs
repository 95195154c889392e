//! A Policy of F5 NGINX Ingress Controller: exactly one of allow and deny; with an empty list nothing is rendered, without
//! either the routes that name it fail.

use super::{ApiKind, Capacity, Consent, Empty, Field, Items, Need, ObjectRef, Place, Sees};

pub(super) fn field(name: &str) -> Field {
    Field {
        object: ObjectRef {
            api: ApiKind::of("k8s.nginx.org", "v1", "Policy", "policies", "F5 NGINX Ingress Controller"),
            name: name.to_owned(),
        },
        place: Place::path("spec.accessControl.allow"),
        form: Items::Strings.into(),
        empty: Empty::Either,
        sees: Sees::Client,
        capacity: Capacity::Object,
        consent: Consent::Rights,
        needs: vec![Need {
            place: Place::path("spec.accessControl.deny"),
            allowed: vec!["absent"],
            otherwise: "has accessControl.deny, beside which NGINX takes no allow: remove it, or name another Policy",
        }],
        named_by: "nginxPolicy.name",
    }
}

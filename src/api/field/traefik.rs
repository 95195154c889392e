//! A Traefik Middleware of the kind ipAllowList. Without a list Traefik does not build it, and its routers fail.

use super::{ApiKind, Capacity, Consent, Empty, Field, Items, ObjectRef, Place, Sees};

pub(super) fn field(name: &str) -> Field {
    Field {
        object: ObjectRef {
            api: ApiKind::of("traefik.io", "v1alpha1", "Middleware", "middlewares", "Traefik"),
            name: name.to_owned(),
        },
        place: Place::path("spec.ipAllowList.sourceRange"),
        form: Items::Strings.into(),
        empty: Empty::Closes,
        sees: Sees::PeerUnless("/spec/ipAllowList/ipStrategy"),
        capacity: Capacity::Object,
        consent: Consent::Rights,
        needs: Vec::new(),
        named_by: "traefikMiddleware.name",
    }
}

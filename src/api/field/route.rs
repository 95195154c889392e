//! The annotation of an OpenShift Route: blank-separated, and with a blank at either end the router leaves the list out.

use super::{ApiKind, Capacity, Consent, Empty, Field, Items, ObjectRef, Place, Sees, Separator};

const ALLOWLIST: &str = "haproxy.router.openshift.io/ip_allowlist";

pub(super) fn field(name: &str) -> Field {
    Field {
        object: ObjectRef {
            api: ApiKind::of("route.openshift.io", "v1", "Route", "routes", "OpenShift"),
            name: name.to_owned(),
        },
        place: Place::annotation(ALLOWLIST),
        form: Items::Text(Separator::Blank).into(),
        empty: Empty::Opens,
        sees: Sees::Peer,
        capacity: Capacity::Object,
        consent: Consent::Rights,
        needs: Vec::new(),
        named_by: "routeAnnotation.name",
    }
}

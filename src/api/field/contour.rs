//! The list of a whole HTTPProxy of Contour. Entries always say Peer: those that say Remote are alternatives to them, so a
//! visitor could pass by a header. A route that has a list of its own does not look at this one.

use super::{ApiKind, Capacity, Consent, Empty, Field, Items, Need, ObjectRef, Place, Sees};

pub(super) fn field(name: &str) -> Field {
    Field {
        object: ObjectRef {
            api: ApiKind::of("projectcontour.io", "v1", "HTTPProxy", "httpproxies", "Contour"),
            name: name.to_owned(),
        },
        place: Place::path("spec.virtualhost.ipAllowPolicy"),
        form: Items::Objects { member: "cidr".to_owned(), fixed: [("source".to_owned(), "Peer".to_owned())].into() }
            .into(),
        empty: Empty::Opens,
        sees: Sees::Peer,
        capacity: Capacity::Object,
        consent: Consent::Rights,
        needs: vec![Need {
            place: Place::path("spec.virtualhost.ipDenyPolicy"),
            allowed: vec!["absent"],
            otherwise: "has virtualhost.ipDenyPolicy, beside which Contour takes no ipAllowPolicy: remove it",
        }],
        named_by: "contourHTTPProxy.name",
    }
}

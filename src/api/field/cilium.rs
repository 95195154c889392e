//! A CiliumCIDRGroup: cluster-scoped, named by policies that stay as their owner wrote them.

use super::{ApiKind, Capacity, Consent, Empty, Field, Items, ObjectRef, Place, Sees};

pub(super) fn field(name: &str) -> Field {
    Field {
        object: ObjectRef {
            api: ApiKind::of("cilium.io", "v2", "CiliumCIDRGroup", "ciliumcidrgroups", "Cilium").cluster(),
            name: name.to_owned(),
        },
        place: Place::path("spec.externalCIDRs"),
        form: Items::Strings.into(),
        // A policy that names an empty group lets nobody in.
        empty: Empty::Closes,
        sees: Sees::Peer,
        capacity: Capacity::Object,
        consent: Consent::Mark,
        needs: Vec::new(),
        named_by: "ciliumCIDRGroup.name",
    }
}

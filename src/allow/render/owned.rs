//! The metadata of objects that Leeward creates: the marks of ownership, and whether an object still carries them.

use crate::api::names::{HASH_ANNOTATION, MANAGED_BY, MANAGED_BY_LABEL, ORIGIN_ANNOTATION};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use std::collections::BTreeMap;

/// Which object it is, and whose.
pub(super) struct Identity<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    /// `NAMESPACE/NAME` of the origin: the mark of ownership.
    pub origin: &'a str,
    pub owner: Option<&'a OwnerReference>,
}

impl Identity<'_> {
    /// With the hash of the list that the object carries.
    pub fn metadata(&self, hash: String) -> ObjectMeta {
        ObjectMeta {
            name: Some(self.name.to_owned()),
            namespace: Some(self.namespace.to_owned()),
            labels: Some(BTreeMap::from([(MANAGED_BY_LABEL.to_owned(), MANAGED_BY.to_owned())])),
            annotations: Some(BTreeMap::from([
                (ORIGIN_ANNOTATION.to_owned(), self.origin.to_owned()),
                (HASH_ANNOTATION.to_owned(), hash),
            ])),
            owner_references: self.owner.map(|o| vec![o.clone()]),
            ..ObjectMeta::default()
        }
    }
}

/// Whether an object's metadata is as rendered: what others add to it does not count.
pub(super) fn same(rendered: &ObjectMeta, found: &ObjectMeta) -> bool {
    let subset = |ours: &Option<BTreeMap<String, String>>, theirs: &Option<BTreeMap<String, String>>| {
        ours.iter().flatten().all(|(k, v)| theirs.as_ref().and_then(|t| t.get(k)) == Some(v))
    };
    subset(&rendered.labels, &found.labels)
        && subset(&rendered.annotations, &found.annotations)
        && owners(rendered) == owners(found)
}

/// Owner references of our kind; those of others do not count.
fn owners(meta: &ObjectMeta) -> Vec<&str> {
    let all = meta.owner_references.iter().flatten();
    all.filter(|o| o.kind == "ProtectedOrigin").map(|o| o.uid.as_str()).collect()
}

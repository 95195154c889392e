//! Vetoes: pure checks that keep a planned write from doing harm, each with its reason and what to do about it.

mod field;
mod isolation;
mod lasting;
mod seen;

use crate::api::ProtectedOrigin;
use crate::api::conditions::Reason;
use crate::api::names::{ENFORCE_ALLOWED, ENFORCE_LABEL, ORIGIN_ANNOTATION};
use crate::api::spec::Mode;
use crate::api::status::TargetState;
use crate::api::validated::{ValidTarget, Validated};
use crate::observe::cluster::{ClusterSource, Kind, pods_of, selector_and_ports};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

pub use field::{field_too_large, not_handed_over, over_capacity};
pub use isolation::{FirstIsolation, first_isolation, locked_out};
pub use lasting::{Going, last_isolation, opened};
pub use seen::{Seen, seen, source_lost};

/// Room for an object in etcd is 1.5 MiB; two thirds of it leave some for what others add.
const OBJECT_BYTES: usize = 1 << 20;

/// Why something is not written, or what else is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Veto {
    /// Reason of condition `AllowlistSynced`.
    pub reason: Reason,
    /// What is wrong and what to do.
    pub message: String,
}

impl Veto {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// The state of a target that this stops.
    pub const fn state(&self) -> TargetState {
        match self.reason {
            Reason::FieldConflict => TargetState::Conflict,
            Reason::Pending => TargetState::Pending,
            Reason::ReferenceNotFound | Reason::SourceUnavailable | Reason::Forbidden => TargetState::Unavailable,
            _ => TargetState::Vetoed,
        }
    }
}

impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}

/// Kinds that decide whether a write does harm: consent, isolation, ownership, and the operator's own way in.
const DECIDING: [Kind; 6] =
    [Kind::Namespace, Kind::NetworkPolicy, Kind::Pod, Kind::Service, Kind::Ingress, Kind::ProxyNetwork];

/// In a running cluster nothing is written while a kind that decides about it cannot be seen: what is not seen must
/// not be taken for what is not there.
pub fn unseen(source: &dyn ClusterSource) -> Option<Veto> {
    if !source.live() {
        return None;
    }
    let missing: Vec<String> = DECIDING.iter().filter(|k| !source.knows(**k)).map(ToString::to_string).collect();
    (!missing.is_empty()).then(|| {
        Veto::new(
            Reason::Forbidden,
            format!(
                "Leeward cannot list {} here, and writes nothing that depends on it: grant its ServiceAccount list and \
                 watch on them, as deploy/ does",
                missing.join(", ")
            ),
        )
    })
}

/// Writing needs the namespace's consent, given by somebody who may label Namespaces.
pub fn not_permitted(source: &dyn ClusterSource, namespace: &str) -> Option<Veto> {
    if !source.knows(Kind::Namespace) {
        return None;
    }
    let object = source.namespace(namespace);
    let label = object.as_ref().and_then(|n| n.metadata.labels.as_ref()).and_then(|l| l.get(ENFORCE_LABEL));
    if label.map(String::as_str) == Some(ENFORCE_ALLOWED) {
        return None;
    }
    Some(Veto::new(
        Reason::EnforceNotPermitted,
        format!(
            "Namespace {namespace} does not allow writes: an administrator allows them with kubectl label namespace \
             {namespace} {ENFORCE_LABEL}={ENFORCE_ALLOWED}"
        ),
    ))
}

/// An object of our name without our mark is somebody else's.
pub fn foreign_object(kind: &str, found: &ObjectMeta, origin: &str) -> Option<Veto> {
    let mark = found.annotations.as_ref().and_then(|a| a.get(ORIGIN_ANNOTATION)).map(String::as_str);
    if mark == Some(origin) {
        return None;
    }
    let (namespace, name) = (found.namespace.as_deref().unwrap_or_default(), found.name.as_deref().unwrap_or_default());
    let whose = mark.map_or_else(
        || format!("has no annotation {ORIGIN_ANNOTATION}, so Leeward did not create it"),
        |other| format!("belongs to the origin {}", other.chars().take(128).collect::<String>()),
    );
    Some(Veto::new(
        Reason::ForeignObject,
        format!("{kind} {namespace}/{name} {whose}; delete or rename it, or rename the origin or its target"),
    ))
}

/// Another origin of the namespace and when it was created.
#[derive(Clone, Debug)]
pub struct Neighbour {
    pub origin: Arc<Validated>,
    pub created: Option<Timestamp>,
    /// It is being deleted.
    pub leaving: bool,
}

impl Neighbour {
    /// One that cannot be read keeps no entrance.
    pub fn of(object: &ProtectedOrigin) -> Option<Self> {
        let meta = &object.metadata;
        Some(Self {
            origin: Arc::new(Validated::new(object).ok()?),
            created: meta.creation_timestamp.as_ref().map(|t| t.0),
            leaving: meta.deletion_timestamp.is_some(),
        })
    }
}

/// Two origins on one entrance would undo each other: the older one keeps it.
pub fn shared_entrance(
    source: &dyn ClusterSource,
    origin: &Validated,
    created: Option<Timestamp>,
    target: &ValidTarget,
    neighbours: &[Neighbour],
) -> Option<Veto> {
    let older = |n: &&Neighbour| {
        n.origin.namespace == origin.namespace
            && n.origin.name != origin.name
            && n.origin.allowlist.mode == Mode::Enforce
            && (n.created, n.origin.name.as_str()) < (created, origin.name.as_str())
    };
    for neighbour in neighbours.iter().filter(older) {
        for theirs in &neighbour.origin.allowlist.targets {
            if let Some(what) = same_entrance(source, origin, target, &neighbour.origin, theirs) {
                let message = format!(
                    "{what} is kept by ProtectedOrigin {} already: let one resource keep it, with the other proxy's \
                     addresses in its extraCIDRs, or remove target {} here",
                    neighbour.origin.name,
                    target.name()
                );
                return Some(Veto::new(Reason::SharedEntrance, message));
            }
        }
    }
    None
}

fn same_entrance(
    source: &dyn ClusterSource,
    origin: &Validated,
    ours: &ValidTarget,
    neighbour: &Validated,
    theirs: &ValidTarget,
) -> Option<String> {
    match (ours, theirs) {
        (ValidTarget::Field { field, .. }, ValidTarget::Field { field: other, .. }) => {
            let same = field.object == other.object && field.place == other.place;
            same.then(|| format!("the allowlist of {}", field.object.key(&origin.namespace)))
        }
        (ValidTarget::NetworkPolicy { .. }, ValidTarget::NetworkPolicy { .. }) => {
            let guarded = |of: &Validated, target| selector_and_ports(source, of, target).ok().flatten();
            let (a, b) = (guarded(origin, ours)?, guarded(neighbour, theirs)?);
            if a.ports.iter().all(|p| !b.ports.contains(p)) {
                return None;
            }
            let names = |selector| {
                let pods = pods_of(source, &origin.namespace, selector).into_iter();
                pods.filter_map(|p| p.metadata.name.clone()).collect::<BTreeSet<_>>()
            };
            let shared = names(&a.selector).intersection(&names(&b.selector)).next().cloned();
            match shared {
                Some(pod) => Some(format!("the allowlist of pod {}/{pod}", origin.namespace)),
                None => (a.selector == b.selector).then(|| "the allowlist of the same pods".to_owned()),
            }
        }
        _ => None,
    }
}

/// Whether a rendered object fits.
pub fn object_too_large(kind: &str, rendered: &impl serde::Serialize) -> Option<Veto> {
    let bytes = serde_json::to_vec(rendered).map_or(usize::MAX, |v| v.len());
    (bytes > OBJECT_BYTES).then(|| {
        Veto::new(
            Reason::CapacityExceeded,
            format!(
                "the {kind} would take {bytes} bytes of the {OBJECT_BYTES} that one object holds; use another target, or a \
                 shorter list"
            ),
        )
    })
}

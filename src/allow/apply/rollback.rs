//! Taking back a narrowing after which the site fails. A widening is never taken back: that would cut off addresses that
//! the proxy uses.

use super::problem::Problem;
use super::write::{Done, Writer};
use super::{Claim, Direction, Step, TargetPlan};
use crate::allow::guard::Veto;
use crate::allow::memory::{Fingerprint, Memory};
use crate::allow::plan::{Owned, Write};
use crate::allow::render::network_policy;
use crate::api::conditions::Reason;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;

/// How to restore what stood before a narrowing.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// `NAMESPACE/NAME` of the origin.
    origin: String,
    target: TargetPlan,
    /// What was written and may have to go.
    narrowed: Fingerprint,
    restore: Step,
}

impl Rollback {
    /// The reverse of a narrowing step.
    pub(super) fn of(origin: &str, target: &TargetPlan, step: &Step) -> Option<Self> {
        let write = match &step.write {
            // A form that somebody else gave it is not restored: it may let in everybody.
            Write::Policy { had: Some(had), .. } if network_policy::content(had).is_none() => return None,
            Write::Policy { rendered, had: Some(had) } => {
                Write::Policy { rendered: Box::new(network_policy::owned(had, rendered)), had: Some(rendered.clone()) }
            }
            Write::Policy { rendered, had: None } => gone(Owned::NetworkPolicy, &rendered.metadata)?,
            Write::ConfigMap { rendered, had: Some(had) } => {
                Write::ConfigMap { rendered: had.clone(), had: Some(rendered.clone()) }
            }
            Write::ConfigMap { rendered, had: None } => gone(Owned::ConfigMap, &rendered.metadata)?,
            Write::Field { shape, value, had: Some(had) } => {
                Write::Field { shape: shape.clone(), value: had.clone(), had: Some(value.clone()) }
            }
            Write::Field { shape, had: None, .. } => Write::Release { shape: shape.clone() },
            Write::Remove { .. } | Write::Release { .. } => return None,
        };
        Some(Self::new(origin, target.clone(), step.fingerprint.clone(), write))
    }

    /// The way back from what was narrowed to.
    pub(super) fn new(origin: &str, target: TargetPlan, narrowed: Fingerprint, write: Write) -> Self {
        let restore = Step { direction: Direction::Widen, repair: false, fingerprint: Fingerprint::new(), write };
        Self { origin: origin.to_owned(), target, narrowed, restore }
    }

    #[cfg(test)]
    pub fn any() -> Self {
        use crate::api::targets::TargetType;
        let restore = Step {
            direction: Direction::Widen,
            repair: false,
            fingerprint: String::new(),
            write: Write::Remove {
                kind: Owned::ConfigMap,
                namespace: "shop".to_owned(),
                name: "leeward-shop".to_owned(),
                uid: None,
            },
        };
        let target = TargetPlan {
            name: "web".to_owned(),
            kind: TargetType::ConfigMap,
            object: "leeward-shop".to_owned(),
            key: "ConfigMap shop/leeward-shop".to_owned(),
            spot: "ConfigMap shop/leeward-shop".to_owned(),
            change: crate::allow::Change::Update,
            added: Vec::new(),
            removed: Vec::new(),
            diff: String::new(),
            veto: None,
            notes: Vec::new(),
            later: 0,
            steps: Vec::new(),
            fingerprint: Fingerprint::new(),
        };
        Self { origin: "shop/shop".to_owned(), target, narrowed: Fingerprint::new(), restore }
    }

    #[cfg(test)]
    pub const fn write(&self) -> &Write {
        &self.restore.write
    }

    /// Name of the target.
    pub fn target(&self) -> &str {
        &self.target.name
    }

    /// Whether it takes this content of a target back.
    pub fn narrowed(&self, target: &str, content: &str) -> bool {
        self.target.name == target && self.narrowed == content
    }

    /// Names what of which object it restores.
    pub fn spot(&self) -> &str {
        &self.target.spot
    }
}

/// The end of an object that stood not there before.
fn gone(kind: Owned, meta: &ObjectMeta) -> Option<Write> {
    Some(Write::Remove { kind, namespace: meta.namespace.clone()?, name: meta.name.clone()?, uid: None })
}

/// Restores what stood before, and remembers not to try the same again. `Ok(false)`: there was nothing to restore.
pub async fn roll_back(
    client: &Client,
    rollback: &Rollback,
    claim: Claim<'_>,
    memory: &mut Memory,
    now: Timestamp,
) -> Result<bool, Veto> {
    let writer = Writer::new(client, &rollback.origin, claim, now);
    match writer.write(&rollback.target, &rollback.restore, memory).await {
        Ok(done) => {
            memory.roll_back(&rollback.target.spot, &rollback.narrowed);
            Ok(done == Done::Wrote)
        }
        Err(Problem::Veto(veto) | Problem::NoRight(veto)) => Err(veto),
        Err(problem) => Err(Veto::new(Reason::Pending, problem.to_string())),
    }
}

//! Taking back a narrowing after which the site fails. A widening is never taken back: that would cut off addresses that
//! the proxy uses.

use super::problem::Problem;
use super::write::{Done, Writer};
use super::{Claim, Direction, Step, TargetPlan};
use crate::allow::guard::Veto;
use crate::allow::memory::{Fingerprint, Memory};
use crate::allow::plan::Write;
use crate::allow::render::network_policy;
use crate::api::conditions::Reason;
use jiff::Timestamp;
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
            Write::Policy { rendered, had: None } => Write::Remove {
                namespace: rendered.metadata.namespace.clone()?,
                name: rendered.metadata.name.clone()?,
                uid: None,
            },
            Write::Annotation { shape, value, had: Some(had) } => {
                Write::Annotation { shape: shape.clone(), value: had.clone(), had: Some(value.clone()) }
            }
            Write::Annotation { shape, had: None, .. } => Write::Release { shape: shape.clone() },
            Write::Remove { .. } | Write::Release { .. } => return None,
        };
        let restore = Step { direction: Direction::Widen, repair: false, fingerprint: Fingerprint::new(), write };
        Some(Self { origin: origin.to_owned(), target: target.clone(), narrowed: step.fingerprint.clone(), restore })
    }

    #[cfg(test)]
    pub fn any() -> Self {
        use crate::allow::render::ingress_annotation::AnnotationShape;
        use crate::api::targets::{IngressPreset, TargetType};
        let shape = AnnotationShape::new("shop", "web", None, IngressPreset::IngressNginx, "shop");
        let restore = Step {
            direction: Direction::Widen,
            repair: false,
            fingerprint: String::new(),
            write: Write::Release { shape },
        };
        let target = TargetPlan {
            name: "web".to_owned(),
            kind: TargetType::IngressAnnotation,
            object: "web".to_owned(),
            key: "Ingress shop/web".to_owned(),
            change: crate::allow::Change::Update,
            added: Vec::new(),
            removed: Vec::new(),
            diff: String::new(),
            veto: None,
            notes: Vec::new(),
            steps: Vec::new(),
            fingerprint: Fingerprint::new(),
        };
        Self { origin: "shop/shop".to_owned(), target, narrowed: Fingerprint::new(), restore }
    }

    /// Name of the target.
    pub fn target(&self) -> &str {
        &self.target.name
    }

    /// Kind, namespace and name of the object.
    pub fn key(&self) -> &str {
        &self.target.key
    }
}

/// Restores what stood before, and remembers not to try the same again. `Ok(false)`: there was nothing to restore.
pub async fn roll_back(
    client: &Client,
    rollback: &Rollback,
    claim: Claim<'_>,
    memory: &mut Memory,
    now: Timestamp,
) -> Result<bool, Veto> {
    let writer = Writer { client, origin: &rollback.origin, claim, now };
    match writer.write(&rollback.target, &rollback.restore, memory).await {
        Ok(done) => {
            memory.roll_back(&rollback.target.key, &rollback.narrowed);
            Ok(done == Done::Wrote)
        }
        Err(Problem::Veto(veto)) => Err(veto),
        Err(problem) => Err(Veto::new(Reason::Pending, problem.to_string())),
    }
}

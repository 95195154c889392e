//! What the API server says no to, and what that means for a target.

use super::refusal::Refusal;
use crate::allow::guard::Veto;
use crate::api::conditions::Reason;
use crate::api::status::TargetState;
use kube::core::Status;
use std::collections::BTreeSet;

/// Why a write did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// It must not happen; another try changes nothing by itself.
    #[error("{}", .0.message)]
    Veto(Veto),
    /// Whoever asks lacks a right, which is one more veto for a writer.
    #[error("{}", .0.message)]
    NoRight(Veto),
    /// What was planned for is not there any more: the object is gone, replaced or changed. Looking again helps.
    #[error("{0}; looking again")]
    Stale(String),
    /// This replica may not write any more.
    #[error("this replica does not lead any more")]
    NoClaim,
    /// The API server could not be asked.
    #[error("{0}; trying again")]
    Unreachable(String),
}

impl Problem {
    /// Whether another try changes nothing.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Veto(_))
    }

    pub const fn state(&self) -> TargetState {
        match self {
            Self::Veto(veto) | Self::NoRight(veto) => veto.state(),
            Self::Stale(_) | Self::NoClaim => TargetState::Pending,
            Self::Unreachable(_) => TargetState::Unavailable,
        }
    }

    /// Reads the answer to an operation, such as `apply`, on an object, such as `Ingress shop/web`.
    pub fn of(operation: &str, object: &str, error: &kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Self::Unreachable(format!("could not {operation} {object}: {error}"));
        };
        let said = || format!("could not {operation} {object}: {}", status.message);
        match status.code {
            404 => Self::Stale(format!("{object} is gone")),
            409 => field_conflict(object, status)
                .map_or_else(|| Self::Stale(format!("{object} was changed or replaced meanwhile")), Self::Veto),
            422 if concerns_uid(status) => Self::Stale(format!("{object} was replaced meanwhile")),
            // Not permitted, or refused by admission or validation: only somebody else can change that.
            400 | 403 | 422 => Self::refused(&Refusal::of(status), operation, object),
            _ => Self::Unreachable(said()),
        }
    }

    fn refused(refusal: &Refusal, operation: &str, object: &str) -> Self {
        let said = refusal.sentence(operation, object);
        match refusal {
            Refusal::Right(_) => Self::NoRight(Veto::new(Reason::Forbidden, said)),
            Refusal::NoDryRun { .. } => Self::Unreachable(said),
            _ => Self::Veto(Veto::new(Reason::Forbidden, said)),
        }
    }
}

/// Managers whose fields we would overwrite.
fn field_conflict(object: &str, status: &Status) -> Option<Veto> {
    let causes = &status.details.as_ref()?.causes;
    let conflicts = causes.iter().filter(|c| c.reason == "FieldManagerConflict");
    let managers: BTreeSet<String> = conflicts.clone().filter_map(|c| quoted(&c.message)).collect();
    let fields: BTreeSet<&str> = conflicts.map(|c| c.field.as_str()).collect();
    if fields.is_empty() {
        return None;
    }
    let managers: Vec<String> = managers.into_iter().collect();
    Some(Veto::new(
        Reason::FieldConflict,
        format!(
            "{} of {object} is held by field manager {}: take it out of that tool's configuration, so that Leeward can \
             keep it, or remove the target",
            fields.into_iter().collect::<Vec<_>>().join(", "),
            managers.join(", ")
        ),
    ))
}

/// The name in `conflict with "NAME" using …`.
fn quoted(message: &str) -> Option<String> {
    message.split('"').nth(1).map(str::to_owned)
}

fn concerns_uid(status: &Status) -> bool {
    status.details.as_ref().is_some_and(|d| d.causes.iter().any(|c| c.field == "metadata.uid"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_of_the_api_server_says_whether_it_is_tried_again() {
        let says = |code, field: Option<&str>| {
            let causes: Vec<_> =
                field.map(|field| json!({"reason": "", "message": "", "field": field})).into_iter().collect();
            let details =
                json!({"name": "web", "group": "", "kind": "", "uid": "", "causes": causes, "retryAfterSeconds": 0});
            let status = Status::failure("said", "Reason").with_details(serde_json::from_value(details).unwrap());
            let status = Status { code, ..status };
            Problem::of("apply", "Ingress shop/web", &kube::Error::Api(Box::new(status))).to_string()
        };
        assert_eq!(says(404, None), "Ingress shop/web is gone; looking again");
        assert_eq!(says(409, None), "Ingress shop/web was changed or replaced meanwhile; looking again");
        assert_eq!(says(422, Some("metadata.uid")), "Ingress shop/web was replaced meanwhile; looking again");
        assert_eq!(says(503, None), "could not apply Ingress shop/web: said; trying again");
        assert_eq!(Problem::NoClaim.to_string(), "this replica does not lead any more");
    }
}

//! What an API server means by a no, read from its answer: its texts are the only place where it says who refused.

use kube::core::Status;

/// Who refuses a request, and in which words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Whoever asks lacks a right.
    Right(String),
    /// A quota of the namespace.
    Quota { name: String, said: String },
    /// A `ValidatingAdmissionPolicy`, by its binding.
    Policy { name: String, binding: String, said: String },
    /// An admission webhook.
    Webhook { name: String, said: String },
    /// An admission webhook that cannot be asked without effect.
    NoDryRun { webhook: String },
    /// The object is not as its schema or the server wants it.
    Other(String),
}

impl Refusal {
    /// Reads an answer of status 400, 403 or 422.
    pub fn of(status: &Status) -> Self {
        let said = status.message.as_str();
        quota(said)
            .or_else(|| policy(said))
            .or_else(|| webhook(said))
            .or_else(|| right(said))
            .unwrap_or_else(|| Self::Other(said.to_owned()))
    }

    /// As a sentence about an operation, such as `apply`, on an object, such as `Ingress shop/web`.
    pub fn sentence(&self, operation: &str, object: &str) -> String {
        match self {
            Self::Right(said) | Self::Other(said) => format!("could not {operation} {object}: {said}"),
            Self::Quota { name, said } => format!(
                "the ResourceQuota {name} has no room for {object}: {said}; raise it, or remove something in the namespace"
            ),
            Self::Policy { name, binding, said } => format!(
                "the ValidatingAdmissionPolicy {name} (binding {binding}) refuses {object}: {said}; change the policy, or \
                 what it objects to"
            ),
            Self::Webhook { name, said } => format!(
                "the admission webhook {name} refuses {object}: {said}; change its rules, or what it objects to"
            ),
            Self::NoDryRun { webhook } => format!(
                "the admission webhook {webhook} cannot be asked without effect, so nobody knows what it would say to \
                 {object}: its configuration would have to say sideEffects: None"
            ),
        }
    }
}

/// `User "NAME" cannot patch resource "PLURAL" in API group "GROUP" …`.
fn right(said: &str) -> Option<Refusal> {
    let (_, user) = said.split_once(" is forbidden: User \"")?;
    user.contains("\" cannot ").then(|| Refusal::Right(format!("User \"{user}")))
}

/// `… is forbidden: exceeded quota: NAME, requested: …`.
fn quota(said: &str) -> Option<Refusal> {
    let (_, rest) = said.split_once("exceeded quota: ")?;
    let (name, said) = rest.split_once(", ")?;
    Some(Refusal::Quota { name: name.to_owned(), said: said.to_owned() })
}

/// `… ValidatingAdmissionPolicy 'NAME' with binding 'BINDING' denied request: TEXT`.
fn policy(said: &str) -> Option<Refusal> {
    let (_, rest) = said.split_once("ValidatingAdmissionPolicy '")?;
    let (name, rest) = rest.split_once("' with binding '")?;
    let (binding, said) = rest.split_once("' denied request: ")?;
    Some(Refusal::Policy { name: name.to_owned(), binding: binding.to_owned(), said: said.to_owned() })
}

/// `admission webhook "NAME" denied the request: TEXT`, or that it knows no dry run.
fn webhook(said: &str) -> Option<Refusal> {
    let (_, rest) = said.split_once("admission webhook \"")?;
    let (name, rest) = rest.split_once('"')?;
    let name = name.to_owned();
    if rest.contains("does not support dry run") {
        return Some(Refusal::NoDryRun { webhook: name });
    }
    let (_, said) = rest.split_once("denied the request").unwrap_or(("", rest));
    let said = said.trim_start_matches([':', ' ']);
    Some(Refusal::Webhook { name, said: if said.is_empty() { "without a reason".to_owned() } else { said.to_owned() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &str) -> String {
        Refusal::of(&Status::failure(said, "Forbidden")).sentence("apply", "Ingress shop/web")
    }

    #[test]
    fn each_no_says_who_and_what_to_do() {
        for (said, wanted) in [
            (
                "ingresses.networking.k8s.io \"web\" is forbidden: User \"ann\" cannot patch resource \"ingresses\" in API group \"networking.k8s.io\" in the namespace \"shop\"",
                "could not apply Ingress shop/web: User \"ann\" cannot patch resource \"ingresses\" in API group \"networking.k8s.io\" in the namespace \"shop\"",
            ),
            (
                "configmaps \"leeward-shop\" is forbidden: exceeded quota: small, requested: count/configmaps=1, used: count/configmaps=4, limited: count/configmaps=4",
                "the ResourceQuota small has no room for Ingress shop/web: requested: count/configmaps=1, used: count/configmaps=4, limited: count/configmaps=4; raise it, or remove something in the namespace",
            ),
            (
                "ingresses.networking.k8s.io \"web\" is forbidden: ValidatingAdmissionPolicy 'tidy' with binding 'all' denied request: no lists here",
                "the ValidatingAdmissionPolicy tidy (binding all) refuses Ingress shop/web: no lists here; change the policy, or what it objects to",
            ),
            (
                "admission webhook \"check.example.com\" denied the request: not on Fridays",
                "the admission webhook check.example.com refuses Ingress shop/web: not on Fridays; change its rules, or what it objects to",
            ),
            (
                "admission webhook \"check.example.com\" denied the request without explanation",
                "the admission webhook check.example.com refuses Ingress shop/web: without explanation; change its rules, or what it objects to",
            ),
            (
                "admission webhook \"check.example.com\" denied the request",
                "the admission webhook check.example.com refuses Ingress shop/web: without a reason; change its rules, or what it objects to",
            ),
            (
                "admission webhook \"check.example.com\" does not support dry run",
                "the admission webhook check.example.com cannot be asked without effect, so nobody knows what it would say to Ingress shop/web: its configuration would have to say sideEffects: None",
            ),
            (
                "Ingress.networking.k8s.io \"web\" is invalid: spec: Required value",
                "could not apply Ingress shop/web: Ingress.networking.k8s.io \"web\" is invalid: spec: Required value",
            ),
        ] {
            assert_eq!(read(said), wanted);
        }
    }
}

//! A write, read from the HTTP request that carries it.

use std::fmt;

use serde_json::Value;
use url::form_urlencoded;

/// How the object is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum Verb {
    /// POST.
    Create,
    /// PUT.
    Update,
    /// PATCH with an applied configuration.
    Apply,
    /// PATCH of any other kind.
    Patch,
    /// DELETE.
    Delete,
}

/// One write on its way to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// How.
    pub verb: Verb,
    /// API group; empty for the core group.
    pub group: String,
    /// Plural name of the resource, such as `networkpolicies`.
    pub resource: String,
    /// Such as `status`.
    pub subresource: Option<String>,
    /// Namespace of the object.
    pub namespace: Option<String>,
    /// Name of the object; a created one has it in its body.
    pub name: String,
    /// Field manager.
    pub manager: Option<String>,
    /// Takes fields from other managers.
    pub force: bool,
    /// Changes nothing.
    pub dry_run: bool,
    /// The body; null where there is none.
    pub object: Value,
}

impl Sent {
    /// Reads a request; `None` for one that only reads. `content_type` tells an applied configuration from other patches.
    pub fn of(method: &str, path: &str, query: &str, content_type: &str, body: &[u8]) -> Option<Self> {
        let verb = match method {
            "POST" => Verb::Create,
            "PUT" => Verb::Update,
            "PATCH" if content_type.starts_with("application/apply-patch") => Verb::Apply,
            "PATCH" => Verb::Patch,
            "DELETE" => Verb::Delete,
            _ => return None,
        };
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        // /api/v1/… or /apis/GROUP/VERSION/…
        let (group, rest) = match parts.as_slice() {
            ["api", _, rest @ ..] => ("", rest),
            ["apis", group, _, rest @ ..] => (*group, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            rest => (None, rest),
        };
        let object: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(body).ok()? };
        let in_body = || object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (resource, name, subresource) = match rest {
            [resource] => (*resource, in_body(), None),
            [resource, name] => (*resource, (*name).to_owned(), None),
            [resource, name, sub] => (*resource, (*name).to_owned(), Some((*sub).to_owned())),
            _ => return None,
        };
        let query = |key: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == key).map(|(_, value)| value.into_owned())
        };
        Some(Self {
            verb,
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource,
            namespace,
            name,
            manager: query("fieldManager"),
            force: query("force").as_deref() == Some("true"),
            dry_run: query("dryRun").is_some(),
            object,
        })
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.verb, self.resource)?;
        if let Some(sub) = &self.subresource {
            write!(formatter, "/{sub}")?;
        }
        write!(formatter, " {}/{}", self.namespace.as_deref().unwrap_or_default(), self.name)
    }
}

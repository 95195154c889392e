//! What a template is filled with: the names of one origin, each checked before it may stand in a query.

use crate::api::names::is_dns_label;
use crate::api::validated::{Host, Validated, Whereabouts};
use crate::evidence::fact::Why;

/// The names of one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    namespace: String,
    name: String,
    service: Option<String>,
    host: String,
}

/// A place in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Variable {
    Namespace,
    Name,
    Service,
    Host,
    Window,
}

/// The window of every rate and increase.
pub const WINDOW: &str = "5m";

impl Place {
    pub fn of(spec: &Validated) -> Self {
        let service = match &spec.origin.whereabouts {
            Whereabouts::Service { name, .. } => Some(name.clone()),
            Whereabouts::Addresses { .. } | Whereabouts::Hostname { .. } => None,
        };
        let host = match &spec.url.host {
            Host::Name(name) => name.clone(),
            Host::Ip(ip) => ip.to_string(),
        };
        Self { namespace: spec.namespace.clone(), name: spec.name.clone(), service, host }
    }

    /// The value of a variable, safe inside a string of a query: nothing in it can end the string, or mean anything there.
    pub fn value(&self, variable: Variable) -> Result<&str, Why> {
        let (value, safe): (&str, fn(&str) -> bool) = match variable {
            Variable::Namespace => (&self.namespace, is_dns_label),
            Variable::Name => (&self.name, is_host),
            Variable::Service => (self.service.as_deref().ok_or(Why::NoService)?, is_dns_label),
            Variable::Host => (&self.host, is_host),
            Variable::Window => return Ok(WINDOW),
        };
        if safe(value) { Ok(value) } else { Err(Why::UnsafeName) }
    }
}

/// A DNS name or an address.
fn is_host(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b':' | b'_');
    (1..=253).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
impl Place {
    pub fn new(namespace: &str, service: Option<&str>, host: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: "shop".to_owned(),
            service: service.map(str::to_owned),
            host: host.to_owned(),
        }
    }
}

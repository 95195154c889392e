//! The administrator's part of the guard, as given on the command line.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::api::names::is_dns_label;
use crate::net::prefix::{Prefix, PrefixError};
use crate::net::range_set::RangeSet;

/// `--allow-target [NS=]CIDR`: a private range opened to the prober, for one namespace or for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowTarget {
    /// The namespace; `None` is all.
    pub namespace: Option<String>,
    /// The range.
    pub prefix: Prefix,
}

/// Why a value of `--allow-target` cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowTargetError {
    /// The part before `=`.
    #[error("{0:?} is not the name of a namespace; write NAMESPACE=CIDR or CIDR")]
    Namespace(String),
    /// The part behind it.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
}

impl FromStr for AllowTarget {
    type Err = AllowTargetError;

    fn from_str(text: &str) -> Result<Self, AllowTargetError> {
        let (namespace, range) = match text.split_once('=') {
            Some((namespace, range)) => (Some(namespace), range),
            None => (None, text),
        };
        if let Some(namespace) = namespace.filter(|name| !is_dns_label(name)) {
            return Err(AllowTargetError::Namespace(namespace.chars().take(63).collect()));
        }
        Ok(Self { namespace: namespace.map(str::to_owned), prefix: Prefix::parse_strict(range)? })
    }
}

/// Flags of `leeward run` that shape the guard; `diagnose --guard` takes their defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardFlags {
    /// `--allow-target`.
    pub allow_targets: Vec<AllowTarget>,
    /// `--deny-target`.
    pub deny_targets: RangeSet,
    /// `--allow-port`, beyond the four that are always allowed.
    pub allow_ports: BTreeSet<u16>,
    /// `--require-allowed-hosts`.
    pub require_allowed_hosts: bool,
}

impl Default for GuardFlags {
    fn default() -> Self {
        Self {
            allow_targets: Vec::new(),
            deny_targets: RangeSet::empty(),
            allow_ports: BTreeSet::new(),
            require_allowed_hosts: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_opened_for_one_namespace_or_for_all() {
        let all: AllowTarget = "10.0.0.0/8".parse().unwrap();
        assert_eq!(all, AllowTarget { namespace: None, prefix: Prefix::parse("10.0.0.0/8").unwrap() });
        let one: AllowTarget = "shop=fd00:1::/32".parse().unwrap();
        assert_eq!(one.namespace.as_deref(), Some("shop"));
    }

    #[test]
    fn a_wrong_value_is_named_with_the_fix() {
        for (text, message) in [
            ("Shop=10.0.0.0/8", "\"Shop\" is not the name of a namespace; write NAMESPACE=CIDR or CIDR"),
            ("=10.0.0.0/8", "\"\" is not the name of a namespace; write NAMESPACE=CIDR or CIDR"),
            ("shop=10.0.0.1/8", "\"10.0.0.1/8\" has bits set behind its length; write 10.0.0.0/8"),
            ("shop=", "a prefix is empty; write one such as 192.0.2.0/24"),
        ] {
            assert_eq!(text.parse::<AllowTarget>().unwrap_err().to_string(), message);
        }
    }
}

//! The egress guard: which addresses the prober may dial.
//!
//! Whoever may create a `ProtectedOrigin` makes the operator open connections from inside the cluster. Without a guard
//! that is a way to metadata services, the API server and other tenants' pods. The rules are pure and run in one order:
//!
//! parse → port → (resolve) → unwrap embedded IPv4 → deny set → private ranges unless opened, with the namespace's
//! permission → dial the checked address.
//!
//! They run on the address that is about to be dialled, never on a name, so a name server that changes its answer
//! changes nothing. A prober accepts only [`Checked`] addresses. What the user is told is the same whatever was denied
//! ([`FORBIDDEN`]): the difference would be a map of the cluster's inside.

mod deny;
mod embedded;
mod flags;
mod hosts;
mod policy;

use std::net::{IpAddr, SocketAddr};

pub use flags::{AllowTarget, AllowTargetError, GuardFlags};
pub use hosts::AllowedHosts;
pub use policy::{ClusterFacts, Destination, Filtered, GuardPolicy, Role};

/// What a user is told about a denied target, whatever the rule was.
pub const FORBIDDEN: &str = "the target is not allowed by this installation's egress rules";

/// The rule that denied, for metrics and the administrator's log only.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display, strum::IntoStaticStr, strum::EnumIter,
)]
pub enum Rule {
    /// No address in canonical form.
    Literal,
    /// A port outside the allow list.
    Port,
    /// A port of the control plane or a kubelet.
    ControlPlanePort,
    /// A cloud's metadata service.
    Metadata,
    /// The operator's own host.
    Loopback,
    /// One link only.
    LinkLocal,
    /// A group.
    Multicast,
    /// No host.
    Unspecified,
    /// Reserved addresses, broadcast among them.
    Reserved,
    /// The API server.
    ApiServer,
    /// Other people's pods.
    PodCidr,
    /// Other people's Services.
    ServiceCidr,
    /// `--deny-target`.
    DenyTarget,
    /// Private, and not opened by `--allow-target` for this namespace.
    Private,
    /// A Node on a port outside the administrator's allow list.
    NodePort,
    /// The host is missing in the Namespace's annotation `leeward.dev/allowed-hosts`.
    NamespacePermission,
}

/// The guard said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{FORBIDDEN}")]
pub struct Denied {
    rule: Rule,
}

impl Denied {
    pub(crate) const fn by(rule: Rule) -> Self {
        Self { rule }
    }

    /// The rule, for metrics. Never show it to whoever wrote the resource.
    pub const fn rule(self) -> Rule {
        self.rule
    }
}

/// An address that passed. A prober dials this and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Checked(SocketAddr);

impl Checked {
    /// For `leeward diagnose` on somebody's own machine, where the caller's network rights are the limit anyway.
    pub const fn unguarded(address: SocketAddr) -> Self {
        Self(address)
    }

    /// The address to dial. IPv4 is never dressed as IPv6 here.
    pub const fn address(self) -> SocketAddr {
        self.0
    }

    /// The address without its port, for an echo request.
    pub const fn ip(self) -> IpAddr {
        self.0.ip()
    }
}

/// Reads an address in canonical form only. Decimal, octal and hexadecimal spellings, short forms, zones and expanded
/// IPv6 are refused: two readers could understand them differently.
pub fn literal(text: &str) -> Result<IpAddr, Denied> {
    let address: IpAddr = text.parse().map_err(|_| Denied::by(Rule::Literal))?;
    if address.to_string() == text { Ok(address) } else { Err(Denied::by(Rule::Literal)) }
}

#[cfg(test)]
mod tests;

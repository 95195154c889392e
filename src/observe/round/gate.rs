//! What stands between a round and the network: may this address be dialled, and is it its turn?
//!
//! The operator puts the egress guard and the budgets behind this; a command that runs with its
//! caller's own network rights leaves it out.

use crate::net::guard::Role;
use futures::future::BoxFuture;
use std::net::SocketAddr;

/// As what an address is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// The proxy: an answer for the site's name, or a pinned edge address.
    Edge,
    /// A declared origin address, or an answer for `origin.hostname`.
    Origin,
    /// A ready endpoint of the origin's Service.
    Endpoint,
    /// `origin.controlPort` of an origin address that was itself admitted.
    ControlPort,
    /// A name server of the site's or the origin's zone, over UDP.
    NameServer,
}

impl Via {
    /// What the egress guard makes of it. `ports` are the ports of the origin's own Service. A control port is a port
    /// like any other: an origin's owner may not open what the administrator did not.
    pub const fn role(self, ports: &[u16]) -> Role<'_> {
        match self {
            Self::Edge => Role::Edge,
            Self::Origin | Self::ControlPort => Role::Origin,
            Self::Endpoint => Role::Endpoint { ports },
            Self::NameServer => Role::NameServer,
        }
    }
}

/// The address may not be dialled. Why is not told: it would map the network that is guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied;

/// The budget for this address is used up. Unknown, never a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Starved;

/// Decides over every address before it is dialled.
pub trait Gate: Send + Sync {
    /// Whether the address may be dialled at all. `host` is the name that the probe asks for there.
    fn admit(&self, address: SocketAddr, via: Via, host: &str) -> Result<(), Denied>;

    /// Waits for this address's turn, or gives up.
    fn spend<'a>(&'a self, address: SocketAddr, via: Via, host: &'a str) -> BoxFuture<'a, Result<(), Starved>>;
}

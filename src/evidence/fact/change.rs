//! That something was changed: what failures may have begun with.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A change that was seen to happen.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub what: Changed,
    /// Kind and name, such as `NetworkPolicy shop/deny`, an address, or the site's name.
    pub object: String,
    pub at: Timestamp,
}

/// What was changed.
#[derive(
    Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display, strum::EnumIter,
)]
pub enum Changed {
    /// A NetworkPolicy of the origin's namespace.
    Policy,
    /// A Service of the origin's namespace.
    Service,
    /// An Ingress, HTTPRoute or Gateway of the origin's namespace.
    Route,
    /// The certificate that an origin address shows.
    Certificate,
    /// The addresses that the site's name resolves to.
    Name,
    /// The addresses that the proxy connects from, as the ProxyNetwork lists them.
    ProxyRanges,
    /// A pod behind the origin's Service started.
    Rollout,
}

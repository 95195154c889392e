//! How long the origin keeps an idle connection, measured by holding one.

use crate::api::{Access, Outcome};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// A connection that was answered once and then held without another word.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Idle {
    pub vantage: String,
    pub access: Access,
    pub address: SocketAddr,
    /// `ClosedEarly`: the origin closed it after `held_ms`. `OK`: still open then. `Missing`: the origin keeps no
    /// connection at all. `Unavailable`: it could not be measured.
    pub outcome: Outcome,
    pub held_ms: u32,
}

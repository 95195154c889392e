//! Looking: at both paths of a site, at the cluster, at the published lists of proxy addresses, at counters
//! of load.
//! Everything that turns the outside world into plain evidence; nothing here judges.

pub mod cluster;
pub mod probe;
pub mod ranges;
pub mod round;
pub mod route;
pub mod traffic;

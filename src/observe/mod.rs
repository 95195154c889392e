//! Looking: at both paths of a site, at the cluster, at the published lists of proxy addresses.
//! Everything here ends as plain `evidence`; nothing here judges.

pub mod cluster;
pub mod probe;
pub mod round;

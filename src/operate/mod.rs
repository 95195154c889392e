//! The operator: two loops. The prober owns time and never touches the API server; the reconciler owns
//! writes and never waits for a target. Leadership gates writes and probes; every replica watches.

pub mod key;
pub mod lease;
pub mod prober;
pub mod queue;
mod turns;

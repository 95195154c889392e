//! The operator: two loops. The prober owns time and never touches the API server; the reconciler owns
//! writes and never waits for a target. Leadership gates writes and probes; every replica watches.

mod client;
pub mod key;
pub mod lease;
mod options;
pub mod prober;
pub mod queue;
mod server;
mod surroundings;
mod turns;

pub use options::{LogFormat, RunOptions};

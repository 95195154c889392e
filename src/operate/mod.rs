//! The operator: two loops. The prober owns time and never touches the API server; the reconciler owns
//! writes and never waits for a target. Leadership gates writes and probes; every replica watches.

mod changes;
mod client;
mod ears;
mod identity;
pub mod key;
pub mod lease;
mod logs;
mod networks;
mod options;
pub mod origins;
pub mod prober;
pub mod queue;
pub mod reconciler;
mod run;
mod server;
mod startup;
mod status_page;
mod surroundings;
mod traffic;
mod turns;

#[cfg(test)]
pub(crate) use client::saying;
pub use identity::{api_server, namespace as own_namespace};
pub use options::{ControllerOptions, LogFormat, RunOptions};
pub use run::{StartError, run};

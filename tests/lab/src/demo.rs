//! The demo: a real control plane, a lab of hosts with real proxies, and the operator telling what breaks between them.
//!
//! - [`stage`]: the hosts, and what is broken and repaired on them
//! - [`cluster`]: the Kubernetes side, with a pod that a real NetworkPolicy engine guards
//! - [`operator`]: Leeward, as its own ServiceAccount and nothing more
//! - [`watch`]: what `kubectl get protectedorigins` says, waited for and held to
//! - [`allowlist`]: what it writes for the pod's site
//! - [`story`]: the steps in the order in which they are told; each asserts what it tells
//! - [`shell`]: the lab left up behind a shell
//! - [`screen`], [`interrupt`]: how it looks, and how it ends early

pub mod allowlist;
pub mod cluster;
pub mod interrupt;
pub mod operator;
pub mod screen;
pub mod shell;
pub mod stage;
pub mod story;
pub mod watch;

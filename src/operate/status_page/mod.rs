//! The status page that `--status-page` opens: who may reach its port sees every origin that this operator watches.
//!
//! It answers out of memory and asks the API server for nothing. It listens on a port of its own, with few connections
//! at a time and each of them short, so that nobody who holds them all touches the port of `/livez`.

mod gather;
mod hosts;
mod server;

pub use gather::Pages;
pub use hosts::{Hosts, host_name};
pub use server::{Limits, serve};

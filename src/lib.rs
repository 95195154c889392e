//! Leeward finds out why a site behind a protecting proxy answers 502, and keeps the proxy's
//! addresses allowed at the origin.
//!
//! A fact goes one way: `api` says what is asked, `observe` looks, `evidence` is what was seen,
//! `diagnose` names the cause, `allow` plans and applies the allowlist, `report` says so.

pub mod allow;
pub mod api;
pub mod cli;
pub mod diagnose;
pub mod evidence;
mod hex;
pub mod net;
pub mod observe;
pub mod operate;
pub mod report;
mod yaml;

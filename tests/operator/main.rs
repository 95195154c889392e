//! The operator as a process, under its own `ServiceAccount` and nothing more, against a real API server,
//! a real proxy and a real origin.
//!
//! Two control planes, each with a network of its own, serve all tests; each test starts its own operators and leaves no
//! resource behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

mod accounts;
mod allowlists;
mod argocd;
mod departure;
mod installations;
mod monitoring;
mod neighbours;
mod networks;
mod promises;
mod replay;
mod rest;
mod rights;
mod rollback;
mod stage;
mod status_page;
mod traffic;
mod trouble;
mod verdicts;
mod waiting;

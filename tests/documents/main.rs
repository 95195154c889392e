//! The documents under a reader who does what they say: every command of every page is run, or a comment before it says
//! why not; every manifest that they show, and every file of `examples/`, is taken by a real API server.
//!
//! A block of commands is skipped by `<!-- not run: WHY -->` on the line before it, some commands of it by
//! `` <!-- not run, `BEGINNING OF THE COMMAND`: WHY --> ``. What a page shows below a command is what that command says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

mod blocks;
mod follow;
// It looks after the installation's pods; what the charts' tests ask it beyond that is not asked here.
#[allow(dead_code)]
#[path = "../charts/kubelet.rs"]
mod kubelet;
mod manifests;
mod reader;

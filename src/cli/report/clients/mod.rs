//! `--clients FILE`: visitors who reported a failure, one a line, and what they share.
//!
//! The addresses go into the bundle and nowhere else: never to the API server, never into evidence.

mod line;
mod shared;

pub use shared::{Shared, Trait, shared};

use crate::cli::input;
use anyhow::ensure;
use jiff::Timestamp;
use std::net::IpAddr;
use std::path::Path;

/// Most reports that are read.
const MOST: usize = 10_000;

/// One visitor's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub address: IpAddr,
    pub at: Timestamp,
    pub status: Option<u16>,
    /// The edge address that the visitor was sent to, where known.
    pub edge: Option<IpAddr>,
    /// The provider's point of presence, such as `FRA`.
    pub pop: Option<String>,
}

/// Reads the file; the first bad line ends it, with its number and what is wrong.
pub fn read(path: &Path) -> anyhow::Result<Vec<Client>> {
    let input::Document { name, text } = input::read(path)?;
    let mut clients = Vec::new();
    for (number, text) in text.lines().enumerate() {
        let text = text.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        ensure!(clients.len() < MOST, "--clients {name}: more than {MOST} reports; give the latest of them");
        let client =
            line::parse(text).map_err(|why| anyhow::anyhow!("--clients {name}, line {}: {why}", number + 1))?;
        clients.push(client);
    }
    ensure!(!clients.is_empty(), "--clients {name}: no report in it; write one ADDRESS TIME a line");
    Ok(clients)
}

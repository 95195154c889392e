//! `leeward run`: the operator.

use super::exit::Exit;
use crate::operate::{self, RunOptions};

/// Runs until SIGTERM. Probes, watches and writes go on side by side, on every core.
pub fn run(options: RunOptions) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(operate::run(options))?;
    // A lookup in the system's resolver may hang; it does not hold up the end.
    runtime.shutdown_background();
    Ok(Exit::Fine)
}

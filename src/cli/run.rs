//! `leeward run`: the operator.

use super::exit::Exit;
use crate::operate::{RunOptions, run};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    options: RunOptions,
}

impl Args {
    /// Runs until it is told to end. Several threads: probes must not wait for each other.
    pub fn run(self) -> anyhow::Result<Exit> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(run(self.options))?;
        // A lookup in the system's resolver may hang; it does not hold up the end.
        runtime.shutdown_background();
        Ok(Exit::Fine)
    }
}

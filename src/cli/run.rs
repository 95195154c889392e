//! `leeward run`: the operator.

use super::exit::Exit;
use crate::operate::{self, RunOptions};

/// Runs until SIGTERM.
pub async fn run(options: RunOptions) -> anyhow::Result<Exit> {
    operate::run(options).await?;
    Ok(Exit::Fine)
}

//! `leeward completion SHELL`.

use super::exit::Exit;
use clap_complete::Shell;
use std::io::{self, Write};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Shell to complete for
    shell: Shell,
}

impl Args {
    pub fn run(&self, command: &mut clap::Command) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        let name = command.get_name().to_owned();
        clap_complete::generate(self.shell, command, name, &mut script);
        let mut out = io::stdout().lock();
        out.write_all(&script)?;
        out.flush()?;
        Ok(Exit::Fine)
    }
}

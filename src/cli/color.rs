//! When to colour: on a terminal, unless `NO_COLOR` or `--color` says otherwise.

use anstream::{AutoStream, ColorChoice};
use std::io::{Stdout, Write};

/// The values of `--color`.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Auto,
    Always,
    Never,
}

impl When {
    /// Writes a finished text to standard output; styles are removed where they are not wanted.
    pub fn print(self, text: &str) -> std::io::Result<()> {
        let mut out: AutoStream<Stdout> = AutoStream::new(std::io::stdout(), self.choice());
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    const fn choice(self) -> ColorChoice {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
    }
}

//! A terminal as people use one: a program in tmux, keys that are pressed, and what then stands on the screen.

use crate::process::{run, wait_until};
use anyhow::{Context, Result};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// One terminal, in a tmux server of its own that ends with it.
#[derive(Debug)]
pub struct Terminal {
    socket: String,
}

impl Terminal {
    /// Starts `command`, words as a shell would read them, with these variables in its environment.
    pub fn start(command: &str, width: u16, height: u16, environment: &[(&str, &str)]) -> Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let this = Self { socket: format!("leeward-{}-{number}", std::process::id()) };
        let (width, height) = (width.to_string(), height.to_string());
        let mut start = this.tmux();
        start.args(["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height]);
        // The server takes its environment from here; PATH cannot be given in any other way.
        start.envs(environment.iter().copied());
        run(start.arg(command)).context("tmux")?;
        Ok(this)
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket]).env_remove("TMUX");
        command
    }

    /// Presses keys by their names in tmux, such as `Enter`, `Tab` or `C-c`.
    pub fn press(&self, keys: &[&str]) -> Result<()> {
        run(self.tmux().arg("send-keys").args(keys)).map(drop)
    }

    /// Types a text.
    pub fn type_text(&self, text: &str) -> Result<()> {
        run(self.tmux().args(["send-keys", "-l", text])).map(drop)
    }

    /// What stands on the screen.
    pub fn screen(&self) -> Result<String> {
        run(self.tmux().args(["capture-pane", "-p"]))
    }

    /// Waits until a text stands on the screen.
    pub fn wait_for(&self, text: &str, within: Duration) -> Result<String> {
        self.wait_until(text, within, |screen| screen.contains(text))
    }

    /// Waits until the screen is like that.
    pub fn wait_until(&self, what: &str, within: Duration, is: impl Fn(&str) -> bool) -> Result<String> {
        let mut last = String::new();
        let waited = wait_until(&format!("{what:?} on the screen"), within, || {
            last = self.screen().unwrap_or_default();
            is(&last)
        });
        waited.with_context(|| format!("the screen is:\n{last}"))?;
        Ok(last)
    }

    /// Gives the terminal another size.
    pub fn resize(&self, width: u16, height: u16) -> Result<()> {
        let (width, height) = (width.to_string(), height.to_string());
        run(self.tmux().args(["resize-window", "-x", &width, "-y", &height])).map(drop)
    }

    /// Whether a program has the alternate screen.
    pub fn is_taken(&self) -> Result<bool> {
        Ok(run(self.tmux().args(["display-message", "-p", "#{alternate_on}"]))?.trim() == "1")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").output();
    }
}

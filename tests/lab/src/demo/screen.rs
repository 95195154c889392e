//! What the demo looks like: titles, a sentence or two, commands as one would type them, their output, and a timer
//! while something is waited for. Colours and a moving timer only on a terminal.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const WIDTH: usize = 100;
/// What every terminal has.
const NARROW: usize = 79;
/// How often a timer shows a sign of life where it cannot move.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Screen {
    colour: bool,
    moving: bool,
    begin: Instant,
}

impl Screen {
    pub fn new() -> Self {
        let moving = std::io::stdout().is_terminal();
        Self { colour: moving && std::env::var_os("NO_COLOR").is_none(), moving, begin: Instant::now() }
    }

    /// Since the screen was made.
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    pub fn title(&self, text: &str) {
        let seconds = self.begin.elapsed().as_secs();
        let at = format!("{}:{:02}", seconds / 60, seconds % 60);
        let line = "─".repeat(WIDTH.saturating_sub(text.chars().count() + at.len() + 6));
        println!("\n{}", self.paint("1;36", &format!("── {text} {line} {at} ")));
    }

    /// A sentence or two.
    pub fn say(&self, text: &str) {
        println!("{}", wrap(text));
    }

    /// A command as one would type it, on the host that it runs on.
    pub fn command(&self, host: &str, text: &str) {
        let prompt = if host.is_empty() { "$".to_owned() } else { format!("[{host}] $") };
        println!("{} {}", self.paint("2", &prompt), self.paint("1", text));
    }

    pub fn output(&self, text: &str) {
        for line in text.trim_end().lines() {
            let line = match line.as_bytes().first() {
                Some(b'+') => self.paint("32", line),
                Some(b'-') => self.paint("31", line),
                _ => line.to_owned(),
            };
            println!("  {line}");
        }
    }

    /// Starts to wait visibly.
    pub fn wait(&self, what: &str) -> Timer<'_> {
        Timer { screen: self, what: what.to_owned(), begin: Instant::now(), shown: Cell::new(Instant::now()) }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

/// Something is waited for.
#[derive(Debug)]
pub struct Timer<'a> {
    screen: &'a Screen,
    what: String,
    begin: Instant,
    shown: Cell<Instant>,
}

impl Timer<'_> {
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Shows how long it has been and how things stand.
    pub fn tick(&self, state: &str) {
        let seconds = self.begin.elapsed().as_secs_f32();
        if self.screen.moving {
            // One row, or the next one could not replace it.
            print!("\r\x1b[K{}", format!("  … {seconds:4.1} s: {state}").chars().take(NARROW).collect::<String>());
            let _ = std::io::stdout().flush();
        } else if self.shown.get().elapsed() >= SIGN_OF_LIFE {
            println!("  … {seconds:4.1} s, waiting for {}: {state}", self.what);
            self.shown.set(Instant::now());
        }
    }

    /// What was waited for is there.
    pub fn done(self, text: &str) {
        self.clear();
        let seconds = self.begin.elapsed().as_secs_f32();
        println!(
            "  {} {text} {}",
            self.screen.paint("32", "✓"),
            self.screen.paint("2", &format!("after {seconds:.1} s"))
        );
    }

    fn clear(&self) {
        if self.screen.moving {
            print!("\r\x1b[K");
            let _ = std::io::stdout().flush();
        }
    }
}

/// Breaks a text into lines of the screen's width.
fn wrap(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() && line.chars().count() + word.chars().count() >= WIDTH {
                lines.push(word.to_owned());
            } else {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_wrapped_at_words() {
        let wrapped = wrap(&"word ".repeat(50));
        assert_eq!(wrapped.split_whitespace().count(), 50);
        assert!(wrapped.lines().all(|line| line.len() <= WIDTH && !line.ends_with(' ')), "{wrapped}");
    }
}

//! One line on standard error that says what is going on, on a terminal only.

use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use tokio::time::{Instant, interval};

/// How often the line is written anew.
const TICK: Duration = Duration::from_millis(500);

/// The line, or nothing.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    shown: bool,
}

impl Progress {
    pub fn new() -> Self {
        Self { shown: io::stderr().is_terminal() }
    }

    /// Shows `doing` with the seconds since it began, until `work` is done.
    pub async fn during<T>(self, doing: &str, work: impl Future<Output = T>) -> T {
        if !self.shown {
            return work.await;
        }
        let begin = Instant::now();
        let mut ticks = interval(TICK);
        tokio::pin!(work);
        let result = loop {
            tokio::select! {
                result = &mut work => break result,
                _ = ticks.tick() => show(&format!("{doing} … {} s", begin.elapsed().as_secs())),
            }
        };
        show("");
        result
    }
}

/// Writes the line over the last one. A terminal that went away is no reason to stop.
fn show(line: &str) {
    let mut err = io::stderr().lock();
    let _ = write!(err, "\r\x1b[K{line}").and_then(|()| err.flush());
}

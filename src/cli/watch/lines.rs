//! Where there is no terminal: one table, then each change as a line, in the manner of `kubectl get --watch`.

use super::feed::Change;
use super::model::Model;
use super::origin::{Origin, age};
use jiff::Timestamp;
use std::io::{self, Write};
use tokio::sync::mpsc;

/// Prints until the reader goes away.
pub async fn print(mut changes: mpsc::Receiver<Change>) -> io::Result<()> {
    let mut model = Model::default();
    let mut away = false;
    while let Some(change) = changes.recv().await {
        let now = Timestamp::now();
        let first = !model.listed;
        let news = model.take(change, now);
        let mut out = io::stdout().lock();
        if first && model.listed {
            writeln!(out, "{:<40} {:<8} {:<8} {:<26} SINCE", "ORIGIN", "READY", "HEALTHY", "CAUSE")?;
            for origin in model.shown() {
                writeln!(out, "{}", line(origin, now))?;
            }
        }
        for key in news {
            match model.get(&key) {
                Some(origin) => writeln!(out, "{}", line(origin, now))?,
                None => writeln!(out, "{key:<40} deleted")?,
            }
        }
        out.flush()?;
        if away != model.away.is_some() {
            away = !away;
            match &model.away {
                Some((_, why)) => eprintln!("note: the API server does not answer, trying again: {why}"),
                None => eprintln!("note: the API server answers again"),
            }
        }
    }
    Ok(())
}

fn line(origin: &Origin, now: Timestamp) -> String {
    let Origin { key, ready, healthy, cause, since, .. } = origin;
    format!("{key:<40} {ready:<8} {healthy:<8} {cause:<26} {}", age(*since, now))
}

//! The log: JSON for machines, text for people; to standard error.

use super::options::LogFormat;
use tracing_subscriber::EnvFilter;

/// Begins logging. A logger that somebody else has set up stays.
pub fn begin(format: LogFormat, level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|e| format!("--log-level {level}: {e}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Tests start more than one operator in a process.
    let _ = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(false).try_init(),
    };
    Ok(())
}

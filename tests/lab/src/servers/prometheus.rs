//! A real Prometheus, with a day of samples filled in backwards and, where wanted, targets that it scrapes each second.

use std::fmt::Write;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Server;
use crate::network::Host;
use crate::process::run;

/// How far back the samples go, in minutes: a day, an hour and a window more.
const MINUTES: u64 = 25 * 60 + 30;

/// One series of the day before now, a sample a minute.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Series {
    pub name: String,
    #[serde(default)]
    pub labels: std::collections::BTreeMap<String, String>,
    pub shape: Shape,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Shape {
    /// A gauge that stands at this value.
    Value(f64),
    /// A counter that grows so much a second.
    Counter {
        #[serde(rename = "perSecond")]
        per_second: f64,
        /// And so much in the last minutes, in its stead.
        #[serde(default)]
        lately: Option<Lately>,
        /// And so much in every sixth hour, for forty minutes: busy times.
        #[serde(default)]
        busy: Option<f64>,
        /// Only the last so many minutes have samples.
        #[serde(default)]
        minutes: Option<u64>,
    },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lately {
    pub per_second: f64,
    pub minutes: u64,
}

/// A Prometheus that answers; it stops when dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "held so that it goes on running")]
pub struct Prometheus(Server);

impl Prometheus {
    /// Fills in the series, starts it on `listen` of `host`, and scrapes these targets.
    pub fn start(host: &Host, listen: SocketAddr, series: &[Series], targets: &[SocketAddr]) -> Result<Self> {
        let folder = host.folder()?.join("prometheus");
        prepare(&folder, series, targets)?;
        Self::run(host, listen, &folder)
    }

    /// Starts it with a configuration of one's own and no samples.
    pub fn configured(host: &Host, listen: SocketAddr, config: &str) -> Result<Self> {
        let folder = host.folder()?.join("prometheus");
        std::fs::create_dir_all(folder.join("data"))?;
        std::fs::write(folder.join("prometheus.yml"), config)?;
        Self::run(host, listen, &folder)
    }

    fn run(host: &Host, listen: SocketAddr, folder: &std::path::Path) -> Result<Self> {
        let words = words(folder, listen);
        Ok(Self(Server::start_program("prometheus", host, words, vec![listen.port()])?))
    }
}

/// Writes the blocks and the configuration to a folder.
pub fn prepare(folder: &std::path::Path, series: &[Series], targets: &[SocketAddr]) -> Result<()> {
    let data = folder.join("data");
    std::fs::create_dir_all(&data)?;
    if !series.is_empty() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let path = folder.join("samples.om");
        std::fs::write(&path, open_metrics(series, now))?;
        run(Command::new("promtool").args(["tsdb", "create-blocks-from", "openmetrics", "-q"]).arg(&path).arg(&data))
            .context("filling in samples (hack/tools installs promtool)")?;
    }
    let list: Vec<String> = targets.iter().map(|target| format!("\"{target}\"")).collect();
    std::fs::write(
        folder.join("prometheus.yml"),
        format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: origin\n  \
             static_configs: [{{targets: [{}]}}]\n",
            list.join(", ")
        ),
    )?;
    Ok(())
}

/// The command line for a prepared folder.
pub fn words(folder: &std::path::Path, listen: SocketAddr) -> Vec<std::ffi::OsString> {
    let flag = |name: &str, value: String| format!("--{name}={value}").into();
    vec![
        "prometheus".into(),
        flag("config.file", folder.join("prometheus.yml").display().to_string()),
        flag("storage.tsdb.path", folder.join("data").display().to_string()),
        flag("storage.tsdb.retention.time", "10d".to_owned()),
        flag("web.listen-address", listen.to_string()),
        flag("log.level", "warn".to_owned()),
    ]
}

/// The samples as OpenMetrics text, each series whole, oldest first.
fn open_metrics(series: &[Series], now: u64) -> String {
    let mut text = String::new();
    let minute = now / 60 * 60;
    for one in series {
        let kind = if matches!(one.shape, Shape::Value(_)) { "gauge" } else { "counter" };
        let _ = writeln!(text, "# TYPE {} {kind}", one.name.trim_end_matches("_total"));
        let labels: Vec<String> = one.labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let mut total = 0.0;
        for back in (0..=MINUTES).rev() {
            let value = match one.shape {
                Shape::Value(value) => value,
                Shape::Counter { per_second, lately, busy, minutes } => {
                    let rate = match (lately, busy) {
                        (Some(lately), _) if back < lately.minutes => lately.per_second,
                        (_, Some(busy)) if (back % 180) < 40 => busy,
                        _ => per_second,
                    };
                    // A little unrest, so that no two windows are the same.
                    let unrest = if back % 3 == 0 { 1.04 } else { 0.98 };
                    total += rate * 60.0 * unrest;
                    if minutes.is_some_and(|minutes| back > minutes) {
                        continue;
                    }
                    total
                }
            };
            let _ = writeln!(text, "{}{{{}}} {value} {}", one.name, labels.join(","), minute - back * 60);
        }
    }
    text.push_str("# EOF\n");
    text
}

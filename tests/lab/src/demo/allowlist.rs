//! What Leeward writes for docs: a NetworkPolicy of its own and an annotation of the Ingress.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::cluster::Cluster;
use super::interrupt;
use super::operator::Operator;
use super::screen::Screen;
use crate::cleanup;

/// Both objects as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    policy: String,
    ingress: String,
}

/// Reads both; what is not there is empty.
pub fn written(cluster: &Cluster) -> Result<Written> {
    let yaml = |kind: &str, name: &str| -> Result<String> {
        let text = cluster.kubectl(&["get", "-n", "docs", kind, name, "--ignore-not-found", "-o", "yaml"])?;
        // What the API server counts itself would drown the change.
        let counted = ["  resourceVersion:", "  generation:", "  uid:", "  creationTimestamp:"];
        let kept = text.lines().filter(|line| !counted.iter().any(|start| line.starts_with(start)));
        Ok(kept.fold(String::new(), |all, line| all + line + "\n"))
    };
    Ok(Written { policy: yaml("networkpolicy", "leeward-docs")?, ingress: yaml("ingress", "docs")? })
}

/// Waits until the NetworkPolicy carries a prefix and, if that is to be so by now, the Ingress too.
pub fn until_written(
    cluster: &mut Cluster,
    operator: &mut Operator,
    screen: &Screen,
    (prefix, both): (&str, bool),
    within: Duration,
) -> Result<()> {
    let places = if both { "the NetworkPolicy and the Ingress" } else { "the NetworkPolicy" };
    let timer = screen.wait(&format!("{prefix} in {places}"));
    let deadline = Instant::now() + within;
    loop {
        interrupt::check()?;
        let now = written(cluster)?;
        let has = |text: &str| if text.contains(prefix) { "has it" } else { "lacks it" };
        let state = format!("NetworkPolicy {}, Ingress {}", has(&now.policy), has(&now.ingress));
        if now.policy.contains(prefix) && (now.ingress.contains(prefix) || !both) {
            timer.done(&format!("{prefix} is in {places}"));
            return Ok(());
        }
        timer.tick(&state);
        operator.check()?;
        if Instant::now() >= deadline {
            bail!("{prefix} is not written after {} s; seen: {state}", within.as_secs());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The change as `diff` shows it.
pub fn difference(before: &Written, after: &Written) -> Result<String> {
    let folder = cleanup::folder("difference")?;
    let mut all = String::new();
    let pairs = [
        ("networkpolicy/leeward-docs", &before.policy, &after.policy),
        ("ingress/docs", &before.ingress, &after.ingress),
    ];
    for (name, before, after) in pairs {
        let (old, new) = (folder.path().join("before"), folder.path().join("after"));
        std::fs::write(&old, before)?;
        std::fs::write(&new, after)?;
        let mut diff = Command::new("diff");
        diff.args(["-U2", "--label", name, "--label", name]).arg(&old).arg(&new);
        let output = diff.output().context("diff")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if text.is_empty() {
            bail!("nothing has changed in {name}");
        }
        all += &text;
    }
    Ok(all)
}

/// What the status says of each target; an error unless their states are these.
pub fn targets(resource: &Value, states: [&str; 2]) -> Result<String> {
    let targets = resource["status"]["allowlist"]["targets"].as_array().context("status.allowlist.targets of docs")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |one: &Value| {
        let detail = one["detail"].as_str().map_or_else(String::new, |detail| format!(", {detail}"));
        format!("{} {}: {}{detail}", text(&one["type"]), text(&one["object"]), text(&one["state"]))
    };
    let lines: Vec<String> = targets.iter().map(line).collect();
    if targets.iter().map(|one| text(&one["state"])).ne(states) {
        bail!("the targets of docs should be {}: {lines:?}", states.join(" and "));
    }
    Ok(lines.join("\n"))
}

//! What the kernel has counted for a process.

use anyhow::{Context, Result};
use std::fs;

/// CPU time of all threads so far, dead ones included, in microseconds.
pub fn cpu_us(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold spaces; everything after its closing bracket is numbers.
    let (_, numbers) = stat.rsplit_once(')').context("the name in /proc/PID/stat")?;
    let ticks = |n: usize| numbers.split_ascii_whitespace().nth(n).and_then(|t| t.parse::<f64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).context("the times in /proc/PID/stat")?;
    // USER_HZ is 100 on every Linux that Rust runs on.
    Ok((user + system) * 10_000.0)
}

/// Resident memory in KiB.
pub fn rss_kib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_ascii_whitespace().next()?.parse().ok())
        .context("VmRSS in /proc/PID/status")
}

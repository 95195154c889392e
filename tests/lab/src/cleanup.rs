//! What runs leave behind when they are killed: found by the process id in its name, and removed.
//!
//! Namespaces and folders of the lab are named after the process that made them. A sweep at the first use in a
//! process removes those whose maker is gone, with every process that still sits in such a namespace.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Once;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::process::{run, send_signal};

const FOLDER_PREFIX: &str = "leeward-lab-";
pub(crate) const NAMESPACE_PREFIX: &str = "lwlab-";
pub(crate) const NAMESPACES: &str = "/run/netns";

/// A folder for files of this run; removed when dropped.
pub fn folder(purpose: &str) -> Result<TempDir> {
    sweep_once();
    tempfile::Builder::new()
        .prefix(&format!("{FOLDER_PREFIX}{}-{purpose}-", std::process::id()))
        .tempdir()
        .context("making a folder for the lab")
}

/// Sweeps once in the life of this process.
pub fn sweep_once() {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(sweep);
}

/// Removes what runs that are gone have left behind.
pub fn sweep() {
    remove(is_gone);
}

/// Removes what this process has made, for an end without the drops; what is still written to a folder meanwhile may
/// stay for the next run's sweep.
pub(crate) fn remove_own() {
    remove(|id| id == std::process::id());
}

fn remove(made_by: impl Fn(u32) -> bool) {
    for name in names(Path::new(NAMESPACES)) {
        if maker(&name, NAMESPACE_PREFIX).is_some_and(&made_by) {
            remove_namespace(&name);
        }
    }
    let temporary = std::env::temp_dir();
    for name in names(&temporary) {
        if maker(&name, FOLDER_PREFIX).is_some_and(&made_by) {
            let _ = fs::remove_dir_all(temporary.join(name));
        }
    }
}

/// Ends every process inside a network namespace and deletes it.
pub(crate) fn remove_namespace(name: &str) {
    if let Ok(pids) = run(Command::new("ip").args(["netns", "pids", name])) {
        for pid in pids.lines().filter_map(|line| line.trim().parse::<i32>().ok()) {
            // A thread of this very process may have entered the namespace: it ends by itself.
            if pid.unsigned_abs() != std::process::id() {
                send_signal(pid, libc::SIGKILL);
            }
        }
    }
    let _ = run(Command::new("ip").args(["netns", "del", name]));
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder)
        .map(|entries| entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
        .unwrap_or_default()
}

fn maker(name: &str, prefix: &str) -> Option<u32> {
    name.strip_prefix(prefix)?.split('-').next()?.parse().ok()
}

fn is_gone(pid: u32) -> bool {
    !Path::new("/proc").join(pid.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_a_dead_run_is_swept_and_one_of_a_live_run_is_not() {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let dead = std::env::temp_dir().join(format!("{FOLDER_PREFIX}{}-test-x", child.id()));
        fs::create_dir_all(&dead).unwrap();
        let alive = folder("test").unwrap();

        sweep();

        assert!(!dead.exists());
        assert!(alive.path().exists());
    }
}

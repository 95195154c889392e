//! The shape of the source is held by tests: one direction, small files, one place for unsafe code.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the source fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// Layers from left to right; a module may use only what stands above it.
const LAYERS: [&str; 12] = [
    "api",
    "net",
    "evidence",
    "observe/probe",
    "observe/cluster",
    "observe/ranges",
    "observe/traffic",
    "observe",
    "diagnose",
    "allow",
    "report",
    "operate",
];

/// Pure rules that `observe` needs as well: policy semantics read nothing and write nothing.
const PURE_AND_EARLY: [&str; 1] = ["allow/evaluate"];

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    assert!(found.len() > 20, "the source tree was not found");
    found
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn layer(path: &str) -> Option<usize> {
    if PURE_AND_EARLY.iter().any(|p| path.starts_with(p)) {
        return LAYERS.iter().position(|l| *l == "evidence");
    }
    let mut best: Option<(usize, usize)> = None;
    for (i, l) in LAYERS.iter().enumerate() {
        if (path == *l || path.starts_with(&format!("{l}/")) || path.starts_with(&format!("{l}.rs")))
            && best.is_none_or(|(len, _)| l.len() > len)
        {
            best = Some((l.len(), i));
        }
    }
    best.map(|(_, i)| i)
}

/// Code without its trailing test module.
fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

fn is_test_file(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs")
}

#[test]
fn a_module_uses_only_what_stands_above_it() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let Some(own) = layer(&name) else { continue };
        if is_test_file(&name) {
            continue;
        }
        for (number, line) in without_tests(&text).lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("//") {
                continue;
            }
            for part in line.split("crate::").skip(1) {
                let path: String = part
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == ':')
                    .collect::<String>()
                    .replace("::", "/");
                if layer(&path).is_some_and(|used| used > own) || path.starts_with("cli") {
                    wrong.push(format!("{name}:{}: {line}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "these lines point to the right:\n{}", wrong.join("\n"));
}

#[test]
fn a_file_holds_one_idea() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|(name, _)| !is_test_file(name))
        .map(|(name, text)| (name, without_tests(&text).lines().count()))
        .filter(|(_, lines)| *lines > 400)
        .map(|(name, lines)| format!("{name}: {lines}"))
        .collect();
    assert!(long.is_empty(), "over 400 lines, so two ideas: {long:?}");
}

#[test]
fn unsafe_code_stands_in_one_module() {
    let places: Vec<String> =
        sources().into_iter().filter(|(_, text)| text.contains("unsafe ")).map(|(name, _)| name).collect();
    assert!(places.iter().all(|p| p == "observe/probe/tcp_info.rs"), "unsafe code in {places:?}");
}

#[test]
fn main_only_dispatches() {
    let main = sources().into_iter().find(|(name, _)| name == "main.rs").unwrap().1;
    assert!(main.lines().count() <= 40, "main.rs has {} lines", main.lines().count());
}

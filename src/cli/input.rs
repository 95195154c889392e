//! Reading the files that a user names. `-` is standard input.

use crate::observe::cluster::{Files, Place, Text};
use anyhow::{Context, bail, ensure};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Largest file that is read, in bytes.
const MOST_BYTES: u64 = 8 << 20;

/// What standard input is called.
const STDIN: &str = "standard input";

/// A file's name for messages, and its text.
pub struct Document {
    pub name: String,
    pub text: String,
}

/// Reads one file, at most 8 MiB of UTF-8.
pub fn read(path: &Path) -> anyhow::Result<Document> {
    let stdin = path.as_os_str() == "-";
    let name = if stdin { STDIN.to_owned() } else { path.display().to_string() };
    let mut bytes = Vec::new();
    let taken = if stdin {
        io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes)
    } else {
        let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        ensure!(!file.metadata().is_ok_and(|m| m.is_dir()), "cannot read {name}: it is a directory; name its files");
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes)
    };
    let taken = taken.with_context(|| format!("cannot read {name}"))?;
    ensure!(taken as u64 <= MOST_BYTES, "{name} is larger than {} MiB", MOST_BYTES >> 20);
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Document { name, text }),
        Err(_) => bail!("{name} is not text in UTF-8"),
    }
}

/// Reads manifests. Standard input can be read only once.
pub fn manifests(paths: &[PathBuf]) -> anyhow::Result<Files> {
    let inputs = paths.iter().filter(|p| p.as_os_str() == "-").count();
    ensure!(inputs <= 1, "-f - is given {inputs} times; standard input can be read once");
    let documents = paths.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let texts: Vec<Text<'_>> = documents.iter().map(|d| Text { name: &d.name, text: &d.text }).collect();
    Ok(Files::parse(&texts)?)
}

/// Where the `ProtectedOrigin` begins. Nobody finds a place in standard input again.
pub fn place(files: &Files) -> Option<Place> {
    files.origin_place().filter(|place| place.file != STDIN).cloned()
}

//! Evidence files: a case saved as JSON, read back for a replay or merged into another one.

use super::input;
use crate::api::API_VERSION;
use crate::evidence::{Case, Fact, Subject, Track, case};
use anyhow::{Context, anyhow, ensure};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::Spanned;
use std::fs;
use std::path::Path;

/// Writes a case. An existing file is replaced.
pub fn save(case: &Case, path: &Path) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(case)?;
    text.push('\n');
    fs::write(path, text).with_context(|| format!("cannot write --save-evidence {}", path.display()))
}

/// A record as it stands in the file. Its parts become types from JSON's values (`crate::yaml` says why) and keep their
/// places for errors.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    api_version: String,
    kind: String,
    at: Option<Timestamp>,
    subject: Option<Spanned<Value>>,
    #[serde(default)]
    tracks: Vec<Spanned<Value>>,
    #[serde(default)]
    facts: Vec<Spanned<Value>>,
}

/// Evidence as it comes from elsewhere. A record that only adds facts needs no subject.
#[derive(Debug)]
struct Record {
    api_version: String,
    kind: String,
    at: Option<Timestamp>,
    subject: Option<Subject>,
    tracks: Vec<Track>,
    facts: Vec<Fact>,
}

/// Reads a whole case, for a replay.
pub fn load(path: &Path) -> anyhow::Result<Case> {
    let (name, record) = record(path)?;
    let subject = record.subject.ok_or_else(|| anyhow!("{name}: subject is missing; save it with --save-evidence"))?;
    let at = record.at.ok_or_else(|| anyhow!("{name}: at is missing; save it with --save-evidence"))?;
    Ok(Case {
        api_version: record.api_version,
        kind: record.kind,
        at,
        subject,
        tracks: record.tracks,
        facts: record.facts,
    })
}

/// Adds the evidence of a file to a case: paths that it has not seen itself, and every fact.
pub fn merge(case: &mut Case, path: &Path) -> anyhow::Result<()> {
    let (name, record) = record(path)?;
    if let Some(subject) = &record.subject {
        ensure!(
            subject.host == case.subject.host,
            "{name}: subject.host is {}, and this diagnosis is about {}",
            subject.host,
            case.subject.host
        );
    }
    let new: Vec<Track> =
        record.tracks.into_iter().filter(|track| !case.tracks.iter().any(|own| own.key == track.key)).collect();
    case.tracks.extend(new);
    let new: Vec<Fact> = record.facts.into_iter().filter(|fact| !case.facts.contains(fact)).collect();
    case.facts.extend(new);
    Ok(())
}

fn record(path: &Path) -> anyhow::Result<(String, Record)> {
    let input::Document { name, text } = input::read(path)?;
    // JSON is YAML, and records of other tools may be written by hand.
    let written: Written = serde_saphyr::from_str(&text)
        .map_err(|error| anyhow!("{name}: is no evidence: {}", error.without_snippet()))?;
    let Written { api_version, kind, at, subject, tracks, facts } = written;
    ensure!(api_version == API_VERSION, "{name}: apiVersion is {api_version:?}; this version reads {API_VERSION}");
    ensure!(kind == case::KIND, "{name}: kind is {kind:?}, not {}", case::KIND);
    let subject = subject.map(|part| read(&name, "subject", part)).transpose()?;
    let (tracks, facts) = (each(&name, "tracks", tracks)?, each(&name, "facts", facts)?);
    Ok((name, Record { api_version, kind, at, subject, tracks, facts }))
}

fn each<T: DeserializeOwned>(name: &str, field: &str, parts: Vec<Spanned<Value>>) -> anyhow::Result<Vec<T>> {
    parts.into_iter().enumerate().map(|(i, part)| read(name, &format!("{field}[{i}]"), part)).collect()
}

fn read<T: DeserializeOwned>(name: &str, field: &str, part: Spanned<Value>) -> anyhow::Result<T> {
    let line = part.referenced.line();
    serde_json::from_value(part.value).map_err(|error| anyhow!("{name}: is no evidence: {field}, line {line}: {error}"))
}

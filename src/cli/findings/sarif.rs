//! SARIF 2.1.0, as code scanning reads it: each finding a result at the line of the manifest, each cause a rule with its
//! page. What cannot be decided is no result but a notification of the run.

use super::{Finding, Findings, Level, Outcome};
use crate::cli::exit::Exit;
use crate::hex::short_digest;
use crate::observe::cluster::Place;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use url::Url;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One run with everything that was found.
pub fn render(findings: &Findings) -> String {
    let told: Vec<&Finding> =
        findings.list.iter().filter(|f| matches!(f.outcome, Outcome::Failed | Outcome::Noted)).collect();
    let mut rules: Vec<&Finding> = Vec::new();
    for finding in &told {
        if rules.iter().all(|rule| rule.id != finding.id) {
            rules.push(finding);
        }
    }
    let results: Vec<Value> = told
        .iter()
        .map(|finding| {
            let index = rules.iter().position(|rule| rule.id == finding.id);
            result(findings, finding, index)
        })
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "Leeward",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules.iter().map(|finding| rule(finding)).collect::<Vec<_>>(),
            }},
            // What a later run of the same kind about the same origin replaces.
            "automationDetails": {"id": format!("{}/{}/", findings.command.replace(' ', "-"), findings.origin)},
            "invocations": [invocation(findings)],
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn rule(finding: &Finding) -> Value {
    let link = finding.link();
    json!({
        "id": finding.id,
        "name": finding.id,
        "shortDescription": {"text": finding.meaning},
        "helpUri": link,
        "help": {
            "text": format!("{}\n{link}", finding.meaning),
            "markdown": format!("{}\n\n[{}]({link})", finding.meaning, finding.id),
        },
    })
}

fn result(findings: &Findings, finding: &Finding, rule: Option<usize>) -> Value {
    let mut text = finding.summary.clone();
    if !finding.remedy.is_empty() && !text.contains(&finding.remedy) {
        let _ = write!(text, " {}", finding.remedy);
    }
    if !finding.details.is_empty() {
        let _ = write!(text, "\n{}", finding.details);
    }
    let name = findings.origin.rsplit('/').next();
    let logical = json!([{"name": name, "fullyQualifiedName": findings.origin, "kind": "resource"}]);
    let location = match findings.place.as_ref().and_then(physical) {
        Some(physical) => json!({"logicalLocations": logical, "physicalLocation": physical}),
        None => json!({"logicalLocations": logical}),
    };
    json!({
        "ruleId": finding.id,
        "ruleIndex": rule,
        "level": level(finding.level),
        "message": {"text": text},
        "locations": [location],
        "partialFingerprints": {"leeward/v1": fingerprint(findings, finding)},
        "properties": {"check": finding.check, "seen": findings.seen},
    })
}

fn physical(place: &Place) -> Option<Value> {
    let file = json!({"uri": uri(Path::new(&place.file))?});
    Some(match place.line {
        Some(line) => json!({"artifactLocation": file, "region": {"startLine": line}}),
        None => json!({"artifactLocation": file}),
    })
}

/// A path as a URI; a relative one stays relative, so that it is found from the top of a checkout.
fn uri(path: &Path) -> Option<String> {
    let path = path.strip_prefix(".").unwrap_or(path);
    if path.is_absolute() {
        return Some(Url::from_file_path(path).ok()?.into());
    }
    let absolute = Url::from_file_path(Path::new("/").join(path)).ok()?;
    Some(absolute.path().trim_start_matches('/').to_owned())
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

fn invocation(findings: &Findings) -> Value {
    let notifications: Vec<Value> = findings
        .list
        .iter()
        .filter(|f| matches!(f.outcome, Outcome::Undecided | Outcome::NotLooked))
        .map(|f| {
            let text = format!("{} {}", f.summary, f.remedy);
            json!({"level": "warning", "descriptor": {"id": f.id}, "message": {"text": text.trim()}})
        })
        .collect();
    let (code, words) = match findings.exit {
        Exit::Fine => (0, "nothing to be done"),
        Exit::Finding => (2, "something was found"),
        Exit::Inconclusive => (3, "inconclusive"),
    };
    json!({
        "executionSuccessful": true,
        "exitCode": code,
        "exitCodeDescription": words,
        "toolExecutionNotifications": notifications,
    })
}

/// The same finding about the same origin is the same, wherever its manifest stands.
fn fingerprint(findings: &Findings, finding: &Finding) -> String {
    let text = [findings.command, &findings.origin, &finding.check, &finding.id].join("\0");
    short_digest(text.as_bytes(), 16)
}

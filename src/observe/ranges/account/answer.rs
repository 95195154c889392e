//! What all vendors' answers have in common: JSON with lists of prefixes somewhere inside.

use serde_json::Value;

use crate::net::{Provenance, RangeSet};

use super::super::parse::{self, ParseProblem};
use super::{Acknowledged, Announced, Refusal};

/// Why an answer gives no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not what the API documents.
    Shape(ParseProblem),
    /// The vendor refuses.
    Refused(Refusal),
}

impl From<ParseProblem> for Fault {
    fn from(problem: ParseProblem) -> Self {
        Self::Shape(problem)
    }
}

/// The prefixes of a member: an array of texts, or one text that joins them. `None` where there is no such member.
pub fn texts(value: Option<&Value>) -> Result<Option<Vec<String>>, ParseProblem> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(parse::tokens(text).map(str::to_owned).collect())),
        Some(Value::Array(entries)) => {
            let text = |(index, entry): (usize, &Value)| {
                let text = entry.as_str().ok_or(ParseProblem::Entry { position: index + 1, problem: None })?;
                Ok(parse::tokens(text).map(str::to_owned).collect::<Vec<_>>())
            };
            let found: Result<Vec<Vec<String>>, ParseProblem> = entries.iter().enumerate().map(text).collect();
            Ok(Some(found?.concat()))
        }
        Some(_) => Err(ParseProblem::NoList),
    }
}

/// The lists of both families under `parent`. Either may be absent, for an account without it; both may not.
pub fn families(parent: Option<&Value>, names: [&str; 2]) -> Result<RangeSet, ParseProblem> {
    let parent = parent.ok_or(ParseProblem::NoList)?;
    let found = names.map(|name| texts(parent.get(name)));
    match found {
        [Ok(None), Ok(None)] => Err(ParseProblem::NoList),
        [Ok(first), Ok(second)] => set(&[first.unwrap_or_default(), second.unwrap_or_default()].concat()),
        [Err(problem), _] | [_, Err(problem)] => Err(problem),
    }
}

/// Prefixes as a set: all of them or none.
pub fn set(found: &[String]) -> Result<RangeSet, ParseProblem> {
    parse::entries(found, Provenance::Remote)
}

/// An announced list, unless it is the one in use. Without a name that can be shown, its hash is its name.
pub fn announced(current: &RangeSet, next: RangeSet, name: Option<&str>) -> Option<Announced> {
    if next == *current {
        return None;
    }
    let version = name.filter(|name| is_version(name)).map_or_else(|| next.hash(), str::to_owned);
    Some(Announced { version, ranges: next, deadline: None, acknowledged: Acknowledged::No })
}

/// Whether a name of a version may stand in a status: what a remote server says is not repeated, save in this shape.
pub fn is_version(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

//! From a document to a set of addresses, or to nothing.
//!
//! Strict on purpose: on 2026-01-02 a challenge page was served in place of a list, and readers that skip what they do not
//! understand published an empty list. Here one entry that is not a prefix refuses the whole document, so a half-read list
//! can never look like a provider that gave up half of its addresses.

use jsonpath_rust::JsonPath as _;
use serde_json::Value;

use super::csv::{self, Column};
use crate::api::conditions::Reason;
use crate::net::{Prefix, PrefixError, Provenance, RangeSet};

/// More entries than any provider publishes (the widest file known has about 17,000, filtered to some hundred).
const MOST_ENTRIES: usize = 50_000;

/// How prefixes are found in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Prefixes separated by line ends, blanks or commas.
    Lines,
    /// Columns of comma-separated values.
    Columns(Vec<Column>),
    /// Texts found by JSONPath.
    Json {
        /// RFC 9535 expressions.
        extract: Vec<String>,
        /// Expressions, each with the one result that it must have, for errors inside a 200.
        require: Vec<(String, Value)>,
    },
}

/// Why a source gave no list. The text never holds anything that a remote document or server said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// Its address is denied by the egress rules.
    #[error("{host} is not fetched: {}", crate::net::guard::FORBIDDEN)]
    Forbidden {
        /// Host of the URL.
        host: String,
    },
    /// No whole answer.
    #[error("{host} {how}")]
    Unreachable {
        /// Host of the URL.
        host: String,
        /// What happened.
        how: Unreachable,
    },
    /// An answer that is no list.
    #[error("{document} is not taken: {problem}")]
    Unparsable {
        /// The URL's host and path, the name of the records, or the `ConfigMap`.
        document: String,
        /// What is wrong.
        problem: ParseProblem,
    },
    /// A `ConfigMap` or a key of it is missing.
    #[error("ConfigMap {name} with the key {key} does not exist in Leeward's own namespace; create it")]
    NoConfigMap {
        /// Its name.
        name: String,
        /// The key.
        key: String,
    },
    /// The key of an account cannot be had, or the account's API refuses it.
    #[error("{sentence}")]
    Refused {
        /// Reason of the condition Fetched.
        reason: Reason,
        /// What is wrong, and what to do.
        sentence: String,
    },
}

/// How fetching ended without a whole document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// No address.
    #[error("does not resolve")]
    Name,
    /// No TXT record, or no resolver that answers.
    #[error("has no TXT record, or no resolver answers for it (--resolver names another one); ask for it with dig TXT")]
    NoText,
    /// The same for a name that its records include. The name is the records' word and not repeated.
    #[error("includes other names, of which number {0} has no TXT record or gets no answer; ask for it with dig TXT")]
    NoIncludedText(usize),
    /// No connection or no TLS handshake.
    #[error("cannot be connected to, or its certificate is not trusted (--ca-file adds trust)")]
    Connect,
    /// Too slow.
    #[error("does not answer in time")]
    Timeout,
    /// Not 200.
    #[error("answers with status {0}; only 200 is a list")]
    Status(u16),
    /// To another host, to http, or too often.
    #[error("redirects to another place; put that URL into the resource if it is meant")]
    Redirect,
    /// Over the cap.
    #[error("answers with more than 16 MiB")]
    TooLarge,
    /// The body ended early or the protocol was broken.
    #[error("breaks off its answer")]
    Interrupted,
}

/// Why a document is no list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseProblem {
    /// A page for people: a challenge, a login, an error.
    #[error("it is a web page, not a list")]
    WebPage,
    /// A content type that cannot hold a list, or a compressed body.
    #[error("its content type or encoding is not that of a list")]
    ContentType,
    /// Not UTF-8.
    #[error("it is not text")]
    NotText,
    /// Not JSON.
    #[error("it is not JSON")]
    NotJson,
    /// The document says itself that something went wrong.
    #[error("it reports an error of its own")]
    ReportsError,
    /// A path that cannot be evaluated.
    #[error("the JSONPath {0} cannot be evaluated on it")]
    Path(String),
    /// A path that found something else than text.
    #[error("the JSONPath {0} finds something that is not text; paths of arrays end with [*]")]
    PathOfOther(String),
    /// A column that is not there.
    #[error(
        "its first row has no column {0}; source.http.extract has to name columns as the first row writes them, or by number"
    )]
    NoColumn(String),
    /// A row that cannot be taken apart, or has nothing where the prefixes should be.
    #[error(
        "line {0} is not a row of comma-separated values with a prefix in the columns that source.http.extract names (the first where it names none)"
    )]
    Row(usize),
    /// A term of an SPF record that is no list of addresses.
    #[error(
        "term {0} of its v=spf1 record is none of ip4:PREFIX, ip6:PREFIX, include:NAME, redirect=NAME and a last ~all or -all; source.dnsTXT.name has to be a name that lists addresses"
    )]
    Term(usize),
    /// `+all`.
    #[error("its v=spf1 record ends with all, which allows everyone; a list ends with -all or ~all")]
    Everyone,
    /// RFC 7208 says that none of them counts.
    #[error("it has several v=spf1 records, of which none counts (RFC 7208, 4.5); its owner has to join them")]
    SeveralRecords,
    /// An included name that is no SPF record.
    #[error(
        "it includes a name without a v=spf1 record, number {0}; ask its owner to correct that, or name another one in source.dnsTXT.name"
    )]
    NotIncludable(usize),
    /// Too many names, or a circle of them.
    #[error("it includes more than {most} names, the bound of RFC 7208; a source of type ConfigMap can hold such a list", most = super::records::MOST_INCLUDED)]
    TooManyNames,
    /// Not the members that an API documents.
    #[error("it has not the lists that this API documents; if the API has changed, Leeward has to be updated")]
    NoList,
    /// Nothing found.
    #[error("it holds no prefix")]
    Empty,
    /// A comment where none is expected; notices of retirement come as comments.
    #[error("line {0} is a comment, which this source does not have; look at what it says")]
    Comment(usize),
    /// Far too many.
    #[error("it has more than {MOST_ENTRIES} entries")]
    TooMany,
    /// Not a prefix. Told in full only when the cluster's own people wrote it.
    #[error("entry {position} is not a prefix{}", .problem.as_ref().map_or_else(String::new, |problem| format!(": {problem}")))]
    Entry {
        /// Counted from 1.
        position: usize,
        /// What is wrong with it.
        problem: Option<PrefixError>,
    },
}

impl FeedError {
    /// Reason of the condition Fetched.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Refused { reason, .. } => *reason,
            Self::Forbidden { .. } => Reason::Forbidden,
            Self::Unreachable { .. } | Self::NoConfigMap { .. } => Reason::Unreachable,
            Self::Unparsable { .. } => Reason::Unparsable,
        }
    }
}

/// A fetched document as a set.
pub fn document(body: &[u8], shape: &Shape) -> Result<RangeSet, ParseProblem> {
    let text = std::str::from_utf8(body).map_err(|_| ParseProblem::NotText)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('<') {
        return Err(ParseProblem::WebPage);
    }
    let found: Vec<String> = match shape {
        Shape::Lines => {
            let comment = text.lines().position(|line| line.trim_start().starts_with(['#', ';']));
            if let Some(line) = comment {
                return Err(ParseProblem::Comment(line + 1));
            }
            tokens(text).map(str::to_owned).collect()
        }
        Shape::Columns(columns) => csv::cells(text, columns)?,
        Shape::Json { extract, require } => {
            let value: Value = serde_json::from_str(text).map_err(|_| ParseProblem::NotJson)?;
            if !require.iter().all(|(path, wanted)| says(&value, path, wanted)) {
                return Err(ParseProblem::ReportsError);
            }
            texts(&value, extract)?
        }
    };
    entries(&found, Provenance::Remote)
}

/// A list that the cluster's own people wrote: comments are theirs, and errors quote the entry.
pub fn local_text(text: &str) -> Result<RangeSet, ParseProblem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let without_comments = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let found: Vec<String> = without_comments.flat_map(tokens).map(str::to_owned).collect();
    entries(&found, Provenance::Local)
}

/// Entries as a set: all of them or none.
pub fn entries(found: &[String], provenance: Provenance) -> Result<RangeSet, ParseProblem> {
    if found.is_empty() {
        return Err(ParseProblem::Empty);
    }
    if found.len() > MOST_ENTRIES {
        return Err(ParseProblem::TooMany);
    }
    let read = found.iter().enumerate().map(|(index, entry)| {
        Prefix::parse(entry).map_err(|problem| ParseProblem::Entry {
            position: index + 1,
            problem: (provenance == Provenance::Local).then_some(problem),
        })
    });
    read.collect()
}

/// Can the expression be evaluated at all?
pub fn check_path(path: &str) -> Result<(), ParseProblem> {
    jsonpath_rust::parser::parse_json_path(path).map(|_| ()).map_err(|_| ParseProblem::Path(path.to_owned()))
}

pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| character.is_whitespace() || character == ',').filter(|token| !token.is_empty())
}

fn texts(value: &Value, extract: &[String]) -> Result<Vec<String>, ParseProblem> {
    let mut found = Vec::new();
    for path in extract {
        for result in value.query(path).map_err(|_| ParseProblem::Path(path.clone()))? {
            let text = result.as_str().ok_or_else(|| ParseProblem::PathOfOther(path.clone()))?;
            // Some APIs join a list into one text.
            found.extend(tokens(text).map(str::to_owned));
            if found.len() > MOST_ENTRIES {
                return Err(ParseProblem::TooMany);
            }
        }
    }
    Ok(found)
}

fn says(value: &Value, path: &str, wanted: &Value) -> bool {
    value.query(path).is_ok_and(|results| matches!(results.as_slice(), [one] if *one == wanted))
}

#[cfg(test)]
mod tests;

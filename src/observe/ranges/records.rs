//! Lists in TXT records: in the form of SPF (RFC 7208), as Google publishes one, or as plain prefixes.
//!
//! Of SPF only what lists addresses is read: `ip4`, `ip6`, `include`, `redirect`, and `all` where it refuses the rest. A
//! mechanism that needs more questions (`a`, `mx`, `exists`, macros) or that takes addresses away refuses the whole list, and
//! so does a name that cannot be read: half of a list must not look like all of it. As RFC 7208 (4.6.4) bounds the names
//! that one record may lead to, so it is here.

use crate::net::{Family, Prefix, Provenance, RangeSet};

use super::parse::{self, FeedError, ParseProblem, Unreachable};
use super::resolve::Lookup;

/// Names that may be included, all levels together.
pub(super) const MOST_INCLUDED: usize = 10;

/// The list behind a name.
pub(super) async fn follow(lookup: &dyn Lookup, name: &str) -> Result<RangeSet, FeedError> {
    let unparsable = |problem| FeedError::Unparsable { document: format!("TXT {name}"), problem };
    let mut names = vec![name.to_ascii_lowercase()];
    let mut list = RangeSet::empty();
    let mut asked = 0;
    while let Some(next) = names.get(asked).cloned() {
        let records = lookup.texts(next).await.map_err(|_| {
            let how = if asked == 0 { Unreachable::NoText } else { Unreachable::NoIncludedText(asked) };
            FeedError::Unreachable { host: name.to_owned(), how }
        })?;
        let said = read(&records, asked).map_err(unparsable)?;
        list = list.union(&said.list);
        for included in said.names {
            if !names.contains(&included) {
                names.push(included);
            }
        }
        if names.len() > 1 + MOST_INCLUDED {
            return Err(unparsable(ParseProblem::TooManyNames));
        }
        asked += 1;
    }
    if list.is_empty() { Err(unparsable(ParseProblem::Empty)) } else { Ok(list) }
}

/// Can this name be asked for? Letters, digits, hyphens and underscores in labels of 1 to 63.
pub(super) fn is_name(text: &str) -> bool {
    let labels = || text.split('.');
    text.len() <= 253
        && labels().count() > 1
        && labels().all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// What the records of one name say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    list: RangeSet,
    /// Names whose records belong to the list.
    names: Vec<String>,
}

/// Reads the records of a name; `included` is its number among the included ones, 0 for the name that was asked for.
fn read(records: &[String], included: usize) -> Result<Said, ParseProblem> {
    // Other records may stand beside the one of SPF, such as proofs of ownership.
    let spf: Vec<&str> = records.iter().filter_map(|record| after_version(record)).collect();
    match (spf.as_slice(), included) {
        ([terms], _) => terms_of(terms),
        ([], 0) => {
            let found: Vec<String> =
                records.iter().flat_map(|record| parse::tokens(record)).map(str::to_owned).collect();
            Ok(Said { list: parse::entries(&found, Provenance::Remote)?, names: Vec::new() })
        }
        ([], _) => Err(ParseProblem::NotIncludable(included)),
        _ => Err(ParseProblem::SeveralRecords),
    }
}

/// What follows `v=spf1`, which ends with a blank or with the record.
fn after_version(record: &str) -> Option<&str> {
    let (version, rest) = record.split_at_checked("v=spf1".len())?;
    (version.eq_ignore_ascii_case("v=spf1") && (rest.is_empty() || rest.starts_with(' '))).then_some(rest)
}

fn terms_of(text: &str) -> Result<Said, ParseProblem> {
    let mut prefixes = Vec::new();
    let (mut names, mut redirect) = (Vec::new(), None);
    let mut ended = false;
    for (index, term) in text.split(' ').filter(|term| !term.is_empty()).enumerate() {
        let read = Term::read(term).ok_or(ParseProblem::Term(index + 1))?;
        match read {
            Term::Redirect(name) if redirect.is_none() => redirect = Some(name),
            Term::Redirect(_) => return Err(ParseProblem::Term(index + 1)),
            // What follows `all` is never looked at (RFC 7208, 5.1), but has to be well written.
            Term::Remark => {}
            _ if ended => {}
            Term::Prefix(prefix) => prefixes.push(prefix),
            Term::Include(name) => names.push(name),
            Term::AllElse => ended = true,
            Term::Everyone => return Err(ParseProblem::Everyone),
        }
    }
    if !ended {
        names.extend(redirect);
    }
    Ok(Said { list: prefixes.into_iter().collect(), names })
}

/// A term of an SPF record, as far as it can belong to a list.
#[derive(Debug, PartialEq, Eq)]
enum Term {
    Prefix(Prefix),
    Include(String),
    Redirect(String),
    /// `-all`, `~all`, `?all`: nobody else.
    AllElse,
    /// `all`, `+all`.
    Everyone,
    /// Another modifier; unknown ones are ignored (RFC 7208, 6).
    Remark,
}

impl Term {
    fn read(term: &str) -> Option<Self> {
        let term = term.to_ascii_lowercase();
        if let Some(end) = term.strip_prefix(['-', '~', '?']) {
            // Only what ends the list may refuse; `-ip4:` would take addresses out of it.
            return (end == "all").then_some(Self::AllElse);
        }
        let mechanism = term.strip_prefix('+').unwrap_or(&term);
        let name = |name: &str| is_name(name).then(|| name.to_owned());
        if mechanism == "all" {
            return Some(Self::Everyone);
        }
        if let Some(text) = mechanism.strip_prefix("ip4:") {
            return of(Family::V4, text);
        }
        if let Some(text) = mechanism.strip_prefix("ip6:") {
            return of(Family::V6, text);
        }
        if let Some(text) = mechanism.strip_prefix("include:") {
            return name(text).map(Self::Include);
        }
        if let Some(text) = term.strip_prefix("redirect=") {
            return name(text).map(Self::Redirect);
        }
        let (modifier, _) = term.split_once('=')?;
        let mut letters = modifier.chars();
        let well_written = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'));
        well_written.then_some(Self::Remark)
    }
}

fn of(family: Family, text: &str) -> Option<Term> {
    Prefix::parse(text).ok().filter(|prefix| prefix.family() == family).map(Term::Prefix)
}

#[cfg(test)]
mod tests;

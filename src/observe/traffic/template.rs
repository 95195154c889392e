//! A query with places for names, as the administrator wrote it.
//!
//! Names stand only inside strings, the window only outside of them, and inside a regular expression the dots of a host
//! are escaped. A name is a DNS name, so it can neither end a string nor match more than itself.

use super::place::{Place, Variable};
use crate::evidence::fact::Why;
use std::str::FromStr;

/// Longest template, in bytes.
const LONGEST: usize = 4096;

/// A query that was read once and is known to be fillable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Name { variable: Variable, dot: &'static str },
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("is empty: write a query, or leave the field out")]
    Empty,
    #[error("is longer than {LONGEST} bytes: move a part of it to a recording rule")]
    TooLong,
    #[error("has a string without its end: close it with {0}")]
    Unclosed(char),
    #[error("has ${0}, which is no place: write $namespace, $name, $service, $host or $window")]
    Unknown(String),
    #[error("has ${0} outside of a string: write it inside one, as in {{name=\"${0}\"}}")]
    Outside(&'static str),
    #[error("has $window inside a string: write it as a duration, as in rate(x[$window])")]
    WindowInside,
}

/// Where the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Query,
    Comment,
    /// In a string with this quote, behind a matcher of a regular expression or not.
    String {
        quote: char,
        regex: bool,
    },
}

impl FromStr for Template {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if text.trim().is_empty() {
            return Err(Problem::Empty);
        }
        if text.len() > LONGEST {
            return Err(Problem::TooLong);
        }
        let (mut parts, mut plain, mut at) = (Vec::new(), String::new(), At::Query);
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let tail = rest.get(next.len_utf8()..).unwrap_or_default();
            if next == '$'
                && at != At::Comment
                && let Some((word, length)) = word(tail)
            {
                let variable = Variable::from_str(word).map_err(|_| Problem::Unknown(word.to_owned()))?;
                let dot = place(variable, at)?;
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Name { variable, dot });
                rest = tail.get(length..).unwrap_or_default();
                continue;
            }
            match (at, next) {
                (At::Query, '"' | '\'' | '`') => at = At::String { quote: next, regex: is_regex(&plain) },
                (At::Query, '#') => at = At::Comment,
                (At::Comment, '\n') => at = At::Query,
                (At::String { quote, .. }, _) if next == quote => at = At::Query,
                (At::String { quote, .. }, '\\') if quote != '`' => {
                    plain.push(next);
                    let escaped = tail.chars().next().ok_or(Problem::Unclosed(quote))?;
                    plain.push(escaped);
                    rest = tail.get(escaped.len_utf8()..).unwrap_or_default();
                    continue;
                }
                _ => {}
            }
            plain.push(next);
            rest = tail;
        }
        if let At::String { quote, .. } = at {
            return Err(Problem::Unclosed(quote));
        }
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }
}

impl Template {
    /// The query for one origin.
    pub fn fill(&self, place: &Place) -> Result<String, Why> {
        let mut query = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => query.push_str(text),
                Part::Name { variable, dot } => query.push_str(&place.value(*variable)?.replace('.', dot)),
            }
        }
        Ok(query)
    }
}

/// The word behind a `$`, and its length in the text; none for `$1` and `${1}`, which belong to `label_replace`.
fn word(tail: &str) -> Option<(&str, usize)> {
    let (inner, braces) = match tail.strip_prefix('{') {
        Some(inner) => (inner.split('}').next().unwrap_or_default(), 2),
        None => (tail, 0),
    };
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    let word = inner.get(..end).filter(|w| w.starts_with(|c: char| c.is_ascii_alphabetic()))?;
    Some((word, end + braces))
}

/// Whether a variable may stand here, and how its dots are written.
const fn place(variable: Variable, at: At) -> Result<&'static str, Problem> {
    match (variable, at) {
        (Variable::Window, At::Query) => Ok("."),
        (Variable::Window, _) => Err(Problem::WindowInside),
        (_, At::String { regex: false, .. }) => Ok("."),
        (_, At::String { quote: '`', regex: true }) => Ok("\\."),
        (_, At::String { regex: true, .. }) => Ok("\\\\."),
        (Variable::Namespace, _) => Err(Problem::Outside("namespace")),
        (Variable::Name, _) => Err(Problem::Outside("name")),
        (Variable::Service, _) => Err(Problem::Outside("service")),
        (Variable::Host, _) => Err(Problem::Outside("host")),
    }
}

/// Whether what comes now is the value of a matcher with a regular expression. The text since the last variable is
/// enough: a variable ends inside a string, and its end stands in between.
fn is_regex(before: &str) -> bool {
    let before = before.trim_end();
    before.ends_with("=~") || before.ends_with("!~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place() -> Place {
        Place::new("shop", Some("web"), "shop.example.com")
    }

    fn fill(text: &str) -> String {
        text.parse::<Template>().unwrap().fill(&place()).unwrap()
    }

    #[test]
    fn names_are_filled_in() {
        assert_eq!(
            fill(
                r#"sum(increase(requests_total{namespace="$namespace", service='${service}', host="$host"}[$window]))"#
            ),
            r#"sum(increase(requests_total{namespace="shop", service='web', host="shop.example.com"}[5m]))"#
        );
        assert_eq!(fill(r#"x{pod=~"$service-.*"}"#), r#"x{pod=~"web-.*"}"#);
    }

    #[test]
    fn the_dots_of_a_host_match_only_dots() {
        assert_eq!(fill(r#"x{host=~"$host"}"#), r#"x{host=~"shop\\.example\\.com"}"#);
        assert_eq!(fill("x{host!~ `$host`}"), r"x{host!~ `shop\.example\.com`}");
    }

    #[test]
    fn what_belongs_to_the_language_is_left_alone() {
        for text in
            [r#"label_replace(x, "a", "$1-${2}", "b", "(.*)")"#, "x # the $price of it\n+ y", r#"x{a="a \" $1 b"}"#]
        {
            assert_eq!(fill(text), text);
        }
    }

    #[test]
    fn a_template_that_cannot_be_filled_is_refused_with_its_fix() {
        let wrong = |text: &str| text.parse::<Template>().unwrap_err();
        assert_eq!(wrong(" "), Problem::Empty);
        assert_eq!(wrong(&"x".repeat(5000)), Problem::TooLong);
        assert_eq!(wrong(r#"x{a="b}"#), Problem::Unclosed('"'));
        assert_eq!(wrong(r#"x{a="$cluster"}"#), Problem::Unknown("cluster".into()));
        assert_eq!(wrong("rate($service[5m])"), Problem::Outside("service"));
        assert_eq!(wrong(r#"x{a="$window"}"#), Problem::WindowInside);
        for (problem, said) in [
            (Problem::Empty, "is empty: write a query, or leave the field out"),
            (Problem::TooLong, "is longer than 4096 bytes: move a part of it to a recording rule"),
            (Problem::Unclosed('"'), "has a string without its end: close it with \""),
            (
                Problem::Unknown("cluster".into()),
                "has $cluster, which is no place: write $namespace, $name, $service, $host or $window",
            ),
            (
                Problem::Outside("service"),
                "has $service outside of a string: write it inside one, as in {name=\"$service\"}",
            ),
            (Problem::WindowInside, "has $window inside a string: write it as a duration, as in rate(x[$window])"),
        ] {
            assert_eq!(problem.to_string(), said);
        }
    }

    #[test]
    fn a_name_that_could_end_a_string_is_never_filled_in() {
        let template: Template = r#"x{host="$host", service="$service"}"#.parse().unwrap();
        for host in [r#"a"} or up{b=""#, r"a\", "a b", "a{", "é", ""] {
            assert_eq!(template.fill(&Place::new("shop", Some("web"), host)), Err(Why::UnsafeName));
        }
        assert_eq!(template.fill(&Place::new("shop", None, "a.example")), Err(Why::NoService));
        assert_eq!(template.fill(&Place::new("shop", Some("a|.*"), "a.example")), Err(Why::UnsafeName));
    }

    proptest! {
        /// Whatever a resource is called, the query has the strings that the template has, and no more.
        #[test]
        fn no_name_changes_the_structure_of_a_query(namespace in ".{0,20}", service in ".{0,20}", host in ".{0,20}") {
            let template: Template = r#"x{a="$namespace", b=~'$service', c="$host"}"#.parse().unwrap();
            if let Ok(query) = template.fill(&Place::new(&namespace, Some(&service), &host)) {
                prop_assert_eq!(query.matches(['"', '\'', '{', '}', '`', '\n']).count(), 8);
                let (_, rest) = query.split_once('"').unwrap();
                let (value, _) = rest.split_once('"').unwrap();
                prop_assert_eq!(value, namespace);
            }
        }
    }
}

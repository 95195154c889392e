//! The JUnit XML that Jenkins, GitLab and most others read. Its schema allows properties of a suite and none of a case,
//! and a `skipped` count on the suite alone; the crates that write JUnit files follow another dialect.

use super::{Finding, Findings, Outcome};
use quick_xml::Writer;
use quick_xml::events::BytesText;
use std::io;

/// A finding that nothing fails for, or that nobody was to look for, is `skipped`; one that nobody can decide is an
/// `error`, since the exit code is not 0 either.
pub fn render(findings: &Findings) -> io::Result<String> {
    let tests = findings.list.len().to_string();
    let failures = findings.count(&[Outcome::Failed]).to_string();
    let errors = findings.count(&[Outcome::Undecided]).to_string();
    let skipped = findings.count(&[Outcome::Noted, Outcome::NotLooked]).to_string();
    let counts = [("tests", tests.as_str()), ("failures", &failures), ("errors", &errors)];
    let mut out = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_vec();
    Writer::new_with_indent(&mut out, b' ', 2)
        .create_element("testsuites")
        .with_attribute(("name", findings.command))
        .with_attributes(counts)
        .write_inner_content(|suites| {
            suites
                .create_element("testsuite")
                .with_attribute(("name", legal(&findings.origin).as_str()))
                .with_attributes(counts)
                .with_attribute(("skipped", skipped.as_str()))
                .write_inner_content(|suite| content(suite, findings))?;
            Ok(())
        })?;
    out.push(b'\n');
    String::from_utf8(out).map_err(io::Error::other)
}

fn content<W: io::Write>(suite: &mut Writer<W>, findings: &Findings) -> io::Result<()> {
    if !findings.seen.is_empty() {
        suite.create_element("properties").write_inner_content(|properties| {
            for (i, seen) in findings.seen.iter().enumerate() {
                properties
                    .create_element("property")
                    .with_attribute(("name", format!("seen.{}", i + 1).as_str()))
                    .with_attribute(("value", legal(seen).as_str()))
                    .write_empty()?;
            }
            Ok(())
        })?;
    }
    for finding in &findings.list {
        let case = suite
            .create_element("testcase")
            .with_attribute(("classname", legal(&findings.origin).as_str()))
            .with_attribute(("name", legal(&finding.check).as_str()));
        let element = match finding.outcome {
            Outcome::Passed => {
                case.write_empty()?;
                continue;
            }
            Outcome::Failed => "failure",
            Outcome::Undecided => "error",
            Outcome::Noted | Outcome::NotLooked => "skipped",
        };
        case.write_inner_content(|case| {
            case.create_element(element)
                .with_attribute(("type", finding.id.as_str()))
                .with_attribute(("message", message(finding).as_str()))
                .write_text_content(BytesText::new(&body(finding)))?;
            Ok(())
        })?;
    }
    Ok(())
}

/// Summary and remedy; most viewers show nothing else.
fn message(finding: &Finding) -> String {
    let Finding { summary, remedy, .. } = finding;
    legal(&if summary.contains(remedy) { summary.clone() } else { format!("{summary} {remedy}") })
}

fn body(finding: &Finding) -> String {
    let mut lines = vec![finding.summary.clone()];
    if !finding.summary.contains(&finding.remedy) {
        lines.push(format!("What to do: {}", finding.remedy));
    }
    if !finding.details.is_empty() {
        lines.push(finding.details.clone());
    }
    lines.push(format!("More: {}", finding.link()));
    legal(&lines.join("\n"))
}

/// XML 1.0 has no control characters, not even escaped.
fn legal(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'));
    text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect()
}

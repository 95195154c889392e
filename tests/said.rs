//! Whatever Leeward says to somebody is asserted somewhere: each message of `src/` stands, with its longest stretch of
//! fixed text, in a test, a snapshot or the data of a test. A new sentence without any fails here.
//!
//! Read as a message is every string of the program that looks like words, wherever it stands: in `format!` and its like,
//! errors, constants, match arms, HTML, and the messages of the schema's rules. Left out are lines of the log (macros of
//! tracing), documentation, help and descriptions (generated references and snapshots hold those), and the judge of writes,
//! which speaks to tests alone. Too short to be told from accident is less than twelve characters or a single word.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may fail

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Characters that a stretch has at least.
const FLOOR: usize = 12;

/// Lines of the log, paths of files, and what never happens.
const MUTE: [&str; 8] = ["trace", "debug", "info", "warn", "error", "unreachable", "include_str", "env"];

/// The judge of writes: tests put it behind the operator's client.
const JUDGE: &str = "src/allow/invariants";

/// The strings of a file, and the modules that it declares for tests alone.
#[derive(Default)]
struct Strings {
    said: Vec<String>,
    asserted: Vec<String>,
    modules: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Of {
    Program,
    Log,
    Tests,
}

impl Strings {
    fn read(&mut self, tokens: TokenStream, of: Of) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut own = of;
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Punct(p) if p.as_char() == '#' => {
                    // An inner attribute has a `!` before its brackets.
                    let ahead = usize::from(matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == '!'));
                    if let Some(TokenTree::Group(group)) = tokens.get(at + ahead)
                        && group.delimiter() == Delimiter::Bracket
                    {
                        at += ahead + 1;
                        match attribute(&group.stream()) {
                            Attribute::Tests => own = Of::Tests,
                            Attribute::Error if own == Of::Program => self.read(group.stream(), own),
                            Attribute::Rules if own == Of::Program => self.rules(group.stream()),
                            _ => {}
                        }
                    }
                }
                TokenTree::Ident(name) => {
                    let is_macro = matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == '!');
                    if is_macro
                        && own == Of::Program
                        && let Some(TokenTree::Group(group)) = tokens.get(at + 1)
                        && MUTE.contains(&name.to_string().as_str())
                    {
                        at += 2;
                        self.read(group.stream(), Of::Log);
                    }
                    if own == Of::Tests
                        && of == Of::Program
                        && name == "mod"
                        && let (Some(TokenTree::Ident(module)), Some(TokenTree::Punct(_))) =
                            (tokens.get(at), tokens.get(at + 1))
                    {
                        self.modules.push(module.to_string());
                    }
                }
                TokenTree::Literal(literal) => {
                    if let syn::Lit::Str(text) = syn::Lit::new(literal.clone()) {
                        match own {
                            Of::Program => self.said.push(text.value()),
                            Of::Tests => self.asserted.push(text.value()),
                            Of::Log => {}
                        }
                    }
                }
                TokenTree::Group(group) => {
                    self.read(group.stream(), own);
                    // With its body an item of the tests ends.
                    if group.delimiter() == Delimiter::Brace {
                        own = of;
                    }
                }
                TokenTree::Punct(p) if p.as_char() == ';' => own = of,
                TokenTree::Punct(_) => {}
            }
        }
    }

    /// What a rule of the schema says when it is broken; the rule itself is none of it.
    fn rules(&mut self, tokens: TokenStream) {
        let mut before = String::new();
        for token in tokens {
            if let TokenTree::Group(group) = &token {
                if before == "message" {
                    self.read(group.stream(), Of::Program);
                } else {
                    self.rules(group.stream());
                }
            }
            before = token.to_string();
        }
    }
}

enum Attribute {
    Tests,
    Error,
    Rules,
    Other,
}

fn attribute(tokens: &TokenStream) -> Attribute {
    let name = tokens.clone().into_iter().next().map(|t| t.to_string()).unwrap_or_default();
    match name.as_str() {
        "cfg" if tokens.to_string().replace(' ', "") == "cfg(test)" => Attribute::Tests,
        "error" => Attribute::Error,
        "x_kube" | "kube" => Attribute::Rules,
        _ => Attribute::Other,
    }
}

/// Fixed stretches of a format string; what is between `{}`, or behind the `%` of a time, is not known.
fn stretches(text: &str) -> Vec<String> {
    let open = text.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let mut found = Vec::new();
    for part in open.split('{') {
        let fixed = part.split_once('}').map_or(part, |(_, rest)| rest).replace('\u{1}', "{").replace('\u{2}', "}");
        let mut times = fixed.split('%');
        found.extend(times.next().map(flat));
        found.extend(times.map(|time| flat(time.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(time))));
    }
    found
}

/// One line, as if nobody had wrapped, escaped or begun a sentence with it.
fn flat(text: &str) -> String {
    text.replace('\\', "").split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every message with its file, and everything that is asserted.
fn read() -> (Vec<(String, String)>, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut programs = BTreeMap::new();
    let mut of_tests = BTreeSet::new();
    let mut asserted = String::new();
    let mut assert = |text: &str| asserted.extend([flat(text).as_str(), "\n"]);
    // crds/ is compared with what the types give, and that page with what is registered.
    let pages = ["docs/metrics.md"].map(|page| root.join(page));
    for path in ["src", "tests", "crds"].iter().flat_map(|folder| files(&root.join(folder))).chain(pages) {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        // The lab is no test, and this one asserts what no message says.
        if name.starts_with("tests/lab/") || name == "tests/said.rs" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let is = |kind: &str| path.extension().is_some_and(|extension| extension == kind);
        if !is("rs") {
            // Styles and the like in src/ are no tests; snapshots there are.
            if !name.starts_with("src/") || is("snap") {
                assert(&text);
            }
            continue;
        }
        let mut strings = Strings::default();
        strings.read(text.parse().unwrap(), if name.starts_with("tests/") { Of::Tests } else { Of::Program });
        for text in &strings.asserted {
            assert(text);
        }
        let folder = name.trim_end_matches(".rs").trim_end_matches("/mod").trim_end_matches("/lib");
        of_tests.extend(strings.modules.iter().map(|module| format!("{folder}/{module}")));
        programs.insert(name, strings.said);
    }
    let mut messages = Vec::new();
    for (name, said) in programs {
        if of_tests.iter().any(|module| name == format!("{module}.rs") || name.starts_with(&format!("{module}/"))) {
            for text in &said {
                assert(text);
            }
        } else if !name.starts_with(JUDGE) {
            messages.extend(said.into_iter().map(|text| (name.clone(), text)));
        }
    }
    (messages, asserted)
}

#[test]
fn every_message_is_asserted_somewhere() {
    let (messages, asserted) = read();
    let mut looked_at = 0;
    let mut unasserted = BTreeSet::new();
    for (file, message) in &messages {
        let longest = stretches(message).into_iter().max_by_key(String::len).unwrap();
        if longest.len() < FLOOR || !longest.contains(' ') {
            continue;
        }
        looked_at += 1;
        if !asserted.contains(&longest) {
            unasserted.insert(format!("{file}: {message:?}"));
        }
    }
    assert!(looked_at > 1000, "only {looked_at} messages were found in src/");
    let unasserted: Vec<String> = unasserted.into_iter().collect();
    assert!(unasserted.is_empty(), "assert each whole, in a test that causes it:\n{}", unasserted.join("\n"));
}

#[test]
fn messages_are_told_from_logs_rules_and_tests() {
    let mut strings = Strings::default();
    let source = r#"
        /// A comment of a type.
        #[x_kube(validation = Rule::new("size(self) > 0").message("spec.x must be set"))]
        #[schemars(description = "no message")]
        #[error("cannot read {name}")]
        struct Failed;
        fn speak() { tracing::warn!("a line of the log"); write!(f, "so {it} \"is\"") }
        #[cfg(test)]
        fn only() { assert_eq!(speak(), "asserted") }
        const LATER: &str = "after the tests";
        #[cfg(test)]
        mod tests { const A: &str = "too"; }
        #[cfg(test)]
        mod elsewhere;
    "#;
    strings.read(source.parse().unwrap(), Of::Program);
    assert_eq!(strings.said, ["spec.x must be set", "cannot read {name}", "so {it} \"is\"", "after the tests"]);
    assert_eq!(
        (strings.asserted, strings.modules),
        (vec!["asserted".to_owned(), "too".to_owned()], vec!["elsewhere".to_owned()])
    );
    assert_eq!(stretches("no {a:?} of {{b}} is  {c}\n a name"), ["no", "of {b} is", "a name"]);
    assert_eq!(stretches("at %H:%M, 5 % of it"), ["at", ":", ", 5", "of it"]);
}

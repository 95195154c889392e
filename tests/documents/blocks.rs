//! Fenced blocks of the pages, with the mark before them.

use std::path::{Path, PathBuf};

/// A fenced block.
pub struct Block {
    pub page: String,
    pub line: usize,
    pub language: String,
    /// Without the indentation of the fence.
    pub text: String,
    pub mark: Option<Mark>,
}

/// Why it is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Only commands that begin so; empty: all.
    pub only: String,
    pub reason: String,
}

/// A command, and what the page shows below it.
pub struct Command {
    pub line: usize,
    pub text: String,
    pub shown: Vec<String>,
}

/// Every block of every page, page by page.
pub fn all() -> Vec<Block> {
    let mut pages = Vec::new();
    collect(&lab::tools::checkout(), &mut pages);
    pages.sort();
    pages.iter().flat_map(|path| of(path)).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() && !name.starts_with(".git") && name != "target" {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
}

fn of(path: &Path) -> Vec<Block> {
    let page = path.strip_prefix(lab::tools::checkout()).unwrap().display().to_string();
    read(&page, &std::fs::read_to_string(path).unwrap())
}

fn read(page: &str, text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut open, mut mark): (Option<(usize, String)>, Option<Mark>) = (None, None);
    for (number, line) in (1..).zip(text.lines()) {
        let inner = line.trim_start();
        let indent = line.len() - inner.len();
        let ticks: String = inner.chars().take_while(|c| *c == '`').collect();
        match &open {
            None if ticks.len() >= 3 => {
                let language = inner[ticks.len()..].trim().to_owned();
                let (page, text) = (page.to_owned(), String::new());
                blocks.push(Block { page, line: number, language, text, mark: mark.take() });
                open = Some((indent, ticks));
            }
            None => mark = marked(inner).or_else(|| mark.take().filter(|_| inner.is_empty())),
            Some((_, fence)) if inner.trim_end() == fence => open = None,
            Some((indent, _)) => {
                let cut = line.len().min(*indent).min(line.len() - inner.len());
                let last = blocks.last_mut().unwrap();
                last.text += &line[cut..];
                last.text.push('\n');
            }
        }
    }
    blocks
}

fn marked(line: &str) -> Option<Mark> {
    let inner = line.strip_prefix("<!-- not run")?.strip_suffix(" -->")?;
    let (only, reason) = match inner.strip_prefix(", `") {
        Some(rest) => rest.split_once("`: ")?,
        None => ("", inner.strip_prefix(": ")?),
    };
    Some(Mark { only: only.to_owned(), reason: reason.to_owned() })
}

impl Block {
    pub fn is_shell(&self) -> bool {
        ["", "sh", "bash", "shell", "console"].contains(&self.language.as_str())
    }

    /// Where it stands, for messages.
    pub fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }

    /// Commands to be run. A console has a prompt before each; a script is one command.
    pub fn commands(&self) -> Vec<Command> {
        let mut found: Vec<Command> = Vec::new();
        if self.language == "console" {
            let mut continued = false;
            for (number, line) in (self.line + 1..).zip(self.text.lines()) {
                if let Some(text) = line.strip_prefix("$ ") {
                    found.push(Command { line: number, text: text.to_owned(), shown: Vec::new() });
                } else if let Some(last) = found.last_mut() {
                    if continued {
                        last.text = format!("{}\n{line}", last.text);
                    } else {
                        last.shown.push(line.to_owned());
                    }
                }
                continued = line.ends_with('\\');
            }
        } else {
            found.push(Command { line: self.line + 1, text: self.text.clone(), shown: Vec::new() });
        }
        match &self.mark {
            None => found,
            Some(mark) if mark.only.is_empty() => Vec::new(),
            Some(mark) => found.into_iter().filter(|c| !c.text.starts_with(&mark.only)).collect(),
        }
    }
}

#[test]
fn a_mark_says_what_it_skips_and_why() {
    for block in all() {
        let Some(mark) = &block.mark else { continue };
        let place = block.place();
        assert!(mark.reason.split_whitespace().count() > 2, "{place}: the mark gives no reason: {:?}", mark.reason);
        let skipped =
            Block { mark: None, ..read(&block.page, &format!("```{}\n{}```\n", block.language, block.text)).remove(0) };
        let fits = mark.only.is_empty() || skipped.commands().iter().any(|c| c.text.starts_with(&mark.only));
        assert!(fits, "{place}: no command begins with {:?}", mark.only);
    }
}

#[test]
fn blocks_are_read_as_they_are_written() {
    let page = "\
text `a`
<!-- not run, `kubectl logs`: nobody serves logs -->
```console
$ kubectl get a \\
    -n b
NAME
c
$ kubectl logs d
```
1. List:

   ```sh
   one
     two
   ```
";
    let blocks = read("page.md", page);
    let commands = blocks[0].commands();
    assert_eq!(commands.len(), 1, "the other one is skipped");
    assert_eq!((commands[0].line, commands[0].text.as_str()), (4, "kubectl get a \\\n    -n b"));
    assert_eq!(commands[0].shown, ["NAME", "c"]);
    assert_eq!(blocks[1].commands()[0].text, "one\n  two\n");
}

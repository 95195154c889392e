//! Colours by meaning, and text that keeps to a width.

use anstyle::{AnsiColor, Style};
use std::fmt::Write;

/// Columns that a line of prose may take.
const WIDTH: usize = 96;

pub const GOOD: Style = AnsiColor::Green.on_default().bold();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const UNSURE: Style = AnsiColor::Yellow.on_default().bold();
pub const FAINT: Style = Style::new().dimmed();

/// `text` in a style, reset behind it.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Appends `text` behind `label`, both indented, lines broken between words and aligned.
pub fn paragraph(out: &mut String, label: &str, text: &str) {
    let indent = 2 + LABEL;
    let label = paint(FAINT, &format!("{label:LABEL$}"));
    let mut lead = format!("  {label}");
    for line in lines(text, WIDTH - indent) {
        let _ = writeln!(out, "{}{line}", std::mem::replace(&mut lead, " ".repeat(indent)));
    }
}

/// Columns that a label takes.
const LABEL: usize = 14;

/// Breaks a text between words; a word that is longer than a line stays whole.
pub fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(last) = lines.last_mut() {
            let blank = usize::from(!last.is_empty());
            if last.is_empty() || last.chars().count() + blank + word.chars().count() <= width {
                if blank > 0 {
                    last.push(' ');
                }
                last.push_str(word);
                continue;
            }
        }
        lines.push(word.to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_only() {
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(lines("https://a.example/very/long x", 5), ["https://a.example/very/long", "x"]);
        assert_eq!(lines("", 5), [""]);
    }
}

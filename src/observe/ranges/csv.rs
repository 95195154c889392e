//! Comma-separated values (RFC 4180): the cells of the wanted columns.
//!
//! A row without any value in them refuses the document, and so does a quote that does not end on its line: a list whose
//! columns have moved must not look like a shorter list.

use super::parse::ParseProblem;

/// A column that holds prefixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// Counted from 1. The first row may be a heading.
    Number(usize),
    /// As the first row, which is a heading, writes it.
    Name(String),
}

impl Column {
    /// A column of `extract`: digits are a number, everything else is a name.
    pub fn new(text: &str) -> Self {
        match text.parse() {
            Ok(number) if number > 0 && !text.starts_with('+') => Self::Number(number),
            _ => Self::Name(text.to_owned()),
        }
    }
}

/// What stands in these columns, heading apart.
pub(super) fn cells(text: &str, columns: &[Column]) -> Result<Vec<String>, ParseProblem> {
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        rows.push((index + 1, row(line).ok_or(ParseProblem::Row(index + 1))?));
    }
    let Some((_, first)) = rows.first() else { return Err(ParseProblem::Empty) };
    let places = columns.iter().map(|column| place(first, column)).collect::<Result<Vec<usize>, _>>()?;
    let named = columns.iter().any(|column| matches!(column, Column::Name(_)));
    let headed = named || places.iter().filter_map(|place| first.get(*place)).any(|cell| is_heading(cell));
    let mut found = Vec::new();
    for (number, row) in rows.into_iter().skip(usize::from(headed)) {
        let before = found.len();
        found.extend(places.iter().filter_map(|place| row.get(*place)).filter(|cell| !cell.is_empty()).cloned());
        if found.len() == before {
            return Err(ParseProblem::Row(number));
        }
    }
    Ok(found)
}

/// Where a column stands, counted from 0.
fn place(first: &[String], column: &Column) -> Result<usize, ParseProblem> {
    match column {
        Column::Number(number) => Ok(number.saturating_sub(1)),
        Column::Name(name) => {
            first.iter().position(|cell| cell == name).ok_or_else(|| ParseProblem::NoColumn(name.clone()))
        }
    }
}

/// A heading is a word; everything else in the first row has to be a prefix like all others.
fn is_heading(cell: &str) -> bool {
    cell.starts_with(|first: char| first.is_ascii_alphabetic())
        && cell.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | ' '))
}

/// The cells of a line; nothing where a quote is out of place.
fn row(line: &str) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    let mut rest = line.trim();
    loop {
        rest = rest.trim_start();
        let after = if let Some(quoted) = rest.strip_prefix('"') {
            let (cell, after) = quoted_cell(quoted)?;
            cells.push(cell);
            after.trim_start()
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let (cell, after) = rest.split_at_checked(end)?;
            if cell.contains('"') {
                return None;
            }
            cells.push(cell.trim_end().to_owned());
            after
        };
        if after.is_empty() {
            return Some(cells);
        }
        rest = after.strip_prefix(',')?;
    }
}

/// What stands before the closing quote, and what follows it; two quotes are one.
fn quoted_cell(text: &str) -> Option<(String, &str)> {
    let mut cell = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        cell.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                cell.push('"');
                rest = more;
            }
            None => return Some((cell.trim().to_owned(), after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, columns: &[&str]) -> Result<Vec<String>, ParseProblem> {
        cells(text, &columns.iter().map(|column| Column::new(column)).collect::<Vec<_>>())
    }

    #[test]
    fn columns_are_found_by_number_or_by_heading() {
        let text = "region,ip_prefix,note\neu,104.16.0.0/13,\"a, b\"\nus,\"2400:cb00::/32\",\"say \"\"no\"\"\"\n";
        let both = ["104.16.0.0/13", "2400:cb00::/32"];
        assert_eq!(read(text, &["2"]).unwrap(), both);
        assert_eq!(read(text, &["ip_prefix"]).unwrap(), both);
        assert_eq!(read("104.16.0.0/13,eu\r\n\r\n2400:cb00::/32,us", &["1"]).unwrap(), both);
        assert_eq!(read(text, &["3"]).unwrap(), ["a, b", "say \"no\""]);
        // One column for each family, of which a row need not have both.
        assert_eq!(read("v4,v6\n104.16.0.0/13,\n,2400:cb00::/32\n", &["v4", "v6"]).unwrap(), both);
    }

    #[test]
    fn a_column_that_moved_refuses_the_list() {
        let text = "region,cidr\neu,104.16.0.0/13\n";
        let problem = read(text, &["ip_prefix"]).unwrap_err();
        assert_eq!(problem, ParseProblem::NoColumn("ip_prefix".to_owned()));
        assert!(problem.to_string().contains("no column ip_prefix; source.http.extract has to name"), "{problem}");
        assert_eq!(read("a,b\n104.16.0.0/13\n", &["2"]), Err(ParseProblem::Row(2)));
        assert_eq!(read("v4,v6\n104.16.0.0/13,\n,\n", &["v4", "v6"]), Err(ParseProblem::Row(3)));
        assert_eq!(Column::new("0"), Column::Name("0".to_owned()));
    }

    proptest! {
        #[test]
        fn what_was_written_by_the_rules_is_read_as_it_was(cells in prop::collection::vec("[ -~]{1,9}", 1..5)) {
            let cells: Vec<String> = cells.iter().map(|cell| format!("x{}", cell.trim())).collect();
            let line: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            prop_assert_eq!(row(&line.join(",")), Some(cells));
        }

        #[test]
        fn no_row_is_too_strange(line in "[\",a ]{0,12}") {
            prop_assert!(row(&line).is_none_or(|cells| !cells.is_empty()));
        }
    }

    #[test]
    fn a_quote_out_of_place_refuses_the_list() {
        for line in ["\"104.16.0.0/13", "10\"4.16.0.0/13", "\"104.16.0.0/13\"x,eu", "\"\"\"", "eu,\"a\nb\""] {
            assert_eq!(read(&format!("a,b\n{line}\n"), &["1"]), Err(ParseProblem::Row(2)), "{line}");
        }
        assert_eq!(read("\n", &["1"]), Err(ParseProblem::Empty));
    }
}

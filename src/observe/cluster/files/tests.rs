//! Files that are wrong are refused with the place and the fix.
use super::*;

fn parse(text: &str) -> Result<Files, FileError> {
    Files::parse(&[Text { name: "site.yaml", text }])
}

fn fails(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

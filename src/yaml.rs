//! YAML as types, by way of JSON's values: how a type is read from those is in this program anyway, and reading it from
//! the parser's own events would be as much code once more for each type.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a text is not of a type.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}", .0.without_snippet())]
    Text(#[from] serde_saphyr::Error),
    #[error(transparent)]
    Content(#[from] serde_json::Error),
}

/// Reads one document.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let value: Value = serde_saphyr::from_str(text)?;
    Ok(serde_json::from_value(value)?)
}

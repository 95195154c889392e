//! A case: what was declared, what was measured, what is known. The input of a diagnosis, and the
//! content of an evidence file.

use super::fact::Fact;
use super::subject::Subject;
use super::track::Track;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `kind` of an evidence file.
pub const KIND: &str = "Evidence";

/// Everything known about one origin at one time.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    pub api_version: String,
    /// Always [`KIND`].
    pub kind: String,
    /// When the case was closed; rules take the time from here.
    pub at: Timestamp,
    pub subject: Subject,
    #[serde(default)]
    pub tracks: Vec<Track>,
    #[serde(default)]
    pub facts: Vec<Fact>,
}

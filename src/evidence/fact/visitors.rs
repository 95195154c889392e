//! What visitors report beside the probes. Their addresses are not here, and nowhere in evidence.

use serde::{Deserialize, Serialize};

/// How many reports there are, of how many visitors.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VisitorReports {
    pub reports: u32,
    pub visitors: u32,
}

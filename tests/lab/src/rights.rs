//! Rights on resources, as manifests grant them.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::tools;

/// A verb on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    pub verb: String,
    pub group: String,
    /// The plural, with the subresource behind a slash.
    pub resource: String,
}

/// What the rules of a file below `deploy/` grant.
pub fn granted(file: &str) -> Result<BTreeSet<Right>> {
    let path = tools::checkout().join("deploy").join(file);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut all = BTreeSet::new();
    for document in text.split("\n---") {
        let value: Value = serde_saphyr::from_str(document)?;
        for rule in value["rules"].as_array().into_iter().flatten() {
            for verb in words(&rule["verbs"]) {
                for group in words(&rule["apiGroups"]) {
                    let of = |resource| Right { verb: verb.clone(), group: group.clone(), resource };
                    all.extend(words(&rule["resources"]).into_iter().map(of));
                }
            }
        }
    }
    Ok(all)
}

fn words(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

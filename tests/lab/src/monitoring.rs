//! What stands in `deploy/monitoring`: alerts and dashboards as data, for the tests that read them and those that ask a real
//! Prometheus.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::tools::checkout;

/// One alert of `rules.yaml`.
#[derive(Clone, Debug, Deserialize)]
pub struct Alert {
    #[serde(rename = "alert")]
    pub name: String,
    pub expr: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Alert>,
}

/// Every alert, in the order of the file.
pub fn alerts() -> Result<Vec<Alert>> {
    let path = checkout().join("deploy/monitoring/rules.yaml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let rules: Rules = serde_saphyr::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    Ok(rules.groups.into_iter().flat_map(|group| group.rules).collect())
}

/// A dashboard.
#[derive(Clone, Debug)]
pub struct Page(pub Value);

/// A query of a panel.
#[derive(Clone, Debug)]
pub struct Query {
    pub panel: String,
    pub expr: String,
    /// One moment, or a stretch of time.
    pub instant: bool,
}

/// Every dashboard, by its file's name.
pub fn pages() -> Result<Vec<Page>> {
    let folder = checkout().join("deploy/monitoring/dashboards");
    let mut paths = fs::read_dir(&folder)
        .with_context(|| format!("reading {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    let read = |path| -> Result<Page> { Ok(Page(serde_json::from_str(&fs::read_to_string(path)?)?)) };
    paths.iter().map(|path| read(path).with_context(|| format!("reading {}", path.display()))).collect()
}

impl Page {
    /// What links call it.
    pub fn uid(&self) -> &str {
        self.0["uid"].as_str().unwrap_or_default()
    }

    /// Every query of every panel.
    pub fn queries(&self) -> Vec<Query> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let panels = self.0["panels"].as_array().into_iter().flatten();
        panels
            .flat_map(|panel| {
                let targets = panel["targets"].as_array().into_iter().flatten();
                targets.map(|target| Query {
                    panel: word(&panel["title"]),
                    expr: word(&target["expr"]),
                    instant: target["instant"] == true,
                })
            })
            .collect()
    }

    fn variables_as_written(&self) -> impl Iterator<Item = &Value> {
        self.0["templating"]["list"].as_array().into_iter().flatten()
    }

    /// Names of its variables.
    pub fn variables(&self) -> Vec<&str> {
        self.variables_as_written().filter_map(|variable| variable["name"].as_str()).collect()
    }

    /// The queries that its variables get their values from.
    pub fn asked(&self) -> Vec<&str> {
        self.variables_as_written().filter_map(|variable| variable["query"]["query"].as_str()).collect()
    }
}

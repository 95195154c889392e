//! Label selectors as the API server understands them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// An operator that no released Kubernetes stores.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a label selector has an operator other than In, NotIn, Exists and DoesNotExist")]
pub struct UnknownOperator;

/// Are all its operators known?
pub(super) fn check(selector: &LabelSelector) -> Result<(), UnknownOperator> {
    let nothing = BTreeMap::new();
    selector.match_expressions.iter().flatten().try_for_each(|requirement| holds(requirement, &nothing).map(|_| ()))
}

/// Does the selector match these labels? An empty one matches everything; `NotIn` and `DoesNotExist` match a missing key.
pub fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> Result<bool, UnknownOperator> {
    for (key, value) in selector.match_labels.iter().flatten() {
        if labels.get(key) != Some(value) {
            return Ok(false);
        }
    }
    for requirement in selector.match_expressions.iter().flatten() {
        if !holds(requirement, labels)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn holds(requirement: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> Result<bool, UnknownOperator> {
    let value = labels.get(&requirement.key);
    let listed = |value: &String| requirement.values.iter().flatten().any(|other| other == value);
    match requirement.operator.as_str() {
        "In" => Ok(value.is_some_and(listed)),
        "NotIn" => Ok(!value.is_some_and(listed)),
        "Exists" => Ok(value.is_some()),
        "DoesNotExist" => Ok(value.is_none()),
        _ => Err(UnknownOperator),
    }
}

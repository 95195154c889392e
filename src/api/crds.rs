//! The CRDs as they are applied: generated from the types, with the few things that the derive
//! cannot say.

use super::{ProtectedOrigin, ProxyNetwork};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_json::{Number, Value, json};

/// Every CRD, with the name of its file in `crds/`.
pub fn all() -> [(&'static str, CustomResourceDefinition); 2] {
    [
        ("leeward.dev_protectedorigins.yaml", finished(ProtectedOrigin::crd())),
        ("leeward.dev_proxynetworks.yaml", finished(ProxyNetwork::crd())),
    ]
}

/// Why a CRD could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Yaml(#[from] serde_saphyr::ser::Error),
}

/// One CRD as a YAML document.
pub fn yaml(crd: &CustomResourceDefinition) -> Result<String, WriteError> {
    let mut value = serde_json::to_value(crd)?;
    whole_numbers(&mut value);
    Ok(serde_saphyr::to_string(&value)?)
}

fn finished(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let Some(root) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) else { continue };
        root.title = None;
        without_null(root);
        bounded_foreign_types(root);
        if let Some(status) = property(root, &["status"]) {
            // Without it helm --wait and kstatus take a resource that nobody has looked at for a finished one.
            status.default = Some(JSON(json!({"observedGeneration": -1})));
        }
    }
    crd
}

/// Optional fields may be absent, never null: the API server then prunes a null instead of storing a
/// third state that no rule expects.
fn without_null(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    for child in schema.properties.iter_mut().flat_map(|p| p.values_mut()) {
        without_null(child);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        without_null(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        without_null(values);
    }
}

/// Types of Kubernetes' own and maps come without bounds. Those of label keys and values are in the reference
/// of labels, those of conditions in the reference of `metav1.Condition`.
fn bounded_foreign_types(root: &mut JSONSchemaProps) {
    if let Some(item) = property(root, &["status", "conditions"]).and_then(items) {
        string(item, "type", None, 316);
        string(item, "reason", Some(1), 1024);
        string(item, "message", None, 32_768);
        string(item, "status", None, 16);
        if let Some(status) = property(item, &["status"]) {
            status.enum_ = Some(["True", "False", "Unknown"].map(|s| JSON(json!(s))).to_vec());
        }
    }
    if let Some(form) = property(root, &["spec", "source", "http", "form"]) {
        map(form, 16, 1024);
    }
    let fixed = property(root, &["spec", "allowlist", "targets"]).and_then(items);
    if let Some(fixed) = fixed.and_then(|t| property(t, &["objectField", "fixed"])) {
        map(fixed, 8, 253);
    }
    let targets = property(root, &["spec", "allowlist", "targets"]).and_then(items);
    let Some(selector) = targets.and_then(|t| property(t, &["networkPolicy", "podSelector"])) else { return };
    if let Some(labels) = property(selector, &["matchLabels"]) {
        labels.description =
            Some("Labels that the pods must carry, key and value. At most 32. Default: none.".to_owned());
        map(labels, 32, 63);
    }
    let Some(expressions) = property(selector, &["matchExpressions"]) else { return };
    expressions.description =
        Some("Further requirements on labels; all of them must hold. At most 32. Default: none.".to_owned());
    expressions.max_items = Some(32);
    expressions.x_kubernetes_list_type = Some("atomic".to_owned());
    let Some(item) = items(expressions) else { return };
    item.description = Some("A requirement on one label.".to_owned());
    string(item, "key", Some(1), 317);
    string(item, "operator", None, 12);
    describe(item, "key", "Key of the label.");
    describe(item, "operator", "How the label is compared: `In`, `NotIn`, `Exists` or `DoesNotExist`.");
    describe(item, "values", "Values for `In` and `NotIn`, where at least one is needed. At most 64. Default: none.");
    if let Some(operator) = property(item, &["operator"]) {
        operator.enum_ = Some(["In", "NotIn", "Exists", "DoesNotExist"].map(|s| JSON(json!(s))).to_vec());
    }
    if let Some(values) = property(item, &["values"]) {
        values.max_items = Some(64);
        values.x_kubernetes_list_type = Some("atomic".to_owned());
        if let Some(value) = items(values) {
            value.max_length = Some(63);
        }
    }
}

fn property<'a>(schema: &'a mut JSONSchemaProps, path: &[&str]) -> Option<&'a mut JSONSchemaProps> {
    path.iter().try_fold(schema, |schema, name| schema.properties.as_mut()?.get_mut(*name))
}

fn items(schema: &mut JSONSchemaProps) -> Option<&mut JSONSchemaProps> {
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => Some(items),
        _ => None,
    }
}

fn string(schema: &mut JSONSchemaProps, name: &str, least: Option<i64>, most: i64) {
    if let Some(field) = property(schema, &[name]) {
        field.min_length = least;
        field.max_length = Some(most);
    }
}

/// schemars writes the bounds of a map as those of an object's validation, which the derive drops.
fn map(schema: &mut JSONSchemaProps, entries: i64, value: i64) {
    schema.max_properties = Some(entries);
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        values.max_length = Some(value);
    }
}

fn describe(schema: &mut JSONSchemaProps, name: &str, text: &str) {
    if let Some(field) = property(schema, &[name]) {
        field.description = Some(text.to_owned());
    }
}

/// The API's type for bounds is a float; `maximum: 60.0` of a whole number reads as a mistake.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|f| number.is_f64() && f.fract() == 0.0);
            if let Some(whole) = whole.and_then(|f| format!("{f:.0}").parse::<i64>().ok()) {
                *number = Number::from(whole);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(whole_numbers),
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

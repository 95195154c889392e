//! The schema as its readers meet it: every field says what it is, with unit and default, and nothing
//! in a spec is without bounds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

use leeward::api::crds;
use serde_json::{Map, Value};

/// One schema on the walk: its path, its last name and itself.
struct Field<'a> {
    path: String,
    name: &'a str,
    schema: &'a Map<String, Value>,
    required: bool,
}

/// Every schema below `under` (`spec` or `status`) of both kinds, items and map values included.
fn walk(under: &str, mut visit: impl FnMut(&Field)) {
    for (_, crd) in crds::all() {
        let crd = serde_json::to_value(crd).unwrap();
        let root = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][under];
        let path = format!("{}.{under}", crd["spec"]["names"]["kind"].as_str().unwrap());
        descend(&Field { path, name: under, schema: root.as_object().unwrap(), required: true }, &mut visit);
    }
}

fn descend(field: &Field, visit: &mut impl FnMut(&Field)) {
    visit(field);
    let required: Vec<&str> = field
        .schema
        .get("required")
        .and_then(Value::as_array)
        .map_or(Vec::new(), |list| list.iter().filter_map(Value::as_str).collect());
    for (name, child) in field.schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = format!("{}.{name}", field.path);
        let schema = child.as_object().unwrap();
        descend(&Field { path, name, schema, required: required.contains(&name.as_str()) }, visit);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(schema) = field.schema.get(key).and_then(Value::as_object) {
            descend(&Field { path: format!("{}[]", field.path), name: "[]", schema, required: true }, visit);
        }
    }
}

fn problems(under: &str, judge: impl Fn(&Field) -> Vec<String>) -> Vec<String> {
    let mut found = Vec::new();
    walk(under, |field| found.extend(judge(field).into_iter().map(|problem| format!("{}: {problem}", field.path))));
    found
}

fn none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

fn text<'a>(field: &'a Field, key: &str) -> &'a str {
    field.schema.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn first_sentence(description: &str) -> &str {
    description.find(". ").map_or(description, |end| &description[..=end])
}

#[test]
fn every_field_has_a_description_whose_first_sentence_stands_alone() {
    let judge = |field: &Field| {
        if field.name == "[]" {
            return Vec::new();
        }
        let description = text(field, "description");
        let first = first_sentence(description);
        let mut problems = Vec::new();
        if description.is_empty() {
            problems.push("has no description".to_owned());
            return problems;
        }
        if !description.ends_with('.') || !first.ends_with('.') {
            problems.push(format!("ends without a full stop: {description:?}"));
        }
        if !first.starts_with(|c: char| c.is_uppercase() || c == '`') {
            problems.push(format!("begins in the middle: {first:?}"));
        }
        for word in ["It ", "Its ", "This ", "That ", "The same", "Same ", "As above", "See "] {
            if first.starts_with(word) {
                problems.push(format!("begins with a word that points elsewhere: {first:?}"));
            }
        }
        if first.contains("TODO") || first.split_whitespace().count() < 2 {
            problems.push(format!("says too little: {first:?}"));
        }
        problems
    };
    none(&problems("spec", judge));
    // Conditions are Kubernetes' own type with its own words.
    none(&problems("status", |f| if f.path.contains(".conditions[]") { Vec::new() } else { judge(f) }));
}

#[test]
fn every_optional_leaf_of_a_spec_says_its_default() {
    none(&problems("spec", |field| {
        let description = text(field, "description");
        let leaf = matches!(text(field, "type"), "string" | "integer" | "boolean" | "array");
        // A member of a union has no default: `type` decides.
        if field.required || !leaf || field.name == "[]" {
            return Vec::new();
        }
        let Some((_, said)) = description.split_once("Default: ") else {
            return if description.contains("Required unless") || description.contains("the default is") {
                Vec::new()
            } else {
                vec![format!("does not say its default: {description:?}")]
            };
        };
        let said = said.split_once(['.', ';']).map_or(said, |(said, _)| said);
        match field.schema.get("default") {
            Some(Value::String(s)) if s != said => vec![format!("says the default {said:?}, the schema has {s:?}")],
            Some(value @ (Value::Number(_) | Value::Bool(_))) => {
                let set = value.to_string();
                if set == said { Vec::new() } else { vec![format!("says the default {said:?}, the schema has {set}")] }
            }
            _ => Vec::new(),
        }
    }));
}

#[test]
fn numbers_say_their_unit_and_their_bounds() {
    none(&problems("spec", |field| {
        let description = text(field, "description");
        let mut problems = Vec::new();
        for (suffix, unit) in [("Seconds", "Seconds"), ("Milliseconds", "Milliseconds"), ("Percent", "Percent")] {
            let shorter = suffix == "Seconds" && field.name.ends_with("Milliseconds");
            if field.name.ends_with(suffix) && !shorter && !description.starts_with(unit) {
                problems.push(format!("does not begin with its unit {unit}: {description:?}"));
            }
        }
        if text(field, "type") == "integer" && field.name != "[]" {
            let (least, most) = (&field.schema["minimum"], &field.schema["maximum"]);
            let range = format!("{} to {}", least.as_f64().unwrap_or(-1.0), most.as_f64().unwrap_or(-1.0));
            if !field.name.ends_with("ort") && !description.contains(&range) {
                problems.push(format!("does not say its bounds {range}: {description:?}"));
            }
        }
        problems
    }));
}

#[test]
fn nothing_in_a_spec_is_without_bounds() {
    none(&problems("spec", |field| {
        let has = |key: &str| field.schema.contains_key(key);
        match text(field, "type") {
            "string" if !has("enum") && !has("maxLength") => vec!["a string needs maxLength or an enum".into()],
            "array" if !has("maxItems") => vec!["a list needs maxItems".into()],
            "integer" if !has("minimum") || !has("maximum") => vec!["a number needs minimum and maximum".into()],
            "object" if has("additionalProperties") && !has("maxProperties") => {
                vec!["a map needs maxProperties".into()]
            }
            "number" => vec!["a float rounds: use an integer with a unit".into()],
            _ => Vec::new(),
        }
    }));
}

#[test]
fn shapes_follow_the_conventions_of_the_api() {
    let judge = |field: &Field| {
        let has = |key: &str| field.schema.contains_key(key);
        let mut problems = Vec::new();
        if text(field, "type") == "array" && !has("x-kubernetes-list-type") {
            problems.push("a list needs x-kubernetes-list-type for server-side apply".to_owned());
        }
        if text(field, "type") == "boolean" && !["suspend", "automatic"].contains(&field.name) {
            problems.push("a boolean cannot get a third state: use an enum".to_owned());
        }
        if has("nullable") {
            problems.push("null would be a third state beside set and absent".to_owned());
        }
        if has("x-kubernetes-preserve-unknown-fields") {
            problems.push("unknown fields would be kept unseen".to_owned());
        }
        let name_ok = field.name == "[]"
            || (field.name.starts_with(|c: char| c.is_ascii_lowercase())
                && field.name.bytes().all(|b| b.is_ascii_alphanumeric()));
        if !name_ok {
            problems.push("is not camelCase".to_owned());
        }
        for half in ["Url", "Cidr", "Dns", "Tls", "Http", "Tcp", "Icmp", "Timestamp"] {
            if field.name.contains(half) {
                problems.push(format!("spells an initialism as {half}, or says Timestamp instead of Time"));
            }
        }
        let schema_enum = field.schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        for value in schema_enum.filter_map(Value::as_str) {
            let phase = field.name == "phase";
            if !phase && !value.starts_with(|c: char| c.is_ascii_uppercase()) {
                problems.push(format!("has the enum value {value}, which is not CamelCase"));
            }
        }
        problems
    };
    none(&problems("spec", judge));
    none(&problems("status", judge));
}

#[test]
fn every_rule_says_what_must_be_done() {
    none(&problems("spec", |field| {
        let rules = field.schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten();
        rules
            .filter_map(|rule| {
                let message = rule["message"].as_str().unwrap_or_default();
                let says = message.contains("must ") || message.contains("may be set only");
                (!says).then(|| format!("the rule {} says {message:?}", rule["rule"]))
            })
            .collect()
    }));
}

#[test]
fn a_manifest_stays_small_enough_for_client_side_apply() {
    for (name, crd) in crds::all() {
        let size = crds::yaml(&crd).unwrap().len();
        assert!(size < 200 * 1024, "{name} has {size} bytes; kubectl apply fails at 256 KiB");
    }
}

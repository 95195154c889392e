//! Whether a document has the shape of its kind: the same strictness that the API server has with
//! `fieldValidation=Strict`, with the path of the first fault and a suggestion.
//!
//! The types themselves ignore fields that they do not know, as clients must. A typing error in a file would then be
//! silence, so documents are held against the kind's schema first.

use schemars::JsonSchema;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How deep a document may nest. The deepest known kind, Pod, needs less than twenty.
const DEEPEST: usize = 64;

/// The first thing that is wrong with a document, as the rest of a sentence that begins with its path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} {problem}")]
pub struct Misshapen {
    pub path: String,
    pub problem: String,
}

/// A schema with its definitions.
#[derive(Debug)]
pub struct Shape {
    root: Value,
}

/// The shapes of the kinds seen so far: some take a while to make.
#[derive(Debug, Default)]
pub struct Shapes {
    made: BTreeMap<&'static str, Shape>,
}

impl Shapes {
    pub fn of<K: JsonSchema>(&mut self) -> &Shape {
        self.made.entry(std::any::type_name::<K>()).or_insert_with(Shape::of::<K>)
    }
}

impl Shape {
    /// The shape that a type describes.
    pub fn of<K: JsonSchema>() -> Self {
        let mut root = schemars::schema_for!(K).to_value();
        // Looked at by themselves; generated schemas differ in whether they name it.
        if let Some(required) = root.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| name != "metadata");
        }
        Self { root }
    }

    /// Holds a value against the schema.
    pub fn check(&self, value: &Value, path: &str) -> Result<(), Misshapen> {
        self.walk(&self.root, value, path, 0)
    }

    fn walk(&self, schema: &Value, value: &Value, path: &str, depth: usize) -> Result<(), Misshapen> {
        let wrong = |problem: String| Err(Misshapen { path: path.to_owned(), problem });
        if depth > DEEPEST {
            return wrong(format!("is nested deeper than {DEEPEST} levels"));
        }
        let schema = self.resolved(schema);
        // Absent and null are one in Kubernetes.
        if value.is_null() {
            return Ok(());
        }
        if let Some(words) = words(schema) {
            return match value.as_str() {
                Some(text) if words.contains(&text) => Ok(()),
                Some(text) => {
                    wrong(format!("is {text:?}, which is none of {}{}", words.join(", "), hint(text, &words)))
                }
                None => wrong(format!("must be one of {}", words.join(", "))),
            };
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            for part in parts {
                self.walk(part, value, path, depth + 1)?;
            }
        }
        if let Some(choices) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
            let mut last = Ok(());
            for choice in choices.iter().filter(|c| c.get("type") != Some(&Value::from("null"))) {
                last = self.walk(choice, value, path, depth + 1);
                if last.is_ok() {
                    break;
                }
            }
            last?;
        }
        if let Some(problem) = type_problem(schema, value) {
            return wrong(problem);
        }
        match value {
            Value::Object(fields) => self.fields(schema, fields, path, depth),
            Value::Array(items) => {
                let Some(schema) = schema.get("items") else { return Ok(()) };
                items.iter().enumerate().try_for_each(|(i, v)| self.walk(schema, v, &format!("{path}[{i}]"), depth + 1))
            }
            _ => Ok(()),
        }
    }

    fn fields(&self, schema: &Value, fields: &Map<String, Value>, path: &str, depth: usize) -> Result<(), Misshapen> {
        let known = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (name, value) in fields {
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match (known.and_then(|k| k.get(name)), others) {
                (Some(schema), _) => self.walk(schema, value, &below, depth + 1)?,
                (None, Some(schema)) if schema.is_object() => self.walk(schema, value, &below, depth + 1)?,
                (None, Some(Value::Bool(true))) => {}
                // No property is described, so any may stand here.
                (None, _) if known.is_none() => {}
                (None, _) => {
                    let names: Vec<&str> = known.into_iter().flatten().map(|(n, _)| n.as_str()).collect();
                    let problem = format!("is not a known field{}", hint(name, &names));
                    return Err(Misshapen { path: below, problem });
                }
            }
        }
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if fields.get(name).is_none_or(Value::is_null) {
                let below = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                return Err(Misshapen { path: below, problem: "must be set".to_owned() });
            }
        }
        Ok(())
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        // References never nest deeper than this in generated schemas.
        for _ in 0..8 {
            let target = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#'));
            match target.and_then(|pointer| self.root.pointer(pointer)) {
                Some(found) => schema = found,
                None => break,
            }
        }
        schema
    }
}

/// The words of a closed enum, however its schema spells it.
fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(list) = schema.get("enum").and_then(Value::as_array) {
        return list.iter().filter(|v| !v.is_null()).map(Value::as_str).collect();
    }
    if let Some(word) = schema.get("const").and_then(Value::as_str) {
        return Some(vec![word]);
    }
    let choices = schema.get("oneOf").and_then(Value::as_array)?;
    let lists: Option<Vec<Vec<&str>>> = choices.iter().map(words).collect();
    lists.map(|l| l.into_iter().flatten().collect())
}

fn type_problem(schema: &Value, value: &Value) -> Option<String> {
    let allowed: Vec<&str> = match schema.get("type")? {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let fits = allowed.iter().any(|kind| match *kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    });
    if fits {
        return None;
    }
    let wanted = allowed.iter().copied().filter(|k| *k != "null").map(article).collect::<Vec<_>>().join(" or ");
    let quote = if wanted == "a string" && !value.is_array() && !value.is_object() { ": put it in quotes" } else { "" };
    Some(format!("must be {wanted}{quote}"))
}

fn article(kind: &str) -> &'static str {
    match kind {
        "string" => "a string",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        _ => "a mapping",
    }
}

/// `; did you mean X?` where one of the words is close to what stands there.
pub fn hint(text: &str, words: &[&str]) -> String {
    let lower = text.to_ascii_lowercase();
    let closeness = |word: &&&str| {
        let score = strsim::jaro_winkler(&lower, &word.to_ascii_lowercase());
        // Orders floats in [0, 1] without a partial comparison.
        (score * 1000.0).round().clamp(0.0, 1000.0).to_string().parse::<u32>().unwrap_or(0)
    };
    words
        .iter()
        .map(|word| (closeness(&word), *word))
        .filter(|(score, _)| *score >= 800)
        .max_by_key(|(score, _)| *score)
        .map_or_else(String::new, |(_, word)| format!("; did you mean {word}?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
    use serde_json::json;

    #[test]
    fn a_document_nests_only_so_deep() {
        let nested = (0..DEEPEST).fold(json!({}), |inner, _| json!({"not": inner}));
        let shape = Shape::of::<JSONSchemaProps>();
        assert_eq!(shape.check(&nested["not"], ""), Ok(()));
        let found = shape.check(&json!({"not": nested}), "").unwrap_err();
        assert_eq!(found.problem, "is nested deeper than 64 levels");
        assert_eq!(found.path, vec!["not"; DEEPEST + 1].join("."));
    }
}

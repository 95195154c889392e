//! How a field carries prefixes: as a text, as a list, or as a list inside of a rule.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What stands between two prefixes in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    Comma,
    Blank,
}

/// How one prefix stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Items {
    /// All in one text.
    Text(Separator),
    /// Each an entry of a list.
    Strings,
    /// Each a member of an object in a list, beside members that are always the same.
    Objects { member: String, fixed: BTreeMap<String, String> },
    /// None does: a text that names a list which is kept elsewhere.
    Fixed(String),
}

/// A value around a list: rules of which only the list varies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// With an empty list.
    template: Value,
    /// JSON pointer of the list.
    hole: &'static str,
}

/// The form of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub items: Items,
    frame: Option<Frame>,
}

/// What a value says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entries {
    /// It is empty.
    Nothing,
    /// Texts that should be prefixes.
    These(Vec<String>),
    /// It has another form than ours; the part that has it, as far as it can be named.
    Other(String),
}

impl From<Items> for Form {
    fn from(items: Items) -> Self {
        Self { items, frame: None }
    }
}

impl Form {
    /// A list of texts in this value, which has an empty list at the JSON pointer.
    pub(super) const fn framed(template: Value, hole: &'static str) -> Self {
        Self { items: Items::Strings, frame: Some(Frame { template, hole }) }
    }

    /// Whether prefixes stand in it, and not the name of a list that is kept elsewhere.
    pub const fn lists(&self) -> bool {
        !matches!(self.items, Items::Fixed(_))
    }

    /// The value that carries these prefixes.
    pub fn value(&self, prefixes: &[String]) -> Value {
        let list = match &self.items {
            Items::Text(Separator::Comma) => Value::from(prefixes.join(",")),
            // Never a blank at either end: OpenShift's router leaves the whole list out then.
            Items::Text(Separator::Blank) => Value::from(prefixes.join(" ")),
            Items::Strings => Value::from(prefixes),
            Items::Objects { member, fixed } => prefixes.iter().map(|prefix| object(member, fixed, prefix)).collect(),
            Items::Fixed(text) => Value::from(text.as_str()),
        };
        let Some(frame) = &self.frame else { return list };
        let mut value = frame.template.clone();
        if let Some(hole) = value.pointer_mut(frame.hole) {
            *hole = list;
        }
        value
    }

    /// Reads a value of this form.
    pub fn entries(&self, value: &Value) -> Entries {
        if is_empty(value) {
            return Entries::Nothing;
        }
        let Some(frame) = &self.frame else { return self.read(value) };
        let mut around = value.clone();
        let Some(list) = around.pointer_mut(frame.hole).map(Value::take) else { return other(value) };
        if let Some(hole) = around.pointer_mut(frame.hole) {
            *hole = Value::Array(Vec::new());
        }
        if around == frame.template { self.read(&list) } else { other(value) }
    }

    fn read(&self, value: &Value) -> Entries {
        match (&self.items, value) {
            (Items::Text(separator), Value::String(text)) => {
                let split = |c: char| c.is_whitespace() || (*separator == Separator::Comma && c == ',');
                // Blanks around entries do not count; blanks inside of one are no separator where a comma is.
                let parts: Vec<&str> = match separator {
                    Separator::Comma => text.split(',').map(str::trim).collect(),
                    Separator::Blank => text.split(split).collect(),
                };
                let parts = parts.into_iter().filter(|part| !part.is_empty()).map(str::to_owned).collect();
                Entries::These(parts)
            }
            (Items::Strings, Value::Array(list)) => {
                let texts: Option<Vec<String>> = list.iter().map(|v| v.as_str().map(str::to_owned)).collect();
                texts.filter(|texts| !texts.is_empty()).map_or_else(|| other(value), Entries::These)
            }
            (Items::Objects { member, fixed }, Value::Array(list)) => {
                let text = |entry: &Value| {
                    let text = entry.get(member)?.as_str()?;
                    (*entry == object(member, fixed, text)).then(|| text.to_owned())
                };
                let texts: Option<Vec<String>> = list.iter().map(text).collect();
                texts.map_or_else(|| other(value), Entries::These)
            }
            _ => other(value),
        }
    }
}

fn object(member: &str, fixed: &BTreeMap<String, String>, prefix: &str) -> Value {
    let fixed = fixed.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
    fixed.chain([(member.to_owned(), Value::from(prefix))]).collect::<Map<String, Value>>().into()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.chars().all(|c| c == ',' || c.is_whitespace()),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn other(value: &Value) -> Entries {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Entries::Other(text.chars().take(64).collect())
}

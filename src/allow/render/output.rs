//! A list of prefixes as text, in the form that some firewall or script reads.

use crate::api::API_VERSION;
use crate::api::targets::OutputFormat;
use crate::net::{Family, Prefix, RangeSet};
use serde_json::{Map, Value, json};

/// The list; `network` names whose it is, `day` where it is not of today.
pub fn text(network: &str, ranges: &RangeSet, day: Option<&str>, key: OutputFormat) -> String {
    let texts = ranges.texts();
    let dated = day.map_or_else(String::new, |day| format!(" as of {day}"));
    let head = || format!("# {network} {}{dated}\n", ranges.hash());
    let lines = |line: fn(&String) -> String| texts.iter().map(line).collect::<String>();
    match key {
        OutputFormat::Lines => lines(|t| format!("{t}\n")),
        OutputFormat::Comma => format!("{}\n", texts.join(",")),
        OutputFormat::HAProxy => head() + &lines(|t| format!("{t}\n")),
        OutputFormat::Nginx => head() + &lines(|t| format!("allow {t};\n")) + "deny all;\n",
        OutputFormat::JSON => format!("{:#}\n", Value::Object(object(network, ranges))),
    }
}

/// The list as an object.
pub fn object(network: &str, ranges: &RangeSet) -> Map<String, Value> {
    let members = [
        ("apiVersion", json!(API_VERSION)),
        ("kind", json!("Ranges")),
        ("network", json!(network)),
        ("hash", json!(ranges.hash())),
        ("prefixes", json!(ranges.texts().len())),
        ("ipv4Prefixes", json!(ranges.prefix_count(Family::V4))),
        ("ipv6Prefixes", json!(ranges.prefix_count(Family::V6))),
        ("cidrs", json!(ranges.texts())),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The prefixes in a text of any of these forms.
pub fn listed(text: &str) -> RangeSet {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '[' | ']'));
    words.filter(|word| word.contains('/')).filter_map(|word| Prefix::parse(word).ok()).collect()
}

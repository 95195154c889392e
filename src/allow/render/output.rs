//! A list of prefixes as text, in the form that some firewall or script reads.

use crate::api::API_VERSION;
use crate::api::targets::OutputFormat;
use crate::net::{Family, Prefix, RangeSet};
use serde_json::json;

/// The list; `network` names whose it is.
pub fn text(network: &str, ranges: &RangeSet, key: OutputFormat) -> String {
    let texts = ranges.texts();
    let head = || format!("# {network} {}\n", ranges.hash());
    let lines = |line: fn(&String) -> String| texts.iter().map(line).collect::<String>();
    match key {
        OutputFormat::Lines => lines(|t| format!("{t}\n")),
        OutputFormat::Comma => format!("{}\n", texts.join(",")),
        OutputFormat::HAProxy => head() + &lines(|t| format!("{t}\n")),
        OutputFormat::Nginx => head() + &lines(|t| format!("allow {t};\n")) + "deny all;\n",
        OutputFormat::JSON => {
            let object = json!({
                "apiVersion": API_VERSION,
                "kind": "Ranges",
                "network": network,
                "hash": ranges.hash(),
                "prefixes": texts.len(),
                "ipv4Prefixes": ranges.prefix_count(Family::V4),
                "ipv6Prefixes": ranges.prefix_count(Family::V6),
                "cidrs": texts,
            });
            format!("{object:#}\n")
        }
    }
}

/// The prefixes in a text of any of these forms.
pub fn listed(text: &str) -> RangeSet {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '[' | ']'));
    words.filter(|word| word.contains('/')).filter_map(|word| Prefix::parse(word).ok()).collect()
}

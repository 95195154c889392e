//! How each target carries the list: one file a target. Rendering is pure and cannot fail; what goes in is never empty.

pub mod config_map;
pub mod field;
pub mod network_policy;
pub mod output;
mod owned;

use similar::TextDiff;

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// A unified diff of two texts under the object's name; empty when they are equal.
pub(super) fn diff(object: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(CONTEXT)
        .header(&format!("{object} (now)"), &format!("{object} (planned)"))
        .to_string()
}

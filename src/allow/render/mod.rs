//! How each target carries the list: one file a target. Rendering is pure and cannot fail; what goes in is never empty.

pub mod config_map;
pub mod field;
pub mod network_policy;
pub mod output;
mod owned;

use diffy::DiffOptions;

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// A unified diff of two texts under the object's name; empty when they are equal.
pub(super) fn diff(object: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    DiffOptions::new()
        .set_context_len(CONTEXT)
        .set_original_filename(format!("{object} (now)"))
        .set_modified_filename(format!("{object} (planned)"))
        .create_patch(before, after)
        .to_string()
}

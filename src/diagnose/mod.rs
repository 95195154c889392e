//! From facts to a named cause. Pure: the same case gives the same verdict, in the operator, on a
//! laptop and from a saved file.
//!
//! A [`Case`] is gathered once into a view (what each address shows, and how much that proves); an
//! ordered chain of rules judges every place that fails; the verdict is put into words last. A verdict
//! says what it has not excluded and what would decide, and `Inconclusive` is a good answer.

pub mod explain;
mod healthy;
mod history;
mod judge;
mod onset;
mod rules;
mod verdict;
mod view;
mod words;

#[cfg(test)]
mod tests;

pub use healthy::plainly_healthy;
pub use history::{Confirmed, Ledger, Quality};
pub use verdict::Verdict;

use crate::evidence::Case;

/// Judges a case. Where only news is wanted of a healthy one, [`plainly_healthy`] tells cheaper.
pub fn diagnose(case: &Case) -> Verdict {
    let view = view::View::new(case);
    let judgement = judge::judge(&view);
    words::verdict(&view, judgement)
}

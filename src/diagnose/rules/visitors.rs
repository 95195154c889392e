//! Everything works from here, and visitors report failures all the same.

use crate::diagnose::view::{Exhibit, View};

/// What visitors report, where every path works: the verdict is then `ClientSubset`, which is a healthy one, because
/// nothing that was measured fails.
pub fn reports<'c>(view: &View<'c>) -> Option<(Exhibit<'c>, String)> {
    let (fact, reports) = view.records.visitors?;
    let visitors = reports.visitors;
    let who = if visitors == 1 { "one visitor reports".to_owned() } else { format!("{visitors} visitors report") };
    Some((Exhibit::Fact(fact), format!("every path works from here, and {who} failures")))
}

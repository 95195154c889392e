//! The origin's port refuses everybody.

use super::fit::{blamed, observed};
use super::{Finding, Locus, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::View;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::words::next::Next;

pub const REFUSED: Rule = Rule {
    cause: Cause::OriginRefused,
    looks_for: "an origin port that refuses connections from a vantage that nothing keeps out",
    judge: refused,
};

/// A refusal does not mean that nothing listens: a firewall may reject, and so does the rule of a
/// Service without endpoints. It is this cause when a vantage is refused that nothing is meant to keep
/// out, or that was let in a day ago. If only the proxy is refused, it is blocked.
fn refused<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let mine = blamed(view, place, |t| t == Trouble::Refused);
    if mine.is_empty() {
        return Err("no origin address refuses a vantage that it should let in");
    }
    if (super::service::TARGET_PORT.judge)(view, place).is_ok() {
        return Err("the Service sends to a port that the containers do not declare");
    }
    let mut found = observed(view, place, &mine, "the origin's port refuses connections from everybody");
    if found.confidence < Confidence::High {
        found.alternatives.push(Cause::PortFiltered);
    }
    Ok(found.decided_by(Next::OriginHost))
}

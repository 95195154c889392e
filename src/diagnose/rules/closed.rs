//! The origin accepts a connection and ends it before an answer.

use super::fit::{blamed, observed};
use super::{Finding, Locus, Rule};
use crate::api::{Cause, Confidence, Phase};
use crate::diagnose::view::View;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::words::next::Next;

pub const CLOSED: Rule = Rule {
    cause: Cause::OriginClosedEarly,
    looks_for: "an origin that accepts and then closes before its response headers",
    judge: closed,
};

/// Seen on a fresh connection, so it is no keep-alive race. Some servers close on strangers on purpose,
/// so from a vantage that may be one it is Medium; so is a close within the handshake, which may be
/// about names or protocols.
fn closed<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let mine = blamed(view, place, |t| matches!(t, Trouble::Closed(_)));
    if mine.is_empty() {
        return Err("no origin address closes before it answers");
    }
    if (super::preamble::MISSING.judge)(view, place).is_ok() {
        return Err("it answers as soon as the PROXY protocol preamble is changed");
    }
    let in_handshake = mine.iter().all(|(_, f)| f.trouble == Trouble::Closed(Phase::Tls));
    let says = if in_handshake {
        "the origin accepts connections and closes them during the handshake"
    } else {
        "the origin accepts connections and closes them before it answers"
    };
    let limit = if in_handshake { Confidence::Medium } else { Confidence::High };
    let mut found = observed(view, place, &mine, says).at_most(limit);
    if found.confidence < Confidence::High {
        found.alternatives.push(Cause::OriginProtocolMismatch);
        if mine.iter().all(|(_, f)| !f.firm) && !found.alternatives.contains(&Cause::ProxyBlocked) {
            found.alternatives.push(Cause::ProxyBlocked);
        }
    }
    Ok(found.decided_by(Next::OriginLog))
}

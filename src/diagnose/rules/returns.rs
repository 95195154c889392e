//! The origin itself answers with a server error, and the proxy relays it.

use super::fit::{blamed, observed};
use super::{Finding, Ground, Locus, Match, Rule};
use crate::api::{Cause, Confidence};
use crate::diagnose::view::edge::{Edge, Seen};
use crate::diagnose::view::origin::{OriginAddress, Standing};
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Exhibit, View};
use crate::diagnose::words::next::Next;

pub const RETURNS: Rule =
    Rule { cause: Cause::OriginReturns5xx, looks_for: "a server error made by the origin", judge: returns };

/// The origin made it: by marker, `Proxy-Status`, or the same answer directly. If it answers the same
/// request well from here, it errs for the proxy only (a limit by source address, for instance), so that is
/// Medium.
fn returns<'c>(view: &View<'c>, place: Locus<'_, 'c>) -> Finding<'c> {
    let mine = blamed(view, place, |t| matches!(t, Trouble::Status(500..)));
    let relayed = match place {
        Locus::Edge(Edge { fault: Some(fault), .. }) => match fault.seen {
            Seen::Answer { trouble: Trouble::Status(status @ 500..), hop, .. } => Some((*fault, status, hop)),
            _ => None,
        },
        _ => None,
    };
    let from_here = view.origins.iter().any(|o| matches!(o.standing, Standing::Works(_)));
    match relayed {
        Some((fault, status, hop)) if hop.origin() && hop.firm() => {
            let sure = !from_here || fault.wavers && !mine.is_empty();
            let says = format!("the origin itself answers {status}, and the proxy relays it");
            let ground = if mine.is_empty() { Ground::Inferred } else { Ground::Observed };
            let mut found = Match::new(if sure { Confidence::High } else { Confidence::Medium }, ground, says)
                .showing([Exhibit::Probe(fault.track, fault.probe)])
                .showing(view.origins.iter().filter_map(OriginAddress::exhibit))
                .or([Cause::AllowlistWrongAddress, Cause::ProxyBlocked, Cause::ProxyRateLimited]
                    .into_iter()
                    .filter(|_| !sure))
                .decided_by(Next::OriginLog);
            found.weight = mine.len().max(1);
            if !mine.is_empty() && view.origins.len() > mine.len() {
                found.origins = mine.iter().map(|(o, _)| o.address.ip()).collect();
            }
            Ok(found)
        }
        _ if mine.is_empty() => Err("nothing shows that the origin made a server error"),
        _ => {
            let direct = mine.iter().find_map(|(_, f)| match f.trouble {
                Trouble::Status(status) => Some(status),
                _ => None,
            });
            let says = format!("the origin itself answers {}", direct.unwrap_or(500));
            let mut found = observed(view, place, &mine, says);
            if let Some((fault, status, hop)) = relayed {
                let same = direct == Some(status) && !(hop.edge() && hop.firm());
                let firm = mine.iter().any(|(_, f)| f.firm) && found.origins.is_empty() && !fault.wavers;
                found.confidence = if same && firm { Confidence::High } else { Confidence::Medium };
                if found.confidence < Confidence::High && !found.alternatives.contains(&Cause::ProxyBlocked) {
                    found.alternatives.push(Cause::ProxyBlocked);
                }
            } else if matches!(place, Locus::Edge(_)) {
                found = found.at_most(Confidence::Medium);
            }
            Ok(found.decided_by(Next::Marker))
        }
    }
}

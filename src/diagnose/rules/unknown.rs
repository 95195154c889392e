//! What cannot be told: which causes are left, and which observation would decide between them.

use super::Locus;
use crate::api::Cause;
use crate::diagnose::view::edge::{Edge, EdgeFault, Seen};
use crate::diagnose::view::hop::Made;
use crate::diagnose::view::leg::Leg;
use crate::diagnose::view::trouble::Trouble;
use crate::diagnose::view::{Sanity, View};
use crate::diagnose::words::next::Next;
use crate::evidence::fact::Arrived;

/// An open question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub candidates: Vec<Cause>,
    pub next: Next,
    pub says: String,
}

fn open(candidates: &[Cause], next: Next, says: impl Into<String>) -> Open {
    Open { candidates: candidates.to_vec(), next, says: says.into() }
}

/// What is open at a place where no rule matches.
pub fn at(view: &View<'_>, place: Locus<'_, '_>) -> Open {
    match place {
        Locus::Origin(_) => open(
            &[Cause::OriginUnreachable, Cause::PortFiltered, Cause::AcceptSaturated],
            Next::ControlPort,
            "an origin address fails, and nothing tells why",
        ),
        Locus::Edge(Edge { fault: Some(fault), .. }) => at_edge(view, fault),
        Locus::Site | Locus::Edge(_) => nothing(view),
    }
}

/// What is open when nothing fails and nothing is seen to work either.
pub fn nothing(view: &View<'_>) -> Open {
    if view.unprobed() && view.sanity == Sanity::Unproven {
        return open(&[], Next::Probe, "nothing was probed, and the files at hand show no fault");
    }
    open(&[], Next::ProxyPath, "nothing definite was seen of the path through the proxy")
}

/// No success anywhere and nothing to compare with: it may be this vantage.
pub fn nothing_reached() -> Open {
    open(
        &[Cause::VantageFault, Cause::OriginUnreachable],
        Next::ControlTarget,
        "nothing at all was reached from here, so it may be this vantage",
    )
}

fn at_edge(view: &View<'_>, fault: &EdgeFault<'_>) -> Open {
    let works = view.origin_works();
    let unseen = view.failing_origins().next().is_none() && !works;
    match fault.seen {
        Seen::NoName => open(&[Cause::DnsFailed], Next::OtherResolver, "the site's name was not resolved"),
        Seen::NoEdge => open(
            &[Cause::ProxyUnderAttack, Cause::ProxyFault, Cause::VantageFault],
            Next::OtherVantage,
            "an edge address of the proxy accepts no connection from here",
        ),
        Seen::NoHandshake | Seen::BadCertificate => {
            open(&[Cause::ProxyCertInvalid], Next::OtherVantage, "the TLS handshake with the edge fails")
        }
        // Each is the whole of a rule.
        Seen::Challenge | Seen::Loop => nothing(view),
        Seen::Late => {
            open(&[Cause::OriginTimeout], Next::OriginLog, "the path through the proxy is slow, the origin is not")
        }
        Seen::Silent { long } => {
            let says = "the edge accepts requests and does not answer as long as was waited";
            let next = if long { Next::ProxyLog } else { Next::LongProbe };
            if works {
                open(&[Cause::ProxyBlocked, Cause::ProxyOriginMisconfigured, Cause::OriginTimeout], next, says)
            } else {
                let candidates =
                    [Cause::ProxyBlocked, Cause::OriginUnreachable, Cause::PortFiltered, Cause::OriginTimeout];
                open(&candidates, if long { Next::ListedVantage } else { next }, says)
            }
        }
        Seen::Broken { .. } => open(
            &[Cause::OriginClosedEarly, Cause::OriginResponseInvalid],
            if works { Next::ProxyLog } else { Next::ListedVantage },
            "answers through the proxy break off",
        ),
        Seen::Answer { trouble: Trouble::Status(status @ 500..), hop, leg, .. } => {
            server_error(view, fault, status, hop.made, leg, unseen)
        }
        Seen::Answer { trouble: Trouble::Status(status @ (401 | 403 | 405 | 429)), .. } => open(
            &[Cause::ProxyPolicyDenied, Cause::UnexpectedResponse, Cause::AllowlistWrongAddress, Cause::ProxyBlocked],
            Next::Marker,
            format!(
                "status {status} arrives through the proxy, and nothing shows whether the edge or the origin refuses"
            ),
        ),
        Seen::Answer { .. } => open(
            &[Cause::ProxyOriginMisconfigured, Cause::ProxyPolicyDenied, Cause::UnexpectedResponse],
            Next::Marker,
            "the answer through the proxy is not the one that the origin gives from here",
        ),
    }
}

fn server_error(view: &View<'_>, fault: &EdgeFault<'_>, status: u16, made: Made, leg: Leg, unseen: bool) -> Open {
    let delivered = !view.cluster.arrivals(Arrived::Delivered).is_empty();
    if delivered && made != Made::Origin {
        return open(
            &[Cause::OriginTimeout, Cause::OriginResponseInvalid, Cause::OriginClosedEarly],
            Next::ProxyLog,
            format!("status {status} arrives through the proxy although its requests reach the origin"),
        );
    }
    if fault.wavers && view.origin_works() {
        return open(
            &[
                Cause::AllowlistIncomplete,
                Cause::ProxyRateLimited,
                Cause::AcceptSaturated,
                Cause::KeepAliveRace,
                Cause::ProxyEgressExhausted,
                Cause::ProxyBlocked,
            ],
            Next::LimitCounters,
            format!("status {status} comes through the proxy now and then, while the origin answers from here"),
        );
    }
    let says = format!("status {status} comes through the proxy, and the direct path from here proves nothing");
    match leg {
        Leg::Certificate => open(
            &[Cause::OriginCertUntrusted, Cause::OriginCertMismatch, Cause::OriginCertExpired],
            Next::ProxyLog,
            "the proxy does not accept the origin's certificate, which is valid from here or not seen",
        ),
        Leg::Tls => open(
            &[Cause::OriginProtocolMismatch, Cause::OriginCertUntrusted],
            Next::ProxySettings,
            "the proxy's handshake with the origin fails",
        ),
        Leg::Refused if unseen => open(&[Cause::ProxyBlocked, Cause::OriginRefused], Next::ListedVantage, says),
        Leg::ConnectTimeout | Leg::Unreachable if unseen => {
            open(&[Cause::ProxyBlocked, Cause::OriginUnreachable, Cause::PortFiltered], Next::ListedVantage, says)
        }
        Leg::SomeTimeout if unseen => {
            open(&[Cause::ProxyBlocked, Cause::OriginUnreachable, Cause::OriginTimeout], Next::ListedVantage, says)
        }
        _ if unseen && made == Made::Edge => open(
            &[Cause::ProxyBlocked, Cause::OriginRefused, Cause::OriginClosedEarly, Cause::OriginProtocolMismatch],
            Next::ListedVantage,
            says,
        ),
        _ if unseen => open(
            &[Cause::OriginReturns5xx, Cause::ProxyBlocked, Cause::OriginRefused, Cause::OriginUnreachable],
            Next::ListedVantage,
            says,
        ),
        _ => open(
            &[Cause::OriginUnreachable, Cause::PortFiltered, Cause::AcceptSaturated, Cause::ProxyBlocked],
            Next::ControlPort,
            format!("status {status} comes through the proxy, and what the origin shows does not tell why"),
        ),
    }
}

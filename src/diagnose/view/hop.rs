//! Which hop made an answer that arrived through the proxy: the edge, or the origin behind it.
//!
//! In order of proof: the provider's own record, `Proxy-Status` (RFC 9209), the origin's marker, the same body as the origin
//! gives directly, the proxy's own error page, the time of one of its timers. A status code alone
//! proves nothing: the same 502 may be made by any hop.

use super::leg;
use super::origin::{OriginAddress, Standing};
use super::records::Records;
use super::trouble::Trouble;
use crate::evidence::probe::{ProxyStatus, Response};
use crate::evidence::{Probe, Subject};

/// Who made the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    Edge,
    Origin,
    Unknown,
}

/// What shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The provider's own record.
    Record,
    ProxyStatus,
    Marker,
    /// The answer asked for another protocol than we spoke, which only the next hop can mean.
    Protocol,
    SameBody,
    OwnPage,
    /// The provider says that it passed on what the origin sent.
    Relayed,
    Timer,
    /// Only that the origin gives a good answer to the same request, sent straight to it.
    Contrast,
    /// The declared marker is missing, and nothing showed yet that the origin really sends it.
    MarkerMissing,
    None,
}

/// The hop that made an answer, with the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    pub made: Made,
    pub proof: Proof,
}

impl Hop {
    pub const UNKNOWN: Self = Self { made: Made::Unknown, proof: Proof::None };

    /// Whether the proof stands on its own.
    pub const fn firm(self) -> bool {
        !matches!(self.proof, Proof::Contrast | Proof::MarkerMissing | Proof::None)
    }

    pub fn edge(self) -> bool {
        self.made == Made::Edge
    }

    pub fn origin(self) -> bool {
        self.made == Made::Origin
    }
}

/// Decides who made the response of a probe through the proxy.
pub fn of(
    subject: &Subject,
    probe: &Probe,
    response: &Response,
    origins: &[OriginAddress<'_>],
    records: &Records<'_>,
) -> Hop {
    let made = |made, proof| Hop { made, proof };
    if let Some(by) = recorded(probe, response, records) {
        return made(by, Proof::Record);
    }
    if response.marker == Some(true) {
        return made(Made::Origin, Proof::Marker);
    }
    match response.proxy_status {
        Some(ProxyStatus::Relayed) => return made(Made::Origin, Proof::ProxyStatus),
        Some(_) => return made(Made::Edge, Proof::ProxyStatus),
        None => {}
    }
    if Trouble::of(probe) == Some(Trouble::WantsTls) {
        return made(Made::Origin, Proof::Protocol);
    }
    let direct = || origins.iter().filter_map(OriginAddress::response);
    // An origin that has such pages of its own stands behind the same software: then they name no hop.
    let same_maker = |direct: &Response| direct.maker == response.maker;
    let same = |direct: &Response| {
        direct.status == response.status
            && direct.body_bytes > 0
            && direct.body_bytes == response.body_bytes
            && direct.body_hash == response.body_hash
    };
    if direct().any(same) {
        return made(Made::Origin, Proof::SameBody);
    }
    if response.maker.is_some_and(|maker| maker.is_edge_of(subject.provider)) && !direct().any(same_maker) {
        return match response.maker_says {
            Some(ProxyStatus::Relayed) => made(Made::Origin, Proof::Relayed),
            _ => made(Made::Edge, Proof::OwnPage),
        };
    }
    let server_error = response.status >= 500;
    if server_error && leg::timer(subject, probe).is_some() {
        return made(Made::Edge, Proof::Timer);
    }
    let origin_fails = origins.iter().any(|o| matches!(o.standing, Standing::Fails(_)));
    if response.marker == Some(false) && !response.cached {
        let sends = |o: &OriginAddress<'_>| o.response().is_some_and(|r| r.marker == Some(true));
        let lacks = |o: &OriginAddress<'_>| o.response().is_some_and(|r| r.marker == Some(false));
        if origins.iter().any(sends) && !origin_fails {
            return made(Made::Edge, Proof::Marker);
        }
        if !origins.iter().any(lacks) && !origin_fails {
            return made(Made::Edge, Proof::MarkerMissing);
        }
    }
    if server_error && !origin_fails && origins.iter().any(|o| matches!(o.standing, Standing::Works(_))) {
        return made(Made::Edge, Proof::Contrast);
    }
    Hop::UNKNOWN
}

/// What the provider recorded of answers with this status: an origin that never answered, or the very status that it
/// gave. Records that contradict each other prove nothing.
fn recorded(probe: &Probe, response: &Response, records: &Records<'_>) -> Option<Made> {
    let mut found = records.records_of(probe.address.map(|a| a.ip())).filter_map(|(_, record)| {
        if record.edge_status.is_some_and(|status| status != response.status) {
            return None;
        }
        match record.origin_status? {
            0 => Some(Made::Edge),
            status if status == response.status => Some(Made::Origin),
            _ => Some(Made::Edge),
        }
    });
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

//! What a failing probe ran into, as one closed word that rules can compare.

use crate::api::{Outcome, Phase};
use crate::evidence::Probe;
use crate::evidence::probe::Fault;

/// How a probe failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The port answered with a refusal.
    Refused,
    /// No answer to the connection at all.
    Silent,
    /// Nobody answers for the address on its last network.
    Dead,
    /// A router knows no way to it.
    NoRoute,
    /// A router or filter says that it is forbidden.
    Prohibited,
    /// Connected, then silence in this phase.
    NoAnswer(Phase),
    /// Connected, then closed or reset before an answer.
    Closed(Phase),
    /// A TLS alert.
    Alert(Option<u8>),
    /// We speak TLS, it does not.
    NotTls,
    /// We speak plain HTTP, it wants TLS.
    WantsTls,
    /// The answer says that a client certificate is wanted.
    WantsCertificate,
    /// An answer that is no HTTP, or contradicts itself.
    Malformed,
    /// An answer that ends before its announced length.
    Truncated,
    /// An unexpected status.
    Status(u16),
    /// The expected text is missing.
    Body,
    /// Slower than expected.
    Slow,
    /// Anything else on our side of understanding.
    Odd,
}

impl Trouble {
    /// The trouble of a failing probe; `None` when it did not fail. A bad certificate alone is not a
    /// failure of the request: the probe goes on, and certificates are judged by their own rule.
    pub fn of(probe: &Probe) -> Option<Self> {
        match probe.fault {
            // What is locked as it should be is no failure, however it says so.
            _ if probe.outcome == Outcome::Guarded => return None,
            Some(Fault::PlainHttpToHttps) => return Some(Self::WantsTls),
            Some(Fault::WantsClientCertificate) => return Some(Self::WantsCertificate),
            _ => {}
        }
        let phase = probe.phase.unwrap_or(Phase::FirstByte);
        Some(match (probe.outcome, phase) {
            (Outcome::OK | Outcome::CertInvalid, _) if probe.fault.is_none() => return None,
            (Outcome::Unavailable | Outcome::Forbidden, _) => return None,
            (Outcome::Refused, _) | (Outcome::Reset, Phase::Connect) => Self::Refused,
            (Outcome::TimedOut, Phase::Connect) => Self::Silent,
            (Outcome::TimedOut, phase) => Self::NoAnswer(phase),
            (Outcome::Unreachable, _) if probe.fault == Some(Fault::NeighbourDead) => Self::Dead,
            (Outcome::Unreachable, _) => Self::NoRoute,
            (Outcome::Prohibited, _) => Self::Prohibited,
            (Outcome::Reset | Outcome::Truncated, Phase::Body) | (Outcome::Truncated, _) => Self::Truncated,
            (Outcome::Reset | Outcome::ClosedEarly, phase) => Self::Closed(phase),
            (Outcome::TLSAlert, _) => Self::Alert(probe.alert),
            (Outcome::Malformed, _) if probe.fault == Some(Fault::NotTls) => Self::NotTls,
            (Outcome::Malformed, Phase::FirstByte | Phase::Body) => Self::Malformed,
            (Outcome::UnexpectedStatus, _) => Self::Status(probe.response.as_ref().map_or(0, |r| r.status)),
            (Outcome::UnexpectedBody, _) => Self::Body,
            (Outcome::TooSlow, _) => Self::Slow,
            _ => Self::Odd,
        })
    }

    /// Whether no connection came about.
    pub const fn at_connect(self) -> bool {
        matches!(self, Self::Refused | Self::Silent | Self::Dead | Self::NoRoute | Self::Prohibited)
    }

    /// Whether the peer accepted and then said nothing that could be judged.
    pub const fn mute(self) -> bool {
        matches!(self, Self::NoAnswer(_) | Self::Closed(_))
    }

    /// Whether it is an answer that a server gives to clients it does not want: a lock, not a fault.
    pub const fn is_lock(self) -> bool {
        matches!(self, Self::Status(401 | 403 | 496) | Self::WantsCertificate | Self::Alert(Some(42 | 48 | 116)))
    }
}

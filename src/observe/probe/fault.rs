//! From what the kernel and the TLS library say to the closed enums of the evidence.

use crate::api::{Outcome, Phase};
use crate::evidence::probe::Fault;
use rustls::AlertDescription;
use std::io;
use std::time::Duration;

/// EHOSTUNREACH later than this comes from neighbour discovery that gave up (after about three
/// seconds); earlier it is an ICMP error, which rate limits may delay to the first retransmit at one
/// second.
const NEIGHBOUR_GAVE_UP: Duration = Duration::from_millis(1500);

/// How and where a probe ended before its response could be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) phase: Phase,
    pub(super) outcome: Outcome,
    pub(super) fault: Fault,
    /// The number of the TLS alert, for [`Fault::TlsAlert`].
    pub(super) alert: Option<u8>,
}

impl Ended {
    pub(super) const fn new(phase: Phase, fault: Fault) -> Self {
        Self { phase, outcome: outcome(fault), fault, alert: None }
    }

    pub(super) const fn deadline(phase: Phase) -> Self {
        Self::new(phase, Fault::Deadline)
    }
}

/// The public word for a fault.
pub(super) const fn outcome(fault: Fault) -> Outcome {
    match fault {
        Fault::Deadline | Fault::DnsTimeout => Outcome::TimedOut,
        Fault::NxDomain => Outcome::NXDomain,
        Fault::ServFail => Outcome::ServFail,
        Fault::NoAddress => Outcome::Missing,
        Fault::ConnectionRefused => Outcome::Refused,
        Fault::ConnectionReset => Outcome::Reset,
        // At once means policy: a packet filter or a route that forbids answered with ICMP.
        Fault::HostUnreachable | Fault::AdminProhibited => Outcome::Prohibited,
        Fault::NeighbourDead | Fault::NetworkUnreachable => Outcome::Unreachable,
        // Nothing here says anything about the target.
        Fault::NoLocalRoute | Fault::LocalSocket | Fault::TlsIncompatible => Outcome::Unavailable,
        Fault::TlsAlert => Outcome::TLSAlert,
        Fault::NotTls
        | Fault::TlsProtocol
        | Fault::InvalidResponse
        | Fault::PlainHttpToHttps
        | Fault::WantsClientCertificate => Outcome::Malformed,
        Fault::ClosedBeforeHeaders => Outcome::ClosedEarly,
        Fault::ShortBody => Outcome::Truncated,
    }
}

/// Classes of `connect()` errors, by errno, time and whether a packet left this machine
/// (measured on Linux 6.18 with nftables; a namespace test holds the table).
pub(super) fn connect(error: &io::Error, elapsed: Duration, sent: bool) -> Ended {
    let fault = match error.raw_os_error() {
        Some(libc::ENETUNREACH | libc::EADDRNOTAVAIL | libc::ENETDOWN | libc::EAFNOSUPPORT) if !sent => {
            Fault::NoLocalRoute
        }
        _ if !sent => Fault::LocalSocket,
        Some(libc::ECONNREFUSED) => Fault::ConnectionRefused,
        Some(libc::ECONNRESET | libc::ECONNABORTED | libc::EPIPE) => Fault::ConnectionReset,
        Some(libc::EHOSTUNREACH) if elapsed >= NEIGHBOUR_GAVE_UP => Fault::NeighbourDead,
        // The rarer ICMP codes (host unknown, host isolated, protocol unreachable) are answers of a router too.
        Some(libc::EHOSTUNREACH | libc::EHOSTDOWN | libc::ENONET | libc::ENOPROTOOPT | libc::EPROTO) => {
            Fault::HostUnreachable
        }
        Some(libc::ENETUNREACH) => Fault::NetworkUnreachable,
        Some(libc::EACCES) => Fault::AdminProhibited,
        Some(libc::ETIMEDOUT) => Fault::Deadline,
        _ => Fault::LocalSocket,
    };
    Ended::new(Phase::Connect, fault)
}

/// Classes of errors on an established connection.
pub(super) fn established(error: &io::Error, phase: Phase) -> Ended {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        // In TLS 1.3 a server judges the client after the handshake: an alert before the first byte
        // of a response is a fault of the handshake, wherever it arrives.
        let phase = if phase == Phase::FirstByte { Phase::Tls } else { phase };
        return handshake(tls, phase);
    }
    let fault = match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Fault::ConnectionReset,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected => {
            Fault::ClosedBeforeHeaders
        }
        io::ErrorKind::TimedOut => Fault::Deadline,
        io::ErrorKind::HostUnreachable => Fault::HostUnreachable,
        io::ErrorKind::NetworkUnreachable => Fault::NetworkUnreachable,
        io::ErrorKind::PermissionDenied => Fault::AdminProhibited,
        _ => Fault::LocalSocket,
    };
    Ended::new(phase, fault)
}

/// Classes of TLS errors.
fn handshake(error: &rustls::Error, phase: Phase) -> Ended {
    match error {
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity),
        ) => Ended { alert: Some((*alert).into()), ..Ended::new(phase, Fault::TlsIncompatible) },
        rustls::Error::AlertReceived(alert) => {
            Ended { alert: Some((*alert).into()), ..Ended::new(phase, Fault::TlsAlert) }
        }
        rustls::Error::InvalidMessage(_) => Ended::new(phase, Fault::NotTls),
        rustls::Error::PeerIncompatible(_) => Ended::new(phase, Fault::TlsIncompatible),
        // Only signatures and encodings are refused here; dates, names and trust are recorded.
        rustls::Error::InvalidCertificate(_) => {
            Ended { outcome: Outcome::CertInvalid, ..Ended::new(phase, Fault::TlsProtocol) }
        }
        _ => Ended::new(phase, Fault::TlsProtocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(errno: i32, milliseconds: u64, sent: bool) -> (Fault, Outcome) {
        let ended = connect(&io::Error::from_raw_os_error(errno), Duration::from_millis(milliseconds), sent);
        (ended.fault, ended.outcome)
    }

    #[test]
    fn host_unreachable_means_policy_at_once_and_a_dead_host_after_three_seconds() {
        assert_eq!(class(libc::EHOSTUNREACH, 1, true), (Fault::HostUnreachable, Outcome::Prohibited));
        assert_eq!(class(libc::EHOSTUNREACH, 1030, true), (Fault::HostUnreachable, Outcome::Prohibited));
        assert_eq!(class(libc::EHOSTUNREACH, 3060, true), (Fault::NeighbourDead, Outcome::Unreachable));
    }

    #[test]
    fn what_never_left_this_machine_says_nothing_of_the_target() {
        assert_eq!(class(libc::ENETUNREACH, 0, false), (Fault::NoLocalRoute, Outcome::Unavailable));
        assert_eq!(class(libc::ENETUNREACH, 0, true), (Fault::NetworkUnreachable, Outcome::Unreachable));
        assert_eq!(class(libc::EACCES, 0, false), (Fault::LocalSocket, Outcome::Unavailable));
        assert_eq!(class(libc::EACCES, 0, true), (Fault::AdminProhibited, Outcome::Prohibited));
        assert_eq!(class(libc::EMFILE, 0, false), (Fault::LocalSocket, Outcome::Unavailable));
    }

    #[test]
    fn an_alert_before_the_first_byte_belongs_to_the_handshake() {
        let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        let ended = established(&io::Error::new(io::ErrorKind::InvalidData, alert), Phase::FirstByte);
        let expected =
            Ended { phase: Phase::Tls, outcome: Outcome::TLSAlert, fault: Fault::TlsAlert, alert: Some(116) };
        assert_eq!(ended, expected);
    }
}

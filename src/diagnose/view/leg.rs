//! What happened between the proxy and the origin, as far as an answer made by the edge tells:
//! from the provider's record, from `Proxy-Status`, from what its own page says, or from the time until the answer.

use super::records::Records;
use crate::api::Provider;
use crate::evidence::fact::EdgeReason;
use crate::evidence::probe::{ProxyStatus, Response};
use crate::evidence::{Probe, Subject};

/// How the proxy's own attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    Refused,
    Unreachable,
    /// No connection within the proxy's connect timer.
    ConnectTimeout,
    /// No answer within the proxy's read timer.
    ReadTimeout,
    /// One of its timers, which are alike.
    SomeTimeout,
    /// The connection ended before a whole answer.
    Terminated,
    /// It did not accept the origin's certificate.
    Certificate,
    /// The handshake failed.
    Tls,
    /// It did not take so large a response header.
    HeaderTooLarge,
    /// The request came back to the proxy itself.
    Loop,
    /// It could not resolve the origin's name.
    NameFailed,
    /// It says that the fault is its own; the origin was not asked.
    NeverTried,
    /// It says that it is not configured for the site, or wrongly; the origin was not asked.
    NotConfigured,
    /// A rule of its own refused the request; the origin was not asked.
    Denied,
    /// It made no attempt: no connection was free.
    Exhausted,
    /// Too fast for a timer: refused, reset, a handshake or an answer that it did not like.
    AtOnce,
    Unknown,
}

impl Leg {
    /// Whether it fits packets that are dropped, rejected or reset on the way.
    pub const fn fits_block(self) -> bool {
        !matches!(
            self,
            Self::Certificate
                | Self::Tls
                | Self::ReadTimeout
                | Self::HeaderTooLarge
                | Self::Loop
                | Self::NameFailed
                | Self::Exhausted
                | Self::NeverTried
                | Self::NotConfigured
                | Self::Denied
        )
    }

    pub const fn is_timeout(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::ReadTimeout | Self::SomeTimeout)
    }
}

/// Longest time that is still "at once": rate limits may delay an ICMP error to the first
/// retransmitted SYN, one second later.
const AT_ONCE_MS: u32 = 1500;
/// Timers below this are not told apart from other delays.
const LEAST_TIMER_MS: u32 = 2000;

/// Decides what became of the proxy's own attempt.
pub fn of(subject: &Subject, probe: &Probe, response: &Response, records: &Records<'_>) -> Leg {
    if let Some(leg) = recorded(probe, response, records) {
        return leg;
    }
    let page = response.maker.filter(|maker| maker.speaks_for(subject.provider)).and(response.maker_says);
    if let Some(leg) = [response.proxy_status, page].into_iter().flatten().find_map(of_status) {
        return leg;
    }
    timer(subject, probe).unwrap_or_else(|| match waited(probe) {
        Some(ms) if ms <= AT_ONCE_MS => Leg::AtOnce,
        _ => Leg::Unknown,
    })
}

/// The reason that the provider recorded for answers with this status. Records that contradict each other are left out.
fn recorded(probe: &Probe, response: &Response, records: &Records<'_>) -> Option<Leg> {
    let mut found = records.records_of(probe.address.map(|a| a.ip())).filter_map(|(_, record)| {
        let mine = record.edge_status.is_none_or(|status| status == response.status);
        record.reason.filter(|_| mine).and_then(of_reason)
    });
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

const fn of_reason(reason: EdgeReason) -> Option<Leg> {
    Some(match reason {
        EdgeReason::ConnectTimeout => Leg::ConnectTimeout,
        EdgeReason::Refused => Leg::Refused,
        EdgeReason::Unroutable => Leg::Unreachable,
        EdgeReason::ReadTimeout => Leg::ReadTimeout,
        EdgeReason::Terminated => Leg::Terminated,
        EdgeReason::TlsFailed => Leg::Tls,
        EdgeReason::CertificateInvalid => Leg::Certificate,
        EdgeReason::NameFailed => Leg::NameFailed,
        EdgeReason::HeaderTooLarge => Leg::HeaderTooLarge,
        EdgeReason::ConnectionLimit => Leg::Exhausted,
        EdgeReason::Incident => Leg::NeverTried,
        EdgeReason::BlackHole | EdgeReason::Scrubbing | EdgeReason::CapacityExceeded => return None,
    })
}

/// What an intermediary says of its attempt, in a header or on its page.
const fn of_status(status: ProxyStatus) -> Option<Leg> {
    Some(match status {
        ProxyStatus::ConnectionRefused => Leg::Refused,
        ProxyStatus::ConnectionTimeout => Leg::ConnectTimeout,
        ProxyStatus::ConnectionTerminated => Leg::Terminated,
        ProxyStatus::CertificateError => Leg::Certificate,
        ProxyStatus::TlsError => Leg::Tls,
        ProxyStatus::HeaderTooLarge => Leg::HeaderTooLarge,
        ProxyStatus::LoopDetected => Leg::Loop,
        ProxyStatus::NameFailed => Leg::NameFailed,
        ProxyStatus::ProxyInternal => Leg::NeverTried,
        ProxyStatus::NotConfigured => Leg::NotConfigured,
        ProxyStatus::RequestDenied => Leg::Denied,
        ProxyStatus::ConnectionLimit => Leg::Exhausted,
        ProxyStatus::ResponseTimeout => Leg::ReadTimeout,
        ProxyStatus::Unroutable => Leg::Unreachable,
        ProxyStatus::IntermediaryError | ProxyStatus::Relayed => return None,
    })
}

/// The proxy's timer that the time until the answer names, if any.
pub fn timer(subject: &Subject, probe: &Probe) -> Option<Leg> {
    let waited = waited(probe)?;
    let connect = u32::from(subject.connect_timeout_seconds) * 1000;
    let read = u32::from(subject.read_timeout_seconds) * 1000;
    let attempts: &[u32] = match subject.provider {
        // `retries 3` is HAProxy's default: four attempts, each with the connect timer.
        Provider::HAProxy => &[1, 2, 3, 4],
        _ => &[1],
    };
    let by_connect = attempts.iter().any(|n| near(waited, connect.saturating_mul(*n)));
    match (by_connect, near(waited, read)) {
        (true, true) => Some(Leg::SomeTimeout),
        (true, false) => Some(Leg::ConnectTimeout),
        (false, true) => Some(Leg::ReadTimeout),
        (false, false) => None,
    }
}

/// Within 5 % of the timer, and at least 400 ms for the rest of the request.
fn near(waited: u32, timer: u32) -> bool {
    timer >= LEAST_TIMER_MS && waited.abs_diff(timer) <= (timer / 20).max(400)
}

fn waited(probe: &Probe) -> Option<u32> {
    probe.timings.first_byte_ms
}

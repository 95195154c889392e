//! Repeated requests and held connections as one line each.

use super::evidence::plain;
use crate::api::status::EvidenceItem;
use crate::api::{Access, Observation, Outcome};
use crate::evidence::fact::{Idle, Replay, Variation};
use std::fmt::Write;

/// What was changed, how it ended, and what an alert was.
pub fn replay(replay: &Replay) -> EvidenceItem {
    let probe = &replay.probe;
    let mut detail = changed(replay.variation).to_owned();
    if let Some(alert) = probe.alert {
        let _ = write!(detail, "; TLS alert {alert}");
    }
    if probe.tcp.is_some_and(|tcp| tcp.out_of_order > 0) && probe.outcome == Outcome::TimedOut {
        detail.push_str("; only the end of what was sent arrived");
    }
    let direct = probe.observation != Observation::ViaProxy;
    EvidenceItem {
        access: direct.then_some(probe.access).filter(|a| *a != Access::Unknown),
        address: probe.address.map(|a| a.to_string()),
        phase: probe.phase,
        status_code: probe.response.as_ref().map(|r| r.status),
        detail: Some(detail),
        ..plain(probe.observation, &probe.vantage, probe.outcome)
    }
}

const fn changed(variation: Variation) -> &'static str {
    match variation {
        Variation::Again => "the same request once more",
        Variation::ProxyTls => "with the TLS profile of the proxy",
        Variation::Http2 => "with HTTP/2",
        Variation::Preamble => "with a PROXY protocol preamble",
        Variation::NoPreamble => "without the PROXY protocol preamble",
        Variation::OtherHost => "with another declared Host",
        Variation::StrangeHost => "with a Host that nobody knows",
        Variation::Root => "for the root of the site",
        Variation::StrangePath => "for a path that nobody knows",
        Variation::SmallSegments => "with small segments",
        Variation::LargePath => "for the large response",
        Variation::LargePathSmallSegments => "for the large response, with small segments",
    }
}

/// A held connection, with the time in whole seconds.
pub fn idle(idle: &Idle) -> EvidenceItem {
    let seconds = idle.held_ms.div_ceil(1000);
    let detail = match idle.outcome {
        Outcome::ClosedEarly => format!("an idle connection was closed within {seconds} s"),
        Outcome::OK => format!("an idle connection was still open after {seconds} s"),
        _ => "the origin keeps no idle connection".to_owned(),
    };
    EvidenceItem {
        access: Some(idle.access).filter(|a| *a != Access::Unknown),
        address: Some(idle.address.to_string()),
        detail: Some(detail),
        ..plain(Observation::Direct, &idle.vantage, idle.outcome)
    }
}

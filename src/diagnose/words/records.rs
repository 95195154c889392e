//! Providers' records and visitors' reports as one line each.

use super::evidence::plain;
use crate::api::status::EvidenceItem;
use crate::api::{Observation, Outcome};
use crate::evidence::fact::{EdgeReason, ProviderRecord, VisitorReports};

/// What the provider recorded, and why.
pub fn record(record: &ProviderRecord) -> EvidenceItem {
    let mut parts: Vec<String> = Vec::new();
    if let Some(status) = record.origin_status {
        parts.push(if status == 0 {
            "the origin never answered the edge".to_owned()
        } else {
            format!("the origin answered the edge with {status}")
        });
    }
    if let Some(to) = record.forwards_to {
        parts.push(format!("the edge forwards to {to}"));
    }
    parts.extend(record.reason.map(|r| reason(r).to_owned()));
    let result = match record.reason {
        Some(EdgeReason::ConnectTimeout | EdgeReason::ReadTimeout) => Outcome::TimedOut,
        Some(EdgeReason::Refused) => Outcome::Refused,
        Some(EdgeReason::Unroutable | EdgeReason::BlackHole) => Outcome::Unreachable,
        Some(EdgeReason::Terminated) => Outcome::ClosedEarly,
        Some(EdgeReason::CertificateInvalid) => Outcome::CertInvalid,
        Some(EdgeReason::TlsFailed) => Outcome::TLSAlert,
        Some(EdgeReason::Scrubbing | EdgeReason::CapacityExceeded) => Outcome::Lost,
        Some(_) => Outcome::Unavailable,
        None if record.origin_status == Some(0) => Outcome::Missing,
        None => Outcome::OK,
    };
    EvidenceItem {
        address: record.address.map(|a| a.to_string()),
        status_code: record.edge_status,
        detail: Some(parts.join("; ")),
        ..plain(Observation::Arrival, &record.source, result)
    }
}

const fn reason(reason: EdgeReason) -> &'static str {
    match reason {
        EdgeReason::BlackHole => "the address is null-routed",
        EdgeReason::Scrubbing => "traffic to the address is being scrubbed",
        EdgeReason::CapacityExceeded => "more traffic came than was bought",
        EdgeReason::Incident => "the provider reports a fault of its own",
        EdgeReason::ConnectionLimit => "no further connection to the origin may be opened",
        EdgeReason::ConnectTimeout => "the edge's connection timed out",
        EdgeReason::Refused => "the edge's connection was refused",
        EdgeReason::Unroutable => "the edge has no route to the origin",
        EdgeReason::ReadTimeout => "the edge waited in vain for an answer",
        EdgeReason::Terminated => "the edge's connection was ended",
        EdgeReason::TlsFailed => "the edge's handshake failed",
        EdgeReason::CertificateInvalid => "the edge did not accept the certificate",
        EdgeReason::NameFailed => "the edge could not resolve the origin's name",
        EdgeReason::HeaderTooLarge => "the edge did not take so large a header",
    }
}

/// How many visitors report failures; never who.
pub fn visitors(reports: &VisitorReports) -> EvidenceItem {
    let detail = format!("{} reports of {} visitors", reports.reports, reports.visitors);
    EvidenceItem { detail: Some(detail), ..plain(Observation::Arrival, "visitors", Outcome::Lost) }
}

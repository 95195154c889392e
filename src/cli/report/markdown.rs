//! The bundle as a ticket in Markdown.

use super::bundle::{Bundle, Request, Row, Visitors};
use super::clients::{Shared, Trait};
use crate::api::{Access, Observation};
use crate::cli::diagnose::paths::round_trip;
use crate::evidence::{Variant, wilson};
use crate::observe::route::Route;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;

/// Most visitors that are listed; JSON holds them all.
const MOST_LISTED: usize = 200;

/// Renders the bundle; each time stands in UTC and in `zone`.
pub fn render(bundle: &Bundle, zone: &TimeZone) -> String {
    let mut out = String::new();
    let answer = &bundle.diagnosis;
    let _ = writeln!(out, "# {}: {} ({} confidence)\n", bundle.site, answer.cause, answer.confidence);
    let _ = writeln!(out, "{}\n", answer.summary);
    let _ = writeln!(out, "| | |\n|---|---|");
    let _ = writeln!(out, "| Site | {} |", bundle.site);
    let _ = writeln!(out, "| Proxy | {} |", bundle.provider);
    let _ = writeln!(out, "| Edge addresses | {} |", list(&bundle.edge_addresses));
    let _ = writeln!(out, "| Origin addresses | {} |", list(&bundle.origin_addresses));
    if let Some((from, to)) = bundle.period {
        let _ = writeln!(out, "| Requests below | {} to {} |", both(from, zone), both(to, zone));
    }
    let _ = writeln!(out, "| Written | {} |", both(bundle.created, zone));
    paths(&mut out, &bundle.paths, zone);
    ways(&mut out, &bundle.paths);
    evidence(&mut out, bundle);
    for route in &bundle.routes {
        hops(&mut out, route);
    }
    if let Some(visitors) = &bundle.visitors {
        visitors_part(&mut out, visitors, zone);
    }
    bullets(&mut out, "To add before this is sent", &bundle.to_add);
    bullets(&mut out, "To be answered from the provider's records", &bundle.to_ask);
    out
}

fn paths(out: &mut String, rows: &[Row], zone: &TimeZone) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n## Both paths\n");
    let _ = writeln!(out, "Each request carries its id in the header `leeward-probe-id`.\n");
    let _ = writeln!(out, "| Path | From | Address | Failed | Time | Result | Took | Request id |");
    let _ = writeln!(out, "|---|---|---|---|---|---|---|---|");
    for row in rows {
        for request in std::iter::once(&row.last).chain(&row.last_failure) {
            let address = row.address.map_or_else(|| "none".to_owned(), |a| a.to_string());
            let failed = format!("{} of {}", row.failures, row.samples);
            let (at, result, took) = (both(request.at, zone), result(request), took(request));
            let (path, from, id) = (path(row), from(row), &request.id);
            let _ = writeln!(out, "| {path} | {from} | {address} | {failed} | {at} | {result} | {took} | `{id}` |");
        }
    }
}

/// Round-trip times and loss, where connections came about.
fn ways(out: &mut String, rows: &[Row]) {
    if rows.iter().all(|row| row.link.is_none() && row.lossy == 0) {
        return;
    }
    let _ = writeln!(out, "\n## The way itself\n");
    let _ = writeln!(
        out,
        "| Path | From | Address | Round trip ± jitter | 95th percentile | Connections with segments sent again |"
    );
    let _ = writeln!(out, "|---|---|---|---|---|---|");
    for row in rows.iter().filter(|row| row.measured > 0) {
        let address = row.address.map_or_else(|| "none".to_owned(), |a| a.to_string());
        let (trip, late) = row.link.as_ref().map_or_else(
            || ("none".to_owned(), "none".to_owned()),
            |link| (round_trip(link), format!("{} ms", link.rtt_p95_us / 1000)),
        );
        let (least, most) = wilson::interval(row.lossy, row.measured);
        let share = format!("{} of {} ({:.0} to {:.0} %)", row.lossy, row.measured, least * 100.0, most * 100.0);
        let _ = writeln!(out, "| {} | {} | {address} | {trip} | {late} | {share} |", path(row), from(row));
    }
}

const fn path(row: &Row) -> &'static str {
    match (row.observation, row.variant) {
        (Observation::ViaProxy, Variant::Plain) => "through the proxy",
        (Observation::ViaProxy, Variant::Bypass) => "through the proxy, past its cache",
        (Observation::ViaProxyLong, _) => "through the proxy, waiting for its timer",
        (Observation::Direct, _) => "straight to the origin",
        (Observation::InCluster, _) => "straight to the endpoint",
        _ => "other",
    }
}

fn from(row: &Row) -> String {
    match row.access {
        Access::Unknown => row.vantage.clone(),
        Access::Listed => format!("{} (admitted by the origin)", row.vantage),
        Access::Unlisted => format!("{} (not admitted by the origin)", row.vantage),
    }
}

fn result(request: &Request) -> String {
    let mut text = request.status_code.map_or_else(String::new, |status| format!("{status} "));
    text.push_str(&request.result.to_string());
    if let Some(phase) = request.phase {
        let _ = write!(text, " in {phase}");
    }
    if let Some(fault) = request.fault {
        let _ = write!(text, " ({fault})");
    }
    if let Some(retransmits) = request.retransmits {
        let _ = write!(text, ", {retransmits} segments sent again");
    }
    text
}

fn took(request: &Request) -> String {
    let phases = [
        ("dns", request.timings.dns_ms),
        ("connect", request.timings.connect_ms),
        ("tls", request.timings.tls_ms),
        ("first byte", request.timings.first_byte_ms),
        ("body", request.timings.body_ms),
    ];
    let parts: Vec<String> = phases.iter().filter_map(|(name, ms)| Some(format!("{name} {} ms", (*ms)?))).collect();
    if parts.is_empty() { format!("{} ms", request.timings.total_ms) } else { parts.join(", ") }
}

fn evidence(out: &mut String, bundle: &Bundle) {
    if bundle.diagnosis.evidence.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n## Evidence\n");
    for item in &bundle.diagnosis.evidence {
        let mut line = format!("- {}", item.observation);
        if let Some(address) = &item.address {
            let _ = write!(line, " {address}");
        }
        let _ = write!(line, ": {}", item.result);
        if let Some(status) = item.status_code {
            let _ = write!(line, " {status}");
        }
        if let Some(detail) = &item.detail {
            let _ = write!(line, " ({detail})");
        }
        let _ = writeln!(out, "{line}");
    }
    if !bundle.diagnosis.alternatives.is_empty() {
        let names: Vec<String> = bundle.diagnosis.alternatives.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "\nNot excluded: {}.", names.join(", "));
    }
    if let Some(next) = &bundle.diagnosis.next_observation {
        let _ = writeln!(out, "\nWould decide: {next}");
    }
}

fn hops(out: &mut String, route: &Route) {
    let _ = writeln!(out, "\n## Route to {}\n", route.address);
    if let Some(why) = &route.unavailable {
        let _ = writeln!(out, "Not traced: {why}.");
        return;
    }
    let _ = writeln!(out, "| Hop | Router | Answered | Fastest |\n|---|---|---|---|");
    for hop in &route.hops {
        let routers = if hop.routers.is_empty() { "silent".to_owned() } else { list(&hop.routers) };
        let fastest = hop.min_rtt_us.map_or_else(String::new, |us| format!("{}.{} ms", us / 1000, us % 1000 / 100));
        let _ = writeln!(out, "| {} | {routers} | {} of {} | {fastest} |", hop.distance, hop.answered, hop.sent);
    }
    let end = if route.reached {
        "The address itself answered."
    } else {
        "The address itself did not answer; many hosts do not."
    };
    let _ = writeln!(out, "\n{end}");
}

fn visitors_part(out: &mut String, visitors: &Visitors, zone: &TimeZone) {
    let _ = writeln!(out, "\n## Visitors who report failures\n");
    if visitors.shared.is_empty() {
        let _ = writeln!(out, "Nothing that is known of them is shared by four in five.\n");
    } else {
        let _ = writeln!(
            out,
            "What at least four in five of them share. Whether other visitors share it too is not known here.\n"
        );
    }
    for shared in &visitors.shared {
        let _ = writeln!(out, "- {}", words(shared));
    }
    let _ = writeln!(out, "\n| Time | Address | Status | Edge | Place |\n|---|---|---|---|---|");
    for report in visitors.reports.iter().take(MOST_LISTED) {
        let text = |value: Option<String>| value.unwrap_or_default();
        let (status, edge) = (report.status_code.map(|s| s.to_string()), report.edge.map(|e| e.to_string()));
        let (at, place) = (both(report.at, zone), report.pop.clone());
        let _ = writeln!(out, "| {at} | {} | {} | {} | {} |", report.address, text(status), text(edge), text(place));
    }
    if let Some(more) = visitors.reports.len().checked_sub(MOST_LISTED).filter(|n| *n > 0) {
        let _ = writeln!(out, "\nAnd {more} more; -o json lists them all.");
    }
}

fn words(shared: &Shared) -> String {
    let what = match shared.kind {
        Trait::Family => "address family",
        Trait::Prefix => "network",
        Trait::Edge => "edge address",
        Trait::Pop => "point of presence",
        Trait::Status => "status",
        Trait::Window => "time",
        Trait::Hash => "place in a pool",
    };
    format!("{what}: {} ({} of {})", shared.value, shared.sharing, shared.of)
}

fn bullets(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n## {title}\n");
    for item in items {
        let _ = writeln!(out, "- {item}");
    }
}

fn list(addresses: &BTreeSet<IpAddr>) -> String {
    if addresses.is_empty() {
        return "not known".to_owned();
    }
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// UTC, then the reader's zone unless it is the same.
fn both(at: Timestamp, zone: &TimeZone) -> String {
    let utc = at.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let local = at.to_zoned(zone.clone());
    if local.offset().is_zero() { utc } else { format!("{utc} ({})", local.strftime("%H:%M:%S%:z")) }
}

#[cfg(test)]
mod tests;

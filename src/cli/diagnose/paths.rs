//! The table of paths: one line for each address and way, with what each phase of the last probe took.

use crate::api::{Access, Observation, Outcome, Phase};
use crate::cli::style::{BAD, FAINT, UNSURE, paint};
use crate::evidence::{Health, Link, Probe, Track, Variant};
use anstyle::Style;

const HEADER: [&str; 11] =
    ["PATH", "ADDRESS", "DNS", "CONNECT", "TLS", "FIRST BYTE", "BODY", "RESULT", "FAILED", "RTT", "SENT AGAIN"];

/// Renders the tracks, the proxy's first. Columns without content are left out.
pub fn table(tracks: &[Track]) -> String {
    let mut sorted: Vec<&Track> = tracks.iter().collect();
    sorted.sort_by_key(|t| (t.key.observation, t.key.variant == Variant::Plain, t.key.address));
    let rows: Vec<[String; 11]> = sorted.iter().map(|track| row(track)).collect();
    let widths: Vec<usize> = HEADER
        .iter()
        .enumerate()
        .map(|(i, title)| {
            let widest = rows.iter().filter_map(|row| row.get(i)).map(|cell| cell.chars().count()).max().unwrap_or(0);
            if widest == 0 { 0 } else { widest.max(title.len()) }
        })
        .collect();
    let line = |cells: &[String], style: Style| {
        let padded = cells.iter().zip(&widths).filter(|(_, width)| **width > 0);
        let padded: Vec<String> = padded.map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("  {}\n", paint(style, padded.join("  ").trim_end()))
    };
    let mut out = line(&HEADER.map(str::to_owned), FAINT);
    for (track, row) in sorted.iter().zip(&rows) {
        let style = match track.health {
            Health::OK => Style::new(),
            Health::Failing => BAD,
            Health::Unknown => UNSURE,
        };
        out.push_str(&line(row, style));
    }
    out
}

fn row(track: &Track) -> [String; 11] {
    let probe = &track.last;
    let time = |phase, ms| cell(probe, phase, ms);
    [
        path(track),
        probe.address.map_or_else(|| "none".to_owned(), |a| a.to_string()),
        time(Phase::Dns, probe.timings.dns_ms),
        time(Phase::Connect, probe.timings.connect_ms),
        time(Phase::Tls, probe.timings.tls_ms),
        time(Phase::FirstByte, probe.timings.first_byte_ms),
        time(Phase::Body, probe.timings.body_ms),
        result(probe),
        if track.samples == 0 { String::new() } else { format!("{} of {}", track.failures, track.samples) },
        track.link.as_ref().map_or_else(String::new, round_trip),
        if track.lossy == 0 { String::new() } else { format!("{} of {}", track.lossy, track.measured) },
    ]
}

/// The median round-trip time, and what is usual where that is known.
pub(in crate::cli) fn round_trip(link: &Link) -> String {
    let ms = |us: u32| format!("{}.{}", us / 1000, us % 1000 / 100);
    let jitter = link.jitter_us.map_or_else(String::new, |us| format!(" ±{}", ms(us)));
    let usual = link.baseline_us.map_or_else(String::new, |us| format!(", usually {}", ms(us)));
    format!("{}{jitter} ms{usual}", ms(link.rtt_median_us))
}

fn path(track: &Track) -> String {
    let way = match (track.key.observation, track.key.variant) {
        (Observation::ViaProxy, Variant::Plain) => "proxy, plain",
        (Observation::ViaProxy, Variant::Bypass) => "proxy",
        (Observation::ViaProxyLong, _) => "proxy, long",
        (Observation::Direct, _) => "direct",
        (Observation::InCluster, _) => "in cluster",
        _ => "other",
    };
    let access = match (track.key.observation, track.access) {
        (Observation::Direct, Access::Listed) => ", listed",
        (Observation::Direct, Access::Unlisted) => ", unlisted",
        _ => "",
    };
    format!("{way}{access} ({})", track.key.vantage)
}

/// The time of a phase; the one that failed is marked, those behind it are empty.
fn cell(probe: &Probe, phase: Phase, ms: Option<u32>) -> String {
    let time = ms.map_or_else(String::new, duration);
    if probe.phase == Some(phase) && probe.response.is_none() { format!("{time} ✗").trim().to_owned() } else { time }
}

fn duration(ms: u32) -> String {
    if ms < 1000 { format!("{ms} ms") } else { format!("{}.{} s", ms / 1000, ms % 1000 / 100) }
}

/// How the probe ended, in a word or two.
fn result(probe: &Probe) -> String {
    let status = probe.response.as_ref().map(|r| r.status.to_string());
    match (probe.outcome, status) {
        (Outcome::OK | Outcome::UnexpectedStatus, Some(status)) => status,
        (outcome, Some(status)) => format!("{status}, {}", words(outcome)),
        (outcome, None) => words(outcome).to_owned(),
    }
}

pub(super) const fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::OK => "ok",
        Outcome::UnexpectedStatus => "unexpected status",
        Outcome::UnexpectedBody => "unexpected body",
        Outcome::TooSlow => "too slow",
        Outcome::Refused => "refused",
        Outcome::TimedOut => "timed out",
        Outcome::Reset => "reset",
        Outcome::Unreachable => "unreachable",
        Outcome::Prohibited => "prohibited",
        Outcome::ClosedEarly => "closed early",
        Outcome::TLSAlert => "TLS alert",
        Outcome::CertInvalid => "invalid certificate",
        Outcome::Truncated => "truncated",
        Outcome::Malformed => "malformed",
        Outcome::NXDomain => "no such name",
        Outcome::ServFail => "name server failed",
        Outcome::Guarded => "guarded",
        Outcome::Covered => "covered",
        Outcome::Missing => "no address",
        Outcome::Forbidden => "not allowed here",
        Outcome::Unavailable => "not possible here",
        Outcome::Lost => "lost",
        Outcome::Exceeded => "exceeded",
    }
}

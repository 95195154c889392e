//! The phases of a probe as one bar. All bars of a page share a scale, so that a slow path stands out; what a bar says
//! stands in its text alternative and, as numbers, in the row beside it.

use super::path::PathView;
use maud::{Markup, html};
use std::fmt::Write;

/// The drawing's own units.
const WIDTH: u32 = 240;
const HEIGHT: u32 = 18;
/// A phase that took no time is still there to be seen.
const LEAST: u32 = 3;
/// A letter fits in so much.
const LETTER: u32 = 12;

/// The longest of some paths, in milliseconds.
pub fn scale(paths: &[PathView]) -> u32 {
    let sum = |path: &PathView| path.phases().into_iter().filter_map(|(_, ms)| ms).fold(0, u32::saturating_add);
    paths.iter().map(sum).max().unwrap_or_default().max(1)
}

/// One bar.
pub fn bar(path: &PathView, scale: u32) -> Markup {
    let mut said = String::new();
    let mut parts = Vec::new();
    let mut x = 0;
    // Room for the least width of every phase.
    let room = WIDTH - 5 * LEAST;
    for ((name, ms), class) in path.phases().into_iter().zip(["dns", "connect", "tls", "first", "body"]) {
        let Some(ms) = ms else { continue };
        let _ = write!(said, "{}{name} {ms} ms", if said.is_empty() { "" } else { ", " });
        let long = u64::from(ms) * u64::from(room) / u64::from(scale);
        let width = LEAST + u32::try_from(long).unwrap_or(room).min(room);
        parts.push((x, width, class, name.get(..1).unwrap_or_default()));
        x += width;
    }
    if said.is_empty() {
        said.push_str("no phase was reached");
    }
    if let Some(phase) = path.phase {
        let _ = write!(said, "; ended in phase {phase} with {}", path.result);
    }
    html! {
        svg.bar role="img" aria-label=(said) viewBox=(format!("0 0 {} {HEIGHT}", WIDTH + 16)) width=(WIDTH + 16) height=(HEIGHT) {
            @for (x, width, class, letter) in parts {
                rect.(class) x=(x) y="1" width=(width - 1) height=(HEIGHT - 2) {}
                @if width >= LETTER {
                    text x=(x + width / 2) y="13" text-anchor="middle" { (letter) }
                }
            }
            @if path.phase.is_some() {
                text.end x=(x + 3) y="14" { "✕" }
            }
        }
    }
}

/// What the letters mean.
pub fn legend() -> Markup {
    html! {
        p.faint { "D DNS, C connect, T TLS, F first byte, B body, ✕ ended here. One scale for all bars." }
    }
}

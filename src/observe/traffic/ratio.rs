//! Did the origin's requests rise alone? Seasons, campaigns and the time of day move the origin's count and the proxy's
//! together, so it is their ratio that is watched: `x = ln((O+1)/(P+1))` in windows of five minutes, against the median
//! of a day.
//!
//! A window is anomalous when x is more than four deviations above the median (counting noise and the day's own spread
//! both count), the ratio is more than 1.3 times the usual one, and the excess is more than half a request a second. It
//! takes three of the last five windows to raise it, and none to clear it. Fewer than 100 windows to compare with is
//! unknown. A bypass that is as large as the traffic of its hour is found within half an hour; below 30 % it is not found, and
//! at a request in five seconds it takes several times the traffic. The simulation in the tests holds it to that.

use crate::evidence::fact::{Trend, Why};

/// Seconds of a window.
pub const WINDOW: i64 = 300;
/// Windows to compare with, and how many are too few.
const BASELINE: i64 = 288;
const LEAST: usize = 100;
/// The baseline ends this long before now, so that what happens now is not compared with itself.
const GUARD: i64 = 900;
/// Of so many windows…
const RECENT: i64 = 5;
/// …so many anomalous ones raise it.
const RAISE: usize = 3;
/// How far back a question has to look.
pub const SPAN: i64 = BASELINE * WINDOW + GUARD;

/// One window's counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// When it ended, in seconds.
    pub end: i64,
    /// Requests at the origin.
    pub origin: f64,
    /// Requests that the proxy forwarded.
    pub forwarded: f64,
}

/// What the windows show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    pub trend: Trend,
    /// It is raised: to be given back with the next question.
    pub raised: bool,
    /// The newest window's ratio, in percent of the usual one.
    pub percent_of_usual: f64,
    pub newest: Window,
}

/// Judges windows that end at `now` or before. `raised`: what was said last.
pub fn judge(windows: &[Window], now: i64, raised: bool) -> Result<Ratio, Why> {
    let base: Vec<&Window> = windows.iter().filter(|w| w.end <= now - GUARD && w.end > now - SPAN).collect();
    if base.len() < LEAST {
        return Err(Why::ShortBaseline);
    }
    let recent: Vec<&Window> = windows.iter().filter(|w| w.end <= now && w.end > now - RECENT * WINDOW).collect();
    let newest = recent.iter().max_by_key(|w| w.end).filter(|w| w.end == now).ok_or(Why::NoData)?;
    if recent.len() < RAISE {
        return Err(Why::NoData);
    }
    let usual = median(base.iter().map(|w| x(w))).ok_or(Why::NoData)?;
    let spread = 1.4826 * median(base.iter().map(|w| (x(w) - usual).abs())).ok_or(Why::NoData)?;
    let ratio = usual.exp();
    let anomalous = |w: &&&Window| {
        let deviation = (1.0 / (w.origin + 1.0) + 1.0 / (w.forwarded + 1.0) + spread.max(0.05).powi(2)).sqrt();
        (x(w) - usual) / deviation > 4.0
            && w.origin > 1.3 * ratio * w.forwarded
            && w.origin - ratio * w.forwarded > 0.5 * 300.0
    };
    let count = recent.iter().filter(anomalous).count();
    let raised = count >= RAISE || raised && count > 0;
    let busier = || {
        let forwarded = median(base.iter().map(|w| w.forwarded));
        forwarded.is_some_and(|usual| newest.forwarded > 1.5 * usual + 30.0)
    };
    let trend = if raised {
        Trend::OriginAlone
    } else if busier() {
        Trend::Together
    } else {
        Trend::Usual
    };
    Ok(Ratio { trend, raised, percent_of_usual: 100.0 * (x(newest) - usual).exp(), newest: **newest })
}

fn x(window: &Window) -> f64 {
    ((window.origin + 1.0) / (window.forwarded + 1.0)).ln()
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, at, _) = (!values.is_empty()).then(|| values.select_nth_unstable_by(middle, f64::total_cmp))?;
    let at = *at;
    if even {
        let lower = below.iter().copied().max_by(f64::total_cmp)?;
        return Some(f64::midpoint(lower, at));
    }
    Some(at)
}

#[cfg(test)]
mod tests;

//! Quiet windows beside busy ones: does a probe through the proxy fail when visitors are many? No load is made for it.

use crate::evidence::fact::{LoadContrast, Tally, Why};

/// One window: its end in seconds, the load in it, and what became of the probes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    pub end: i64,
    pub load: f64,
    pub probes: f64,
    pub failures: f64,
}

/// Load from which on a window is busy, by the median: the daily swing of most sites goes further.
const BUSY: f64 = 1.5;

/// Windows with no more than the median load beside those with half as much again.
pub fn contrast(windows: &[Window], width: i64, source: &str) -> Result<LoadContrast, Why> {
    const FEWEST: usize = 16;
    if windows.len() < FEWEST {
        return Err(Why::ShortBaseline);
    }
    let mut loads: Vec<f64> = windows.iter().map(|w| w.load).collect();
    loads.sort_by(f64::total_cmp);
    let usual = loads.get(loads.len() / 2).copied().ok_or(Why::NoData)?;
    let quiet: Vec<&Window> = windows.iter().filter(|w| w.load <= usual).collect();
    let busy: Vec<&Window> = windows.iter().filter(|w| w.load >= BUSY * usual && w.load > usual).collect();
    // A load that never moves tells nothing.
    if busy.is_empty() {
        return Err(Why::NoData);
    }
    let mut failed: Vec<i64> = busy.iter().filter(|w| w.failures >= 1.0).map(|w| w.end).collect();
    failed.sort_unstable();
    // Apart: at least half an hour between them, so that one outage is one spell.
    let apart = failed.windows(2).filter(|pair| matches!(pair, [a, b] if b - a > 6 * width)).count();
    let spells = if failed.is_empty() { 0 } else { apart + 1 };
    Ok(LoadContrast {
        source: source.to_owned(),
        quiet: tally(&quiet),
        busy: tally(&busy),
        spells: u32::try_from(spells).unwrap_or(u32::MAX),
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the type's range")]
fn tally(windows: &[&Window]) -> Tally {
    let sum = |of: fn(&Window) -> f64| windows.iter().map(|w| of(w)).sum::<f64>().round().clamp(0.0, 4e9) as u32;
    let probes = sum(|w| w.probes);
    Tally { probes, failures: sum(|w| w.failures).min(probes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A day and an hour; `busy(i)` tells busy windows, `fails(i)` those whose probes fail.
    fn day(busy: impl Fn(i64) -> bool, fails: impl Fn(i64) -> bool) -> LoadContrast {
        let windows: Vec<Window> = (0..300)
            .map(|i| Window {
                end: i * 300,
                load: if busy(i) { 1000.0 } else { 10.0 + f64::from(i32::try_from(i % 7).unwrap()) },
                probes: 10.0,
                failures: if fails(i) { 6.0 } else { 0.0 },
            })
            .collect();
        contrast(&windows, 300, "p").unwrap()
    }

    #[test]
    fn failures_of_busy_windows_show() {
        let found = day(|i| i % 20 < 5, |i| i % 20 < 5);
        assert_eq!(found.busy, Tally { probes: 750, failures: 450 });
        assert!(found.quiet.failures == 0 && found.quiet.probes >= 1000, "{found:?}");
        assert!(found.spells >= 10 && found.shows_load(), "{found:?}");
    }

    #[test]
    fn an_outage_that_fell_into_a_busy_hour_is_one_spell() {
        let found = day(|i| (100..175).contains(&i), |i| (120..150).contains(&i));
        assert_eq!(found.spells, 1);
        assert!(!found.shows_load());
    }

    #[test]
    fn a_load_that_never_moves_tells_nothing() {
        let flat: Vec<Window> =
            (0..300).map(|i| Window { end: i * 300, load: 5.0, probes: 10.0, failures: 1.0 }).collect();
        assert_eq!(contrast(&flat, 300, "p"), Err(Why::NoData));
        assert_eq!(contrast(&flat[..10], 300, "p"), Err(Why::ShortBaseline));
    }
}

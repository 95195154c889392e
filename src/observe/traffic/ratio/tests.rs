//! Days of traffic: a daily swing, bursts that visitors make together, drift, and more noise than counting makes.

use super::*;

/// A small generator, so that every run sees the same days.
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let value = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        value
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A count with this mean.
    fn poisson(&mut self, mean: f64) -> f64 {
        if mean > 50.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0);
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.unit(), 0.0);
        while product > limit {
            product *= self.unit();
            count += 1.0;
        }
        count
    }
}

/// So many windows of a site with `rate` requests a second in the mean; `bypass(i)` is added to the origin's rate.
fn days(windows: i64, rate: f64, seed: u64, bypass: impl Fn(i64) -> f64) -> Vec<Window> {
    let mut dice = Dice(seed);
    let mut burst = 1.0;
    (0..windows)
        .map(|i| {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let day = i as f64 / 288.0;
            if dice.unit() < 0.02 {
                burst = 1.0 + 4.0 * dice.unit();
            } else {
                burst = 1.0 + (burst - 1.0) * 0.8;
            }
            let visitors = rate * 300.0 * (1.0 + 0.8 * (std::f64::consts::TAU * day).sin()) * burst;
            // Five percent in the ratio of the two.
            let mut noise = || (0.035 * dice.normal()).exp();
            let (at_origin, at_proxy) = (noise(), noise());
            // Something beside the proxy that is always there, and grows a little.
            let own = rate * 300.0 * 0.05 * (1.0 + 0.005 * day);
            Window {
                end: (i + 1) * WINDOW,
                origin: dice.poisson(visitors * at_origin + own + bypass(i) * 300.0),
                forwarded: dice.poisson(visitors * at_proxy),
            }
        })
        .collect()
}

/// The windows at which it is raised, as the operator asks: each window, with what was said before.
fn raises(windows: &[Window]) -> Vec<usize> {
    let mut raised = false;
    let mut found = Vec::new();
    for now in 300..windows.len() {
        let from = now.saturating_sub(310);
        let ratio = judge(&windows[from..=now], windows[now].end, raised).unwrap();
        if ratio.raised && !raised {
            found.push(now);
        }
        raised = ratio.raised;
    }
    found
}

#[test]
fn ordinary_days_raise_nothing() {
    for (seed, rate) in [(11, 0.2), (12, 1.0), (13, 10.0), (14, 200.0)] {
        let windows = days(288 * 15, rate, seed, |_| 0.0);
        assert_eq!(raises(&windows), Vec::<usize>::new(), "{rate} requests a second");
    }
}

/// Windows of the second day at which the daily swing stands at its peak, at its mean on the way down, and low.
const PEAK: i64 = 360;
const MEAN: i64 = 432;
const LOW: i64 = 500;

/// In how many of ten tries a bypass of `share` of the mean traffic that begins at `from` is found within `within` windows.
fn found(rate: f64, share: f64, from: i64, within: usize) -> usize {
    let hits = |seed: u64| {
        let windows = days(from + 12, rate, seed * 7919 + 5, |i| if i >= from { rate * share } else { 0.0 });
        let begin = usize::try_from(from).unwrap();
        raises(&windows).first().is_some_and(|at| (begin..begin + within).contains(at))
    };
    (1..=10).filter(|seed| hits(*seed)).count()
}

#[test]
fn a_bypass_as_large_as_the_traffic_is_found_within_half_an_hour() {
    for rate in [1.0, 10.0, 200.0] {
        assert!(found(rate, 1.0, LOW, 3) >= 9, "{rate} at low: {} of 10", found(rate, 1.0, LOW, 3));
        assert!(found(rate, 1.0, MEAN, 6) >= 8, "{rate} at the mean: {} of 10", found(rate, 1.0, MEAN, 6));
        assert!(found(rate, 4.0, PEAK, 6) >= 9, "{rate} at the peak: {} of 10", found(rate, 4.0, PEAK, 6));
    }
    for rate in [10.0, 200.0] {
        assert!(found(rate, 0.5, LOW, 6) >= 8, "half of it, {rate} at low: {} of 10", found(rate, 0.5, LOW, 6));
    }
}

#[test]
fn what_is_too_small_to_tell_is_not_told() {
    assert!(found(0.2, 1.0, LOW, 10) <= 2, "a request in five seconds is too few");
    assert!(found(10.0, 0.2, PEAK, 10) <= 2, "a fifth of the mean is below the guard at the peak");
}

#[test]
fn a_campaign_that_both_see_is_none() {
    let mut windows = days(300, 10.0, 3, |_| 0.0);
    for window in windows.iter_mut().rev().take(6) {
        window.origin *= 8.0;
        window.forwarded *= 8.0;
    }
    let ratio = judge(&windows, windows.last().unwrap().end, false).unwrap();
    assert_eq!((ratio.trend, ratio.raised), (Trend::Together, false));
}

#[test]
fn it_clears_only_when_nothing_is_anomalous_any_more() {
    let mut windows = days(320, 10.0, 5, |i| if (300..306).contains(&i) { 60.0 } else { 0.0 });
    let at = |windows: &[Window], i: usize, raised| judge(&windows[..=i], windows[i].end, raised).unwrap().raised;
    assert!(!at(&windows, 301, false), "two windows are too few");
    assert!(at(&windows, 302, false));
    assert!(at(&windows, 309, true), "one of five still holds");
    assert!(!at(&windows, 309, false), "and does not raise");
    assert!(!at(&windows, 310, true));
    windows.truncate(120);
    assert_eq!(judge(&windows[..90], windows[89].end, false), Err(Why::ShortBaseline));
    // The newest window is missing: what was an hour ago says nothing of now.
    assert_eq!(judge(&windows, windows[119].end + WINDOW, false), Err(Why::NoData));
}

//! The score and the second tier against the published figures (40-measurement 3.2 and 3.3), by simulation at the real
//! pace: every 30 seconds, every 10 while something is suspect.

use super::score::{SUSPECT, Score};
use super::window::Window;
use crate::evidence::Health;

const PERIOD: f64 = 30.0;
const RECHECK: f64 = 10.0;
const DAY: f64 = 86_400.0;

/// A fixed generator (xorshift64*), so that a test is the same every time.
struct Chance(u64);

impl Chance {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = u32::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32).unwrap();
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.uniform()).ln()
    }

    /// A pause with its jitter of a tenth.
    fn pause(&mut self, seconds: f64) -> f64 {
        seconds * (0.9 + 0.2 * self.uniform())
    }
}

fn chance(seed: u64) -> Chance {
    Chance(0x9E37_79B9_7F4A_7C15 ^ seed)
}

fn pause(score: Score, chance: &mut Chance) -> f64 {
    let close = score.value() >= SUSPECT || score.health() == Health::Failing;
    chance.pause(if close { RECHECK } else { PERIOD })
}

/// Seconds from the beginning of a fault until the score says so.
fn delay(p: f64, chance: &mut Chance) -> f64 {
    let mut score = Score::seeded(Health::OK);
    let mut at = PERIOD * chance.uniform();
    loop {
        score.count(chance.uniform() < p);
        if score.health() == Health::Failing {
            return at;
        }
        at += pause(score, chance);
    }
}

fn mean(values: &[f64]) -> (f64, f64) {
    let n = f64::from(u32::try_from(values.len()).unwrap());
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, (variance / n).sqrt())
}

fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() * percent / 100]
}

/// Within three standard errors of a figure that was published rounded.
fn agrees(what: &str, (mean, error): (f64, f64), published: f64, rounding: f64) {
    assert!((mean - published).abs() <= 3.0 * error + rounding, "{what}: {mean} ± {error}, published {published}");
}

#[test]
fn a_fault_is_confirmed_as_soon_as_published() {
    for (p, published, rounding) in
        [(1.0, 35.0, 0.5), (0.8, 56.0, 1.0), (0.5, 129.0, 2.0), (0.3, 352.0, 5.0), (0.2, 17.0 * 60.0, 30.0)]
    {
        let mut chance = chance(1);
        let mut delays: Vec<f64> = (0..20_000).map(|_| delay(p, &mut chance)).collect();
        agrees(&format!("p={p}"), mean(&delays), published, rounding);
        for (wanted, of) in [(49.0, 1.0), (288.0, 0.5)] {
            if (of - p).abs() < 1e-9 {
                let seen = percentile(&mut delays, 95);
                assert!((seen - wanted).abs() <= 0.03 * wanted, "p95 at p={p}: {seen}, published {wanted}");
            }
        }
    }
}

#[test]
fn recovery_takes_twelve_good_rechecks() {
    let mut chance = chance(2);
    let mut delays: Vec<f64> = (0..20_000)
        .map(|_| {
            let mut score = Score::seeded(Health::Failing);
            let mut at = RECHECK * chance.uniform();
            loop {
                score.count(false);
                if score.health() == Health::OK {
                    return at;
                }
                at += pause(score, &mut chance);
            }
        })
        .collect();
    agrees("recovery", mean(&delays), 115.0, 0.5);
    let late = percentile(&mut delays, 95);
    assert!((late - 121.0).abs() < 2.0, "p95 {late}");
}

/// Entries into Failing in so many days of independent failures.
fn alarms(p: f64, days: f64, chance: &mut Chance) -> f64 {
    let (mut score, mut at, mut alarms) = (Score::seeded(Health::OK), 0.0, 0.0);
    while at < days * DAY {
        let before = score.health();
        score.count(chance.uniform() < p);
        if score.health() == Health::Failing && before != Health::Failing {
            alarms += 1.0;
        }
        at += pause(score, chance);
    }
    alarms
}

#[test]
fn independent_failures_raise_as_few_alarms_as_published() {
    // 1 in 100 and fewer would take years of simulated days: the transition matrix has them.
    for (p, days, published, rounding) in [(0.05, 600.0, 0.83, 0.02), (0.02, 1000.0, 0.034, 0.002)] {
        let seen = alarms(p, days, &mut chance(3));
        agrees(&format!("p={p}"), (seen / days, seen.sqrt() / days), published, rounding);
    }
}

#[test]
fn blips_raise_as_few_alarms_as_published() {
    for (length, published, rounding) in [(5.0, 0.07, 0.01), (10.0, 1.03, 0.05), (20.0, 4.6, 0.15)] {
        let (blips, mut alarms) = (100_000_u32, 0_u32);
        let mut chance = chance(4);
        for _ in 0..blips {
            let end = chance.exponential(length);
            let mut score = Score::seeded(Health::OK);
            let mut at = PERIOD * chance.uniform();
            // The first good answer ends it: what is counted is the blip alone.
            while at < end && score.health() != Health::Failing {
                score.count(true);
                at += pause(score, &mut chance);
            }
            alarms += u32::from(score.health() == Health::Failing);
        }
        let share = f64::from(alarms) / f64::from(blips);
        let error = (share / f64::from(blips)).sqrt();
        agrees(&format!("24 blips of {length} s a day"), (24.0 * share, 24.0 * error), published, rounding);
    }
}

#[test]
fn what_fails_now_and_then_is_found_as_soon_as_published() {
    for (p, published) in [(0.20, 14.0), (0.10, 29.0), (0.05, 55.0)] {
        let mut chance = chance(5);
        let mut minutes: Vec<f64> = (0..4000)
            .map(|_| {
                let (mut window, mut probes) = (Window::default(), 0.0);
                // An hour of health comes before it.
                (0..120).for_each(|_| window.count(false, true, true));
                while !window.intermittent() {
                    window.count(chance.uniform() < p, true, false);
                    probes += 1.0;
                }
                probes * PERIOD / 60.0
            })
            .collect();
        let middle = percentile(&mut minutes, 50);
        assert!((middle - published).abs() <= 0.05 * published, "p={p}: median {middle} min, published {published}");
    }
}

#[test]
fn a_constant_rate_does_not_flap_in_the_second_tier_and_rare_failures_seldom_enter_it() {
    // Each day begins afresh, so that one entry a day is the first one.
    for (p, days, published, rounding) in [
        (0.20, 40_u32, 1.0, 0.05),
        (0.10, 40, 1.0, 0.1),
        (0.05, 150, 2.3, 0.1),
        (0.01, 250, 0.15, 0.01),
        (0.005, 400, 0.003, 0.001),
    ] {
        let mut chance = chance(6);
        let mut entries = 0.0;
        for _ in 0..days {
            let (mut window, mut inside, mut at) = (Window::default(), false, 0.0);
            while at < DAY {
                window.count(chance.uniform() < p, true, false);
                entries += f64::from(u8::from(window.intermittent() && !inside));
                inside = window.intermittent();
                at += PERIOD;
            }
        }
        let days = f64::from(days);
        agrees(&format!("p={p}"), (entries / days, f64::sqrt(entries.max(1.0)) / days), published, rounding);
    }
}

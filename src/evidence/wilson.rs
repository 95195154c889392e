//! Bounds of a share that was seen in few samples (Wilson's score interval at 95 %).

const Z: f64 = 1.96;

/// The interval within which the true share lies.
pub fn interval(hits: u32, samples: u32) -> (f64, f64) {
    if samples == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (f64::from(samples), f64::from(hits.min(samples)) / f64::from(samples));
    let z2 = Z * Z;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// The least that the true share can be.
pub fn at_least(hits: u32, samples: u32) -> f64 {
    interval(hits, samples).0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 30-causes 2.3: what it takes to claim more than 5 %, and what no loss at all still allows.
    #[test]
    fn the_bounds_are_the_known_ones() {
        for (hits, samples) in [(3, 20), (7, 60), (10, 100), (13, 150)] {
            assert!(at_least(hits, samples) > 0.05, "{hits}/{samples}: {}", at_least(hits, samples));
            assert!(at_least(hits - 1, samples) <= 0.05, "{}/{samples}", hits - 1);
        }
        assert!((interval(0, 20).1 - 0.16).abs() < 0.005);
        assert!((interval(0, 60).1 - 0.06).abs() < 0.005);
        assert_eq!(interval(0, 0), (0.0, 1.0));
    }
}

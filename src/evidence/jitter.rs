//! Interarrival jitter (RFC 3550, 6.4.1) over round-trip times: `J += (|D| - J) / 16`, where D is the difference between
//! one and the next. It starts at the first difference, and a loss breaks the chain.

/// A running estimate, in the unit of what is added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jitter {
    last: Option<u32>,
    /// Sixteen times the estimate, so that integers keep the fraction.
    scaled: Option<u64>,
}

impl Jitter {
    /// Takes in the next round-trip time.
    pub fn add(&mut self, time: u32) {
        if let Some(last) = self.last.replace(time) {
            let difference = u64::from(last.abs_diff(time));
            self.scaled = Some(self.scaled.map_or(difference * 16, |j| j + difference - j / 16));
        }
    }

    /// Something was lost: the next time has no neighbour.
    pub const fn lost(&mut self) {
        self.last = None;
    }

    /// The estimate; absent before two neighbours were seen.
    pub fn value(&self) -> Option<u32> {
        self.scaled.and_then(|scaled| u32::try_from(scaled / 16).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(times: &[Option<u32>]) -> Option<u32> {
        let mut jitter = Jitter::default();
        for time in times {
            match time {
                Some(time) => jitter.add(*time),
                None => jitter.lost(),
            }
        }
        jitter.value()
    }

    #[test]
    fn it_follows_the_recurrence_and_skips_losses() {
        assert_eq!(after(&[Some(100)]), None);
        assert_eq!(after(&[Some(100), Some(180)]), Some(80));
        // 80 + (0 - 80) / 16 = 75
        assert_eq!(after(&[Some(100), Some(180), Some(180)]), Some(75));
        assert_eq!(after(&[Some(100), None, Some(180)]), None);
    }

    #[test]
    fn a_steady_difference_is_its_own_jitter() {
        let times: Vec<Option<u32>> = (0..200).map(|i| Some(1000 + 400 * (i % 2))).collect();
        assert_eq!(after(&times), Some(400));
    }
}

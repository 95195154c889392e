//! Sets of numbers as sorted, separate, closed intervals: the arithmetic under [`RangeSet`](super::RangeSet).
//!
//! Closed ends, so that the largest number needs no 129th bit. Two intervals that touch are one, which makes equal sets
//! equal values.

/// Numbers from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Interval {
    pub(super) first: u128,
    pub(super) last: u128,
}

/// A set of numbers: sorted, and with a gap between any two neighbours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Intervals(Vec<Interval>);

impl Intervals {
    pub(super) const fn empty() -> Self {
        Self(Vec::new())
    }

    /// Sorts and joins whatever is given.
    pub(super) fn of(mut parts: Vec<Interval>) -> Self {
        parts.sort_unstable();
        let mut joined: Vec<Interval> = Vec::with_capacity(parts.len());
        for part in parts {
            match joined.last_mut() {
                // Touching counts: 1-3 and 4-5 are 1-5. Saturation is right: nothing lies behind the largest number.
                Some(open) if part.first <= open.last.saturating_add(1) => open.last = open.last.max(part.last),
                _ => joined.push(part),
            }
        }
        Self(joined)
    }

    pub(super) fn as_slice(&self) -> &[Interval] {
        &self.0
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).copied().collect())
    }

    pub(super) fn intersect(&self, other: &Self) -> Self {
        let mut common = Vec::new();
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(&&a), Some(&&b)) = (left.peek(), right.peek()) {
            let (first, last) = (a.first.max(b.first), a.last.min(b.last));
            if first <= last {
                common.push(Interval { first, last });
            }
            if a.last <= b.last {
                left.next();
            } else {
                right.next();
            }
        }
        Self(common)
    }

    /// What is here and not there.
    pub(super) fn subtract(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        let mut holes = other.0.iter().peekable();
        for part in &self.0 {
            let mut first = Some(part.first);
            while let (Some(start), Some(hole)) = (first, holes.peek()) {
                if hole.first > part.last {
                    break;
                }
                if hole.first > start {
                    rest.push(Interval { first: start, last: hole.first - 1 });
                }
                if hole.last >= part.last {
                    first = None; // The hole may reach into the next part too, so it stays.
                } else {
                    first = Some(start.max(hole.last + 1));
                    holes.next();
                }
            }
            if let Some(first) = first {
                rest.push(Interval { first, last: part.last });
            }
        }
        Self(rest)
    }

    pub(super) fn contains(&self, number: u128) -> bool {
        self.holds(Interval { first: number, last: number })
    }

    /// Is the whole interval inside? As neighbours never touch, it must be inside one part.
    pub(super) fn holds(&self, wanted: Interval) -> bool {
        let behind = self.0.partition_point(|part| part.first <= wanted.first);
        behind.checked_sub(1).and_then(|index| self.0.get(index)).is_some_and(|part| wanted.last <= part.last)
    }

    /// How many numbers; the whole of IPv6 is one more than fits and counts as `u128::MAX`.
    pub(super) fn count(&self) -> u128 {
        self.0.iter().fold(0, |sum, part| sum.saturating_add((part.last - part.first).saturating_add(1)))
    }
}

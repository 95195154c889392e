//! How many rounds run at once. Three quarters of the places are for origins that are well, one quarter
//! for suspects, so that an outage of many does not delay the rest; within a pool namespaces take turns.

use crate::operate::key::OriginKey;
use crate::operate::turns::Turns;

/// Which places a round takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    Well,
    Suspect,
}

/// Places, and who waits for one.
#[derive(Debug)]
pub struct Pools {
    well: Places,
    suspect: Places,
}

#[derive(Debug)]
struct Places {
    most: usize,
    taken: usize,
    waiting: Turns<OriginKey>,
}

impl Places {
    fn new(most: usize) -> Self {
        Self { most, taken: 0, waiting: Turns::default() }
    }
}

impl Pools {
    /// `most` rounds in all, at least one place in each pool.
    pub fn new(most: usize) -> Self {
        let suspect = (most / 4).max(1);
        Self { well: Places::new(most.saturating_sub(suspect).max(1)), suspect: Places::new(suspect) }
    }

    fn places(&mut self, pool: Pool) -> &mut Places {
        match pool {
            Pool::Well => &mut self.well,
            Pool::Suspect => &mut self.suspect,
        }
    }

    pub fn wait(&mut self, pool: Pool, key: OriginKey) {
        let namespace = key.namespace.clone();
        self.places(pool).waiting.push(&namespace, key);
    }

    /// The next that may begin, with its pool.
    pub fn next(&mut self) -> Option<(Pool, OriginKey)> {
        for pool in [Pool::Well, Pool::Suspect] {
            let places = self.places(pool);
            if places.taken < places.most
                && let Some(key) = places.waiting.pop()
            {
                places.taken += 1;
                return Some((pool, key));
            }
        }
        None
    }

    /// Gives a place back.
    pub fn leave(&mut self, pool: Pool) {
        let places = self.places(pool);
        places.taken = places.taken.saturating_sub(1);
    }

    pub const fn running(&self) -> usize {
        self.well.taken + self.suspect.taken
    }

    /// Everybody goes home: leadership was lost.
    pub fn clear(&mut self) {
        *self = Self { well: Places::new(self.well.most), suspect: Places::new(self.suspect.most) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspects_cannot_take_the_places_of_the_well() {
        let mut pools = Pools::new(8);
        for i in 0..100 {
            pools.wait(Pool::Suspect, OriginKey::new("a", format!("s{i}")));
        }
        for i in 0..100 {
            pools.wait(Pool::Well, OriginKey::new("a", format!("w{i}")));
        }
        let begun: Vec<Pool> = std::iter::from_fn(|| pools.next()).map(|(pool, _)| pool).collect();
        assert_eq!(begun.iter().filter(|p| **p == Pool::Well).count(), 6);
        assert_eq!(begun.iter().filter(|p| **p == Pool::Suspect).count(), 2);
        assert_eq!(pools.running(), 8);
        pools.leave(Pool::Suspect);
        assert_eq!(pools.next().map(|(pool, _)| pool), Some(Pool::Suspect));
        assert!(pools.next().is_none());
    }

    #[test]
    fn one_place_is_always_left_for_each() {
        let mut pools = Pools::new(1);
        pools.wait(Pool::Suspect, OriginKey::new("a", "s"));
        pools.wait(Pool::Well, OriginKey::new("a", "w"));
        assert!(pools.next().is_some() && pools.next().is_some());
    }
}

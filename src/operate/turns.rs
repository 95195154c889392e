//! Waiting in turn: one line per namespace, served one after the other, so that a namespace with
//! thousands of origins delays its own and nobody else's.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

/// Lines by namespace.
#[derive(Debug)]
pub struct Turns<T> {
    lines: BTreeMap<String, VecDeque<T>>,
    /// The namespace that was served last.
    last: String,
    length: usize,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { lines: BTreeMap::new(), last: String::new(), length: 0 }
    }
}

impl<T> Turns<T> {
    pub fn push(&mut self, namespace: &str, waiting: T) {
        if let Some(line) = self.lines.get_mut(namespace) {
            line.push_back(waiting);
        } else {
            self.lines.insert(namespace.to_owned(), VecDeque::from([waiting]));
        }
        self.length += 1;
    }

    /// The first of the line that follows the one served last.
    pub fn pop(&mut self) -> Option<T> {
        let next = self
            .lines
            .range::<str, _>((Bound::Excluded(self.last.as_str()), Bound::Unbounded))
            .next()
            .or_else(|| self.lines.iter().next())
            .map(|(namespace, _)| namespace.clone())?;
        let line = self.lines.get_mut(&next)?;
        let first = line.pop_front();
        if line.is_empty() {
            self.lines.remove(&next);
        }
        self.last = next;
        self.length = self.length.saturating_sub(usize::from(first.is_some()));
        first
    }

    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_does_not_delay_a_short_one() {
        let mut turns = Turns::default();
        for i in 0..1000 {
            turns.push("greedy", format!("g{i}"));
        }
        turns.push("modest", "m0".to_owned());
        turns.push("other", "o0".to_owned());
        let served: Vec<String> = (0..4).filter_map(|_| turns.pop()).collect();
        assert_eq!(served, ["g0", "m0", "o0", "g1"]);
        assert_eq!(std::iter::from_fn(|| turns.pop()).count(), 998);
    }

    #[test]
    fn every_one_is_served_once_and_in_order_of_its_line() {
        let mut turns = Turns::default();
        for i in 0..5 {
            turns.push("a", ("a", i));
            turns.push("b", ("b", i));
        }
        let mut served = Vec::new();
        while let Some(one) = turns.pop() {
            served.push(one);
        }
        assert_eq!(served.len(), 10);
        assert!(turns.is_empty());
        for line in ["a", "b"] {
            let own: Vec<i32> = served.iter().filter(|(l, _)| *l == line).map(|(_, i)| *i).collect();
            assert_eq!(own, [0, 1, 2, 3, 4]);
        }
    }
}

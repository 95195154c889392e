//! What this process remembers of the objects it writes: which content it wrote last, how often somebody undid it, and
//! what was rolled back. Nothing here has to survive a restart: forgetting costs a few repairs, and what was rolled back is
//! read from the status again ([`recover`](super::recover)).

use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Repairs of one object within [`WINDOW`] after which it is left alone.
const MOST_REPAIRS: usize = 5;
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// Names an object: kind, namespace and name.
pub type ObjectKey = String;

/// Identifies rendered content.
pub type Fingerprint = String;

/// Objects by key.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    objects: BTreeMap<ObjectKey, Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    written: Option<Fingerprint>,
    repairs: VecDeque<Timestamp>,
    contested: Option<Fingerprint>,
    rolled_back: Option<Fingerprint>,
}

impl Memory {
    /// Whether this very content was written before, so that writing it again repairs what somebody changed.
    pub fn wrote(&self, object: &str, content: &str) -> bool {
        self.objects.get(object).and_then(|k| k.written.as_deref()) == Some(content)
    }

    /// Whether repairs of this content were given up.
    pub fn contested(&self, object: &str, content: &str) -> bool {
        self.objects.get(object).and_then(|k| k.contested.as_deref()) == Some(content)
    }

    /// Whether this content was rolled back. Other content may be tried.
    pub fn rolled_back(&self, object: &str, content: &str) -> bool {
        self.objects.get(object).and_then(|k| k.rolled_back.as_deref()) == Some(content)
    }

    /// Asks whether to write. `false`: this would be one repair too many, and the object is left alone from now on.
    pub fn may_write(&mut self, object: &str, content: &str, now: Timestamp) -> bool {
        let known = self.objects.entry(object.to_owned()).or_default();
        if known.written.as_deref() != Some(content) {
            known.contested = None;
            return true;
        }
        known.forget_before(now);
        if known.repairs.len() >= MOST_REPAIRS {
            known.contested = Some(content.to_owned());
            return false;
        }
        known.repairs.push_back(now);
        true
    }

    /// Notes that the object carries this content now.
    pub fn written(&mut self, object: &str, content: &str) {
        self.objects.entry(object.to_owned()).or_default().written = Some(content.to_owned());
    }

    /// Notes that the object was found as it should be.
    pub fn found_right(&mut self, object: &str, content: &str, now: Timestamp) {
        let known = self.objects.entry(object.to_owned()).or_default();
        known.written = Some(content.to_owned());
        known.forget_before(now);
        if known.repairs.is_empty() {
            known.contested = None;
        }
    }

    /// Notes that this content was taken back.
    pub fn roll_back(&mut self, object: &str, content: &str) {
        let known = self.objects.entry(object.to_owned()).or_default();
        known.written = None;
        known.rolled_back = Some(content.to_owned());
    }

    /// Forgets objects for which `keep` does not hold.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.objects.retain(|key, _| keep(key));
    }
}

impl Known {
    fn forget_before(&mut self, now: Timestamp) {
        while self.repairs.front().is_some_and(|t| now.duration_since(*t) >= WINDOW) {
            self.repairs.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_sixth_repair_in_ten_minutes_is_not_made() {
        let mut memory = Memory::default();
        assert!(memory.may_write("p", "a", at(0)));
        memory.written("p", "a");
        for i in 1..=5 {
            assert!(memory.may_write("p", "a", at(i)), "repair {i}");
        }
        assert!(!memory.may_write("p", "a", at(6)));
        assert!(memory.contested("p", "a"));
        assert!(!memory.contested("p", "b"));
    }

    #[test]
    fn new_content_is_no_repair_and_ends_the_contest() {
        let mut memory = Memory::default();
        memory.written("p", "a");
        for i in 0..6 {
            memory.may_write("p", "a", at(i));
        }
        assert!(memory.contested("p", "a"));
        assert!(memory.may_write("p", "b", at(7)));
        assert!(!memory.contested("p", "b"));
    }

    #[test]
    fn slow_repairs_go_on_for_ever() {
        let mut memory = Memory::default();
        memory.written("p", "a");
        for i in 0..50 {
            assert!(memory.may_write("p", "a", at(i * 130)));
        }
    }

    #[test]
    fn a_contest_ends_when_the_object_is_right_and_quiet() {
        let mut memory = Memory::default();
        memory.written("p", "a");
        for i in 0..6 {
            memory.may_write("p", "a", at(i));
        }
        memory.found_right("p", "a", at(7));
        assert!(memory.contested("p", "a"), "it was found right only for a moment");
        memory.found_right("p", "a", at(700));
        assert!(!memory.contested("p", "a"));
    }
}

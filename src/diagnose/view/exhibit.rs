//! What a verdict points at: the very probe, certificate or fact that it rests on.

use crate::evidence::probe::Certificate;
use crate::evidence::{Fact, Probe, Track};

/// One piece of evidence.
#[derive(Clone, Copy, Debug)]
pub enum Exhibit<'c> {
    /// A probe of a path: the judged one.
    Probe(&'c Track, &'c Probe),
    /// The certificate that was shown there.
    Certificate(&'c Track, &'c Certificate),
    Fact(&'c Fact),
}

impl Exhibit<'_> {
    /// Whether both are the same piece.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Probe(_, a), Self::Probe(_, b)) => std::ptr::eq(*a, *b),
            (Self::Certificate(_, a), Self::Certificate(_, b)) => std::ptr::eq(*a, *b),
            (Self::Fact(a), Self::Fact(b)) => std::ptr::eq(*a, *b),
            _ => false,
        }
    }
}

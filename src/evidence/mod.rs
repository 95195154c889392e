//! The one vocabulary between observing and diagnosing: plain data that can be saved, sent, merged
//! and replayed. A [`Case`] is everything known about one origin at one time; `diagnose` is a pure
//! function of it, and `leeward explain --evidence` judges a saved one again.
//!
//! Nothing here holds bytes that a target sent: statuses, enums, numbers, hashes and our own words.

pub mod case;
pub mod fact;
pub mod jitter;
pub mod link;
pub mod maker;
pub mod probe;
pub mod subject;
pub mod track;
pub mod wilson;

pub use case::Case;
pub use fact::Fact;
pub use link::Link;
pub use probe::{Probe, Variant};
pub use subject::{Subject, Surroundings};
pub use track::{Health, Onset, PathKey, Track};

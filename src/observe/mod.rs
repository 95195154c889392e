//! Looking: everything that turns the outside world into evidence.

pub mod cluster;
pub mod ranges;

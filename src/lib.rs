//! Leeward.

pub mod net;

//! Leeward.

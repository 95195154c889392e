//! What Leeward says: status, events and metrics. Status is a pure function of what is known; events
//! follow from two statuses; metrics carry everything that changes while nothing happens.

pub mod bounds;
pub mod events;
pub mod metrics;
pub mod page;
pub mod status;

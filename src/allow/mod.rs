//! What is allowed at the origin, and what should be.

pub mod evaluate;

//! The prober owns time: when each origin is looked at, how many at once, and what is published.

mod budget;
mod pace;

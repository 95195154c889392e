//! Counters of the origin's load, out of a Prometheus: rates and saturations as evidence.
//!
//! The administrator writes *profiles*: named sets of queries with places for namespace, Service, host and window. A
//! ProtectedOrigin picks one by its name; what is filled in is checked, so that no resource can ask for more than the
//! template says ([`template`]). Queries of its own are asked only where the administrator allows them. Answers become facts only where they are sure: no data, two
//! series, NaN, an error or a slow server are each `Unmeasured` with their reason, never zero. Whether the origin's
//! requests rose alone is decided by [`ratio`], a pure function.

pub mod contrast;
pub mod level;
pub mod measure;
pub mod place;
pub mod profile;
pub mod profiles;
pub mod ratio;
pub mod server;
pub mod template;

mod answer;
mod resolve;

pub use measure::{Memory, measure};
pub use place::Place;
pub use profile::Profile;
pub use profiles::Profiles;
pub use server::Server;

//! What is allowed at the origin, what should be, and how the one becomes the other.
//!
//! [`desired`] says which addresses every target should carry. [`plan`] compares that with what stands in the cluster, as
//! a pure function: per target a change, its diff, and a veto where [`guard`] objects. Nothing is written that was not
//! planned: [`apply`] takes a [`Plan`] and does it, widening everywhere before it narrows anywhere, and reads back what it
//! wrote.

pub mod apply;
pub mod desired;
pub mod evaluate;
pub mod guard;
pub mod invariants;
pub mod memory;
pub mod plan;
pub mod render;

pub use apply::{Applied, DryRun, Recovered, Rehearsal, Rollback, Written, apply, recover, rehearse, roll_back};
pub use desired::{Desired, desired};
pub use guard::Veto;
pub use memory::Memory;
pub use plan::{Change, Narrowing, Neighbour, Note, Plan, PlanInput, Synced, TargetPlan, plan, release};

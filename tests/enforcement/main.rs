//! What the operator writes is enforced, by real programs: two NetworkPolicy engines, two ingress
//! controllers, nginx and HAProxy. The proxy gets in, strangers stay out, and no visitor is lost while prefixes come and go.
//! So is the policy that the chart brings for the operator itself.
//!
//! One control plane, one network and one operator, under the rights of `deploy/` and nothing more, serve all tests at the
//! same time; each has a namespace, a site and hosts of its own. Every
//! write is held against the promises that none may break.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

mod contour;
mod haproxy_ingress;
mod ingress;
mod life;
mod output;
mod own_policy;
mod policies;
#[path = "../operator/replay.rs"]
mod replay;
mod stage;

//! The charts under a real Helm 4 and a real API server.
//!
//! Nothing runs pods here, so a kubelet of the tests' own does: it starts the operator as a process under exactly what
//! the pod says (arguments, environment, volumes, user, sysctls, a token of its `ServiceAccount` that is bound to the pod)
//! and reports readiness by the pod's own probe. Everything between, from the Deployment to `helm --wait`, is real.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

mod admission;
mod helm;
mod kubelet;
mod life;
mod namespaced;
mod overlays;
mod rendering;
mod rights;
mod server;

//! What the tools that apply manifests make of every status that the operator can write: kstatus (Helm 4, Flux), Flux's
//! rules for conditions, and Argo CD's scripts; and the forms in which pipelines read what the commands find.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

mod argocd;
mod flux;
mod kstatus;
mod networks;
mod origins;
mod pipeline;
mod state;

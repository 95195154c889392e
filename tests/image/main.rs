//! The image that `hack/image/build` makes (`make test-image`): what is in it, and that it runs as the charts run it, with
//! nothing else in its root. Not part of `cargo test`: a release build takes minutes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a test may fail

mod contents;
mod layout;
mod running;

//! Leeward's network lab: everything a test or the demo needs to stage a real situation.
//!
//! - [`accuracy`]: how often the diagnosis is right, as a page
//! - [`control_plane`]: etcd, kube-apiserver and kube-controller-manager, ready in a few seconds
//! - [`network`]: hosts as network namespaces behind one router, on documentation addresses
//! - [`dns`]: the lab's own name server, whose answers and failures a test decides
//! - [`servers`]: nginx, HAProxy and Envoy, and servers that misbehave as real ones cannot be told to
//! - [`certificates`]: a certificate authority and leaves that are valid, expired, mismatched or self-signed
//! - [`demo`]: the story that `make demo` tells
//! - [`heap`]: an allocator that counts
//! - [`installation`]: Leeward in the cluster, installed and asked as an administrator does
//! - [`monitoring`]: alerts and dashboards of `deploy/monitoring`, as data
//! - [`policy_engine`]: engines that really enforce NetworkPolicies, on a host that is a node
//! - [`terminal`]: a program in tmux, keys that are pressed, and what then stands on the screen
//! - [`visitors`]: requests at a steady rate, each answer counted
//! - [`situation`]: the files under `tests/situations/`, staged, asked about and compared
//!
//! Calls block; an async test wraps them in `spawn_blocking` or just lets them block. Everything started here ends
//! when its value is dropped, and also when this process dies: see [`process`] and [`cleanup`].

pub mod accuracy;
pub mod certificates;
pub mod cleanup;
pub mod control_plane;
pub mod demo;
pub mod dns;
pub mod gitops;
pub mod heap;
pub mod helm;
pub mod installation;
pub mod monitoring;
pub mod network;
pub mod policy_engine;
pub mod process;
pub mod rights;
pub mod servers;
pub mod situation;
pub mod terminal;
pub mod tools;
pub mod visitors;

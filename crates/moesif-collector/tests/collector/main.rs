//! The real binary, driven over real HTTP: what a client, an operator and an attacker can see of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says where it stopped"
)]

mod bodies;
mod harness;
mod ingest;
mod page;
mod process;
mod profiles;
mod query;
mod remote;
mod storage;

//! Tests of the binary over real HTTP, as clients, operators and attackers use it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic fails the test and shows the line"
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

//! Delivers finished exchanges to a collector and counts every event.
//!
//! In: exchanges from application threads, which never wait. Out: gzipped batches, sent by worker threads,
//! and [`Stats`], in which every event is in exactly one place.
//!
//! | Module | Does |
//! |---|---|
//! | `pipeline` | starts the threads; the API for the modules above |
//! | `queue` | puts the ledger behind a lock; wakes workers and flushes |
//! | `ledger` | decides what is sent next and when, and what happens after an upload |
//! | `accounts` | counts what happened to each event |
//! | `batch` | writes a batch; applies a `Verdict`, the result of the **retry policy** in `http` |
//! | `breaker` | pauses sending while the collector fails |
//! | `worker` | writes, sends and settles batches |
//! | `notice` | messages about delivery |
//! | `stats` | the public counts |
//! | `configuration` | where and how events are delivered |
//!
//! No thread starts before `Pipeline::start`. The threads never call into the application.

mod accounts;
mod batch;
mod breaker;
mod configuration;
mod ledger;
mod notice;
mod pipeline;
mod queue;
mod stats;
mod worker;

pub use breaker::BreakerState;
pub use configuration::Delivery;
pub use pipeline::Pipeline;
pub use stats::{DropReason, LastError, Stats};

//! Where and how events are delivered.

use std::time::Duration;

use crate::http::Endpoint;

/// Delivery settings. Clients with equal delivery settings share one pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The collector, and the application id that events are sent under.
    pub endpoint: Endpoint,
    /// Most events in the queue.
    pub queue_size: usize,
    /// Bytes that this client needs from the byte budget of the process.
    pub queue_bytes: u64,
    /// Most events in one batch.
    pub batch_size: usize,
    /// Most bytes in one batch, before compression.
    pub batch_bytes: usize,
    /// Longest time that an event waits for its batch to fill.
    pub batch_timeout: Duration,
    /// Number of worker threads, which is the number of concurrent uploads.
    pub workers: usize,
    /// Longest time that the process waits for delivery when it ends.
    pub flush_timeout: Duration,
}

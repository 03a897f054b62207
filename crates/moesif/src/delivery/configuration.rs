//! Where and how events are delivered.

use std::time::Duration;

use crate::http::Endpoint;

/// Delivery settings. Clients with equal delivery settings share one pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The collector, and the application id that events are sent under.
    pub endpoint: Endpoint,
    /// Maximum number of events in the queue.
    pub queue_size: usize,
    /// Minimum byte budget of the process. The largest value of all clients applies.
    pub queue_bytes: u64,
    /// Maximum number of events in one batch.
    pub batch_size: usize,
    /// Maximum size of one batch in bytes, before compression. A single event may be larger.
    pub batch_bytes: usize,
    /// Longest time that an event waits for its batch to fill.
    pub batch_timeout: Duration,
    /// Number of worker threads, which is the number of concurrent uploads.
    pub workers: usize,
    /// Longest time that the process waits for delivery when it ends.
    pub flush_timeout: Duration,
}

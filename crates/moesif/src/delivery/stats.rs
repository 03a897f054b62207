//! Statistics: every event is counted in exactly one place.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::breaker::BreakerState;

/// Why an event was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// The queue was full (`EVENT_QUEUE_SIZE`).
    QueueFull,
    /// The byte budget was used up (`EVENT_QUEUE_BYTES`), even for the event without its bodies.
    QueueBytes,
    /// The collector refused the event when it was sent alone.
    Refused,
    /// The collector rejected this event of a batch and kept the others.
    Rejected,
    /// The event could not be written as JSON.
    Unserializable,
    /// The process had no memory left for the event.
    Memory,
    /// A bug in this package.
    Internal,
}

impl DropReason {
    pub(crate) const ALL: [Self; 7] = [
        Self::QueueFull,
        Self::QueueBytes,
        Self::Refused,
        Self::Rejected,
        Self::Unserializable,
        Self::Memory,
        Self::Internal,
    ];

    /// Returns the key under `dropped` in the statistics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::QueueBytes => "queue_bytes",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Unserializable => "unserializable",
            Self::Memory => "memory",
            Self::Internal => "internal",
        }
    }
}

/// Counts of the events of a process. At every moment
/// `captured = sent + sampled_out + skipped + dropped + queued + in_flight + spooled`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls that have ended.
    pub captured: u64,
    /// Events that a collector acknowledged.
    pub sent: u64,
    /// Calls left out by sampling.
    pub sampled_out: u64,
    /// Calls left out by `SKIP`.
    pub skipped: u64,
    /// Lost events, by reason. Reasons without a loss are absent.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Events that wait in memory.
    pub queued: u64,
    /// Events that are being sent or wait to be sent again.
    pub in_flight: u64,
    /// Events that wait on disk.
    pub spooled: u64,
    /// Bytes of the budget in use: bodies being recorded, queued events and retries.
    pub queue_bytes: u64,
    /// Bodies left out of events because the budget was used up or a mask could not be applied.
    pub bodies_removed: u64,
    /// Number of failed calls of the application's functions.
    pub callback_failures: u64,
    /// When a collector last acknowledged events.
    pub last_success: Option<SystemTime>,
    /// The last upload that failed.
    pub last_error: Option<LastError>,
    /// Whether events are being sent. With several pipelines, this is the worst state.
    pub breaker: BreakerState,
}

/// An upload that failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastError {
    /// When it failed.
    pub at: SystemTime,
    /// Why.
    pub reason: String,
}

impl Stats {
    /// Adds the counts of another pipeline. Leaves the counts of the whole process, such as `queue_bytes`,
    /// unchanged.
    pub(crate) fn add(&mut self, other: &Self) {
        self.captured += other.captured;
        self.sent += other.sent;
        self.sampled_out += other.sampled_out;
        self.skipped += other.skipped;
        for (reason, events) in &other.dropped {
            *self.dropped.entry(*reason).or_default() += events;
        }
        self.queued += other.queued;
        self.in_flight += other.in_flight;
        self.spooled += other.spooled;
        self.bodies_removed += other.bodies_removed;
        self.last_success = self.last_success.max(other.last_success);
        if other.last_error > self.last_error {
            self.last_error.clone_from(&other.last_error);
        }
        self.breaker = self.breaker.max(other.breaker);
    }
}

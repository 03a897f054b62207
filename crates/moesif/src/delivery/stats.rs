//! Accounting: every event ends in exactly one column.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::breaker::BreakerState;

/// Why an event was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// The queue held as many events as `EVENT_QUEUE_SIZE` allows.
    QueueFull,
    /// The byte budget (`EVENT_QUEUE_BYTES`) had no room for it, even without its bodies.
    QueueBytes,
    /// The collector refused it when it was sent alone.
    Refused,
    /// The collector named it as refused and kept the others.
    Rejected,
    /// It could not be written as JSON.
    Unserializable,
    /// A fault in this package.
    Internal,
}

impl DropReason {
    pub(crate) const ALL: [Self; 6] = [
        Self::QueueFull,
        Self::QueueBytes,
        Self::Refused,
        Self::Rejected,
        Self::Unserializable,
        Self::Internal,
    ];

    /// The key under `dropped` in the statistics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::QueueBytes => "queue_bytes",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Unserializable => "unserializable",
            Self::Internal => "internal",
        }
    }
}

/// What became of the events of a process. At every moment
/// `captured = sent + sampled_out + skipped + dropped + queued + in_flight + spooled`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls whose response has ended.
    pub captured: u64,
    /// Events a collector acknowledged.
    pub sent: u64,
    /// Events left out by sampling.
    pub sampled_out: u64,
    /// Calls the application's `SKIP` left out.
    pub skipped: u64,
    /// Events lost, by reason; reasons without a loss are absent.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Events waiting in memory.
    pub queued: u64,
    /// Events being sent, or waiting to be sent again.
    pub in_flight: u64,
    /// Events waiting on disk.
    pub spooled: u64,
    /// Bytes taken from the budget by bodies in flight, queue and retries.
    pub queue_bytes: u64,
    /// Bodies that events were sent without: the budget had no room for them, or a mask could not be applied to them.
    pub bodies_removed: u64,
    /// How often a function of the application's settings has failed.
    pub callback_failures: u64,
    /// When a collector last acknowledged events.
    pub last_success: Option<SystemTime>,
    /// When an upload last failed, and why.
    pub last_error: Option<(SystemTime, String)>,
    /// Whether events are being sent; of several pipelines, the state of the one that is worst off.
    pub breaker: BreakerState,
}

impl Stats {
    /// Adds another pipeline's events.
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

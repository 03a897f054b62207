//! Retry pauses: how long to wait after a failure. Batches of events and API requests use the same pauses.

use std::time::Duration;

use crate::process::Random;

/// Upper limit of the first pause. Doubles with each failure.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Maximum of that upper limit.
pub(crate) const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Minimum pause, whatever the jitter.
pub(crate) const MIN_PAUSE: Duration = Duration::from_millis(50);
/// Maximum wait for `Retry-After`. A longer value is capped.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

/// Exponential backoff with full jitter. The jitter spreads the retries of processes that failed at the same
/// time.
#[derive(Debug)]
pub(crate) struct Backoff {
    random: Random,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::from_seed(seed) }
    }

    /// Returns the pause after a failure. `failures` is the number of failures in a row before it.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        self.up_to(doubled(FIRST_PAUSE, failures).min(MAX_PAUSE)).max(MIN_PAUSE)
    }

    /// Returns a random duration from zero to `limit`, in whole milliseconds.
    fn up_to(&self, limit: Duration) -> Duration {
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.random.next() % millis.saturating_add(1))
    }
}

/// Caps `Retry-After` at ten minutes. Zero if the collector sent none.
pub(crate) fn cap_retry_after(retry_after: Option<Duration>) -> Duration {
    retry_after.unwrap_or_default().min(MAX_RETRY_AFTER)
}

/// Returns `first` doubled `times` times, at most ten times.
pub(crate) fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(10))
}

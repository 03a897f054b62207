//! Retry pauses: how long to wait after a failure. Batches of events and API requests use the same pauses.

use std::time::Duration;

/// Upper limit of the first pause. It doubles with each failure.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Upper limit at which it stops doubling.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Minimum pause, whatever the jitter.
pub(crate) const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// Longest `Retry-After` that is respected.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// Exponential backoff with full jitter, so that processes that failed together do not return together.
#[derive(Debug)]
pub(crate) struct Backoff {
    /// State of the random generator (splitmix64).
    random: u64,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: seed }
    }

    /// Returns the pause after a failure that came after `failures` others.
    pub(crate) fn pause(&mut self, failures: u32) -> Duration {
        self.up_to(doubled(FIRST_PAUSE, failures).min(LONGEST_PAUSE)).max(SHORTEST_PAUSE)
    }

    /// Returns a random duration from zero to `limit`, in whole milliseconds.
    fn up_to(&mut self, limit: Duration) -> Duration {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.random;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^= drawn >> 31;
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(drawn % millis.saturating_add(1))
    }
}

/// Caps `Retry-After` at ten minutes. Zero if the collector sent none.
pub(crate) fn cap_retry_after(retry_after: Option<Duration>) -> Duration {
    retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER)
}

/// Returns `first`, doubled so many times, ten at most.
pub(crate) fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(10))
}

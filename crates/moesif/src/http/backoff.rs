//! How long a collector that fails is left alone: one policy for batches of events and for requests somebody waits for.

use std::time::Duration;

/// The ceiling of the first pause; it doubles with each failure.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Where it stops doubling.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// However the dice fall.
pub(crate) const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// A collector may ask for more patience than our own longest pause, up to this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// Exponential back-off with full jitter, so that processes that failed together do not return together.
#[derive(Debug)]
pub(crate) struct Backoff {
    /// Random durations come from a seed of this process (splitmix64).
    random: u64,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: seed }
    }

    /// The pause after a failure that `failures` others came before.
    pub(crate) fn pause(&mut self, failures: u32) -> Duration {
        self.up_to(grown(FIRST_PAUSE, failures).min(LONGEST_PAUSE)).max(SHORTEST_PAUSE)
    }

    fn up_to(&mut self, ceiling: Duration) -> Duration {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.random;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^= drawn >> 31;
        let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(drawn % millis.saturating_add(1))
    }
}

/// What of the patience a collector asks for it is given.
pub(crate) fn asked(after: Option<Duration>) -> Duration {
    after.unwrap_or_default().min(LONGEST_RETRY_AFTER)
}

/// `first`, doubled so many times.
pub(crate) fn grown(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(10))
}

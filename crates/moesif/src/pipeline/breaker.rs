//! Whether a collector may be asked now.
//!
//! One failure opens the breaker for all workers of a pipeline: for a pause that grows while failures follow each other,
//! nothing is sent. Then one worker sends one batch, the probe, and what comes of it decides. So a dead collector costs
//! one request a pause, however many workers and batches wait.

use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// Someone has to do something before a collector that refuses takes events again.
const FIRST_STOP: Duration = Duration::from_secs(5);
const LONGEST_STOP: Duration = Duration::from_secs(600);
/// A collector may ask for more patience than our own longest pause, up to this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// Why nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It cannot be reached or cannot keep events now.
    Failing,
    /// It does not take events from this client.
    Refusing,
}

/// What a worker may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    /// Send whatever is due.
    Send,
    /// Send one batch, and say what came of it.
    Probe,
    /// Nothing before this moment.
    Wait(Instant),
    /// Nothing before the probe under way has ended.
    Probing,
}

/// How a breaker stands, for the statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum BreakerState {
    /// Events are sent as they come.
    #[default]
    Closed,
    /// One batch is being sent to see whether the collector works again.
    HalfOpen,
    /// The collector fails: nothing is sent until a pause is over.
    Open,
    /// The collector refuses this application id or this path: nothing is sent until a longer pause is over.
    Refused,
}

impl BreakerState {
    /// The value of `breaker` in the statistics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
            Self::Refused => "refused",
        }
    }
}

#[derive(Debug)]
pub(super) struct Breaker {
    phase: Phase,
    /// Failures since the last success.
    failures: u32,
    jitter: Jitter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    /// `asked`: the collector itself wants to be left alone until then, a flush notwithstanding.
    Open {
        cause: Cause,
        until: Instant,
        asked: bool,
    },
    Probing,
}

impl Breaker {
    pub(super) fn new(seed: u64) -> Self {
        Self { phase: Phase::Closed, failures: 0, jitter: Jitter(seed) }
    }

    pub(super) fn permit(&self, now: Instant) -> Permit {
        match self.phase {
            Phase::Closed => Permit::Send,
            Phase::Open { until, .. } if now < until => Permit::Wait(until),
            Phase::Open { .. } => Permit::Probe,
            Phase::Probing => Permit::Probing,
        }
    }

    /// The probe a permit was given for is on its way.
    pub(super) fn probing(&mut self) {
        self.phase = Phase::Probing;
    }

    /// The collector has answered as one that works. Says whether that is news.
    pub(super) fn works(&mut self) -> bool {
        let was_open = self.phase != Phase::Closed;
        self.phase = Phase::Closed;
        self.failures = 0;
        was_open
    }

    /// An upload has failed. Says whether the collector had worked until then.
    pub(super) fn fails(
        &mut self,
        now: Instant,
        cause: Cause,
        after: Option<Duration>,
        is_probe: bool,
    ) -> bool {
        match &mut self.phase {
            // Uploads that were under way when another failed fail for the same reason.
            Phase::Open { until, asked, .. } if !is_probe => {
                let later = after.and_then(|after| now.checked_add(after.min(LONGEST_RETRY_AFTER)));
                if let Some(later) = later.filter(|later| *later > *until) {
                    (*until, *asked) = (later, true);
                }
                return false;
            }
            Phase::Probing if !is_probe => return false,
            _ => {}
        }
        let is_news = self.phase == Phase::Closed;
        let pause = match (after, cause) {
            (Some(after), _) => after.min(LONGEST_RETRY_AFTER),
            (None, Cause::Failing) => self.pause(self.failures),
            (None, Cause::Refusing) => grown(FIRST_STOP, self.failures).min(LONGEST_STOP),
        };
        self.failures = self.failures.saturating_add(1);
        // A moment beyond the clock's range is not needed: pauses are short.
        let until = now.checked_add(pause).unwrap_or(now);
        self.phase = Phase::Open { cause, until, asked: after.is_some() };
        is_news
    }

    /// Exponential back-off with full jitter, so that processes that failed together do not return together.
    pub(super) fn pause(&mut self, failures: u32) -> Duration {
        self.jitter.up_to(grown(FIRST_PAUSE, failures).min(LONGEST_PAUSE)).max(SHORTEST_PAUSE)
    }

    /// Ends a pause, unless the collector asked for it.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let Phase::Open { until, asked: false, .. } = &mut self.phase {
            *until = now.min(*until);
        }
    }

    /// When the next upload may begin, if that is known and later than `now`.
    pub(super) fn closed_until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until, .. } => Some(until),
            Phase::Closed | Phase::Probing => None,
        }
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Probing => BreakerState::HalfOpen,
            Phase::Open { cause: Cause::Failing, .. } => BreakerState::Open,
            Phase::Open { cause: Cause::Refusing, .. } => BreakerState::Refused,
        }
    }
}

fn grown(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(10))
}

/// Random durations from a seed of this process (splitmix64).
#[derive(Debug)]
struct Jitter(u64);

impl Jitter {
    fn up_to(&mut self, ceiling: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^= drawn >> 31;
        let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(drawn % millis.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_probe_a_pause_and_pauses_that_grow() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(1);
        let mut longest = Duration::ZERO;
        assert!(breaker.fails(now, Cause::Failing, None, false));
        for failures in 1..20 {
            let Permit::Wait(until) = breaker.permit(now) else { panic!("{breaker:?}") };
            let pause = until - now;
            assert!((SHORTEST_PAUSE..=grown(FIRST_PAUSE, failures - 1).min(LONGEST_PAUSE)).contains(&pause));
            longest = longest.max(pause);
            now = until;
            assert_eq!(breaker.permit(now), Permit::Probe);
            breaker.probing();
            assert_eq!(breaker.permit(now), Permit::Probing);
            // What else fails meanwhile changes nothing.
            assert!(!breaker.fails(now, Cause::Failing, None, false));
            assert_eq!(breaker.permit(now), Permit::Probing);
            assert!(!breaker.fails(now, Cause::Failing, None, true));
        }
        assert!(longest > Duration::from_secs(10));
        assert!(breaker.works());
        assert_eq!((breaker.permit(now), breaker.failures), (Permit::Send, 0));
        assert!(!breaker.works());
    }

    #[test]
    fn a_flush_ends_our_own_pauses_and_no_others() {
        let now = Instant::now();
        let mut breaker = Breaker::new(2);
        breaker.fails(now, Cause::Failing, None, false);
        breaker.hurry(now);
        assert_eq!(breaker.permit(now), Permit::Probe);
        let asked = Duration::from_secs(7);
        breaker.probing();
        breaker.fails(now, Cause::Failing, Some(asked), true);
        breaker.hurry(now);
        assert_eq!(breaker.permit(now), Permit::Wait(now + asked));
        // Nobody's patience is without end.
        breaker.fails(now, Cause::Failing, Some(Duration::MAX), false);
        assert_eq!(breaker.permit(now), Permit::Wait(now + LONGEST_RETRY_AFTER));
    }

    #[test]
    fn a_collector_that_refuses_is_left_alone_for_longer() {
        let now = Instant::now();
        let mut breaker = Breaker::new(3);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            breaker.probing();
            breaker.fails(now, Cause::Refusing, None, true);
            assert_eq!(breaker.state(), BreakerState::Refused);
            pauses.push((breaker.closed_until().unwrap() - now).as_secs());
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
    }
}

//! Circuit breaker: decides whether a worker may send events now.
//!
//! One failure opens the breaker for all workers of a pipeline. They send nothing during a pause, which grows
//! with each failure in a row. After the pause, one worker sends one batch, the probe. Its result closes the
//! breaker or starts the next pause. So a collector that is down gets one request per pause, whatever the
//! number of workers and batches.

use std::time::{Duration, Instant};

use crate::http::{Backoff, cap_retry_after, doubled};

/// First pause after the collector refused this client. It is long, because the configuration must be
/// corrected first.
const FIRST_STOP: Duration = Duration::from_secs(5);
/// Maximum pause after the collector refused this client.
const MAX_STOP: Duration = Duration::from_secs(600);
/// Minimum time between two log messages about outages. Limits the messages if the collector fails
/// repeatedly.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Why the breaker is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The collector cannot be reached, or cannot keep events now.
    Failing,
    /// The collector does not accept events from this client.
    Refusing,
}

/// What a worker may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    /// Send any batch that is due.
    Send,
    /// Send one batch as the probe.
    Probe,
    /// Send nothing before this moment.
    Wait(Instant),
    /// Send nothing before the probe has ended.
    Probing,
}

/// State of a breaker, for the statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum BreakerState {
    /// Events are sent.
    #[default]
    Closed,
    /// One batch is being sent to find out whether the collector works again.
    HalfOpen,
    /// The collector fails: nothing is sent during a pause.
    Open,
    /// The collector refuses the application id or the path: nothing is sent during a longer pause.
    Refused,
}

impl BreakerState {
    /// Returns the value of `breaker` in the statistics.
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
    /// Cause of the outage that was logged, until its end is logged.
    logged: Option<Cause>,
    logged_at: Option<Instant>,
    backoff: Backoff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    /// Nothing is sent before `until`. `retry_after` is the earliest moment that the collector allows; a
    /// flush does not end the pause before it.
    Open {
        cause: Cause,
        until: Instant,
        retry_after: Instant,
    },
    Probing,
}

impl Breaker {
    pub(super) fn new(seed: u64) -> Self {
        Self { phase: Phase::Closed, failures: 0, logged: None, logged_at: None, backoff: Backoff::new(seed) }
    }

    /// Returns what a worker may do at `now`.
    pub(super) fn permit(&self, now: Instant) -> Permit {
        match self.phase {
            Phase::Closed => Permit::Send,
            Phase::Open { until, .. } if now < until => Permit::Wait(until),
            Phase::Open { .. } => Permit::Probe,
            Phase::Probing => Permit::Probing,
        }
    }

    /// Records that the permitted probe is being sent.
    pub(super) fn probe_sent(&mut self) {
        self.phase = Phase::Probing;
    }

    /// Records that an upload succeeded. Returns whether to log that the collector works again.
    pub(super) fn upload_succeeded(&mut self, is_probe: bool) -> bool {
        if self.phase != Phase::Closed && !is_probe {
            // This upload began before the one that failed, so the failure is newer.
            return false;
        }
        self.phase = Phase::Closed;
        self.failures = 0;
        self.logged.take().is_some()
    }

    /// Records that an upload failed. Returns whether to log it.
    pub(super) fn upload_failed(
        &mut self,
        now: Instant,
        cause: Cause,
        after: Option<Duration>,
        is_probe: bool,
    ) -> bool {
        match &mut self.phase {
            // This upload began before the breaker opened, and fails for the same reason.
            Phase::Open { until, retry_after, .. } if !is_probe => {
                *retry_after = earliest_retry(now, after).max(*retry_after);
                *until = (*retry_after).max(*until);
                return false;
            }
            Phase::Probing if !is_probe => return false,
            _ => {}
        }
        let pause = match cause {
            Cause::Failing => self.pause(self.failures),
            Cause::Refusing => doubled(FIRST_STOP, self.failures).min(MAX_STOP),
        };
        self.failures = self.failures.saturating_add(1);
        let retry_after = earliest_retry(now, after);
        // `Retry-After: 0` does not shorten our own pause.
        let until = now.checked_add(pause).unwrap_or(now).max(retry_after);
        self.phase = Phase::Open { cause, until, retry_after };
        self.should_log(now, cause)
    }

    fn should_log(&mut self, now: Instant, cause: Cause) -> bool {
        let is_too_soon = self.logged_at.is_some_and(|at| now.saturating_duration_since(at) < LOG_INTERVAL);
        if self.logged == Some(cause) || is_too_soon {
            return false;
        }
        (self.logged, self.logged_at) = (Some(cause), Some(now));
        true
    }

    /// Returns the pause after a failure. `failures` is the number of failures in a row before it.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        self.backoff.pause(failures)
    }

    /// Ends the pause, for a flush, but not before `Retry-After` allows it.
    pub(super) fn end_pause(&mut self, now: Instant) {
        if let Phase::Open { until, retry_after, .. } = &mut self.phase {
            *until = now.max(*retry_after).min(*until);
        }
    }

    /// Returns the end of the pause, if there is one.
    pub(super) fn paused_until(&self) -> Option<Instant> {
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

/// Returns the earliest moment that `Retry-After` allows.
fn earliest_retry(now: Instant, after: Option<Duration>) -> Instant {
    now.checked_add(cap_retry_after(after)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{FIRST_PAUSE, MAX_PAUSE, MIN_PAUSE};

    #[test]
    fn each_pause_ends_with_one_probe_and_pauses_grow() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(1);
        let mut longest = Duration::ZERO;
        assert!(breaker.upload_failed(now, Cause::Failing, None, false));
        for failures in 1..20 {
            let Permit::Wait(until) = breaker.permit(now) else { panic!("{breaker:?}") };
            let pause = until - now;
            assert!((MIN_PAUSE..=doubled(FIRST_PAUSE, failures - 1).min(MAX_PAUSE)).contains(&pause));
            longest = longest.max(pause);
            now = until;
            assert_eq!(breaker.permit(now), Permit::Probe);
            breaker.probe_sent();
            assert_eq!(breaker.permit(now), Permit::Probing);
            // Other failures during the probe change nothing.
            assert!(!breaker.upload_failed(now, Cause::Failing, None, false));
            assert_eq!(breaker.permit(now), Permit::Probing);
            assert!(!breaker.upload_failed(now, Cause::Failing, None, true));
        }
        assert!(longest > Duration::from_secs(10));
        breaker.probe_sent();
        assert!(!breaker.upload_succeeded(false));
        assert_eq!(breaker.permit(now), Permit::Probing);
        assert!(breaker.upload_succeeded(true));
        assert_eq!((breaker.permit(now), breaker.failures), (Permit::Send, 0));
        assert!(!breaker.upload_succeeded(false));
    }

    #[test]
    fn a_success_that_began_before_the_failure_does_not_end_the_pause() {
        let now = Instant::now();
        let mut breaker = Breaker::new(4);
        let retry_after = Duration::from_secs(30);
        breaker.upload_failed(now, Cause::Failing, Some(retry_after), false);
        assert!(!breaker.upload_succeeded(false));
        breaker.end_pause(now);
        assert_eq!(breaker.permit(now), Permit::Wait(now + retry_after));
    }

    #[test]
    fn retry_after_zero_does_not_shorten_our_pause() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(5);
        let mut waited = Duration::ZERO;
        for _ in 0..10 {
            breaker.probe_sent();
            breaker.upload_failed(now, Cause::Failing, Some(Duration::ZERO), true);
            let Permit::Wait(until) = breaker.permit(now) else { panic!("{breaker:?}") };
            waited += until - now;
            now = until;
        }
        assert!(waited > Duration::from_secs(10), "{waited:?}");
        breaker.end_pause(now);
        assert_eq!(breaker.permit(now), Permit::Probe);
    }

    #[test]
    fn repeated_outages_are_logged_once_a_minute() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(6);
        let mut logged = 0;
        for _ in 0..600 {
            logged += u32::from(breaker.upload_failed(now, Cause::Failing, None, false));
            breaker.probe_sent();
            logged += u32::from(breaker.upload_succeeded(true));
            now += Duration::from_secs(1);
        }
        assert_eq!(logged, 2 * 10);
        // An outage that begins within the minute is logged after it, if it lasts.
        assert!(breaker.upload_failed(now, Cause::Refusing, None, false));
        now += LOG_INTERVAL;
        breaker.probe_sent();
        assert!(breaker.upload_failed(now, Cause::Failing, None, true));
    }

    #[test]
    fn a_flush_ends_our_own_pause_but_not_retry_after() {
        let now = Instant::now();
        let mut breaker = Breaker::new(2);
        breaker.upload_failed(now, Cause::Failing, None, false);
        breaker.end_pause(now);
        assert_eq!(breaker.permit(now), Permit::Probe);
        let retry_after = Duration::from_secs(7);
        breaker.probe_sent();
        breaker.upload_failed(now, Cause::Failing, Some(retry_after), true);
        breaker.end_pause(now);
        assert_eq!(breaker.permit(now), Permit::Wait(now + retry_after));
        // `Retry-After` is capped.
        breaker.upload_failed(now, Cause::Failing, Some(Duration::MAX), false);
        assert_eq!(breaker.permit(now), Permit::Wait(now + Duration::from_secs(600)));
    }

    #[test]
    fn pauses_are_longer_after_a_refusal() {
        let now = Instant::now();
        let mut breaker = Breaker::new(3);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            breaker.probe_sent();
            breaker.upload_failed(now, Cause::Refusing, None, true);
            assert_eq!(breaker.state(), BreakerState::Refused);
            pauses.push((breaker.paused_until().unwrap() - now).as_secs());
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
    }
}

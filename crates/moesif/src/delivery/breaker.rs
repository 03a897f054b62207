//! Whether a collector may be asked now.
//!
//! One failure opens the breaker for all workers of a pipeline: for a pause that grows while failures follow each other,
//! nothing is sent. Then one worker sends one batch, the probe, and what comes of it decides. So a dead collector costs
//! one request a pause, however many workers and batches wait.

use std::time::{Duration, Instant};

use crate::http::{Backoff, asked, grown};

/// Someone has to do something before a collector that refuses takes events again.
const FIRST_STOP: Duration = Duration::from_secs(5);
const LONGEST_STOP: Duration = Duration::from_secs(600);
/// Outages are told at most once in this time: a collector that fails now and then is not worth a line each time.
const QUIET: Duration = Duration::from_secs(60);

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
    /// The trouble that has been told of, and is not known to be over.
    told: Option<Cause>,
    told_at: Option<Instant>,
    backoff: Backoff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    /// `asked`: until then the collector itself wants to be left alone, a flush notwithstanding.
    Open {
        cause: Cause,
        until: Instant,
        asked: Instant,
    },
    Probing,
}

impl Breaker {
    pub(super) fn new(seed: u64) -> Self {
        Self { phase: Phase::Closed, failures: 0, told: None, told_at: None, backoff: Backoff::new(seed) }
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

    /// The collector has answered as one that works. Says whether that is worth telling.
    pub(super) fn works(&mut self, is_probe: bool) -> bool {
        if self.phase != Phase::Closed && !is_probe {
            // It was under way when another upload failed: that one is what the collector says now.
            return false;
        }
        self.phase = Phase::Closed;
        self.failures = 0;
        self.told.take().is_some()
    }

    /// An upload has failed. Says whether that is worth telling.
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
                *asked = asked_until(now, after).max(*asked);
                *until = (*asked).max(*until);
                return false;
            }
            Phase::Probing if !is_probe => return false,
            _ => {}
        }
        let pause = match cause {
            Cause::Failing => self.pause(self.failures),
            Cause::Refusing => grown(FIRST_STOP, self.failures).min(LONGEST_STOP),
        };
        self.failures = self.failures.saturating_add(1);
        let asked = asked_until(now, after);
        // A collector that asks for no patience is given as much as any other. (A moment beyond the clock's range is not
        // needed: pauses are short.)
        let until = now.checked_add(pause).unwrap_or(now).max(asked);
        self.phase = Phase::Open { cause, until, asked };
        self.is_news(now, cause)
    }

    fn is_news(&mut self, now: Instant, cause: Cause) -> bool {
        let is_quiet = self.told_at.is_some_and(|at| now.saturating_duration_since(at) < QUIET);
        if self.told == Some(cause) || is_quiet {
            return false;
        }
        (self.told, self.told_at) = (Some(cause), Some(now));
        true
    }

    /// The pause after a failure that `failures` others came before.
    pub(super) fn pause(&mut self, failures: u32) -> Duration {
        self.backoff.pause(failures)
    }

    /// Ends a pause, but for what of it the collector asked for.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let Phase::Open { until, asked, .. } = &mut self.phase {
            *until = now.max(*asked).min(*until);
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

/// Until when a collector that says this wants to be left alone.
fn asked_until(now: Instant, after: Option<Duration>) -> Instant {
    now.checked_add(asked(after)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{FIRST_PAUSE, LONGEST_PAUSE, SHORTEST_PAUSE};

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
        breaker.probing();
        assert!(!breaker.works(false));
        assert_eq!(breaker.permit(now), Permit::Probing);
        assert!(breaker.works(true));
        assert_eq!((breaker.permit(now), breaker.failures), (Permit::Send, 0));
        assert!(!breaker.works(false));
    }

    #[test]
    fn a_success_that_was_under_way_does_not_end_a_pause() {
        let now = Instant::now();
        let mut breaker = Breaker::new(4);
        let asked = Duration::from_secs(30);
        breaker.fails(now, Cause::Failing, Some(asked), false);
        assert!(!breaker.works(false));
        breaker.hurry(now);
        assert_eq!(breaker.permit(now), Permit::Wait(now + asked));
    }

    #[test]
    fn who_asks_for_no_patience_gets_the_usual_one() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(5);
        let mut waited = Duration::ZERO;
        for _ in 0..10 {
            breaker.probing();
            breaker.fails(now, Cause::Failing, Some(Duration::ZERO), true);
            let Permit::Wait(until) = breaker.permit(now) else { panic!("{breaker:?}") };
            waited += until - now;
            now = until;
        }
        assert!(waited > Duration::from_secs(10), "{waited:?}");
        breaker.hurry(now);
        assert_eq!(breaker.permit(now), Permit::Probe);
    }

    #[test]
    fn a_collector_that_fails_now_and_then_is_told_of_once_a_minute() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(6);
        let mut told = 0;
        for _ in 0..600 {
            told += u32::from(breaker.fails(now, Cause::Failing, None, false));
            breaker.probing();
            told += u32::from(breaker.works(true));
            now += Duration::from_secs(1);
        }
        assert_eq!(told, 2 * 10);
        // One that begins meanwhile and lasts is told of when the minute is over.
        assert!(breaker.fails(now, Cause::Refusing, None, false));
        now += QUIET;
        breaker.probing();
        assert!(breaker.fails(now, Cause::Failing, None, true));
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
        assert_eq!(breaker.permit(now), Permit::Wait(now + Duration::from_secs(600)));
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

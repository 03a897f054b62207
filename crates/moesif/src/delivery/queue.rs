//! The ledger behind its one lock, and the threads that wait for it.
//!
//! Pushing takes the lock for a few instructions and wakes a worker only at the moments that matter, which are those the
//! ledger names: when the queue stops being empty and when a batch is full. One idle worker, the watch, waits for them
//! and for the clock; the other ones sleep until there is something left for them to do.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Instant, SystemTime};

use super::batch::{Attempt, Batch, Conclusion};
use super::ledger::{Ledger, Limits, Next, Notice};
use super::stats::{DropReason, Stats};
use crate::call::Exchange;

type Events = Ledger<Box<Exchange>>;

pub(super) struct Queue {
    state: Mutex<State>,
    /// The watch waits here.
    bell: Condvar,
    /// The other idle workers wait here.
    idle: Condvar,
    /// Flushes wait here for events to be settled.
    settled: Condvar,
}

struct State {
    ledger: Events,
    /// Whether a worker is the watch.
    watched: bool,
    /// Whether the watch has been called.
    rung: bool,
    /// How many queued events call the watch, or an idle worker where there is no watch.
    ring_at: usize,
    /// Workers waiting in `idle`.
    idle: usize,
    /// The number the last flush of the process waits for, once it has begun.
    last_flush: Option<u64>,
    last_success: Option<SystemTime>,
    last_error: Option<(SystemTime, String)>,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        // Without randomness, processes that fail together return together: no more than that.
        let seed = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
        Self {
            state: Mutex::new(State {
                ledger: Ledger::new(limits, seed),
                watched: false,
                rung: false,
                ring_at: usize::MAX,
                idle: 0,
                last_flush: None,
                last_success: None,
                last_error: None,
            }),
            bell: Condvar::new(),
            idle: Condvar::new(),
            settled: Condvar::new(),
        }
    }

    pub(super) fn push(&self, exchange: Box<Exchange>) -> Option<Notice> {
        let mut state = self.lock();
        match state.ledger.push(exchange) {
            Ok(()) => {
                if state.ledger.queued() >= state.ring_at {
                    self.ring(state);
                }
                None
            }
            Err((refused, notice)) => {
                drop(state);
                // Freed after the lock is.
                drop(refused);
                notice
            }
        }
    }

    pub(super) fn count_skipped(&self) {
        self.lock().ledger.count_skipped();
    }

    pub(super) fn count_sampled_out(&self) {
        self.lock().ledger.count_sampled_out();
    }

    pub(super) fn count_dropped(&self, reason: DropReason) -> Option<Notice> {
        self.lock().ledger.count_dropped(reason)
    }

    /// Waits for something to upload. Every batch must be settled or lost.
    pub(super) fn next(&self) -> Batch<Box<Exchange>> {
        let mut state = self.lock();
        loop {
            if state.watched {
                state.idle += 1;
                state = self.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            }
            let now = Instant::now();
            match state.ledger.next(now) {
                Next::Upload(batch) => {
                    // Whoever is woken finds out what there is to do next, or to wait for.
                    state.ring_at = 1;
                    if state.idle > 0 && !state.ledger.is_at_rest() {
                        self.idle.notify_one();
                    }
                    return batch;
                }
                Next::Wait { until, events } => {
                    (state.watched, state.rung, state.ring_at) = (true, false, events);
                    let is_quiet = |state: &mut State| !state.rung;
                    state = match until {
                        None => self.bell.wait_while(state, is_quiet).unwrap_or_else(PoisonError::into_inner),
                        Some(until) => {
                            let patience = until.saturating_duration_since(now);
                            let waited = self.bell.wait_timeout_while(state, patience, is_quiet);
                            waited.unwrap_or_else(PoisonError::into_inner).0
                        }
                    };
                    state.watched = false;
                }
            }
        }
    }

    /// Calls the watch, or, where there is none, an idle worker to become it. (With none of either, workers are busy
    /// and look for themselves when they are done.) The lock is given back first: whom a signal interrupts in a system call
    /// does not hold it.
    fn ring(&self, mut state: MutexGuard<'_, State>) {
        state.ring_at = usize::MAX;
        if state.watched {
            state.rung = true;
            drop(state);
            self.bell.notify_one();
        } else if state.idle > 0 {
            drop(state);
            self.idle.notify_one();
        }
    }

    /// Settles what an upload has come to; `trouble` is why it failed, if it did. `tell` is called before anybody can find
    /// the events settled.
    pub(super) fn settle(
        &self,
        batch: Batch<Box<Exchange>>,
        attempt: &Attempt,
        conclusion: Conclusion,
        trouble: Option<String>,
        tell: impl FnMut(Notice),
    ) {
        let mut state = self.lock();
        let (notices, may_ring) = state.ledger.settle(batch, attempt, conclusion, Instant::now());
        match trouble {
            Some(trouble) => state.last_error = Some((SystemTime::now(), trouble)),
            None if conclusion.sent > 0 => state.last_success = Some(SystemTime::now()),
            None => {}
        }
        notices.into_iter().for_each(tell);
        if may_ring {
            self.ring(state);
        } else {
            drop(state);
        }
        self.settled.notify_all();
    }

    /// Counts a batch that is gone with a fault of ours. Says how many events it was.
    pub(super) fn lose(&self, batch: Batch<Box<Exchange>>) -> u64 {
        let mut state = self.lock();
        let lost = state.ledger.lose(batch, Instant::now());
        self.ring(state);
        self.settled.notify_all();
        lost
    }

    pub(super) fn request_flush(&self) -> u64 {
        let mut state = self.lock();
        let target = state.ledger.request_flush(Instant::now());
        self.ring(state);
        target
    }

    /// Waits until everything before `target` is settled, until `pause` at the latest. `Some` is final: it is settled, or
    /// is not at `deadline`.
    pub(super) fn wait_settled(
        &self,
        target: u64,
        pause: Instant,
        deadline: Option<Instant>,
    ) -> Option<bool> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.ledger.is_settled(target) {
                return Some(true);
            }
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Some(false);
            }
            let until = deadline.map_or(pause, |deadline| deadline.min(pause));
            let remaining = until.saturating_duration_since(now);
            if remaining.is_zero() {
                return None;
            }
            state = self.settled.wait_timeout(state, remaining).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the last flush has nothing left to wait for until `deadline`. The first question begins it. Takes no lock that
    /// is not free.
    pub(super) fn is_flushed(&self, deadline: Instant) -> bool {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        let target = state.last_flush.unwrap_or_else(|| state.ledger.request_flush(Instant::now()));
        state.last_flush = Some(target);
        if state.ledger.is_settled(target) || state.ledger.is_idle_until(deadline) {
            return true;
        }
        // Every time: who asked before may have been interrupted on the way to the bell.
        self.ring(state);
        false
    }

    pub(super) fn stats(&self) -> Stats {
        let state = self.lock();
        Stats {
            last_success: state.last_success,
            last_error: state.last_error.clone(),
            ..state.ledger.stats()
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_last_flush_goes_on_top_of_code_that_holds_the_lock() {
        let limits =
            Limits { capacity: 1, batch_size: 1, batch_bytes: 1, batch_timeout: Duration::from_secs(3600) };
        let queue = Queue::new(limits);
        let deadline = Instant::now() + Duration::from_secs(3600);
        let held = queue.lock();
        assert!(!queue.is_flushed(deadline));
        drop(held);
        assert!(queue.is_flushed(deadline));
    }
}

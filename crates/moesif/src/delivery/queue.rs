//! Protects the ledger with a lock, and lets workers and flushes wait for it.
//!
//! Pushing an event holds the lock for a few instructions. It wakes a worker only in two cases: when the
//! queue was empty, and when a batch is full. One idle worker, the leader, waits for this and for the next
//! time limit. The other idle workers, the followers, sleep until there is work for them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Instant, SystemTime};

use super::batch::{Attempt, Batch, Conclusion};
use super::ledger::{Ledger, Limits, Next, Overflow};
use super::notice::Notice;
use super::stats::{DropReason, LastError, Stats};
use crate::call::Exchange;
use crate::process::seed;

pub(super) struct Queue {
    state: Mutex<QueueState>,
    /// The leader waits here.
    leader: Condvar,
    /// The followers wait here.
    followers: Condvar,
    /// Flushes wait here for events to be settled.
    settled: Condvar,
}

struct QueueState {
    ledger: Ledger<Box<Exchange>>,
    has_leader: bool,
    /// Whether the leader has been woken and must call [`Ledger::next`].
    is_leader_woken: bool,
    /// Number of queued events at which a worker is woken.
    wake_at: usize,
    /// Number of workers that wait as followers.
    idle_followers: usize,
    /// Sequence number that the last flush of the process waits for, once it has begun.
    last_flush: Option<u64>,
    last_success: Option<SystemTime>,
    last_error: Option<LastError>,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            state: Mutex::new(QueueState {
                ledger: Ledger::new(limits, seed(0x7175_6575)),
                has_leader: false,
                is_leader_woken: false,
                wake_at: usize::MAX,
                idle_followers: 0,
                last_flush: None,
                last_success: None,
                last_error: None,
            }),
            leader: Condvar::new(),
            followers: Condvar::new(),
            settled: Condvar::new(),
        }
    }

    /// Queues an exchange. If the queue is full or cannot grow, drops and counts it, and returns the reason and
    /// a message to log, if there is one.
    pub(super) fn push(&self, exchange: Box<Exchange>) -> Result<(), (DropReason, Option<Notice>)> {
        let mut state = self.lock();
        match state.ledger.push(exchange) {
            Ok(()) => {
                if state.ledger.queued() >= state.wake_at {
                    self.wake(state);
                }
                Ok(())
            }
            Err(Overflow { event, reason, notice }) => {
                // Free the memory after releasing the lock.
                drop(state);
                drop(event);
                Err((reason, notice))
            }
        }
    }

    pub(super) fn count_skipped(&self) {
        self.lock().ledger.accounts().count_skipped();
    }

    pub(super) fn count_sampled_out(&self) {
        self.lock().ledger.accounts().count_sampled_out();
    }

    pub(super) fn count_dropped(&self, reason: DropReason) -> Option<Notice> {
        self.lock().ledger.accounts().count_dropped(reason)
    }

    /// Waits for a batch to upload. The caller must pass it to [`Queue::settle`] or [`Queue::lose`].
    pub(super) fn next(&self) -> Batch<Box<Exchange>> {
        let mut state = self.lock();
        loop {
            if state.has_leader {
                state.idle_followers += 1;
                state = self.followers.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle_followers -= 1;
                continue;
            }
            let now = Instant::now();
            match state.ledger.next(now) {
                Next::Upload(batch) => {
                    // A follower becomes the leader and handles the remaining events.
                    state.wake_at = 1;
                    if state.idle_followers > 0 && state.ledger.has_waiting_events() {
                        self.followers.notify_one();
                    }
                    return batch;
                }
                Next::Wait { until, events } => {
                    (state.has_leader, state.is_leader_woken, state.wake_at) = (true, false, events);
                    let sleeps = |state: &mut QueueState| !state.is_leader_woken;
                    state = match until {
                        None => self.leader.wait_while(state, sleeps).unwrap_or_else(PoisonError::into_inner),
                        Some(until) => {
                            let timeout = until.saturating_duration_since(now);
                            let waited = self.leader.wait_timeout_while(state, timeout, sleeps);
                            waited.unwrap_or_else(PoisonError::into_inner).0
                        }
                    };
                    state.has_leader = false;
                }
            }
        }
    }

    /// Wakes the leader, or a follower if there is no leader. If there is neither, all workers are busy and
    /// look for work when they are done. Unlocks first, so that a signal handler that interrupts the system
    /// call finds the lock free.
    fn wake(&self, mut state: MutexGuard<'_, QueueState>) {
        state.wake_at = usize::MAX;
        if state.has_leader {
            state.is_leader_woken = true;
            drop(state);
            self.leader.notify_one();
        } else if state.idle_followers > 0 {
            drop(state);
            self.followers.notify_one();
        }
    }

    /// Records the result of an upload. `failure` is the reason if it failed. Calls `report` before flushes
    /// can see the events as settled.
    pub(super) fn settle(
        &self,
        batch: Batch<Box<Exchange>>,
        attempt: &Attempt,
        conclusion: Conclusion,
        failure: Option<String>,
        report: impl FnMut(Notice),
    ) {
        let mut state = self.lock();
        let settlement = state.ledger.settle(batch, attempt, conclusion, Instant::now());
        match failure {
            Some(reason) => state.last_error = Some(LastError { at: SystemTime::now(), reason }),
            None if conclusion.sent > 0 => state.last_success = Some(SystemTime::now()),
            None => {}
        }
        settlement.notices.into_iter().for_each(report);
        if settlement.wakes_workers {
            self.wake(state);
        } else {
            drop(state);
        }
        self.settled.notify_all();
    }

    /// Counts the events of a batch as lost, after its upload panicked. Returns their number.
    pub(super) fn lose(&self, batch: Batch<Box<Exchange>>) -> u64 {
        let mut state = self.lock();
        let lost = state.ledger.lose(batch, Instant::now());
        self.wake(state);
        self.settled.notify_all();
        lost
    }

    pub(super) fn request_flush(&self) -> u64 {
        let mut state = self.lock();
        let target = state.ledger.request_flush(Instant::now());
        self.wake(state);
        target
    }

    /// Waits until everything before `target` is settled. `Pipeline::wait_settled` explains the result.
    pub(super) fn wait_settled(
        &self,
        target: u64,
        wake_at: Instant,
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
            let until = deadline.map_or(wake_at, |deadline| deadline.min(wake_at));
            let remaining = until.saturating_duration_since(now);
            if remaining.is_zero() {
                return None;
            }
            state = self.settled.wait_timeout(state, remaining).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns whether the last flush of the process is over. The first call begins the flush. Never waits
    /// for the lock: if another thread holds it, the result is `false`.
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
        // Wakes on every call, because an earlier call may have been interrupted before it did.
        self.wake(state);
        false
    }

    /// Lets the next call of [`Queue::is_flushed`] begin a flush again, unless another thread holds the lock.
    pub(super) fn forget_flush(&self) {
        if let Ok(mut state) = self.state.try_lock() {
            state.last_flush = None;
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let state = self.lock();
        Stats {
            last_success: state.last_success,
            last_error: state.last_error.clone(),
            ..state.ledger.stats()
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_last_flush_does_not_wait_for_a_lock_that_is_taken() {
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

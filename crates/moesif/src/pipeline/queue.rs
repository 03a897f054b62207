//! The queue between application threads and workers, and the one lock under which events are counted.
//!
//! Pushing takes the lock for a few instructions and wakes a worker only at the two moments that matter: when the
//! queue stops being empty and when a batch is full. One worker at a time waits for a batch to fill; the others sleep
//! or send.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::stats::{DropReason, Stats};
use crate::capture::Exchange;

pub(super) struct Queue {
    capacity: usize,
    batch_size: usize,
    batch_timeout: Duration,
    state: Mutex<State>,
    /// A worker without a batch waits here for events.
    available: Condvar,
    /// The worker that is filling a batch waits here for it to be full.
    full: Condvar,
    /// A worker that will try again waits here for its next attempt.
    retry: Condvar,
    /// Flushes wait here for events to be settled.
    settled: Condvar,
}

#[derive(Default)]
struct State {
    events: VecDeque<Box<Exchange>>,
    /// Sequence number of the first event in `events`.
    head: u64,
    /// Sequence numbers that workers hold, as (next unsettled, end).
    taken: Vec<(u64, u64)>,
    /// Events before this number are wanted without waiting for a batch to fill.
    flush_before: u64,
    /// How many flushes have been asked for.
    flushes: u64,
    /// Workers waiting in `available`.
    idle: usize,
    /// The worker that waits in `full`, by the number of its wait.
    filler: Option<u64>,
    /// How many waits in `full` there have been.
    fills: u64,
    captured: u64,
    skipped: u64,
    sampled_out: u64,
    sent: u64,
    bodies_removed: u64,
    dropped: [u64; DropReason::ALL.len()],
}

/// Consecutive events, taken to be delivered. Every one of them must be settled.
pub(super) struct Taken {
    pub(super) events: VecDeque<Box<Exchange>>,
    slot_end: u64,
}

/// What became of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Sent,
    Dropped(DropReason),
}

impl Queue {
    pub(super) fn new(capacity: usize, batch_size: usize, batch_timeout: Duration) -> Self {
        Self {
            capacity,
            batch_size,
            batch_timeout,
            state: Mutex::default(),
            available: Condvar::new(),
            full: Condvar::new(),
            retry: Condvar::new(),
            settled: Condvar::new(),
        }
    }

    pub(super) fn push(&self, exchange: Box<Exchange>) {
        let refused = {
            let mut state = self.lock();
            state.captured += 1;
            if state.events.len() >= self.capacity {
                state.drop_events(DropReason::QueueFull, 1);
                Some(exchange)
            } else {
                state.events.push_back(exchange);
                if state.idle > 0 && state.events.len() == 1 {
                    self.available.notify_one();
                } else if state.events.len() >= self.batch_size && state.filler.take().is_some() {
                    self.full.notify_one();
                }
                None
            }
        };
        // Freed after the lock is.
        drop(refused);
    }

    pub(super) fn count_skipped(&self) {
        let mut state = self.lock();
        state.captured += 1;
        state.skipped += 1;
    }

    pub(super) fn count_sampled_out(&self) {
        let mut state = self.lock();
        state.captured += 1;
        state.sampled_out += 1;
    }

    pub(super) fn count_unqueued(&self, reason: DropReason) {
        let mut state = self.lock();
        state.captured += 1;
        state.drop_events(reason, 1);
    }

    /// Waits for a batch: until it is full, its first event has waited long enough, or a flush wants it.
    pub(super) fn take(&self) -> Taken {
        let mut state = self.lock();
        loop {
            if state.events.is_empty() || state.filler.is_some() {
                state.idle += 1;
                state = wait(&self.available, state);
                state.idle -= 1;
                continue;
            }
            let Some(remaining) = self.fill_time(&state) else {
                break;
            };
            state.fills += 1;
            let mine = Some(state.fills);
            state.filler = mine;
            let (after, _) = self.full.wait_timeout(state, remaining).unwrap_or_else(PoisonError::into_inner);
            state = after;
            // Woken because the batch is full, another worker may have been faster and be the next to wait.
            if state.filler == mine {
                state.filler = None;
            }
        }
        let count = state.events.len().min(self.batch_size);
        let events: VecDeque<_> = state.events.drain(..count).collect();
        let start = state.head;
        state.head += wide(count);
        let end = state.head;
        state.taken.push((start, end));
        if !state.events.is_empty() && state.idle > 0 {
            self.available.notify_one();
        }
        Taken { events, slot_end: end }
    }

    /// How long the batch may still wait to be filled; `None` when it is to go now.
    fn fill_time(&self, state: &State) -> Option<Duration> {
        if state.events.len() >= self.batch_size || state.head < state.flush_before {
            return None;
        }
        let waited = state.events.front()?.finished_at().elapsed();
        self.batch_timeout.checked_sub(waited).filter(|remaining| !remaining.is_zero())
    }

    pub(super) fn count_bodies_removed(&self, bodies: usize) {
        self.lock().bodies_removed += wide(bodies);
    }

    /// Settles the next `count` events of what was taken.
    pub(super) fn settle(&self, taken: &Taken, outcome: Outcome, count: usize) {
        let mut state = self.lock();
        match outcome {
            Outcome::Sent => state.sent += wide(count),
            Outcome::Dropped(reason) => state.drop_events(reason, count),
        }
        if let Some(slot) = state.taken.iter_mut().find(|(_, end)| *end == taken.slot_end) {
            slot.0 = slot.0.saturating_add(wide(count)).min(slot.1);
        }
        state.taken.retain(|(next, end)| next < end);
        drop(state);
        self.settled.notify_all();
    }

    /// How many flushes have been asked for so far.
    pub(super) fn flushes(&self) -> u64 {
        self.lock().flushes
    }

    /// Waits before another attempt. A flush that was asked for after the `seen` first ones cuts the wait short, once.
    pub(super) fn wait_to_retry(&self, delay: Duration, seen: &mut u64) {
        let waited = self.retry.wait_timeout_while(self.lock(), delay, |state| state.flushes == *seen);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *seen = state.flushes;
    }

    pub(super) fn request_flush(&self) -> u64 {
        let mut state = self.lock();
        let target = state.head + wide(state.events.len());
        state.flush_before = target;
        state.flushes += 1;
        state.filler = None;
        drop(state);
        self.full.notify_all();
        self.available.notify_all();
        self.retry.notify_all();
        target
    }

    pub(super) fn wait_settled(&self, target: u64, deadline: Option<Instant>) -> bool {
        let mut state = self.lock();
        loop {
            if state.unsettled_from() >= target {
                return true;
            }
            state = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => wait(&self.settled, state),
                Some(Duration::ZERO) => return false,
                Some(remaining) => {
                    self.settled.wait_timeout(state, remaining).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let state = self.lock();
        let queued = wide(state.events.len());
        let in_flight: u64 = state.taken.iter().map(|(next, end)| end - next).sum();
        Stats {
            captured: state.captured,
            sent: state.sent,
            sampled_out: state.sampled_out,
            skipped: state.skipped,
            dropped: DropReason::ALL
                .into_iter()
                .zip(state.dropped)
                .filter(|(_, events)| *events > 0)
                .collect(),
            queued,
            in_flight,
            spooled: 0,
            queue_bytes: 0,
            bodies_removed: state.bodies_removed,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn drop_events(&mut self, reason: DropReason, count: usize) {
        for (counted, events) in DropReason::ALL.into_iter().zip(&mut self.dropped) {
            if counted == reason {
                *events += wide(count);
            }
        }
    }

    /// The first event that is neither sent nor lost.
    fn unsettled_from(&self) -> u64 {
        self.taken.iter().map(|(next, _)| *next).min().unwrap_or(self.head).min(self.head)
    }
}

fn wait<'a>(condvar: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condvar.wait(state).unwrap_or_else(PoisonError::into_inner)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Identifiers, Policy};
    use crate::pipeline::Budget;
    use std::sync::Arc;

    fn exchange() -> Box<Exchange> {
        let budget = Arc::new(Budget::default());
        Exchange::begin(None, Arc::new(Policy::default()), Identifiers::seeded().next(), &budget, 1)
    }

    fn reconciled(queue: &Queue) -> Stats {
        let stats = queue.stats();
        let dropped: u64 = stats.dropped.values().sum();
        assert_eq!(
            stats.captured,
            stats.sent + stats.sampled_out + stats.skipped + dropped + stats.queued + stats.in_flight,
            "{stats:?}"
        );
        stats
    }

    #[test]
    fn every_event_is_in_one_column_at_every_step() {
        let queue = Queue::new(5, 3, Duration::ZERO);
        for _ in 0..7 {
            queue.push(exchange());
            reconciled(&queue);
        }
        queue.count_skipped();
        queue.count_unqueued(DropReason::QueueBytes);
        let first = queue.take();
        let second = queue.take();
        assert_eq!((first.events.len(), second.events.len()), (3, 2));
        let stats = reconciled(&queue);
        assert_eq!((stats.captured, stats.in_flight, stats.queued), (9, 5, 0));
        assert_eq!(stats.dropped[&DropReason::QueueFull], 2);
        queue.settle(&second, Outcome::Sent, 2);
        queue.settle(&first, Outcome::Sent, 1);
        queue.settle(&first, Outcome::Dropped(DropReason::Refused), 2);
        let stats = reconciled(&queue);
        assert_eq!((stats.sent, stats.in_flight), (3, 0));
    }

    #[test]
    fn a_flush_waits_for_what_was_pushed_before_it_and_for_nothing_after() {
        let queue = Queue::new(10, 10, Duration::from_secs(3600));
        queue.push(exchange());
        let target = queue.request_flush();
        let now = Some(Instant::now());
        assert!(!queue.wait_settled(target, now));
        // The flush takes the batch although it is neither full nor old.
        let taken = queue.take();
        queue.push(exchange());
        assert!(!queue.wait_settled(target, now));
        queue.settle(&taken, Outcome::Sent, 1);
        assert!(queue.wait_settled(target, now));
        assert_eq!(queue.stats().queued, 1);
    }

    #[test]
    fn a_full_batch_wakes_the_worker_that_waits_for_it() {
        let queue = Queue::new(10, 2, Duration::from_secs(3600));
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| queue.take().events.len());
            queue.push(exchange());
            queue.push(exchange());
            assert_eq!(worker.join().unwrap(), 2);
        });
    }
}

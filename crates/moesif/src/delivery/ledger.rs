//! Makes the decisions of a pipeline: what is sent next and when, and what happens after an upload. Uses no
//! threads, clocks or sockets.
//!
//! In: events, the current time, and the results of uploads. Out: batches to upload, times to wait for, and
//! counts in which every event is in exactly one place. A failed batch waits here and not on a worker, so it
//! does not block other batches. If the queue is full, the newest event is dropped. An outage never drops a
//! queued event.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::accounts::{Accounts, to_u64};
use super::batch::{Attempt, Batch, Conclusion, Step};
use super::breaker::{Breaker, BreakerState, Cause, Permit};
use super::notice::Notice;
use super::stats::{DropReason, Stats};
use crate::call::Exchange;
use crate::http::cap_retry_after;
use crate::memory;

/// Number of single events refused in a row after which the collector is treated as refusing this client.
/// Otherwise all further events would be lost, one by one.
const MAX_LONE_REFUSALS: u32 = 8;

/// Maximum size in bytes of a single event that counts as such a refusal. A larger one may be refused for its
/// size.
const MAX_LONE_BYTES: usize = 64 * 1024;

/// Number of events in a batch if there is no memory for a larger one.
const SMALL_BATCH: usize = 64;

/// Time after which a worker looks again whether there is memory for a batch.
const MEMORY_PAUSE: Duration = Duration::from_millis(10);

/// Number of successful uploads after which the reduced size limit of a batch doubles.
const UPLOADS_TO_GROW: u32 = 64;

/// An event in a ledger.
pub(super) trait Event {
    /// Returns when the event was complete.
    fn finished_at(&self) -> Instant;
}

impl Event for Box<Exchange> {
    fn finished_at(&self) -> Instant {
        Exchange::finished_at(self)
    }
}

/// Limits of a pipeline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Maximum number of waiting events.
    pub(super) capacity: usize,
    /// Maximum number of events in a batch.
    pub(super) batch_size: usize,
    /// Maximum size of a batch in bytes, before compression.
    pub(super) batch_bytes: usize,
    /// Longest time that an event waits for its batch to fill.
    pub(super) batch_timeout: Duration,
}

/// What an idle worker does next.
#[derive(Debug)]
pub(super) enum Next<E> {
    /// Send this batch, then settle it.
    Upload(Batch<E>),
    /// Wait until the time `until`, until `events` events are queued, or until another worker or a flush
    /// wakes this one.
    Wait { until: Option<Instant>, events: usize },
}

/// An event that was dropped because the queue is full, or cannot grow.
#[derive(Debug)]
pub(super) struct Overflow<E> {
    pub(super) event: E,
    pub(super) reason: DropReason,
    pub(super) notice: Option<Notice>,
}

/// Consequences of a settled upload.
#[derive(Debug)]
pub(super) struct Settlement {
    pub(super) notices: Vec<Notice>,
    /// Whether idle workers must call [`Ledger::next`] again, because the answer may have changed.
    pub(super) wakes_workers: bool,
}

/// A batch that waits to be sent again.
#[derive(Debug)]
struct WaitingBatch<E> {
    due: Instant,
    batch: Batch<E>,
}

#[derive(Debug)]
pub(super) struct Ledger<E> {
    limits: Limits,
    /// Events that no worker has taken yet.
    events: VecDeque<E>,
    /// Sequence number of the first of them.
    head: u64,
    waiting: Vec<WaitingBatch<E>>,
    /// Number of events in the waiting batches.
    waiting_events: usize,
    /// Number of batches that are being sent.
    uploading: usize,
    /// Sequence numbers of the unsettled events of each batch, waiting or being sent.
    unsettled: Vec<Range<u64>>,
    /// Events before this number do not wait for their batch to fill.
    flush_before: u64,
    breaker: Breaker,
    /// Maximum number of bytes to send at once. Halved after 413, doubled after [`UPLOADS_TO_GROW`] uploads.
    max_bytes: usize,
    /// Successful uploads since `max_bytes` last changed.
    uploads_since: u32,
    /// Number of single events refused since an event was accepted.
    lone_refusals: u32,
    accounts: Accounts,
}

impl<E: Event> Ledger<E> {
    pub(super) fn new(limits: Limits, seed: u64) -> Self {
        Self {
            limits,
            events: VecDeque::new(),
            head: 0,
            waiting: Vec::new(),
            waiting_events: 0,
            uploading: 0,
            unsettled: Vec::new(),
            flush_before: 0,
            breaker: Breaker::new(seed),
            max_bytes: limits.batch_bytes,
            uploads_since: 0,
            lone_refusals: 0,
            accounts: Accounts::default(),
        }
    }

    /// Queues an event. If the queue is full or cannot grow, counts the event as dropped and
    /// returns it.
    pub(super) fn push(&mut self, event: E) -> Result<(), Overflow<E>> {
        if self.events.len() + self.waiting_events >= self.limits.capacity {
            return Err(self.overflow(event, DropReason::QueueFull));
        }
        let is_full = self.events.len() == self.events.capacity();
        if is_full
            && (!memory::is_available(2 * size_of::<E>() * self.events.len())
                || self.events.try_reserve(1).is_err())
        {
            return Err(self.overflow(event, DropReason::Memory));
        }
        self.accounts.count_queued();
        self.events.push_back(event);
        Ok(())
    }

    fn overflow(&mut self, event: E, reason: DropReason) -> Overflow<E> {
        Overflow { event, reason, notice: self.accounts.count_dropped(reason) }
    }

    /// Returns the counts, to count events that are not queued.
    pub(super) fn accounts(&mut self) -> &mut Accounts {
        &mut self.accounts
    }

    /// Returns the number of events that no worker has taken yet.
    pub(super) fn queued(&self) -> usize {
        self.events.len()
    }

    /// Returns whether events wait for a worker.
    pub(super) fn has_waiting_events(&self) -> bool {
        !self.events.is_empty() || !self.waiting.is_empty()
    }

    /// Decides what an idle worker does at `now`.
    pub(super) fn next(&mut self, now: Instant) -> Next<E> {
        match self.breaker.permit(now) {
            Permit::Wait(until) => Next::Wait { until: Some(until), events: usize::MAX },
            Permit::Probing => Next::Wait { until: None, events: usize::MAX },
            Permit::Send => {
                let due =
                    self.waiting.iter().map(|waiting| waiting.due).enumerate().min_by_key(|(_, due)| *due);
                let ready_at = self.ready_at(now);
                match due {
                    Some((index, due)) if due <= now => self.resume(index),
                    _ if ready_at.is_some_and(|at| at <= now) => self.take(now),
                    _ => self.wait_until(due.map(|(_, due)| due).into_iter().chain(ready_at).min()),
                }
            }
            // The probe is the batch with the fewest failures. So an event that always fails does not keep
            // the breaker open.
            Permit::Probe => {
                let ready_at = self.ready_at(now);
                let failures = |waiting: &WaitingBatch<E>| (waiting.batch.attempts, waiting.due);
                let least =
                    (0..self.waiting.len()).min_by_key(|index| self.waiting.get(*index).map(failures));
                let next = match least {
                    _ if ready_at.is_some_and(|at| at <= now) => self.take(now),
                    Some(index) => self.resume(index),
                    None => self.wait_until(ready_at),
                };
                match next {
                    Next::Upload(mut batch) => {
                        self.breaker.probe_sent();
                        batch.is_probe = true;
                        Next::Upload(batch)
                    }
                    wait @ Next::Wait { .. } => wait,
                }
            }
        }
    }

    fn wait_until(&self, until: Option<Instant>) -> Next<E> {
        Next::Wait { until, events: if self.events.is_empty() { 1 } else { self.limits.batch_size } }
    }

    /// Returns when the queued events are due as a batch. `None` if there are none.
    fn ready_at(&self, now: Instant) -> Option<Instant> {
        let first = self.events.front()?;
        if self.events.len() >= self.limits.batch_size || self.head < self.flush_before {
            return Some(now);
        }
        // `None` if the time is beyond the range of the clock. The batch then waits until it is full.
        first.finished_at().checked_add(self.limits.batch_timeout)
    }

    /// Takes queued events as a new batch. Without memory for one, the worker must wait and call again. It does not
    /// wait here, because the caller holds a lock that threads of the application need.
    fn take(&mut self, now: Instant) -> Next<E> {
        let most = self.events.len().min(self.limits.batch_size);
        let few = most.min(SMALL_BATCH);
        let batch = [most, few].into_iter().find_map(|count| Some((count, memory::queue_for(count)?)));
        let Some((count, mut events)) = batch.filter(|_| self.reserve_for_batch()) else {
            return Next::Wait { until: now.checked_add(MEMORY_PAUSE), events: usize::MAX };
        };
        events.extend(self.events.drain(..count));
        let first = self.head;
        self.head += to_u64(count);
        self.unsettled.push(first..self.head);
        self.upload(Batch::new(events, self.head))
    }

    /// Makes room for one more batch in `unsettled`, and in `waiting` for every batch that is being sent. So a batch
    /// can always be put back. Returns `false` if there is no memory.
    fn reserve_for_batch(&mut self) -> bool {
        memory::without_waiting(|| {
            self.unsettled.try_reserve(1).is_ok() && self.waiting.try_reserve(self.uploading + 1).is_ok()
        })
    }

    /// Takes a waiting batch.
    fn resume(&mut self, index: usize) -> Next<E> {
        let WaitingBatch { batch, .. } = self.waiting.swap_remove(index);
        self.waiting_events -= batch.events.len();
        self.upload(batch)
    }

    fn upload(&mut self, mut batch: Batch<E>) -> Next<E> {
        self.uploading += 1;
        batch.is_probe = false;
        batch.max_bytes = self.max_bytes;
        Next::Upload(batch)
    }

    /// Records the result of an upload. Events that are not settled wait to be sent again.
    pub(super) fn settle(
        &mut self,
        mut batch: Batch<E>,
        attempt: &Attempt,
        conclusion: Conclusion,
        now: Instant,
    ) -> Settlement {
        let mut notices: Vec<Notice> = self.accounts.count_upload(attempt, &conclusion).into_iter().collect();
        if conclusion.sent > 0 {
            self.lone_refusals = 0;
            self.uploads_since += 1;
            if self.uploads_since >= UPLOADS_TO_GROW {
                self.uploads_since = 0;
                self.max_bytes = self.max_bytes.saturating_mul(2).min(self.limits.batch_bytes);
            }
        }
        if conclusion.refused > 0 {
            if attempt.bytes <= MAX_LONE_BYTES {
                self.lone_refusals = self.lone_refusals.saturating_add(1);
            }
            // The event was too large, not the batch.
            self.max_bytes = batch.max_bytes_before.take().unwrap_or(self.max_bytes);
        }

        let mut due = now;
        let failure = match conclusion.step {
            Step::Continue => None,
            Step::Shrink { max_bytes } => {
                batch.max_bytes_before.get_or_insert(self.max_bytes);
                self.max_bytes = self.max_bytes.min(max_bytes);
                self.uploads_since = 0;
                None
            }
            Step::Pause { after } => {
                let pause = self.breaker.pause(batch.attempts.saturating_sub(1));
                due = now.checked_add(cap_retry_after(after).max(pause)).unwrap_or(now);
                Some(Failure { cause: Cause::Failing, retry_after: after })
            }
            Step::Stop => Some(Failure::REFUSING),
        };
        let failure = failure.or((self.lone_refusals >= MAX_LONE_REFUSALS).then_some(Failure::REFUSING));
        match failure {
            Some(Failure { cause, retry_after }) => {
                if self.breaker.upload_failed(now, cause, retry_after, batch.is_probe) {
                    notices.push(Notice::Fails(cause));
                }
            }
            None => {
                if self.breaker.upload_succeeded(batch.is_probe) {
                    notices.push(Notice::Works);
                }
            }
        }
        let wakes_workers = batch.is_probe || failure.is_some() || !batch.events.is_empty();
        self.put_back(batch, due);
        Settlement { notices, wakes_workers }
    }

    /// Counts the events of a batch as lost, after its upload panicked. Returns their number.
    pub(super) fn lose(&mut self, mut batch: Batch<E>, now: Instant) -> u64 {
        // After a panic the batch may be incomplete, so count the events from the ledger.
        let unsettled = self.unsettled.iter().find(|range| range.end == batch.end);
        let lost = unsettled.map_or(0, |range| range.end - range.start);
        self.accounts.count_lost(lost);
        batch.events.clear();
        if batch.is_probe {
            self.breaker.upload_failed(now, Cause::Failing, None, true);
        }
        self.put_back(batch, now);
        lost
    }

    /// Ends an upload. Events that remain in the batch wait until `due`.
    fn put_back(&mut self, batch: Batch<E>, due: Instant) {
        self.uploading = self.uploading.saturating_sub(1);
        let left = to_u64(batch.events.len());
        if let Some(range) = self.unsettled.iter_mut().find(|range| range.end == batch.end) {
            range.start = range.end.saturating_sub(left);
        }
        if left > 0 {
            self.waiting_events += batch.events.len();
            self.waiting.push(WaitingBatch { due, batch });
        } else {
            self.unsettled.retain(|range| !range.is_empty());
        }
    }

    /// Makes everything queued so far due now. Returns the sequence number to wait for.
    pub(super) fn request_flush(&mut self, now: Instant) -> u64 {
        let target = self.head + to_u64(self.events.len());
        self.flush_before = target;
        for waiting in &mut self.waiting {
            waiting.due = now.min(waiting.due);
        }
        self.breaker.end_pause(now);
        target
    }

    /// Returns whether everything before `target` is settled.
    pub(super) fn is_settled(&self, target: u64) -> bool {
        let first_unsettled = self.unsettled.iter().map(|range| range.start).min().unwrap_or(self.head);
        first_unsettled.min(self.head) >= target
    }

    /// Returns whether nothing can be settled before `deadline`, because the pause of the breaker is longer.
    pub(super) fn is_idle_until(&self, deadline: Instant) -> bool {
        self.uploading == 0 && self.breaker.paused_until().is_some_and(|until| until >= deadline)
    }

    pub(super) fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            queued: to_u64(self.events.len()),
            in_flight: self.unsettled.iter().map(|range| range.end - range.start).sum(),
            breaker: self.breaker(),
            ..self.accounts.stats()
        }
    }
}

/// A failure that opens the breaker.
#[derive(Clone, Copy)]
struct Failure {
    cause: Cause,
    retry_after: Option<Duration>,
}

impl Failure {
    const REFUSING: Self = Self { cause: Cause::Refusing, retry_after: None };
}

#[cfg(test)]
#[path = "ledger_model.rs"]
mod model;

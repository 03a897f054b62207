//! Every decision of a pipeline, without threads, clocks or sockets: what waits, what goes next and when, and what became
//! of the rest.
//!
//! In: events, the present moment, and what came of uploads. Out: batches to upload, moments to wait for, and accounts in
//! which every event is in exactly one place. Batches that failed wait here and not on a worker, so that no batch keeps
//! another one from being sent. The newest events are the ones there is no room for; nothing that has been taken in is ever
//! given up because of an outage.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::batch::{Attempt, Batch, Conclusion, Step};
use super::breaker::{Breaker, BreakerState, Cause, Permit};
use super::stats::{DropReason, Stats};
use crate::call::Exchange;
use crate::http::asked;

/// Refusals of single events in a row, none accepted in between, after which it is the collector that is at fault: every
/// further event would be lost one by one.
const LONE_REFUSALS: u32 = 8;

/// An event of more bytes than this that is refused alone may well be too large: that says nothing about the collector.
const LARGE: usize = 64 * 1024;

/// Uploads that succeed in a row, after which a batch may be twice as large again.
const UPLOADS_TO_GROW: u32 = 64;

/// What a ledger keeps account of.
pub(super) trait Event {
    /// When it was complete.
    fn finished_at(&self) -> Instant;
}

impl Event for Box<Exchange> {
    fn finished_at(&self) -> Instant {
        Exchange::finished_at(self)
    }
}

/// What a pipeline is asked to respect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Most events waiting.
    pub(super) capacity: usize,
    /// Most events in a batch.
    pub(super) batch_size: usize,
    /// Most bytes in a batch.
    pub(super) batch_bytes: usize,
    /// Longest time an event waits for its batch to fill.
    pub(super) batch_timeout: Duration,
}

/// What a worker is to do now.
#[derive(Debug)]
pub(super) enum Next<E> {
    /// Send this, and settle it.
    Upload(Batch<E>),
    /// Nothing before this moment, or before something happens, or before so many events are queued.
    Wait { until: Option<Instant>, events: usize },
}

/// Something to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The collector does not keep events any more.
    Fails(Cause),
    /// It does again.
    Works,
    /// So many events have been refused or rejected by now.
    Refused(u64),
    /// So many have been dropped for want of room by now.
    Dropped(u64),
}

#[derive(Debug)]
pub(super) struct Ledger<E> {
    limits: Limits,
    /// Events no worker has taken yet.
    events: VecDeque<E>,
    /// Sequence number of the first of them.
    head: u64,
    /// Batches to be sent again, with the moment from which on.
    waiting: Vec<(Instant, Batch<E>)>,
    /// How many events those are.
    waiting_events: usize,
    /// Batches that are being sent.
    uploading: usize,
    /// The unsettled sequence numbers of every batch, waiting or being sent, as (first, end).
    unsettled: Vec<(u64, u64)>,
    /// Events before this number are wanted without waiting for a batch to fill.
    flush_before: u64,
    breaker: Breaker,
    /// The most bytes the collector is known to take at once.
    max_bytes: usize,
    /// Uploads that succeeded since that last changed.
    uploads_since: u32,
    lone_refusals: u32,
    captured: u64,
    skipped: u64,
    sampled_out: u64,
    sent: u64,
    bodies_removed: u64,
    dropped: [u64; DropReason::ALL.len()],
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
            captured: 0,
            skipped: 0,
            sampled_out: 0,
            sent: 0,
            bodies_removed: 0,
            dropped: [0; DropReason::ALL.len()],
        }
    }

    /// Queues an event; one that there is no room for comes back, counted.
    pub(super) fn push(&mut self, event: E) -> Result<(), (E, Option<Notice>)> {
        if self.events.len() + self.waiting_events >= self.limits.capacity {
            return Err((event, self.count_dropped(DropReason::QueueFull)));
        }
        self.captured += 1;
        self.events.push_back(event);
        Ok(())
    }

    /// How many events no worker has taken yet.
    pub(super) fn queued(&self) -> usize {
        self.events.len()
    }

    /// Whether no event waits for a worker.
    pub(super) fn is_at_rest(&self) -> bool {
        self.events.is_empty() && self.waiting.is_empty()
    }

    pub(super) fn count_skipped(&mut self) {
        self.captured += 1;
        self.skipped += 1;
    }

    pub(super) fn count_sampled_out(&mut self) {
        self.captured += 1;
        self.sampled_out += 1;
    }

    /// Counts an event that never came to be queued.
    pub(super) fn count_dropped(&mut self, reason: DropReason) -> Option<Notice> {
        self.captured += 1;
        let before = self.dropped_for_room();
        self.drop_events(reason, 1);
        let now = self.dropped_for_room();
        is_told(before, now).then_some(Notice::Dropped(now))
    }

    /// What a worker that has nothing to do is to do at `now`.
    pub(super) fn next(&mut self, now: Instant) -> Next<E> {
        match self.breaker.permit(now) {
            Permit::Wait(until) => Next::Wait { until: Some(until), events: usize::MAX },
            Permit::Probing => Next::Wait { until: None, events: usize::MAX },
            Permit::Send => {
                let due = self.waiting.iter().map(|(due, _)| *due).enumerate().min_by_key(|(_, due)| *due);
                let ready_at = self.ready_at(now);
                match due {
                    Some((index, due)) if due <= now => self.resume(index),
                    _ if ready_at.is_some_and(|at| at <= now) => self.take(),
                    _ => Next::Wait {
                        until: due.map(|(_, due)| due).into_iter().chain(ready_at).min(),
                        events: if self.events.is_empty() { 1 } else { self.limits.batch_size },
                    },
                }
            }
            // What has failed least: an event that no collector ever takes must not be what decides about the others.
            Permit::Probe => {
                let ready_at = self.ready_at(now);
                let least = (0..self.waiting.len())
                    .min_by_key(|index| self.waiting.get(*index).map(|(due, batch)| (batch.attempts, *due)));
                let next = match least {
                    _ if ready_at.is_some_and(|at| at <= now) => self.take(),
                    Some(index) => self.resume(index),
                    None => Next::Wait {
                        until: ready_at,
                        events: if self.events.is_empty() { 1 } else { self.limits.batch_size },
                    },
                };
                match next {
                    Next::Upload(mut batch) => {
                        self.breaker.probing();
                        batch.is_probe = true;
                        Next::Upload(batch)
                    }
                    wait @ Next::Wait { .. } => wait,
                }
            }
        }
    }

    /// From when on the queued events are a batch to be sent; `None` when there are none.
    fn ready_at(&self, now: Instant) -> Option<Instant> {
        let first = self.events.front()?;
        if self.events.len() >= self.limits.batch_size || self.head < self.flush_before {
            return Some(now);
        }
        // A moment beyond the clock's range never comes: the batch waits until it is full.
        first.finished_at().checked_add(self.limits.batch_timeout)
    }

    fn take(&mut self) -> Next<E> {
        let count = self.events.len().min(self.limits.batch_size);
        let events: VecDeque<E> = self.events.drain(..count).collect();
        let first = self.head;
        self.head += wide(count);
        self.unsettled.push((first, self.head));
        self.upload(Batch::new(events, self.head))
    }

    fn resume(&mut self, index: usize) -> Next<E> {
        let (_, batch) = self.waiting.swap_remove(index);
        self.waiting_events -= batch.events.len();
        self.upload(batch)
    }

    fn upload(&mut self, mut batch: Batch<E>) -> Next<E> {
        self.uploading += 1;
        batch.is_probe = false;
        batch.max_bytes = self.max_bytes;
        Next::Upload(batch)
    }

    /// Enters what came of an upload. What is left of the batch waits to be sent again. Says what is worth telling, and
    /// whether workers that wait may have something else to wait for.
    pub(super) fn settle(
        &mut self,
        mut batch: Batch<E>,
        attempt: &Attempt,
        conclusion: Conclusion,
        now: Instant,
    ) -> (Vec<Notice>, bool) {
        let mut notices = Vec::new();
        let refused_before = self.refused_by_the_collector();
        self.sent += wide(conclusion.sent);
        self.drop_events(DropReason::Rejected, conclusion.rejected);
        self.drop_events(DropReason::Refused, conclusion.refused);
        self.drop_events(DropReason::Unserializable, attempt.unserializable);
        if conclusion.sent > 0 {
            self.bodies_removed += wide(attempt.bodies_removed);
        }
        let refused = self.refused_by_the_collector();
        if is_told(refused_before, refused) {
            notices.push(Notice::Refused(refused));
        }
        if conclusion.sent > 0 {
            self.lone_refusals = 0;
            self.uploads_since += 1;
            if self.uploads_since >= UPLOADS_TO_GROW {
                self.uploads_since = 0;
                self.max_bytes = self.max_bytes.saturating_mul(2).min(self.limits.batch_bytes);
            }
        }
        if conclusion.refused > 0 {
            if attempt.bytes <= LARGE {
                self.lone_refusals = self.lone_refusals.saturating_add(1);
            }
            // It was the event that was too large, and not the batch.
            self.max_bytes = batch.max_bytes_before.take().unwrap_or(self.max_bytes);
        }

        let mut due = now;
        let trouble = match conclusion.step {
            Step::GoOn => None,
            Step::Shrink { max_bytes } => {
                batch.max_bytes_before.get_or_insert(self.max_bytes);
                self.max_bytes = self.max_bytes.min(max_bytes);
                self.uploads_since = 0;
                None
            }
            Step::Pause { after } => {
                let pause = self.breaker.pause(batch.attempts.saturating_sub(1));
                due = now.checked_add(asked(after).max(pause)).unwrap_or(now);
                Some((Cause::Failing, after))
            }
            Step::Stop => Some((Cause::Refusing, None)),
        };
        let trouble = trouble.or((self.lone_refusals >= LONE_REFUSALS).then_some((Cause::Refusing, None)));
        match trouble {
            Some((cause, after)) => {
                if self.breaker.fails(now, cause, after, batch.is_probe) {
                    notices.push(Notice::Fails(cause));
                }
            }
            None => {
                if self.breaker.works(batch.is_probe) {
                    notices.push(Notice::Works);
                }
            }
        }
        let ring = batch.is_probe || trouble.is_some() || !batch.events.is_empty();
        self.put_back(batch, due);
        (notices, ring)
    }

    /// Counts a batch that is gone with a fault of ours. Says how many events it was.
    pub(super) fn lose(&mut self, mut batch: Batch<E>, now: Instant) -> u64 {
        // Its own count is not to be trusted: nobody knows where it was when the fault happened.
        let held =
            self.unsettled.iter().find(|(_, end)| *end == batch.end).map_or(0, |(first, end)| end - first);
        self.drop_events(DropReason::Internal, usize::try_from(held).unwrap_or(usize::MAX));
        batch.events.clear();
        if batch.is_probe {
            self.breaker.fails(now, Cause::Failing, None, true);
        }
        self.put_back(batch, now);
        held
    }

    fn put_back(&mut self, batch: Batch<E>, due: Instant) {
        self.uploading = self.uploading.saturating_sub(1);
        let left = wide(batch.events.len());
        if let Some(place) = self.unsettled.iter_mut().find(|(_, end)| *end == batch.end) {
            place.0 = place.1.saturating_sub(left);
        }
        if left > 0 {
            self.waiting_events += batch.events.len();
            self.waiting.push((due, batch));
        } else {
            self.unsettled.retain(|(first, end)| first < end);
        }
    }

    /// Makes everything queued so far wanted now. Returns the number to wait for.
    pub(super) fn request_flush(&mut self, now: Instant) -> u64 {
        let target = self.head + wide(self.events.len());
        self.flush_before = target;
        for (due, _) in &mut self.waiting {
            *due = now.min(*due);
        }
        self.breaker.hurry(now);
        target
    }

    /// Whether everything before `target` is settled.
    pub(super) fn is_settled(&self, target: u64) -> bool {
        self.unsettled.iter().map(|(first, _)| *first).min().unwrap_or(self.head).min(self.head) >= target
    }

    /// Whether nothing can be settled before `deadline`: the collector is being left alone for longer.
    pub(super) fn is_idle_until(&self, deadline: Instant) -> bool {
        self.uploading == 0 && self.breaker.closed_until().is_some_and(|until| until >= deadline)
    }

    pub(super) fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    pub(super) fn stats(&self) -> Stats {
        let dropped = DropReason::ALL.into_iter().zip(self.dropped).filter(|(_, events)| *events > 0);
        Stats {
            captured: self.captured,
            sent: self.sent,
            sampled_out: self.sampled_out,
            skipped: self.skipped,
            dropped: dropped.collect(),
            queued: wide(self.events.len()),
            in_flight: self.unsettled.iter().map(|(first, end)| end - first).sum(),
            bodies_removed: self.bodies_removed,
            breaker: self.breaker(),
            ..Stats::default()
        }
    }

    fn drop_events(&mut self, reason: DropReason, count: usize) {
        for (counted, events) in DropReason::ALL.into_iter().zip(&mut self.dropped) {
            if counted == reason {
                *events += wide(count);
            }
        }
    }

    fn dropped(&self, reasons: &[DropReason]) -> u64 {
        DropReason::ALL
            .into_iter()
            .zip(self.dropped)
            .filter(|(r, _)| reasons.contains(r))
            .map(|(_, n)| n)
            .sum()
    }

    fn dropped_for_room(&self) -> u64 {
        self.dropped(&[DropReason::QueueFull, DropReason::QueueBytes])
    }

    fn refused_by_the_collector(&self) -> u64 {
        self.dropped(&[DropReason::Refused, DropReason::Rejected])
    }
}

/// Whether a count that has grown is told: at the first one, and whenever it has a digit more.
fn is_told(before: u64, now: u64) -> bool {
    let digits = |count: u64| count.checked_ilog10().map_or(0, |digits| digits + 1);
    digits(now) > digits(before)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "ledger_model.rs"]
mod model;

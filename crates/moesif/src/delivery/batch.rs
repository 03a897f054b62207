//! A batch of events. Writes them as JSON, and applies the verdict about an upload.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::call::Exchange;
use crate::http::Verdict;
use crate::memory::{FallibleBuffer, WithoutMemory};

/// Number of failures in a row after which a batch is divided, because one of its events or its size may be
/// the cause.
const FAILURES_TO_DIVIDE: u32 = 3;

/// Events that a worker sends together, or that wait to be sent again.
#[derive(Debug)]
pub(super) struct Batch<E> {
    pub(super) events: VecDeque<E>,
    /// Sequence number after the last event. It identifies the batch in the ledger.
    pub(super) end: u64,
    /// Failures in a row.
    pub(super) attempts: u32,
    /// Whether the breaker waits for its result.
    pub(super) is_probe: bool,
    /// Maximum number of events to send at once. Reduced while the batch fails, and to find a refused event.
    pub(super) max_events: usize,
    /// Maximum number of bytes to send at once, before compression.
    pub(super) max_bytes: usize,
    /// The ledger's `max_bytes` before the collector first refused this batch as too large.
    pub(super) max_bytes_before: Option<usize>,
}

/// The part of a batch that one request contains: its first events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Number of events written.
    pub(super) written: usize,
    /// Size of the request body in bytes, before compression.
    pub(super) bytes: usize,
    /// Number of events that could not be written and were removed.
    pub(super) unserializable: usize,
    /// Number of bodies that were left out of the written events.
    pub(super) bodies_removed: usize,
}

/// What the collector's answer means for a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conclusion {
    /// Number of events that the collector keeps.
    pub(super) sent: usize,
    /// Number of events that it rejected and listed.
    pub(super) rejected: usize,
    /// Number of events that it refused when they were sent alone: 0 or 1.
    pub(super) refused: usize,
    /// What to do with the rest.
    pub(super) step: Step,
}

/// What to do with the rest of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Continue at once.
    Continue,
    /// Continue at once, with at most `max_bytes` in every batch.
    Shrink { max_bytes: usize },
    /// Wait for our own pause, or for `Retry-After`.
    Pause { after: Option<Duration> },
    /// Wait for a long time.
    Stop,
}

impl<E> Batch<E> {
    pub(super) fn new(events: VecDeque<E>, end: u64) -> Self {
        Self {
            events,
            end,
            attempts: 0,
            is_probe: false,
            max_events: usize::MAX,
            max_bytes: usize::MAX,
            max_bytes_before: None,
        }
    }

    /// Applies the verdict about the events that were written. Moves the settled ones to `done`.
    pub(super) fn conclude(&mut self, attempt: &Attempt, verdict: &Verdict, done: &mut Vec<E>) -> Conclusion {
        let written = attempt.written.min(self.events.len());
        let mut conclusion = Conclusion { sent: 0, rejected: 0, refused: 0, step: Step::Continue };
        match verdict {
            Verdict::Delivered { rejected } => {
                done.extend(self.events.drain(..written));
                // The upload succeeded, so the next one may be larger.
                self.max_events = self.max_events.saturating_mul(2);
                self.attempts = 0;
                conclusion.rejected = (*rejected).min(written);
                conclusion.sent = written - conclusion.rejected;
            }
            Verdict::Retry { after, may_be_batch } => {
                self.attempts = self.attempts.saturating_add(1);
                if *may_be_batch && self.attempts >= FAILURES_TO_DIVIDE {
                    self.divide(written);
                }
                conclusion.step = Step::Pause { after: *after };
            }
            Verdict::Stop => {
                self.attempts = self.attempts.saturating_add(1);
                conclusion.step = Step::Stop;
            }
            Verdict::Split if written > 1 => {
                // Half of the bytes, plus one for brackets and comma, so that equal events are halved by
                // number.
                conclusion.step = Step::Shrink { max_bytes: attempt.bytes.div_ceil(2) + 1 };
            }
            Verdict::Isolate { count, .. } if written > 0 && *count >= written => {
                done.extend(self.events.drain(..written));
                conclusion.rejected = written;
            }
            Verdict::Isolate { culprits, .. } if culprits.iter().any(|index| *index < written) => {
                for index in culprits.iter().rev().filter(|index| **index < written) {
                    done.extend(self.events.remove(*index));
                    conclusion.rejected += 1;
                }
            }
            Verdict::Isolate { .. } if written > 1 => self.max_events = written / 2,
            Verdict::Split | Verdict::Isolate { .. } => {
                done.extend(self.events.drain(..written));
                conclusion.refused = written;
            }
        }
        conclusion
    }

    /// Halves the number of events to send at once, and moves an event that fails alone to the end. So an
    /// event that always fails does not block the others.
    fn divide(&mut self, written: usize) {
        if written > 1 {
            self.max_events = written / 2;
        } else if self.events.len() > 1 {
            self.max_events = 1;
            self.events.rotate_left(1);
        }
    }
}

impl Batch<Box<Exchange>> {
    /// Writes an array of the first events to `json`, which it clears before: as many as memory and the limits of the
    /// batch allow, but at least one.
    pub(super) fn encode(&mut self, json: &mut FallibleBuffer) -> Attempt {
        self.encode_with(json, |exchange, json| {
            let recorded = exchange.event();
            serde_json::to_writer(json, &recorded.event).ok()?;
            Some(recorded.bodies_removed)
        })
    }
}

impl<E> Batch<E> {
    /// Implements [`Batch::encode`] for any type of event. `write` returns the number of bodies left out of
    /// the event, or `None` if it cannot write the event. Removes an event that cannot be written or makes
    /// `write` panic.
    fn encode_with(
        &mut self,
        json: &mut FallibleBuffer,
        mut write: impl FnMut(&E, &mut FallibleBuffer) -> Option<usize>,
    ) -> Attempt {
        json.bytes.clear();
        json.bytes.push(b'[');
        let mut attempt = Attempt::default();
        while attempt.written < self.max_events {
            let Some(event) = self.events.get(attempt.written) else {
                break;
            };
            let before = json.bytes.len();
            if attempt.written > 0 {
                json.bytes.push(b',');
            }
            // One event must be written, so wait for memory. Without memory for more, this is the batch.
            json.without_memory = if attempt.written > 0 { WithoutMemory::Fail } else { WithoutMemory::Wait };
            json.has_failed = false;
            let result = catch_unwind(AssertUnwindSafe(|| write(event, json)));
            let Some(bodies_removed) = result.unwrap_or_default() else {
                json.bytes.truncate(before);
                if json.has_failed {
                    break;
                }
                self.events.remove(attempt.written);
                attempt.unserializable += 1;
                continue;
            };
            if attempt.written > 0 && json.bytes.len() >= self.max_bytes {
                json.bytes.truncate(before);
                break;
            }
            attempt.written += 1;
            attempt.bodies_removed += bodies_removed;
        }
        json.bytes.push(b']');
        attempt.bytes = json.bytes.len();
        attempt
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn batch(events: u32) -> Batch<u32> {
        Batch::new((0..events).collect(), u64::from(events))
    }

    const NOTHING_SETTLED: Conclusion = Conclusion { sent: 0, rejected: 0, refused: 0, step: Step::Continue };

    fn conclude(batch: &mut Batch<u32>, written: usize, verdict: &Verdict) -> Conclusion {
        let attempt = Attempt { written, bytes: written * 100, ..Attempt::default() };
        batch.conclude(&attempt, verdict, &mut Vec::new())
    }

    fn sent(sent: usize) -> Conclusion {
        Conclusion { sent, ..NOTHING_SETTLED }
    }

    fn rejected(rejected: usize) -> Conclusion {
        Conclusion { rejected, ..NOTHING_SETTLED }
    }

    fn refused(refused: usize) -> Conclusion {
        Conclusion { refused, ..NOTHING_SETTLED }
    }

    fn step(step: Step) -> Conclusion {
        Conclusion { step, ..NOTHING_SETTLED }
    }

    fn retry(after: Option<Duration>) -> Verdict {
        Verdict::Retry { after, may_be_batch: false }
    }

    fn isolate(culprits: &[usize], count: usize) -> Verdict {
        Verdict::Isolate { culprits: culprits.to_vec(), count }
    }

    #[test]
    fn an_event_that_cannot_be_written_is_removed_alone() {
        let mut batch = batch(6);
        let mut json = FallibleBuffer { bytes: b"left over".to_vec(), ..FallibleBuffer::default() };
        let attempt = batch.encode_with(&mut json, |event, json| {
            write!(json, "{event}").unwrap();
            assert_ne!(*event, 3, "a bug in this package");
            (*event != 0).then_some(1)
        });
        assert_eq!(String::from_utf8(json.bytes).unwrap(), "[1,2,4,5]");
        let expected = Attempt { written: 4, bytes: 9, unserializable: 2, bodies_removed: 4 };
        assert_eq!(attempt, expected);
        assert_eq!(batch.events, [1, 2, 4, 5]);
    }

    #[test]
    fn events_that_were_not_written_stay() {
        let mut batch = batch(5);
        let delivered = Verdict::Delivered { rejected: 1 };
        assert_eq!(conclude(&mut batch, 3, &delivered), Conclusion { rejected: 1, ..sent(2) });
        assert_eq!(batch.events, [3, 4]);
        // A count higher than the number of events affects only this request.
        assert_eq!(conclude(&mut batch, 2, &Verdict::Delivered { rejected: 9 }), rejected(2));
        assert_eq!(batch.events.len(), 0);
    }

    #[test]
    fn a_pause_a_stop_or_a_split_loses_no_event() {
        let mut batch = batch(4);
        let after = Some(Duration::from_secs(1));
        assert_eq!(conclude(&mut batch, 4, &retry(after)), step(Step::Pause { after }));
        assert_eq!(conclude(&mut batch, 4, &Verdict::Stop), step(Step::Stop));
        assert_eq!(conclude(&mut batch, 4, &Verdict::Split), step(Step::Shrink { max_bytes: 201 }));
        assert_eq!((batch.events.len(), batch.attempts), (4, 2));
        assert_eq!(conclude(&mut batch, 1, &Verdict::Split), refused(1));
        assert_eq!(batch.events, [1, 2, 3]);
    }

    #[test]
    fn a_batch_that_keeps_failing_is_divided_until_the_failing_event_is_alone() {
        let mut batch = batch(8);
        let mut sent = Vec::new();
        for _ in 0..100 {
            let failing = Verdict::Retry { after: None, may_be_batch: true };
            let written = batch.max_events.min(batch.events.len());
            let fails = batch.events.iter().take(written).any(|event| *event == 2);
            let verdict = if fails { failing } else { Verdict::Delivered { rejected: 0 } };
            let attempt = Attempt { written, bytes: written * 100, ..Attempt::default() };
            batch.conclude(&attempt, &verdict, &mut sent);
        }
        sent.sort_unstable();
        assert_eq!((sent, batch.events), (vec![0, 1, 3, 4, 5, 6, 7], [2].into()));
    }

    #[test]
    fn a_busy_collector_does_not_divide_batches() {
        let mut batch = batch(4);
        for _ in 0..10 {
            conclude(&mut batch, 4, &retry(None));
        }
        assert_eq!(batch.max_events, usize::MAX);
    }

    #[test]
    fn rejected_events_are_removed_and_the_others_stay() {
        let mut batch = batch(6);
        assert_eq!(conclude(&mut batch, 4, &isolate(&[1, 3, 77], 3)), rejected(2));
        assert_eq!(batch.events, [0, 2, 4, 5]);
        assert_eq!(conclude(&mut batch, 2, &isolate(&[0], 2)), rejected(2));
        assert_eq!(batch.events, [4, 5]);
    }

    #[test]
    fn a_refused_event_that_is_not_named_is_found_by_halving() {
        let mut batch = batch(4);
        assert_eq!(conclude(&mut batch, 4, &isolate(&[], 0)), NOTHING_SETTLED);
        assert_eq!(batch.max_events, 2);
        conclude(&mut batch, 2, &isolate(&[9], 1));
        assert_eq!((batch.max_events, batch.events.len()), (1, 4));
        assert_eq!(conclude(&mut batch, 1, &isolate(&[], 0)), refused(1));
        assert_eq!(conclude(&mut batch, 1, &Verdict::Delivered { rejected: 0 }), sent(1));
        assert_eq!((batch.max_events, batch.events), (2, [2, 3].into()));
    }
}

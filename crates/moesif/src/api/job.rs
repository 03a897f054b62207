//! One API request. Makes its attempts and decides whether another one follows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Completion, Content, Outcome};
use crate::delivery::Delivery;
use crate::http::{
    Backoff, Compressor, HttpTransport, Reply, TransportError, Verdict, cap_retry_after, verdict,
};

/// Minimum size of a document that is compressed, in bytes.
const MIN_GZIP_BYTES: usize = 1024;

/// A request and the state of its attempts. Settled exactly once.
pub(super) struct Job {
    pub(super) delivery: Arc<Delivery>,
    pub(super) content: Content,
    /// Whether the server may get the request twice.
    pub(super) is_repeatable: bool,
    /// Deadline of the caller.
    pub(super) deadline: Instant,
    /// Time of the next attempt.
    pub(super) due: Instant,
    /// Attempts that have failed.
    pub(super) failures: u32,
    pub(super) backoff: Backoff,
    /// Result of the last failed attempt.
    pub(super) last: Option<Result<Reply, TransportError>>,
    pub(super) completion: Arc<Completion>,
    /// Called after the outcome is stored.
    pub(super) done: Option<Box<dyn FnOnce() + Send>>,
}

impl Job {
    /// Returns whether the caller no longer waits: the deadline has passed, or the request was abandoned.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.deadline <= now || self.completion.is_abandoned()
    }

    /// Makes one attempt. Returns the request if another attempt follows later. Otherwise settles it.
    pub(super) fn attempt(mut self, transport: &HttpTransport) -> Option<Self> {
        if self.completion.is_abandoned() {
            self.fail(TransportError::Cancelled);
            return None;
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        let timeout = left.min(self.delivery.endpoint.request_timeout());
        if timeout.is_zero() {
            if let Some(last) = self.last.take() {
                self.end(last);
            } else {
                let outcome = Outcome::never_sent(self.delivery.endpoint.base_uri());
                self.settle(outcome);
            }
            return None;
        }
        let Ok(result) = catch_unwind(AssertUnwindSafe(|| self.send(transport, timeout))) else {
            self.fail(TransportError::Panicked);
            return None;
        };
        if result.as_ref().is_err_and(TransportError::is_permanent) {
            self.end(result);
            return None;
        }
        let Verdict::Retry { after, .. } = verdict(&result) else {
            self.end(result);
            return None;
        };
        if !self.is_repeatable && !result.as_ref().is_err_and(TransportError::was_not_sent) {
            self.end(result);
            return None;
        }
        let pause = self.backoff.pause(self.failures).max(cap_retry_after(after));
        self.failures = self.failures.saturating_add(1);
        match Instant::now().checked_add(pause).filter(|due| *due < self.deadline) {
            // The next attempt would come after the deadline, so the caller gets this result now.
            None => {
                self.end(result);
                None
            }
            Some(due) => {
                (self.due, self.last) = (due, Some(result));
                Some(self)
            }
        }
    }

    fn send(&mut self, transport: &HttpTransport, timeout: Duration) -> Result<Reply, TransportError> {
        match &mut self.content {
            Content::Get { path } => transport.get(path, timeout),
            Content::Own(request) => transport.send_own(request, timeout),
            Content::Post { path, document, is_gzipped } => {
                if !*is_gzipped
                    && document.len() >= MIN_GZIP_BYTES
                    && let Some(gzipped) = Compressor::new().gzip(document)
                {
                    (*document, *is_gzipped) = (gzipped, true);
                }
                transport.post(path, document, *is_gzipped, timeout)
            }
        }
    }

    pub(super) fn fail(self, error: TransportError) {
        self.end(Err(error));
    }

    fn end(self, result: Result<Reply, TransportError>) {
        let outcome = Outcome::of(self.delivery.endpoint.base_uri(), result);
        self.settle(outcome);
    }

    fn settle(mut self, outcome: Outcome) {
        self.completion.settle(outcome);
        if let Some(done) = self.done.take() {
            done();
        }
    }
}

//! From a finished exchange to a collector's acknowledgement.
//!
//! In: exchanges, pushed by application threads that never wait. Out: gzipped batches handed to a
//! [`Transport`](crate::http::Transport) by worker threads, and [`Stats`] in which every event is in exactly one
//! place. What goes next, and what an answer means, is decided without threads, clocks or sockets by the ledger; the
//! threads around it only wait, write and send. A pipeline starts no thread before [`Pipeline::start`], and its threads
//! know nothing of the application.

mod batch;
mod breaker;
mod ledger;
mod queue;
mod stats;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub use breaker::BreakerState;
pub use stats::{DropReason, Stats};

use crate::call::{Exchange, Spares};
use crate::diagnostics::{Diagnostics, Severity};
use crate::http::{Endpoint, Names};
use crate::rules::{Governance, Remote, RemoteState};
use breaker::Cause;
use ledger::{Limits, Notice};
use queue::Queue;

/// Where and how events are delivered. Clients for which this is equal share one pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The collector and the application id events are sent under.
    pub endpoint: Endpoint,
    /// Most events waiting in the queue.
    pub queue_size: usize,
    /// What this client asks of the process-wide byte budget.
    pub queue_bytes: u64,
    /// Most events in one batch.
    pub batch_size: usize,
    /// Most bytes in one batch, before compression.
    pub batch_bytes: usize,
    /// Longest time an event waits for its batch to fill.
    pub batch_timeout: Duration,
    /// Concurrent uploads.
    pub workers: usize,
    /// Longest time the process waits for delivery when it ends.
    pub flush_timeout: Duration,
}

/// A queue and the threads that empty it.
pub struct Pipeline {
    shared: Arc<Shared>,
    started: AtomicBool,
    made: Instant,
    /// When starting threads may be tried again, in seconds since it was made; 0 if it has not failed.
    start_failed: AtomicU64,
}

/// What the application's threads and the workers have in common.
struct Shared {
    delivery: Arc<Delivery>,
    diagnostics: Arc<Diagnostics>,
    queue: Queue,
    names: Names,
    remote: Arc<RemoteState>,
    spares: Spares,
}

impl Pipeline {
    pub(crate) fn new(delivery: Arc<Delivery>, diagnostics: Arc<Diagnostics>) -> Self {
        let queue = Queue::new(Limits {
            capacity: delivery.queue_size,
            batch_size: delivery.batch_size,
            batch_bytes: delivery.batch_bytes,
            batch_timeout: delivery.batch_timeout,
        });
        Self {
            shared: Arc::new(Shared {
                delivery,
                diagnostics,
                queue,
                names: Names::default(),
                remote: Arc::default(),
                spares: Spares::default(),
            }),
            started: AtomicBool::new(false),
            made: Instant::now(),
            start_failed: AtomicU64::new(0),
        }
    }

    pub(crate) fn delivery(&self) -> &Delivery {
        &self.shared.delivery
    }

    /// Starts the threads, once. When none can deliver, that is reported and tried again, at most once in a while.
    pub(crate) fn start(&self) {
        if self.started.load(Ordering::Relaxed)
            || self.is_too_early_to_start()
            || self.started.swap(true, Ordering::AcqRel)
        {
            return;
        }
        let shared = &self.shared;
        let running =
            (0..shared.delivery.workers).filter(|number| worker::spawn(*number, shared).is_ok()).count();
        if running == 0 {
            if self.start_failed.swap(self.made.elapsed().as_secs() + 1, Ordering::Relaxed) == 0 {
                let message =
                    "no thread could be started to deliver events: they wait in memory until one can";
                shared.diagnostics.report(Severity::Error, message.to_owned());
            }
            self.started.store(false, Ordering::Release);
            return;
        }
        // Known by the time the first batch is full or old enough, and when the process ends.
        if let Some(peer) = shared.delivery.endpoint.peer() {
            shared.names.prepare(&peer);
        }
        if crate::rules::spawn_refresh(
            &shared.remote,
            &shared.delivery.endpoint,
            &shared.names,
            &shared.diagnostics,
        )
        .is_err()
        {
            let message = "no thread could be started to load remote configuration: every call is kept and no rule applies";
            shared.diagnostics.report(Severity::Error, message.to_owned());
        }
    }

    /// Whether it is too early to try again to start threads.
    fn is_too_early_to_start(&self) -> bool {
        let failed = self.start_failed.load(Ordering::Relaxed);
        failed > 0 && self.made.elapsed().as_secs() < failed
    }

    /// Queues an exchange, or drops it and counts it when there is no room. Never waits.
    pub(crate) fn push(&self, mut exchange: Box<Exchange>) {
        exchange.finish();
        let notice = if exchange.reserve() {
            self.shared.queue.push(exchange)
        } else {
            // Freed before it is counted as gone.
            drop(exchange);
            self.shared.queue.count_dropped(DropReason::QueueBytes)
        };
        if let Some(notice) = notice {
            self.shared.tell(notice, "");
        }
    }

    /// A record that is done with, for its memory.
    pub(crate) fn spare(&self) -> Option<Box<Exchange>> {
        self.shared.spares.take()
    }

    /// What the collector's operator has put into force.
    pub(crate) fn remote(&self) -> Arc<Remote> {
        self.shared.remote.current()
    }

    /// The rules the collector's operator has put into force, if there are any.
    pub(crate) fn governance(&self) -> Option<Arc<Governance>> {
        self.shared.remote.governance()
    }

    pub(crate) fn count_sampled_out(&self) {
        self.shared.queue.count_sampled_out();
    }

    pub(crate) fn count_skipped(&self) {
        self.shared.queue.count_skipped();
    }

    pub(crate) fn count_lost(&self) {
        self.shared.queue.count_dropped(DropReason::Internal);
    }

    /// Asks for everything queued so far to be delivered now. Returns what to wait for.
    pub(crate) fn request_flush(&self) -> u64 {
        self.shared.queue.request_flush()
    }

    /// Waits until everything before `target` is settled, until `pause` at the latest. `Some` is final: it is settled, or
    /// is not at `deadline`. A `deadline` of `None` is as long as it takes.
    pub(crate) fn wait_settled(
        &self,
        target: u64,
        pause: Instant,
        deadline: Option<Instant>,
    ) -> Option<bool> {
        self.shared.queue.wait_settled(target, pause, deadline)
    }

    /// Whether a last flush, which is to end at `deadline`, has nothing left to wait for. The first question begins it. Takes
    /// no lock that is not free.
    pub(crate) fn is_flushed(&self, deadline: Instant) -> bool {
        self.shared.queue.is_flushed(deadline)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.shared.queue.stats()
    }
}

impl Shared {
    /// Puts a notice into words, for the application's threads to log. `why` is what came of the last upload.
    fn tell(&self, notice: Notice, why: &str) {
        let uri = self.delivery.endpoint.base_uri();
        let (severity, message) = match notice {
            Notice::Fails(Cause::Failing) => (
                Severity::Warning,
                format!("cannot deliver to {uri}: {why}; events wait in memory and are sent again"),
            ),
            Notice::Fails(Cause::Refusing) => (
                Severity::Error,
                format!(
                    "{uri} does not accept this APPLICATION_ID or BASE_URI ({why}): events wait in memory and are tried \
                     again, less and less often"
                ),
            ),
            Notice::Works => (Severity::Info, format!("delivery to {uri} works again")),
            Notice::Refused(events) => {
                (Severity::Error, format!("{uri} refused events: {events} are lost so far ({why})"))
            }
            Notice::Dropped(events) => (
                Severity::Error,
                format!(
                    "no room for more events for {uri}: {events} are lost so far; EVENT_QUEUE_BYTES and EVENT_QUEUE_SIZE are \
                     what may wait"
                ),
            ),
        };
        self.diagnostics.report(severity, message);
    }
}

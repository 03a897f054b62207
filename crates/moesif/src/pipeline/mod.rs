//! From a finished exchange to a collector's acknowledgement.
//!
//! In: exchanges, pushed by application threads that never wait. Out: gzipped batches handed to a
//! [`Transport`](crate::transport::Transport) by worker threads, and [`Stats`] in which every event is in exactly one
//! place. A pipeline starts no thread before [`Pipeline::start`], and its threads know nothing of the application.

mod batch;
mod budget;
mod diagnostics;
mod queue;
mod spares;
mod stats;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use budget::{Budget, Reservation};
pub use diagnostics::{Diagnostic, Diagnostics, Severity, Topic, drain_diagnostics};
pub use stats::{DropReason, Stats};

use crate::capture::Exchange;
use crate::governance::Governance;
use crate::remote::{self, Remote, RemoteState};
use crate::transport::Endpoint;
use queue::Queue;
use spares::Spares;

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
}

/// What the application's threads and the workers have in common.
struct Shared {
    delivery: Arc<Delivery>,
    diagnostics: Arc<Diagnostics>,
    queue: Queue,
    remote: Arc<RemoteState>,
    spares: Spares,
    /// Whether the last answer was a failure.
    failing: AtomicBool,
}

impl Pipeline {
    pub(crate) fn new(delivery: Arc<Delivery>, diagnostics: Arc<Diagnostics>) -> Self {
        let queue = Queue::new(delivery.queue_size, delivery.batch_size, delivery.batch_timeout);
        Self {
            shared: Arc::new(Shared {
                delivery,
                diagnostics,
                queue,
                remote: Arc::default(),
                spares: Spares::default(),
                failing: AtomicBool::new(false),
            }),
            started: AtomicBool::new(false),
        }
    }

    pub(crate) fn delivery(&self) -> &Delivery {
        &self.shared.delivery
    }

    /// Starts the threads, once. When none can deliver, that is reported and tried again at the next call.
    pub(crate) fn start(&self) {
        if self.started.load(Ordering::Relaxed) || self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        // Without it, everything is kept and no rule applies.
        drop(remote::spawn(&self.shared.remote, &self.shared.delivery.endpoint, &self.shared.diagnostics));
        let running = (0..self.shared.delivery.workers)
            .filter(|number| worker::spawn(*number, &self.shared).is_ok())
            .count();
        if running == 0 {
            self.started.store(false, Ordering::Release);
            self.shared.diagnostics.report(
                Severity::Error,
                "no thread could be started to deliver events: they wait in memory until one can".to_owned(),
            );
        }
    }

    /// Queues an exchange, or drops it and counts it when there is no room. Never waits.
    pub(crate) fn push(&self, mut exchange: Box<Exchange>) {
        exchange.finish();
        if exchange.reserve() {
            self.shared.queue.push(exchange);
        } else {
            self.shared.queue.count_unqueued(DropReason::QueueBytes);
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
        self.shared.queue.count_unqueued(DropReason::Internal);
    }

    /// Asks for everything queued so far to be delivered now. Returns what to wait for.
    pub(crate) fn request_flush(&self) -> u64 {
        self.shared.queue.request_flush()
    }

    /// Waits until everything before `target` is settled. `deadline` `None` waits as long as it takes.
    pub(crate) fn wait_settled(&self, target: u64, deadline: Option<Instant>) -> bool {
        self.shared.queue.wait_settled(target, deadline)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.shared.queue.stats()
    }
}

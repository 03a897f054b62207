//! A pipeline: starts the threads, and is the interface of delivery for the modules above.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

use super::configuration::Delivery;
use super::ledger::Limits;
use super::notice::Notice;
use super::queue::Queue;
use super::stats::{DropReason, Stats};
use super::worker;
use crate::call::{Exchange, Spares};
use crate::diagnostics::{Diagnostics, Severity};
use crate::http::NameResolver;
use crate::rules::{Governance, Remote, RemoteState, spawn_refresh};

/// The workers run, but not the thread that fetches the remote configuration.
const WORKERS: u8 = 1;
/// All threads run.
const ALL: u8 = 2;

/// A queue, the worker threads that deliver from it, and the thread that fetches the remote configuration.
pub struct Pipeline {
    context: Arc<PipelineContext>,
    /// Which threads have been started: none, the workers ([`WORKERS`]), or all ([`ALL`]).
    started: AtomicU8,
    created: Instant,
    /// Seconds since `created` before which the start is not tried again. 0 if it has not failed.
    retry_start_at: AtomicU64,
}

/// State shared by the application's threads and the workers of one pipeline.
pub(super) struct PipelineContext {
    pub(super) delivery: Arc<Delivery>,
    pub(super) diagnostics: Arc<Diagnostics>,
    pub(super) queue: Queue,
    pub(super) names: NameResolver,
    pub(super) remote: Arc<RemoteState>,
    pub(super) spares: Spares,
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
            context: Arc::new(PipelineContext {
                delivery,
                diagnostics,
                queue,
                names: NameResolver::default(),
                remote: Arc::default(),
                spares: Spares::default(),
            }),
            started: AtomicU8::new(0),
            created: Instant::now(),
            retry_start_at: AtomicU64::new(0),
        }
    }

    pub(crate) fn delivery(&self) -> &Delivery {
        &self.context.delivery
    }

    /// Starts the threads, once. If one cannot be started, reports that and tries again with a later call, at
    /// most once a second.
    pub(crate) fn start(&self) {
        if self.started.load(Ordering::Relaxed) == ALL || self.is_too_early_to_start() {
            return;
        }
        let before = self.started.swap(ALL, Ordering::AcqRel);
        if before == ALL {
            return;
        }
        let context = &self.context;
        if before != WORKERS {
            let workers = 0..context.delivery.workers;
            let running = workers.filter(|number| worker::spawn(*number, context).is_ok()).count();
            if running == 0 {
                self.start_later(
                    before,
                    "no thread could be started to deliver events: they wait in memory until one can be started",
                );
                return;
            }
            // Starts the lookup early, so that neither the first batch nor a flush at exit has to wait for it.
            if let Some(peer) = context.delivery.endpoint.peer() {
                context.names.prepare(&peer);
            }
        }
        let endpoint = &context.delivery.endpoint;
        let refresh = spawn_refresh(&context.remote, endpoint, &context.names, &context.diagnostics);
        if refresh.is_err() {
            self.start_later(
                WORKERS,
                "no thread could be started to load the remote configuration: until one can be started, every call \
                 is kept and no rule applies",
            );
        }
    }

    /// Has a later call start the threads that are missing. Reports the first failure.
    fn start_later(&self, started: u8, message: &str) {
        if self.retry_start_at.swap(self.created.elapsed().as_secs() + 1, Ordering::Relaxed) == 0 {
            self.context.diagnostics.report(Severity::Error, message.to_owned());
        }
        self.started.store(started, Ordering::Release);
    }

    fn is_too_early_to_start(&self) -> bool {
        let retry_at = self.retry_start_at.load(Ordering::Relaxed);
        retry_at > 0 && self.created.elapsed().as_secs() < retry_at
    }

    /// Queues an exchange. If the queue or the byte budget is full, or memory is short, drops and counts it, and
    /// returns the reason. Never waits.
    pub(crate) fn push(&self, mut exchange: Box<Exchange>) -> Result<(), DropReason> {
        exchange.finish();
        let refusal = if exchange.lacks_memory() {
            Some(DropReason::Memory)
        } else if exchange.reserve() {
            None
        } else {
            Some(DropReason::QueueBytes)
        };
        let (reason, notice) = match refusal {
            None => match self.context.queue.push(exchange) {
                Ok(()) => return Ok(()),
                Err(dropped) => dropped,
            },
            Some(reason) => {
                // Free the memory before the event is counted as dropped.
                drop(exchange);
                (reason, self.context.queue.count_dropped(reason))
            }
        };
        if let Some(notice) = notice {
            self.context.report(notice, "");
        }
        Err(reason)
    }

    /// Returns a settled record, to reuse its memory.
    pub(crate) fn spare(&self) -> Option<Box<Exchange>> {
        self.context.spares.take()
    }

    /// Returns the remote configuration that is in force.
    pub(crate) fn remote(&self) -> Arc<Remote> {
        self.context.remote.current()
    }

    /// Returns the governance rules that are in force, if there are any.
    pub(crate) fn governance(&self) -> Option<Arc<Governance>> {
        self.context.remote.governance()
    }

    pub(crate) fn count_sampled_out(&self) {
        self.context.queue.count_sampled_out();
    }

    pub(crate) fn count_skipped(&self) {
        self.context.queue.count_skipped();
    }

    /// Counts a call that was not recorded to its end.
    pub(crate) fn count_lost(&self, reason: DropReason) {
        if let Some(notice) = self.context.queue.count_dropped(reason) {
            self.context.report(notice, "");
        }
    }

    /// Requests delivery of everything queued so far. Returns the sequence number to wait for.
    pub(crate) fn request_flush(&self) -> u64 {
        self.context.queue.request_flush()
    }

    /// Waits until everything before `target` is settled, at most until `wake_at`.
    ///
    /// | Result | Meaning |
    /// |---|---|
    /// | `Some(true)` | everything is settled |
    /// | `Some(false)` | `deadline` has passed |
    /// | `None` | `wake_at` has passed; call again |
    pub(crate) fn wait_settled(
        &self,
        target: u64,
        wake_at: Instant,
        deadline: Option<Instant>,
    ) -> Option<bool> {
        self.context.queue.wait_settled(target, wake_at, deadline)
    }

    /// Returns whether the last flush of the process is over: everything is settled, or nothing can be
    /// settled before `deadline`. The first call begins the flush. Never waits for a lock.
    pub(crate) fn is_flushed(&self, deadline: Instant) -> bool {
        self.context.queue.is_flushed(deadline)
    }

    /// Notes that a flush was not the last one: the next call of [`Pipeline::is_flushed`] begins another.
    pub(crate) fn forget_flush(&self) {
        self.context.queue.forget_flush();
    }

    pub(crate) fn stats(&self) -> Stats {
        self.context.queue.stats()
    }
}

impl PipelineContext {
    /// Keeps a notice until a thread of the application logs it. `reason` describes the last upload.
    pub(super) fn report(&self, notice: Notice, reason: &str) {
        let message = notice.message(self.delivery.endpoint.base_uri(), reason);
        self.diagnostics.report(notice.severity(), message);
    }
}

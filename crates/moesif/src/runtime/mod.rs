//! State of the SDK that exists once per process: byte budget, pipelines, ids. Also flushes, statistics and
//! exit.
//!
//! [`runtime`] creates the state at the first use. The child of a fork creates its own ([`crate::process`]).

mod exit;
mod flush;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::call::{Budget, Identifiers};
use crate::delivery::{Delivery, Pipeline, Stats};
use crate::diagnostics::diagnostics;
use crate::process::{ProcessLocal, Random};

pub use exit::LastFlush;
pub use flush::{Flush, flush};

pub(crate) use exit::guard_exit;

/// State that exists once per process.
pub struct Runtime {
    budget: Arc<Budget>,
    identifiers: Identifiers,
    random: Random,
    /// Read without a lock, because the last flush must not wait for one.
    pipelines: ArcSwap<Vec<Arc<Pipeline>>>,
    /// Longest `FLUSH_TIMEOUT` of the pipelines, in microseconds.
    flush_micros: AtomicU64,
    callback_failures: AtomicU64,
}

static RUNTIME: ProcessLocal<Runtime> = ProcessLocal::new();

/// Returns the runtime of this process.
#[must_use]
pub fn runtime() -> Arc<Runtime> {
    RUNTIME.get_or_make(|| {
        Arc::new(Runtime {
            budget: Arc::new(Budget::default()),
            identifiers: Identifiers::seeded(),
            random: Random::seeded(),
            pipelines: ArcSwap::default(),
            flush_micros: AtomicU64::new(0),
            callback_failures: AtomicU64::new(0),
        })
    })
}

/// Forgets the state of the parent process, in the child of a fork.
///
/// Optional: every use compares process ids. Called from `os.register_at_fork` where the host runs it.
pub fn after_fork_in_child() {
    RUNTIME.forget_inherited();
    crate::api::forget_inherited();
    crate::diagnostics::forget_inherited();
}

/// Counts a failed call of one of the application's functions.
pub fn callback_failed() {
    runtime().callback_failures.fetch_add(1, Ordering::Relaxed);
}

/// Returns the counts of all events of this process so far.
#[must_use]
pub fn stats() -> Stats {
    let mut total = Stats::default();
    if let Some(runtime) = RUNTIME.get() {
        for pipeline in runtime.pipelines.load().iter() {
            total.add(&pipeline.stats());
        }
        total.queue_bytes = runtime.budget.used();
        total.callback_failures = runtime.callback_failures.load(Ordering::Relaxed);
    }
    total
}

impl Runtime {
    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    pub(crate) fn identifiers(&self) -> &Identifiers {
        &self.identifiers
    }

    pub(crate) fn random(&self) -> &Random {
        &self.random
    }

    /// Returns the pipeline for these delivery settings. Equal settings share one. If threads race, the first
    /// pipeline is kept.
    pub(crate) fn pipeline(&self, delivery: &Arc<Delivery>) -> Arc<Pipeline> {
        let find = |pipelines: &[Arc<Pipeline>]| {
            pipelines.iter().find(|pipeline| pipeline.delivery() == &**delivery).map(Arc::clone)
        };
        if let Some(pipeline) = find(&self.pipelines.load()) {
            return pipeline;
        }
        self.budget.allow(delivery.queue_bytes);
        let micros = u64::try_from(delivery.flush_timeout.as_micros()).unwrap_or(u64::MAX);
        self.flush_micros.fetch_max(micros, Ordering::Relaxed);
        let new = Arc::new(Pipeline::new(Arc::clone(delivery), diagnostics()));
        let before = self.pipelines.rcu(|pipelines| match find(pipelines) {
            Some(_) => Arc::clone(pipelines),
            None => Arc::new(pipelines.iter().chain([&new]).map(Arc::clone).collect()),
        });
        find(&before).unwrap_or(new)
    }
}

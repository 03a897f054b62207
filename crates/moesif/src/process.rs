//! State that belongs to one process and must not be shared with the child of a fork.
//!
//! In: a fork may happen at any instant, on any thread, with any lock held, and without a hook being run. Out: the
//! child sees empty cells and makes its own state; what it inherited is abandoned in place: never locked, joined,
//! dropped or freed, because a thread that no longer exists may have been in the middle of it. A comparison of
//! process ids carries all of that (`docs/guarantees.md`, I-4).
//!
//! [`runtime`] is the one root such state hangs from: the byte budget, the pipelines, the diagnostics, the identifiers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use crate::pipeline::{Budget, Delivery, Diagnostics, Pipeline, Stats};
use crate::process_id::process_id;

/// A value made at most once in each process.
pub(crate) struct ProcessLocal<T> {
    cell: ArcSwapOption<Entry<T>>,
}

struct Entry<T> {
    pid: u32,
    value: Arc<T>,
}

impl<T> ProcessLocal<T> {
    pub(crate) const fn new() -> Self {
        Self { cell: ArcSwapOption::const_empty() }
    }

    /// This process's value, if it has been made.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        let entry = self.cell.load();
        let entry = entry.as_ref().filter(|entry| entry.pid == process_id())?;
        Some(Arc::clone(&entry.value))
    }

    /// This process's value, made now if need be. Threads that race here may each call `make`; one result is kept
    /// and all of them get that one.
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> Arc<T>) -> Arc<T> {
        if let Some(value) = self.get() {
            return value;
        }
        let pid = process_id();
        let entry = Arc::new(Entry { pid, value: make() });
        let before = self.cell.rcu(|current| match current {
            Some(there) if there.pid == pid => Some(Arc::clone(there)),
            _ => Some(Arc::clone(&entry)),
        });
        match before {
            Some(there) if there.pid == pid => Arc::clone(&there.value),
            inherited => {
                // The parent's state: dropping it could free what its threads were using when they were lost.
                std::mem::forget(inherited);
                Arc::clone(&entry.value)
            }
        }
    }
}

/// Everything of the SDK that lives once in a process.
pub struct Runtime {
    budget: Arc<Budget>,
    diagnostics: Arc<Diagnostics>,
    identifiers: crate::capture::Identifiers,
    pipelines: Mutex<Vec<Arc<Pipeline>>>,
}

static RUNTIME: ProcessLocal<Runtime> = ProcessLocal::new();

/// The runtime of this process.
#[must_use]
pub fn runtime() -> Arc<Runtime> {
    RUNTIME.get_or_make(|| {
        Arc::new(Runtime {
            budget: Arc::new(Budget::default()),
            diagnostics: Arc::new(Diagnostics::default()),
            identifiers: crate::capture::Identifiers::seeded(),
            pipelines: Mutex::new(Vec::new()),
        })
    })
}

/// Everything recorded in this process before a moment, on its way to be settled.
pub struct Flush {
    pipelines: Vec<(Arc<Pipeline>, u64)>,
}

impl Flush {
    /// Asks for everything recorded so far to be delivered now. Waits for nothing.
    #[must_use]
    pub fn request() -> Self {
        let pipelines = RUNTIME.get().map(|runtime| runtime.pipelines().clone()).unwrap_or_default();
        let targets = pipelines.into_iter().map(|pipeline| {
            let target = pipeline.request_flush();
            (pipeline, target)
        });
        Self { pipelines: targets.collect() }
    }

    /// Waits until all of it is delivered or counted as lost, and says whether it is. May be asked again.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now().checked_add(timeout);
        self.pipelines.iter().all(|(pipeline, target)| pipeline.wait_settled(*target, deadline))
    }
}

/// Waits until every event recorded in this process before the call is delivered or counted as lost.
///
/// `timeout` defaults to the longest `FLUSH_TIMEOUT` among this process's pipelines. Returns whether everything
/// was settled in time; `true` at once when this process has recorded nothing.
#[must_use]
pub fn flush(timeout: Option<Duration>) -> bool {
    Flush::request().wait(timeout.unwrap_or_else(flush_timeout))
}

/// The longest `FLUSH_TIMEOUT` among this process's pipelines; zero when there are none.
#[must_use]
pub fn flush_timeout() -> Duration {
    let longest = |runtime: Arc<Runtime>| {
        runtime.pipelines().iter().map(|pipeline| pipeline.delivery().flush_timeout).max()
    };
    RUNTIME.get().and_then(longest).unwrap_or_default()
}

/// What became of every event of this process so far.
#[must_use]
pub fn stats() -> Stats {
    let mut total = Stats::default();
    if let Some(runtime) = RUNTIME.get() {
        for pipeline in runtime.pipelines().iter() {
            total.add(&pipeline.stats());
        }
        total.queue_bytes = runtime.budget.used();
    }
    total
}

impl Runtime {
    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    pub(crate) fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }

    pub(crate) fn identifiers(&self) -> &crate::capture::Identifiers {
        &self.identifiers
    }

    /// The pipeline for these delivery settings: equal settings share one.
    pub(crate) fn pipeline(&self, delivery: &Arc<Delivery>) -> Arc<Pipeline> {
        let mut pipelines = self.pipelines();
        if let Some(pipeline) = pipelines.iter().find(|pipeline| pipeline.delivery() == &**delivery) {
            return Arc::clone(pipeline);
        }
        self.budget.allow(delivery.queue_bytes);
        let pipeline = Arc::new(Pipeline::new(Arc::clone(delivery), Arc::clone(&self.diagnostics)));
        pipelines.push(Arc::clone(&pipeline));
        pipeline
    }

    fn pipelines(&self) -> MutexGuard<'_, Vec<Arc<Pipeline>>> {
        self.pipelines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn racing_threads_all_get_the_same_value() {
        static CELL: ProcessLocal<usize> = ProcessLocal::new();
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let values: Vec<Arc<usize>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| CELL.get_or_make(|| Arc::new(MADE.fetch_add(1, Ordering::Relaxed)))))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(values.iter().all(|value| Arc::ptr_eq(value, &values[0])));
    }

    #[test]
    fn a_value_of_another_process_is_not_seen_and_not_dropped() {
        struct Tattle;
        impl Drop for Tattle {
            fn drop(&mut self) {
                panic!("what a child inherits is never dropped");
            }
        }
        let cell = ProcessLocal::<Tattle>::new();
        cell.cell.store(Some(Arc::new(Entry { pid: process_id().wrapping_add(1), value: Arc::new(Tattle) })));
        assert!(cell.get().is_none());
        let mine = cell.get_or_make(|| Arc::new(Tattle));
        assert!(Arc::ptr_eq(&mine, &cell.get().unwrap()));
        std::mem::forget((mine, cell));
    }
}

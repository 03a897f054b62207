//! State that belongs to one process and must not be shared with the child of a fork.
//!
//! In: a fork may happen at any instant, on any thread, with any lock held, and without a hook being run. Out: the
//! child sees empty cells and makes its own state; what it inherited is abandoned in place: never locked, joined,
//! dropped or freed, because a thread that no longer exists may have been in the middle of it. A comparison of
//! process ids carries all of that (`docs/guarantees.md`, I-4).
//!
//! [`runtime`] is the one root such state hangs from: the byte budget, the pipelines, the threads of the API, the
//! diagnostics, the identifiers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};

pub use crate::exit::LastFlush;
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

    /// Forgets the value of another process.
    fn forget_inherited(&self) {
        let pid = process_id();
        let before = self.cell.rcu(|current| current.clone().filter(|entry| entry.pid == pid));
        if before.as_ref().is_some_and(|entry| entry.pid != pid) {
            std::mem::forget(before);
        }
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
    api: crate::api::Threads,
    /// Behind no lock: the last flush may find one held.
    pipelines: ArcSwap<Vec<Arc<Pipeline>>>,
    /// The longest `FLUSH_TIMEOUT`.
    flush_micros: AtomicU64,
    callback_failures: AtomicU64,
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
            api: crate::api::Threads::default(),
            pipelines: ArcSwap::default(),
            flush_micros: AtomicU64::new(0),
            callback_failures: AtomicU64::new(0),
        })
    })
}

/// Leaves the parent's state alone from now on, in the child of a fork.
///
/// Nothing depends on it: every use compares process ids. It is for hosts that tell.
pub fn after_fork_in_child() {
    RUNTIME.forget_inherited();
}

/// Everything recorded in this process before a moment, on its way to be settled.
pub struct Flush {
    pipelines: Vec<(Arc<Pipeline>, u64)>,
    deadline: Option<Instant>,
}

impl Flush {
    /// Asks for everything recorded so far to be delivered now. Waits for nothing.
    ///
    /// `timeout` is counted from here and defaults to the longest `FLUSH_TIMEOUT` among this process's pipelines.
    #[must_use]
    pub fn request(timeout: Option<Duration>) -> Self {
        let deadline = Instant::now().checked_add(timeout.unwrap_or_else(flush_timeout));
        let pipelines = RUNTIME.get().map(|runtime| runtime.pipelines.load_full()).unwrap_or_default();
        let targets = pipelines.iter().map(|pipeline| (Arc::clone(pipeline), pipeline.request_flush()));
        Self { pipelines: targets.collect(), deadline }
    }

    /// Waits for at most `pause`. `Some(true)`: all of it is delivered or counted as lost. `Some(false)`: that did not
    /// happen in time. `None`: ask again.
    #[must_use]
    pub fn wait(&self, pause: Duration) -> Option<bool> {
        let pause = Instant::now().checked_add(pause).or(self.deadline)?;
        let mut settled = true;
        for (pipeline, target) in &self.pipelines {
            settled &= pipeline.wait_settled(*target, pause, self.deadline)?;
        }
        Some(settled)
    }
}

/// Whether the last flush of this process, which is to end at `deadline`, has nothing left to wait for. The first question
/// begins it. Takes no lock that is not free.
pub(crate) fn is_flushed(deadline: Instant) -> bool {
    let mut done = true;
    if let Some(runtime) = RUNTIME.get() {
        // Each is asked, whatever the others say: it begins with that.
        for pipeline in runtime.pipelines.load().iter() {
            done &= pipeline.is_flushed(deadline);
        }
    }
    done
}

/// Waits until every event recorded in this process before the call is delivered or counted as lost.
///
/// `timeout` defaults to the longest `FLUSH_TIMEOUT` among this process's pipelines. Returns whether everything
/// was settled in time; `true` at once when this process has recorded nothing.
#[must_use]
pub fn flush(timeout: Option<Duration>) -> bool {
    let flush = Flush::request(timeout);
    loop {
        if let Some(settled) = flush.wait(Duration::from_secs(3600)) {
            return settled;
        }
    }
}

/// The longest `FLUSH_TIMEOUT` among this process's pipelines; zero when there are none. Takes no lock.
pub(crate) fn flush_timeout() -> Duration {
    let micros = RUNTIME.get().map(|runtime| runtime.flush_micros.load(Ordering::Relaxed));
    Duration::from_micros(micros.unwrap_or_default())
}

/// Counts a failure of a function of the application's settings.
pub fn callback_failed() {
    runtime().callback_failures.fetch_add(1, Ordering::Relaxed);
}

/// What became of every event of this process so far.
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

    pub(crate) fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }

    pub(crate) fn api(&self) -> &crate::api::Threads {
        &self.api
    }

    pub(crate) fn identifiers(&self) -> &crate::capture::Identifiers {
        &self.identifiers
    }

    /// The pipeline for these delivery settings: equal settings share one. Of threads that race here the first one's is kept.
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
        let made = Arc::new(Pipeline::new(Arc::clone(delivery), Arc::clone(&self.diagnostics)));
        let before = self.pipelines.rcu(|pipelines| match find(pipelines) {
            Some(_) => Arc::clone(pipelines),
            None => Arc::new(pipelines.iter().chain([&made]).map(Arc::clone).collect()),
        });
        find(&before).unwrap_or(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

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

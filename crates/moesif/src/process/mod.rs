//! Process id, random numbers, SIGTERM handling, and state that a forked child must not share with its parent
//! (`docs/guarantees.md`, I-4).
//!
//! A fork may happen at any instant, on any thread, with any lock held, and without running a hook. Modules
//! therefore keep the state of their process in a `ProcessLocal`, which compares process ids. The child of
//! a fork finds it empty and makes its own value. It never locks, joins, drops or frees the value it
//! inherited: a thread of the parent, which does not exist in the child, may have been using it.

mod id;
mod random;
#[cfg(unix)]
mod signals;
#[cfg(target_os = "linux")]
mod termination;
mod threads;

use std::sync::Arc;

use arc_swap::ArcSwapOption;

pub(crate) use id::process_id;
pub(crate) use random::{Random, scramble, seed};
#[cfg(target_os = "linux")]
pub(crate) use termination::before_termination;

pub(crate) use threads::spawn;

#[cfg(unix)]
use signals::BlockedSignals;

/// Does nothing: elsewhere there are no signals to block.
#[cfg(not(unix))]
struct BlockedSignals;

#[cfg(not(unix))]
impl BlockedSignals {
    const fn new() -> Self {
        Self
    }
}

/// Does nothing: elsewhere SIGTERM ends the process at once.
#[cfg(not(target_os = "linux"))]
pub(crate) fn before_termination(_prepare: fn()) {}

/// Value that exists at most once in each process.
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

    /// Returns the value of this process, if it exists.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        let entry = self.cell.load();
        let entry = entry.as_ref().filter(|entry| entry.pid == process_id())?;
        Some(Arc::clone(&entry.value))
    }

    /// Removes a value of the parent process without dropping it.
    pub(crate) fn forget_inherited(&self) {
        let pid = process_id();
        let before = self.cell.rcu(|current| current.clone().filter(|entry| entry.pid == pid));
        if before.as_ref().is_some_and(|entry| entry.pid != pid) {
            std::mem::forget(before);
        }
    }

    /// Returns the value of this process. Creates it with `make` if it does not exist.
    ///
    /// Threads that race may each call `make`. One result is kept, and every thread gets it.
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
                // Not dropped: a thread of the parent may have used it during the fork.
                std::mem::forget(inherited);
                Arc::clone(&entry.value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn racing_threads_get_the_same_value() {
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
    fn value_of_another_process_is_neither_returned_nor_dropped() {
        struct PanicOnDrop;
        impl Drop for PanicOnDrop {
            fn drop(&mut self) {
                panic!("a child must not drop an inherited value");
            }
        }
        let cell = ProcessLocal::<PanicOnDrop>::new();
        cell.cell
            .store(Some(Arc::new(Entry { pid: process_id().wrapping_add(1), value: Arc::new(PanicOnDrop) })));
        assert!(cell.get().is_none());
        let mine = cell.get_or_make(|| Arc::new(PanicOnDrop));
        assert!(Arc::ptr_eq(&mine, &cell.get().unwrap()));
        std::mem::forget((mine, cell));
    }
}

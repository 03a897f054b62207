//! State that belongs to one process and must not be shared with the child of a fork.
//!
//! A fork may happen at any instant, on any thread, with any lock held, and without running a hook. The child sees
//! empty cells and makes its own state. It abandons what it inherited: it never locks, joins, drops or frees it,
//! because a thread that no longer exists may have been using it. All of this rests on a comparison of process ids
//! (`docs/guarantees.md`, I-4).
//!
//! Modules that need such state keep it in a [`ProcessLocal`].

mod id;
mod random;

use std::sync::Arc;

use arc_swap::ArcSwapOption;

pub(crate) use id::process_id;
pub(crate) use random::{Random, scramble, seed};

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

    /// Forgets the value of another process, without dropping it.
    pub(crate) fn forget_inherited(&self) {
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

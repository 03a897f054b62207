//! Records that are done with, and whose memory the next calls use.
//!
//! A call's record is made on one thread and freed on another, and an allocator that keeps memory by thread, as most do, takes
//! a lock for that on either side: measured, one call in ten waited for it, and the slowest per cent cost twice as much.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Exchange;

/// Most records kept: with each at its largest, 4 MiB.
const MOST: usize = 256;

#[derive(Default)]
pub(crate) struct Spares {
    exchanges: Mutex<Exchanges>,
}

type Exchanges = Vec<Box<Exchange>>;

impl Spares {
    pub(crate) fn take(&self) -> Option<Box<Exchange>> {
        self.lock().pop()
    }

    /// Takes over what can be used again, and frees the rest. What they had reserved is given back.
    pub(crate) fn keep(&self, settled: impl Iterator<Item = Box<Exchange>>) {
        let spares: Exchanges = settled.filter_map(Exchange::recycle).collect();
        let mut exchanges = self.lock();
        let room = MOST.saturating_sub(exchanges.len());
        let mut spares = spares.into_iter();
        exchanges.extend(spares.by_ref().take(room));
        drop(exchanges);
        // The others are freed after the lock is.
        drop(spares);
    }

    fn lock(&self) -> MutexGuard<'_, Exchanges> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::call::{Budget, Identifiers, Policy};

    #[test]
    fn so_many_are_kept_and_no_more() {
        let budget = Arc::new(Budget::default());
        budget.allow(u64::MAX);
        let identifiers = Identifiers::seeded();
        let begin = || Exchange::begin(None, Arc::new(Policy::default()), identifiers.next(), &budget, 1);
        let spares = Spares::default();
        assert!(spares.take().is_none());
        for _ in 0..3 {
            spares.keep((0..100).map(|_| begin()));
        }
        assert_eq!(std::iter::from_fn(|| spares.take()).count(), MOST);
        assert_eq!(budget.used(), 0);
    }
}

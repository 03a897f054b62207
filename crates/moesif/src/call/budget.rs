//! Byte budget of a process: limits the memory that records take until they are delivered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of bytes that all records of a process may take: running calls, the queue and retries.
///
/// The limit is the largest `EVENT_QUEUE_BYTES` of all clients. Taking bytes is one atomic step and never
/// waits. Bodies may take seven eighths of the budget. The rest is for records without bodies, so bodies are
/// lost long before events.
#[derive(Debug, Default)]
pub struct Budget {
    limit: AtomicU64,
    used: AtomicU64,
}

impl Budget {
    /// Raises the limit to at least `bytes`.
    pub(crate) fn allow(&self, bytes: u64) {
        self.limit.fetch_max(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes that are taken now.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64, share: Share) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let limit = match share {
            Share::Whole => limit,
            Share::Bodies => limit - limit / 8,
        };
        let take = |used: u64| used.checked_add(bytes).filter(|used| *used <= limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Share of the budget that a purpose may use.
#[derive(Clone, Copy, Debug)]
enum Share {
    Whole,
    Bodies,
}

/// Bytes that one record has taken from the budget. Dropping it returns them.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Reservation {
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Takes `more` bytes for a body. Returns `false` and takes none if the budget is exhausted.
    pub(crate) fn grow(&mut self, more: usize) -> bool {
        self.take(more, Share::Bodies)
    }

    fn take(&mut self, more: usize, share: Share) -> bool {
        let taken = self.budget.take(to_u64(more), share);
        if taken {
            self.bytes += more;
        }
        taken
    }

    /// Returns `fewer` bytes to the budget, at most those that were taken.
    pub(crate) fn shrink(&mut self, fewer: usize) {
        let fewer = fewer.min(self.bytes);
        self.budget.give_back(to_u64(fewer));
        self.bytes -= fewer;
    }

    /// Grows or shrinks to `bytes`, using the whole budget. Returns `false` and changes nothing if the budget
    /// is exhausted.
    pub(crate) fn resize(&mut self, bytes: usize) -> bool {
        if bytes <= self.bytes {
            self.shrink(self.bytes - bytes);
            true
        } else {
            self.take(bytes - self.bytes, Share::Whole)
        }
    }

    #[cfg(test)]
    pub(crate) fn unlimited() -> Self {
        let budget = Arc::new(Budget::default());
        budget.allow(u64::MAX);
        Self::new(&budget)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

fn to_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_leave_an_eighth_for_records_and_dropping_returns_all_bytes() {
        let budget = Arc::new(Budget::default());
        budget.allow(800);
        let (mut body, mut call) = (Reservation::new(&budget), Reservation::new(&budget));
        assert!(body.grow(700));
        assert!(!body.grow(1));
        assert!(call.resize(100));
        assert!(!call.resize(101));
        assert_eq!(budget.used(), 800);
        drop((body, call));
        assert_eq!(budget.used(), 0);
    }
}

//! The byte budget: one count of what a process holds for delivery.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many bytes the records of a process may hold together: bodies in flight, queue and retries.
///
/// The limit is the largest any client asked for. Taking from it is one atomic step and never waits. Bodies may take
/// seven eighths of it: the rest is for what remains of a call without them, so that when memory is short bodies are
/// lost long before calls are.
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

    /// The bytes taken now.
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

/// How much of the budget may be used up for something.
#[derive(Clone, Copy, Debug)]
enum Share {
    Whole,
    Bodies,
}

/// What one record has taken from the budget; given back when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Reservation {
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Takes `more` bytes for a body, or none and says `false`.
    pub(crate) fn grow(&mut self, more: usize) -> bool {
        self.take(more, Share::Bodies)
    }

    fn take(&mut self, more: usize, share: Share) -> bool {
        let taken = self.budget.take(wide(more), share);
        if taken {
            self.bytes += more;
        }
        taken
    }

    /// Gives back `fewer` bytes, at most what was taken.
    pub(crate) fn shrink(&mut self, fewer: usize) {
        let fewer = fewer.min(self.bytes);
        self.budget.give_back(wide(fewer));
        self.bytes -= fewer;
    }

    /// Grows or shrinks to `bytes` in all, for whatever purpose; `false` when there was no room to grow.
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

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_leave_room_for_calls_and_everything_is_given_back() {
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

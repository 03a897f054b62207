//! Keeps the process running when it has no memory left: `ulimit -v` or uWSGI's `--limit-as` limits it, and the
//! application has used up the rest.
//!
//! Rust ends the process if an allocation fails, unless the code that allocates handles the failure. So there
//! are three rules:
//!
//! 1. What grows with a request is allocated with [`try_reserve`]. If that fails, the body or the event is
//!    dropped and counted.
//! 2. Other allocations on threads of the application are small. If the system has no memory, they come from a
//!    static [`reserve`]. An event with memory of the reserve is not queued ([`is_reserve`]), so the reserve
//!    is soon free again.
//! 3. Threads of ours ([`let_this_thread_wait`]) wait until there is memory, but not with a lock that a
//!    request needs.
//!
//! Rules 2 and 3 need [`ReservingAllocator`] as the global allocator. The binding declares it.

mod allocator;
mod buffer;
#[cfg(unix)]
mod probe;
mod reserve;

use std::collections::VecDeque;
use std::hint::black_box;

pub use allocator::ReservingAllocator;
pub(crate) use allocator::{let_this_thread_wait, without_waiting};
pub use buffer::FallibleBuffer;
pub(crate) use buffer::WithoutMemory;

/// Makes room for `more` elements. Returns `false` if there is no memory. The vector may then be in the
/// reserve, so the caller must drop it soon.
#[inline]
pub(crate) fn try_reserve<T>(vector: &mut Vec<T>, more: usize) -> bool {
    #[cold]
    #[inline(never)]
    fn grow<T>(vector: &mut Vec<T>, more: usize) -> bool {
        vector.try_reserve(more).is_ok() && !is_reserve(vector.as_ptr())
    }
    more <= vector.capacity() - vector.len() || grow(vector, more)
}

/// Makes room for `more` elements, without room for others. Otherwise like [`try_reserve`].
pub(crate) fn try_reserve_exact<T>(vector: &mut Vec<T>, more: usize) -> bool {
    vector.try_reserve_exact(more).is_ok() && !is_reserve(vector.as_ptr())
}

/// Makes room for `more` bytes of text. Otherwise like [`try_reserve`].
#[inline]
pub(crate) fn try_reserve_text(text: &mut String, more: usize) -> bool {
    #[cold]
    #[inline(never)]
    fn grow(text: &mut String, more: usize) -> bool {
        text.try_reserve(more).is_ok() && !is_reserve(text.as_ptr())
    }
    more <= text.capacity() - text.len() || grow(text, more)
}

/// Returns an empty queue with room for `count` elements. `None` if there is no memory. Does not wait for
/// memory, not even on a thread of ours: the caller holds a lock.
pub(crate) fn queue_for<T>(count: usize) -> Option<VecDeque<T>> {
    let mut queue = VecDeque::new();
    without_waiting(|| queue.try_reserve_exact(count)).ok().map(|()| queue)
}

/// Returns whether `bytes` bytes can be allocated now. For work that allocates about as much in ways that
/// cannot fail, and that can be left out.
#[must_use]
pub fn is_available(bytes: usize) -> bool {
    /// The smallest size for which the C library may ask the system.
    const MIN_MAPPED: usize = 128 * 1024;
    if bytes >= MIN_MAPPED {
        return probe::is_mappable(bytes);
    }
    let mut probe = Vec::<u8>::new();
    let is_available = without_waiting(|| try_reserve_exact(&mut probe, bytes));
    // The compiler may leave out an allocation that nothing uses.
    black_box(probe.as_ptr());
    is_available
}

#[cfg(not(unix))]
mod probe {
    pub(super) fn is_mappable(bytes: usize) -> bool {
        Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
    }
}

/// Returns whether memory of the reserve is in use. Only reads a counter.
pub(crate) fn is_reserve_used() -> bool {
    reserve::RESERVE.is_used()
}

/// Returns whether a pointer points into the reserve.
pub(crate) fn is_reserve<T>(pointer: *const T) -> bool {
    reserve::RESERVE.contains(pointer.cast())
}

//! The allocator: that of the system, with something to fall back on.
#![expect(
    unsafe_code,
    reason = "An allocator takes and returns raw addresses. Callers keep the contract of `GlobalAlloc`. A block is \
              either from the system, with the caller's layout, or from the reserve. The reserve knows its own blocks \
              by their addresses, so each block goes back to where it is from. No function here panics."
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;
use std::thread;
use std::time::Duration;

use super::reserve::RESERVE;

/// Largest block of the reserve, in bytes, that a thread of ours uses. It may hold a lock when it makes small
/// allocations, and must not wait then.
const MAX_SMALL: usize = 4096;
/// Pause before a thread of ours asks again for memory.
const PAUSE: Duration = Duration::from_millis(10);

thread_local! {
    /// Whether this thread waits for memory. A plain cell: it is read while an allocation fails.
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

/// Lets allocations of this thread wait for memory from now on.
pub(crate) fn let_this_thread_wait() {
    WAITS.set(true);
}

/// Lets allocations of this thread fail meanwhile, even if it waits for memory otherwise.
pub(crate) fn without_waiting<T>(allocate: impl FnOnce() -> T) -> T {
    let waits = WAITS.replace(false);
    let allocated = allocate();
    WAITS.set(waits);
    allocated
}

/// The system's allocator. When it has no memory, small allocations come from a static reserve, and threads of
/// the SDK wait. For a program that must survive a memory limit:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: moesif::memory::ReservingAllocator = moesif::memory::ReservingAllocator;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ReservingAllocator;

// SAFETY: see the reason at the top.
unsafe impl GlobalAlloc for ReservingAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the layout is the caller's.
        let block = unsafe { System.alloc(layout) };
        if block.is_null() { allocate_otherwise(layout, System::alloc) } else { block }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the layout is the caller's.
        let block = unsafe { System.alloc_zeroed(layout) };
        if !block.is_null() {
            return block;
        }
        let block = allocate_otherwise(layout, System::alloc_zeroed);
        if !block.is_null() {
            // SAFETY: the block has at least this size.
            unsafe { ptr::write_bytes(block, 0, layout.size()) };
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if RESERVE.contains(block) {
            RESERVE.free(block);
        } else {
            // SAFETY: the block is from the system, with this layout.
            unsafe { System.dealloc(block, layout) };
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        if !RESERVE.contains(block) {
            // SAFETY: the block is from the system, with this layout.
            let moved = unsafe { System.realloc(block, layout, bytes) };
            if !moved.is_null() {
                return moved;
            }
        }
        // SAFETY: as for `realloc` itself.
        unsafe { reallocate_otherwise(*self, block, layout, bytes) }
    }
}

/// Allocates after the system has refused. Null if there is no memory.
#[cold]
fn allocate_otherwise(layout: Layout, from_system: unsafe fn(&System, Layout) -> *mut u8) -> *mut u8 {
    let waits = WAITS.get();
    loop {
        if !waits || layout.size() <= MAX_SMALL {
            let block = RESERVE.take(layout);
            if !block.is_null() {
                return block;
            }
        }
        if !waits {
            return ptr::null_mut();
        }
        thread::sleep(PAUSE);
        // SAFETY: the layout is the caller's.
        let block = unsafe { from_system(&System, layout) };
        if !block.is_null() {
            return block;
        }
    }
}

/// Changes the size of a block of the reserve, or of one that the system cannot change.
#[cold]
unsafe fn reallocate_otherwise(
    allocator: ReservingAllocator,
    block: *mut u8,
    layout: Layout,
    bytes: usize,
) -> *mut u8 {
    if bytes <= layout.size() || bytes <= RESERVE.block_size(block) {
        return block;
    }
    // SAFETY: the caller has checked that the size is valid with this alignment.
    let new = unsafe { Layout::from_size_align_unchecked(bytes, layout.align()) };
    // SAFETY: the size is greater than that of an existing block, so it is not zero.
    let moved = unsafe { allocator.alloc(new) };
    if !moved.is_null() {
        // SAFETY: both blocks have at least the old size, and a new block does not overlap another one. The old
        // block is the caller's and is not used again.
        unsafe {
            ptr::copy_nonoverlapping(block, moved, layout.size());
            allocator.dealloc(block, layout);
        }
    }
    moved
}
